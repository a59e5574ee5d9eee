"""The result of a chaos run: a row a scenario, one verdict over all, and the matrix page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import page
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result, Verdict

FIGURES = (
    "records_sent",
    "records_acked",
    "records_failed",
    "records_unknown",
    "acked_lost",
    "longest_gap_s",
    "worst_partition_gap_s",
    "time_to_deregister_s",
    "time_to_leader_s",
    "time_to_full_isr_s",
    "produce_p99_before_ms",
    "produce_p99_during_ms",
    "produce_p99_after_ms",
)
"""What a row of the matrix shows of a scenario's own result."""


@dataclass(frozen=True)
class Column:
    """One column of the page: its head, the figure, and how it is written."""

    head: str
    figure: str
    form: str


COLUMNS = (
    Column("records acked", "records_acked", "{:,}"),
    Column("failed", "records_failed", "{:,}"),
    Column("unknown", "records_unknown", "{:,}"),
    Column("lost", "acked_lost", "{:,}"),
    Column("longest gap, topic s", "longest_gap_s", "{:.1f}"),
    Column("worst partition s", "worst_partition_gap_s", "{:.1f}"),
    Column("to deregister s", "time_to_deregister_s", "{:.1f}"),
    Column("to leader s", "time_to_leader_s", "{:.1f}"),
    Column("to full ISR s", "time_to_full_isr_s", "{:.1f}"),
    Column("p99 before ms", "produce_p99_before_ms", "{:,.0f}"),
    Column("during ms", "produce_p99_during_ms", "{:,.0f}"),
    Column("after ms", "produce_p99_after_ms", "{:,.0f}"),
    Column("took s", "duration_s", "{:.0f}"),
)


def row(plan: Mapping[str, Any], duration_s: float, tested: Mapping[str, Any]) -> dict[str, Any]:
    """A scenario's row: ``tested`` is what durability_test's state=stopped answered, or how it failed.

    A scenario that was not run, or whose durability test came to no result, is INCONCLUSIVE, and says why.
    """
    head = {"scenario": plan["name"], "title": plan["title"], "duration_s": round(duration_s, 1)}
    if plan["missing"]:
        why = f"not run: needs {', '.join(plan['missing'])}"
        return {**head, "result": "INCONCLUSIVE", "reasons": [why], "page": ""}
    if "result" not in tested:
        why = str(tested.get("msg") or "the durability test came to no result")
        return {**head, "result": "INCONCLUSIVE", "reasons": [why], "page": ""}
    figures = tested.get("figures", {})
    return {
        **head,
        "result": tested["result"],
        "reasons": list(tested.get("reasons", [])),
        **{name: figures.get(name) for name in FIGURES},
        "page": Path(str(tested.get("html_path") or "")).name,
    }


def verdict(rows: Sequence[Mapping[str, Any]]) -> Verdict:
    """PASS where every row is; FAIL where any row is; otherwise it cannot be known."""
    results = {one["result"] for one in rows}
    if rows and results == {"PASS"}:
        return "PASS"
    return "FAIL" if "FAIL" in results else "INCONCLUSIVE"


def reasons(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each row's reasons with its name: failures first, and among them proven loss."""
    order = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}
    told = sorted(rows, key=lambda one: (order[one["result"]], not one.get("acked_lost")))
    found = [f"{one['scenario']}: {reason}" for one in told for reason in one["reasons"]]
    return found or ([] if rows else ["no scenario was run"])


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """How many rows ended how, on one line."""
    counts = {
        result: sum(one["result"] == result for one in rows) for result in ("PASS", "FAIL", "INCONCLUSIVE")
    }
    return f"{len(rows)} scenarios: " + ", ".join(
        f"{count} {result}" for result, count in counts.items() if count
    )


def html(result: Result) -> str:
    """The matrix page; it needs no network, and links to the scenarios' own pages beside it."""
    rows = [
        {**one, "cells": [_cell(one.get(column.figure), column.form) for column in COLUMNS]}
        for one in result.figures["scenarios"]
    ]
    heads = [column.head for column in COLUMNS]
    return page.document("chaos.html.j2", result=result, rows=rows, heads=heads, figures=result.figures)


def _cell(figure: Any, form: str) -> str:
    return "-" if figure is None else form.format(figure)
