"""The one shape of every verb's result (docs/layout.md, contract 9).

A verb that measures or judges ends with ``<verb>.json`` in the reports folder; it is written
whole or not at all, so that a reader never meets half a file.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]


@dataclass(frozen=True)
class Result:
    """What one run of a verb found.

    ``started`` is an aware time in UTC, ``duration_s`` seconds of wall time, ``reasons`` one
    sentence for each thing that kept the result from PASS, ``figures`` everything measured, with
    the unit as the last part of each name (``produce_p99_ms``).
    """

    verb: str
    started: datetime
    duration_s: float
    result: Verdict
    reasons: Sequence[str] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The document as it is written; raises ValueError where a figure would hide a head field."""
        head: dict[str, Any] = {
            "verb": self.verb,
            "started": self.started.astimezone(timezone.utc).isoformat(timespec="milliseconds"),
            "duration_s": round(self.duration_s, 3),
            "result": self.result,
            "reasons": list(self.reasons),
        }
        hidden = sorted(set(head) & set(self.figures))
        if hidden:
            raise ValueError(f"figures may not be named like the head fields: {', '.join(hidden)}")
        if self.result == "PASS" and self.reasons:
            raise ValueError(f"a PASS has no reasons, got: {self.reasons[0]}")
        return {**head, **self.figures}


def write_text(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` in one step; raises OSError where the folder cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def write_result(folder: Path, result: Result) -> Path:
    """Write ``<verb>.json`` below ``folder`` and return its path; raises OSError."""
    path = folder / f"{result.verb}.json"
    write_text(path, json.dumps(result.as_dict(), indent=2, sort_keys=False) + "\n")
    return path
