"""What the bench prints: one table, each figure beside what it is held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A figure, the reference measured in the same run (or a limit), and what their ratio may be."""

    what: str
    figure: float
    unit: str
    beside: str
    reference: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def ratio(self) -> float:
        """The figure as a share of the reference."""
        return self.figure / self.reference

    @property
    def target(self) -> str:
        """What the ratio is held to; nothing, where the reference only stands beside it."""
        if self.at_least is None and self.at_most is None:
            return ""
        return f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"

    @property
    def met(self) -> bool:
        """Whether it holds."""
        if self.at_least is not None:
            return self.ratio >= self.at_least
        return self.at_most is None or self.ratio <= self.at_most


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text."""
    cells = [("what", "figure", "beside", "reference", "ratio", "target", "")]
    cells += [
        (
            row.what,
            f"{_number(row.figure)} {row.unit}",
            row.beside,
            f"{_number(row.reference)} {row.unit}",
            f"{row.ratio:.2f}",
            row.target,
            ("met" if row.met else "MISSED") if row.target else "",
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    right = {1, 3, 4}
    return "\n".join(
        "  ".join(
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.1f}"
