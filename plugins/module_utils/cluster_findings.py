"""What a check of a running cluster found wrong, in the same three parts everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ClusterFinding:
    """``what`` is wrong, ``where`` it was seen, and the ``remedy``: what to do or to look at next."""

    what: str
    where: str
    remedy: str


def sentence(finding: Mapping[str, str]) -> str:
    """A finding, as a module returned it, on one line; what others said in it may end with a full stop."""
    return f"{finding['where']}: {finding['what'].rstrip('.')}. {finding['remedy']}."


def message(findings: Iterable[Mapping[str, str]]) -> str:
    """All findings as one text, a line each."""
    return "\n".join(sentence(finding) for finding in findings)


def answer(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report as a module returns it: failed, with every finding in its message, where there is one."""
    if not report["findings"]:
        return dict(report)
    return {**report, "failed": True, "msg": message(report["findings"])}
