"""Compare a perf test's figures with those of an earlier run (its ``perf.json``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class BaselineError(Exception):
    """The baseline cannot be compared with; the message says why and what to do."""


def read_baseline(path: Path, workload: Mapping[str, Any]) -> dict[str, Any]:
    """The earlier run at ``path``; raises BaselineError unless it ran the same workload."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BaselineError(f"baseline {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BaselineError(f"baseline {path} is not JSON: {error}; give the perf.json of a run") from error
    if not isinstance(document, dict) or document.get("verb") != "perf":
        raise BaselineError(f"baseline {path} is not the result of a perf test; give the perf.json of a run")
    if not document.get("records_acked"):
        raise BaselineError(f"baseline {path} is of a run without one acknowledged record; give another")
    theirs = document["parameters"]
    differ = [
        f"{name} (baseline {theirs.get(name)!r}, now {workload.get(name)!r})"
        for name in sorted({*theirs, *workload})
        if theirs.get(name) != workload.get(name)
    ]
    if differ:
        raise BaselineError(
            f"baseline {path} is of a different test: {', '.join(differ)}; "
            "run with the same values or give another baseline"
        )
    return document


def regressions(
    baseline: Mapping[str, Any], figures: Mapping[str, Any], allowed: float
) -> tuple[dict[str, Any], list[str]]:
    """The comparison as figures, and a sentence for each figure that is worse by more than ``allowed``.

    ``allowed`` is a share: 0.2 lets throughput fall, or a latency rise, by 20 %.
    """
    comparison: dict[str, Any] = {}
    reasons = []
    for name, better_is_more in (
        ("records_per_s", True),
        ("produce_p99_ms", False),
        ("end_to_end_p99_ms", False),
    ):
        before, now = baseline.get(name), figures.get(name)
        if not before or now is None:
            continue
        comparison[name] = {"baseline": before, "now": now, "ratio": round(now / before, 3)}
        worse = 1 - now / before if better_is_more else now / before - 1
        if worse > allowed:
            reasons.append(
                f"{name} is {now:g}, {worse:.0%} worse than the baseline's {before:g}; "
                f"allowed are {allowed:.0%}"
            )
    return comparison, reasons
