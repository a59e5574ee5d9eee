"""What a check of a running cluster found wrong, in the same three parts everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ClusterFinding:
    """``what`` is wrong, ``where`` it was seen, and the ``remedy``: what to do or to look at next."""

    what: str
    where: str
    remedy: str


def sentence(finding: Mapping[str, str]) -> str:
    """A finding, as a module returned it, on one line."""
    return f"{finding['where']}: {finding['what']}. {finding['remedy']}."


def message(findings: Iterable[Mapping[str, str]]) -> str:
    """All findings as one text, a line each."""
    return "\n".join(sentence(finding) for finding in findings)
