"""Plots above each other on one time axis, with every event drawn through all of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import plotly.graph_objects as go
from ansible_collections.barevm.kafka.plugins.module_utils.page import CONFIG, FONT, Plot

BARE = {**CONFIG, "displayModeBar": False}
"""The tools would lie on the first lane; dragging zooms, a double click shows all again."""
LANE = 22
"""Pixels of one lane of the strip that shows what happened where."""
BETWEEN = 40
"""Pixels between two plots; the legend of the lower one stands there."""
LINE_OPACITY = 0.6
TOP = 26
BOTTOM = 52
LEFT = 78
RIGHT = 56
ELSEWHERE = "cluster"
"""The lane of what happened on no host in particular."""


@dataclass(frozen=True)
class Mark:
    """An event at a time: a line through all plots, and a label where there is room for it.

    ``until`` is when it ended, ``weight`` decides which labels stay where not all of them fit.
    """

    at: float
    label: str
    colour: str
    lane: str = ""
    until: float | None = None
    weight: int = 0
    line: bool = True


@dataclass(frozen=True)
class Shade:
    """A time that is told from the rest by its background."""

    begin: float
    end: float
    colour: str


@dataclass(frozen=True)
class Timeline:
    """Plots that share their x axis. Zooming one zooms all, and labels come back as they find room."""

    title: str
    x_title: str
    plots: Sequence[Plot]
    marks: Sequence[Mark] = ()
    shades: Sequence[Shade] = ()
    lanes: Sequence[str] = field(default_factory=tuple)
    """Hosts in the order of their lanes; those that only events name come after them."""
    end: float = 0.0
    """Where the axis ends at the earliest, so that two pictures can have one scale."""

    def html(self) -> str:
        """The labels' strip, the plot and its events; the page's script (timeline.js) places the labels."""
        figure, pixels = go.Figure(), self._pixels()
        height = sum(pixels) + BETWEEN * (len(pixels) - 1)
        # Lanes have no legend, and the labels above them are near.
        top_margin = 6 if self.marks else TOP
        layout: dict[str, object] = {
            "template": "plotly_white",
            "height": height + top_margin + BOTTOM,
            "margin": {"l": LEFT, "r": RIGHT, "t": top_margin, "b": BOTTOM},
            "hovermode": "x unified",
            "hoversubplots": "axis",
            "font": FONT,
            "xaxis": {
                "title": {"text": self.x_title},
                "range": list(self._range()),
                "anchor": _axis(len(pixels)),
                "zeroline": False,
            },
        }
        top = float(height)
        for number, size in enumerate(pixels, start=1):
            domain = [max(0.0, (top - size) / height), top / height]
            lanes = self._lanes() if self._lanes() and number == 1 else []
            plot = None if lanes else self.plots[number - 1 - bool(self._lanes())]
            if plot is None:
                axis: dict[str, object] = {
                    "tickvals": list(range(len(lanes))),
                    "ticktext": lanes,
                    "range": [len(lanes) - 0.4, -0.6],
                    "fixedrange": True,
                    "zeroline": False,
                    "tickfont": {"size": 11},
                }
                self._draw_lanes(figure, lanes)
            else:
                axis = {"rangemode": "tozero", "title": {"text": plot.y_title, "font": {"size": 12}}}
                legend = f"legend{number}" if number > 1 else "legend"
                plot.draw(figure, _axis(number), legend, self._range()[1])
                layout[legend] = {
                    "orientation": "h",
                    "x": 0,
                    "xanchor": "left",
                    "y": domain[1],
                    "yanchor": "bottom",
                    "font": {"size": 12},
                    "bgcolor": "rgba(0,0,0,0)",
                }
                axis |= plot.y_axis
            layout[_axis(number).replace("y", "yaxis")] = {**axis, "domain": domain, "anchor": "x"}
            top -= size + BETWEEN
        figure.update_layout(layout)
        figure.update_layout(shapes=self._shapes())
        return (
            '<div class="timeline"><div class="marks"></div>'
            + str(figure.to_html(full_html=False, include_plotlyjs=False, config=BARE))
            + '<p class="unlabelled"></p><script type="application/json">'
            # What ends a script, or begins a comment, in a text would do so here as well.
            + json.dumps([asdict(mark) for mark in self.marks]).replace("<", "\\u003c")
            + "</script></div>"
        )

    def _lanes(self) -> list[str]:
        named = [mark.lane or ELSEWHERE for mark in self.marks]
        return [lane for lane in dict.fromkeys((*self.lanes, *named, ELSEWHERE)) if lane in named]

    def _pixels(self) -> list[int]:
        lanes = self._lanes()
        return [*([LANE * len(lanes)] if lanes else []), *(plot.height for plot in self.plots)]

    def _range(self) -> tuple[float, float]:
        times = [x for plot in self.plots for line in plot.lines.values() for x in line[0]]
        times += [mark.at if mark.until is None else mark.until for mark in self.marks]
        begin, end = min(times, default=0.0), max(*times, self.end, 1.0)
        return min(0.0, begin), max(end, begin + 1.0) * 1.01

    def _draw_lanes(self, figure: go.Figure, lanes: Sequence[str]) -> None:
        for colour in dict.fromkeys(mark.colour for mark in self.marks):
            marks = [mark for mark in self.marks if mark.colour == colour]
            figure.add_scatter(
                x=[mark.at for mark in marks],
                y=[lanes.index(mark.lane or ELSEWHERE) for mark in marks],
                text=[mark.label for mark in marks],
                hovertemplate="%{text}<extra></extra>",
                mode="markers",
                marker={
                    "color": colour,
                    "size": 9,
                    "symbol": "line-ns",
                    "line": {"color": colour, "width": 3},
                },
                yaxis="y",
                showlegend=False,
            )

    def _shapes(self) -> list[dict[str, object]]:
        lanes = self._lanes()
        through = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
        shapes: list[dict[str, object]] = [
            {
                "type": "rect",
                "x0": shade.begin,
                "x1": shade.end,
                "fillcolor": shade.colour,
                "line": {"width": 0},
                **through,
            }
            for shade in self.shades
        ]
        for mark in self.marks:
            if mark.line:
                line = {"color": mark.colour, "width": 1, "dash": "dot"}
                where = {"x0": mark.at, "x1": mark.at, "opacity": LINE_OPACITY}
                shapes.append({"type": "line", "line": line, **where, **through})
            if mark.until is not None:
                lane = lanes.index(mark.lane or ELSEWHERE)
                shapes.append(
                    {
                        "type": "rect",
                        "xref": "x",
                        "yref": "y",
                        "x0": mark.at,
                        "x1": mark.until,
                        "y0": lane - 0.32,
                        "y1": lane + 0.32,
                        "fillcolor": mark.colour,
                        "opacity": 0.45,
                        "line": {"width": 0},
                    }
                )
        return shapes


def _axis(number: int) -> str:
    return "y" if number == 1 else f"y{number}"
