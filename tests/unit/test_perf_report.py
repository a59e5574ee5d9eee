"""The page of a perf test, opened in a real browser."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import perf_report
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result

from tests.browser import dom_of, plotted_points

SECONDS = 12


def result(**changed: Any) -> Result:
    """A run of twelve seconds with one in which nothing was acknowledged."""
    values: list[float | None] = [float(second + 1) for second in range(SECONDS)]
    gap = [*values[:5], None, *values[6:]]
    series = {"second": list(range(SECONDS))}
    figures: dict[str, Any] = {}
    for kind in ("produce", "end_to_end"):
        series |= {
            f"{kind}_records_per_s": values,
            f"{kind}_mb_per_s": values,
            f"{kind}_p50_ms": gap,
            f"{kind}_p99_ms": gap,
        }
        figures |= {f"{kind}_{name}_ms": 1.5 for name in ("p50", "p95", "p99", "p99_9", "max")}
        figures[f"{kind}_distribution"] = {"percentile": [0.0, 50.0, 99.0, 100.0], "latency_ms": [1, 2, 3, 4]}
    return Result(
        verb="perf",
        started=datetime(2026, 1, 1, tzinfo=UTC),
        duration_s=13.0,
        result=changed.pop("result", "PASS"),
        reasons=changed.pop("reasons", ()),
        figures={
            "parameters": {"payload_file": "", "record_size": 100, "consumers": 1, "payload_delimiter": "\n"},
            "warnings": [],
            "records_per_s": 1234567.8,
            "mb_per_s": 123.4,
            "records_failed": 0,
            "errors": {},
            "longest_gap_without_ack_ms": 1000,
            "series": series,
            **figures,
            **changed,
        },
    )


def test_every_point_of_the_series_is_plotted(tmp_path: Path) -> None:
    page = tmp_path / "perf.html"
    page.write_text(perf_report.html(result()))
    dom = dom_of(page)
    throughput = 2 * SECONDS
    latency = 4 * (SECONDS - 1)  # the second without acknowledgements is a gap
    distribution = 2 * 4
    assert plotted_points(dom) == [throughput, latency, distribution]


def test_the_page_needs_no_network() -> None:
    page = perf_report.html(result())
    assert "<link" not in page
    assert "<script src" not in page.replace('type="text/javascript" ', "")
    assert "cdn.plot.ly" not in page.split("<body>")[1]


def test_what_was_said_is_shown_and_escaped() -> None:
    page = perf_report.html(
        result(result="FAIL", reasons=["<b>3</b> records failed"], warnings=["the limit was not reached"])
    )
    assert '<span class="verdict FAIL">FAIL</span>' in page
    assert "&lt;b&gt;3&lt;/b&gt; records failed" in page
    assert "the limit was not reached" in page
    assert "1,234,568" in page


def test_a_run_without_an_acknowledgement_has_a_page(tmp_path: Path) -> None:
    nothing = {f"produce_{name}_ms": None for name in ("p50", "p95", "p99", "p99_9", "max")}
    empty: dict[str, Any] = {"percentile": [], "latency_ms": []}
    figures = {
        **result(result="FAIL").figures,
        **nothing,
        "produce_distribution": empty,
        "series": {"second": []},
    }
    figures = {name: value for name, value in figures.items() if not name.startswith("end_to_end")}
    page = tmp_path / "perf.html"
    page.write_text(
        perf_report.html(
            Result("perf", datetime.now(UTC), 1.0, "FAIL", ["no record was acknowledged"], figures)
        )
    )
    assert sum(plotted_points(dom_of(page))) == 0


def test_a_browser_that_cannot_open_a_page_is_an_error(tmp_path: Path) -> None:
    with pytest.raises((subprocess.SubprocessError, AssertionError)):
        dom_of(tmp_path / "missing.html")
