"""What keeps a durability test from PASS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Result = Literal["FAIL", "INCONCLUSIVE"]


@dataclass(frozen=True)
class Finding:
    """One rule that is false, or that cannot be known.

    ``rule`` is "a" to "f" or "scenario"; ``figure`` the name of the figure (or of the proof, or check) that
    says so and ``count`` its number, where it has one; ``words`` say what was found and what to do.
    """

    rule: str
    result: Result
    figure: str | None
    count: float | None
    words: str


def plural(count: int, one: str, many: str) -> str:
    """``1 record was``, ``2,000 records were``."""
    return f"{count:,} {one if count == 1 else many}"
