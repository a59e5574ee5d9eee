"""The page of a durability test, opened in a real browser."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import durability_page
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result

from tests.browser import dom_of
from tests.durability_result import HOSTS, SECONDS, durability_result, rolling_events

LOST = {
    "rule": "d",
    "result": "FAIL",
    "figure": "acked_lost",
    "count": 3,
    "words": "3 <b>acknowledged</b> records are not there",
}
FAILED = {
    "rule": "scenario",
    "result": "FAIL",
    "figure": "rc",
    "count": 1,
    "words": "rolling_restart ended with 2",
}
UNKNOWN = {
    "rule": "c",
    "result": "INCONCLUSIVE",
    "figure": "",
    "count": 0,
    "words": "the log start of partition 1 moved",
}


def opened(result: Result, folder: Path) -> str:
    """The page's DOM after its scripts ran."""
    page = folder / "page.html"
    page.write_text(durability_page.html(result))
    return dom_of(page)


def labels(dom: str) -> list[tuple[float, float, str]]:
    """Left and top of each label in pixels, and its text."""
    strip = re.search(r'<div class="marks"[^>]*>(.*?)</div>', dom, re.DOTALL)
    assert strip
    found = []
    for title, style, text in re.findall(r'<span title="([^"]*)" style="([^"]*)">([^<]*)</span>', strip[1]):
        assert title == text
        left, top = (float(re.search(rf"{name}: ([\d.]+)px", style)[1]) for name in ("left", "top"))  # type: ignore[index]
        found.append((left, top, text))
    return found


def shapes(dom: str) -> int:
    """How many lines, spans and shades the plot shows."""
    return len(re.findall(r'<path data-index="\d+"', dom))


def test_every_event_is_drawn_and_labelled(tmp_path: Path) -> None:
    events = rolling_events()
    dom = opened(durability_result(), tmp_path)
    assert len(labels(dom)) >= len(events) * 0.8, "the browser's window is 800 px wide"
    spans = len([event for event in events if "until" in event])
    assert shapes(dom) == len(events) + spans + 1, (
        "a line each, a bar each that lasted, the shade of the strike"
    )
    for host in HOSTS:
        assert f">{host}</text>" in dom, "no lane of its own"
    assert "zkkafka2: Stop the service" in dom


def test_labels_of_events_that_lie_close_together_do_not_overlap(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = [
        {
            "second": 30 + number / 20,
            "kind": "task",
            "what": f"Task number {number}",
            "host": HOSTS[number % 3],
        }
        for number in range(60)
    ]
    events.append({"second": 31.0, "kind": "strike", "what": "killed", "host": ""})
    dom = opened(durability_result(events=events), tmp_path)
    shown = labels(dom)
    assert 5 <= len(shown) < len(events)
    assert "killed" in [text for _, _, text in shown], "the heaviest stays"
    assert f"{len(events) - len(shown)} of {len(events)} events have no room" in dom
    by_lane: dict[float, list[tuple[float, str]]] = {}
    for left, top, text in shown:
        by_lane.setdefault(top, []).append((left, text))
    for lane in by_lane.values():
        lane.sort()
        for (left, text), (following, _) in itertools.pairwise(lane):
            assert following - left >= 5 * len(text), "an 11 px letter is wider than 5 px"


def test_every_second_and_every_step_is_plotted(tmp_path: Path) -> None:
    dom = opened(durability_result(), tmp_path)
    lines = re.findall(r'<path class="js-line"[^>]* d="(M(?!5,0h)[^"]*)"', dom)  # but for those of legends
    parts = 1 + 2 * 2 + 3 + 1 + 1
    assert len(lines) == parts, "throughput, two latencies with a gap, partitions' three, brokers, controller"
    points = len(re.findall(r'<path class="point"', dom))
    assert points == SECONDS + 2 * (SECONDS - 1) + len(rolling_events())
    # Each change of a step is one line across and one up or down; the last value lasts to the end.
    assert lines[-1].count("H") >= 3
    assert lines[-1].count("V") >= 3


@pytest.mark.parametrize("cluster", [{}, {"second": [], "brokers": []}])
def test_a_run_without_events_or_observer_has_a_page(tmp_path: Path, cluster: dict[str, Any]) -> None:
    dom = opened(durability_result(events=[], cluster=cluster, verb="durability", parameters={}), tmp_path)
    assert labels(dom) == []
    assert "<h1>Durability</h1>" in dom
    assert "registered brokers" not in dom.split("<body>")[1].split("<script")[0]


def test_a_run_that_measured_nothing_has_a_page(tmp_path: Path) -> None:
    result = durability_result("INCONCLUSIVE", findings=[UNKNOWN])
    figures = {"findings": [UNKNOWN], "parameters": result.figures["parameters"], "records_sent": None}
    page = tmp_path / "page.html"
    page.write_text(
        durability_page.html(
            Result("prove", result.started, 1.0, "INCONCLUSIVE", ["the tester was killed"], figures)
        )
    )
    assert "the tester was killed" in dom_of(page), "a reason that no finding tells"


def test_each_rule_is_answered_by_what_was_found() -> None:
    answers = durability_page.judged(durability_result("FAIL", findings=[UNKNOWN, LOST, FAILED]))
    assert [answer.result for answer in answers] == [
        "PASS",
        "PASS",
        "INCONCLUSIVE",
        "FAIL",
        "PASS",
        "PASS",
        "FAIL",
    ]
    assert answers[3].words == [LOST["words"]]
    page = durability_page.html(durability_result("FAIL", findings=[LOST], acked_lost=3))
    assert "3 &lt;b&gt;acknowledged&lt;/b&gt; records" in page
    assert "<b>3 lost</b>" in page


def test_what_is_unknown_is_not_shown_as_nothing_lost() -> None:
    found = dict(durability_result().figures) | {"acked_lost": None}
    assert "of them damaged or lost" not in durability_page.highlights(found)
    assert durability_page.highlights(durability_result().figures)["of them damaged or lost"] == "0"


def test_a_text_cannot_end_the_script(tmp_path: Path) -> None:
    event = {"second": 1.0, "kind": "note", "what": "</script><i id='broken'>", "host": ""}
    dom = opened(durability_result(events=[event]), tmp_path)
    assert "id='broken'" not in dom.replace("&lt;", "")[: dom.index("</html>")] or "<i id=" not in dom
    assert len(labels(dom)) == 1


def test_the_page_needs_no_network() -> None:
    page = durability_page.html(durability_result())
    assert "<link" not in page
    assert "<script src" not in page.replace('type="text/javascript" ', "")
    assert "cdn.plot.ly" not in page.split("<body>")[1]


def test_the_time_of_a_fault_ends_when_all_of_it_is_healed() -> None:
    kinds = ["strike", "strike", "healed", "note", "healed", "strike", "stopped"]
    events = [{"second": float(second), "kind": kind} for second, kind in enumerate(kinds)]
    assert [(shade.begin, shade.end) for shade in durability_page.shades(events)] == [(0.0, 4.0), (5.0, 6.0)]
    assert durability_page.shades([{"second": 1.0, "kind": "healed"}]) == []
