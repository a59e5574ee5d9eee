"""How messages put things into words."""

from __future__ import annotations

from collections.abc import Sequence

NAMED_AT_MOST = 5
"""How many of its things a message names; the count tells the rest."""


def some(things: Sequence[object], between: str = ", ") -> str:
    """The first of them, and how many more."""
    more = len(things) - NAMED_AT_MOST
    return between.join(map(str, things[:NAMED_AT_MOST])) + (f" and {more} more" if more > 0 else "")
