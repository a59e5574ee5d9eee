"""The resiliency walk: two durability tests of the same faults, one for each acks, as one result and page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import durability_page
from ansible_collections.barevm.kafka.plugins.module_utils.page import Grid, Judged, Page, Plot
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result, Verdict
from ansible_collections.barevm.kafka.plugins.module_utils.timeline import Timeline

VERB = "resiliency"
SHOWN = (
    "records_sent",
    "records_acked",
    "records_failed",
    "records_unknown",
    "records_read",
    *durability_page.DAMAGE,
    "records_per_s",
    "mb_per_s",
    "produce_p50_ms",
    "produce_p99_ms",
    "produce_max_ms",
    "end_to_end_p99_ms",
    "longest_gap_s",
    "worst_partition_gap_s",
    "unavailable_s",
    "time_to_deregister_s",
    "time_to_reregister_s",
    "time_to_full_isr_s",
    "max_under_min_isr",
    "max_offline",
)
"""The figures that stand beside each other."""


@dataclass(frozen=True)
class Walk:
    """One walk: which acks it had, and its document; None where there is none, and why."""

    acks: str
    document: Mapping[str, Any] | None
    why: str = ""

    @property
    def name(self) -> str:
        """What the page calls it."""
        return f"acks={self.acks}"


def read(acks: str, path: Path, since: datetime, words: str) -> Walk:
    """The walk whose result is at ``path``, where that one is no older than ``since``.

    ``words`` is what is known of the run where there is no such result.
    """
    try:
        document = json.loads(path.read_text())
        if datetime.fromisoformat(document["started"]) >= since:
            return Walk(acks, document)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return Walk(acks, None, words)


def result(walks: Sequence[Walk], started: datetime, duration_s: float) -> Result:
    """One result: that of the walk with acks=all, and INCONCLUSIVE where one was not walked to its end.

    With less than acks=all a broker may confirm what only it has, so that a loss breaks no promise; it is
    told, and the verdict does not rest on it.
    """
    reasons = [f"{walk.name}: there is no result: {walk.why}" for walk in walks if walk.document is None]
    verdict: Verdict = "INCONCLUSIVE" if reasons else "PASS"
    for walk in walks:
        if walk.acks == "all" and walk.document and walk.document["result"] != "PASS":
            reasons += [f"{walk.name}: {reason}" for reason in walk.document["reasons"]]
            verdict = "FAIL" if "FAIL" in (verdict, walk.document["result"]) else "INCONCLUSIVE"
    figures = {
        f"acks_{walk.acks}": {
            "result": walk.document["result"],
            "reasons": walk.document["reasons"],
            **{name: walk.document.get(name) for name in SHOWN},
        }
        for walk in walks
        if walk.document
    }
    return Result(VERB, started, duration_s, verdict, reasons, figures)


def html(found: Result, walks: Sequence[Walk]) -> str:
    """Both walks on one page: verdicts, throughput and latency on one time axis, each with its events."""
    known = [(walk.name, walk.document) for walk in walks if walk.document]
    end = max((_end(document) for _, document in known), default=1.0)
    return Page(
        title="Resiliency walk: brokers killed one by one, then started one by one",
        result=found,
        highlights={
            f"{name}: {label}": value
            for name, document in known
            for label, value in durability_page.highlights(document).items()
            if label
            in ("records acknowledged", "of them damaged or lost", "longest gap without an acknowledgement")
        },
        judged=[
            *[Judged("The walk", found.result, found.reasons)],
            *[
                Judged(f"{name}, by itself", document["result"], document["reasons"])
                for name, document in known
            ],
        ],
        plots=[
            Timeline(
                "Both walks",
                "seconds since each one's start",
                _both(known),
            ),
            *[
                Timeline(
                    f"{name}: what clients saw, and what the cluster did",
                    "seconds since the start",
                    [
                        *durability_page.client_plots(document),
                        *durability_page.cluster_plots(document.get("cluster") or {}),
                    ],
                    durability_page.marks(document.get("events") or ()),
                    durability_page.shades(document.get("events") or ()),
                    durability_page.hosts(document),
                    end=end,
                )
                for name, document in known
            ],
        ],
        tables={},
        grids=[
            Grid(
                "Figures",
                ("figure", *[name for name, _ in known]),
                [
                    [figure, *[durability_page.text(document.get(figure)) for _, document in known]]
                    for figure in SHOWN
                ],
            )
        ],
    ).html()


def _end(document: Mapping[str, Any]) -> float:
    seconds = (document.get("series") or {}).get("second") or [0]
    return float(max(seconds))


def _both(known: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Plot]:
    def lines(column: str) -> dict[str, Any]:
        series = [(name, document.get("series") or {}) for name, document in known]
        return {name: (each.get("second") or [], each.get(column) or []) for name, each in series}

    return [
        Plot("Throughput", "", "records/s", lines("acked_per_s"), height=200),
        Plot(
            "Latency",
            "",
            "p99, ms",
            lines("produce_p99_ms"),
            y_axis={"type": "log", "rangemode": "normal", "dtick": 1, "tickformat": "~s"},
            height=200,
        ),
    ]
