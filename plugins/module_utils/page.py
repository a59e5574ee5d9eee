"""A result as one self-contained HTML page: verdict, highlights, plots, tables; it needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import jinja2
import plotly.graph_objects as go
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result
from plotly.offline import get_plotlyjs

TEMPLATES = Path(__file__).parents[2] / "templates"
COLOURS = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2")
PLOT_HEIGHT = 340
FONT = {"family": "system-ui, sans-serif", "size": 13}
CONFIG = {"displaylogo": False, "responsive": True}


class Drawn(Protocol):
    """What stands in a section of its own: a plot, or several on one time axis."""

    @property
    def title(self) -> str: ...

    def html(self) -> str:
        """A ``div`` and a script that draws it; plotly.js itself must be in the page."""


@dataclass(frozen=True)
class Plot:
    """One plot; each line is a name and its x and y values, where a y of None is a gap.

    With ``steps`` a value holds until the next one, the last one to the end of the axis.
    """

    title: str
    x_title: str
    y_title: str
    lines: Mapping[str, tuple[Sequence[float], Sequence[float | None]]]
    x_axis: Mapping[str, Any] = field(default_factory=dict)
    y_axis: Mapping[str, Any] = field(default_factory=dict)
    steps: bool = False
    height: int = PLOT_HEIGHT
    colours: Sequence[str] = COLOURS

    def draw(
        self, figure: go.Figure, y_axis: str = "y", legend: str = "legend", end: float | None = None
    ) -> None:
        """Add the lines to a figure."""
        for number, (name, (x, y)) in enumerate(self.lines.items()):
            more = [end] if self.steps and end is not None and len(x) else []
            figure.add_scatter(
                x=[*x, *more],
                y=[*y, *([y[-1]] if more else [])],
                name=name,
                mode="lines" if self.steps else "lines+markers",
                line={
                    "color": self.colours[number % len(self.colours)],
                    "width": 2,
                    **({"shape": "hv"} if self.steps else {}),
                },
                marker={"size": 5},
                yaxis=y_axis,
                legend=legend,
            )

    def html(self) -> str:
        """The plot as a ``div`` and a script that draws it; plotly.js itself must be in the page."""
        figure = go.Figure()
        self.draw(figure)
        figure.update_layout(
            template="plotly_white",
            height=self.height,
            margin={"l": 70, "r": 20, "t": 16, "b": 50},
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"},
            showlegend=len(self.lines) > 1,
            hovermode="x unified",
            font=FONT,
            xaxis={"title": {"text": self.x_title}, **self.x_axis},
            yaxis={"title": {"text": self.y_title}, "rangemode": "tozero", **self.y_axis},
        )
        return str(figure.to_html(full_html=False, include_plotlyjs=False, config=CONFIG))


@dataclass(frozen=True)
class Grid:
    """A table of several columns; each row has a text for each column."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Judged:
    """One question that the result rests on, how it was answered, and what was found."""

    question: str
    result: str
    words: Sequence[str] = ()


@dataclass(frozen=True)
class Page:
    """What a page shows beside its result's verdict and reasons."""

    title: str
    result: Result
    highlights: Mapping[str, str]
    plots: Sequence[Drawn]
    tables: Mapping[str, Mapping[str, str]]
    notes: Sequence[str] = ()
    judged: Sequence[Judged] = ()
    """Shown in place of the bare reasons where it is known which question each one answers."""
    grids: Sequence[Grid] = ()

    def html(self) -> str:
        """The whole document."""
        timeline_js = (TEMPLATES / "timeline.js").read_text()
        return document("page.html.j2", page=self, plotly_js=get_plotlyjs(), timeline_js=timeline_js)


def document(template: str, **data: Any) -> str:
    """The document of a template; what its data holds is text and no markup."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**data)
