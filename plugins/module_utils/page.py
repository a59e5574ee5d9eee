"""A result as one self-contained HTML page: verdict, highlights, plots, tables; it needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import plotly.graph_objects as go
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result
from plotly.offline import get_plotlyjs

TEMPLATES = Path(__file__).parents[2] / "templates"
COLOURS = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2")
PLOT_HEIGHT = 340


@dataclass(frozen=True)
class Plot:
    """One plot; each line is a name and its x and y values, where a y of None is a gap."""

    title: str
    x_title: str
    y_title: str
    lines: Mapping[str, tuple[Sequence[float], Sequence[float | None]]]
    x_axis: Mapping[str, Any] = field(default_factory=dict)
    y_axis: Mapping[str, Any] = field(default_factory=dict)

    def html(self) -> str:
        """The plot as a ``div`` and a script that draws it; plotly.js itself must be in the page."""
        figure = go.Figure()
        for (name, (x, y)), colour in zip(self.lines.items(), _colours(len(self.lines)), strict=True):
            figure.add_scatter(
                x=list(x),
                y=list(y),
                name=name,
                mode="lines+markers",
                line={"color": colour, "width": 2},
                marker={"size": 5},
            )
        figure.update_layout(
            template="plotly_white",
            height=PLOT_HEIGHT,
            margin={"l": 70, "r": 20, "t": 16, "b": 50},
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"},
            showlegend=len(self.lines) > 1,
            hovermode="x unified",
            font={"family": "system-ui, sans-serif", "size": 13},
            xaxis={"title": {"text": self.x_title}, **self.x_axis},
            yaxis={"title": {"text": self.y_title}, "rangemode": "tozero", **self.y_axis},
        )
        return str(
            figure.to_html(
                full_html=False,
                include_plotlyjs=False,
                config={"displaylogo": False, "responsive": True},
            )
        )


@dataclass(frozen=True)
class Page:
    """What a page shows beside its result's verdict and reasons."""

    title: str
    result: Result
    highlights: Mapping[str, str]
    plots: Sequence[Plot]
    tables: Mapping[str, Mapping[str, str]]
    notes: Sequence[str] = ()

    def html(self) -> str:
        """The whole document."""
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        return environment.get_template("page.html.j2").render(page=self, plotly_js=get_plotlyjs())


def _colours(count: int) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(count)]
