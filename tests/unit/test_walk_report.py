"""Two walks as one result and one page."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import walk_report
from ansible_collections.barevm.kafka.plugins.module_utils.walk_report import Walk

from tests.browser import dom_of
from tests.durability_result import durability_result

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def document(result: str = "PASS", **changed: Any) -> dict[str, Any]:
    findings = [] if result == "PASS" else [{"rule": "d", "result": result, "words": "3 records are gone"}]
    return durability_result(result, findings=findings, **changed).as_dict()


def verdict(*walks: Walk) -> tuple[str, list[str]]:
    found = walk_report.result(walks, NOW, 1.0)
    return found.result, list(found.reasons)


def test_the_verdict_is_that_of_acks_all() -> None:
    less = document("FAIL")
    assert verdict(Walk("all", document()), Walk("1", less)) == ("PASS", [])
    lost = verdict(Walk("all", document("FAIL")), Walk("1", less))
    assert lost == ("FAIL", ["acks=all: rule d: 3 records are gone"])
    assert verdict(Walk("all", document("INCONCLUSIVE")), Walk("1", less))[0] == "INCONCLUSIVE"


def test_a_walk_without_a_result_is_inconclusive_unless_loss_is_proven() -> None:
    missing = Walk("1", None, "chaos ended with 2: refused")
    reason = "acks=1: there is no result: chaos ended with 2: refused"
    assert verdict(Walk("all", document()), missing) == ("INCONCLUSIVE", [reason])
    assert verdict(Walk("all", document("FAIL")), missing)[0] == "FAIL"


def test_a_result_of_an_earlier_run_is_none(tmp_path: Path) -> None:
    path = tmp_path / "walk.json"
    assert walk_report.read("all", path, NOW, "refused").why == "refused"
    path.write_text(json.dumps(document()))
    assert walk_report.read("all", path, NOW, "").document is not None
    assert walk_report.read("all", path, NOW + timedelta(seconds=1), "refused") == Walk(
        "all", None, "refused"
    )
    path.write_text("{")
    assert walk_report.read("all", path, NOW, "refused").document is None


@pytest.mark.parametrize("second", [document("FAIL", acked_lost=3), None])
def test_the_page_shows_both_on_one_time_axis(tmp_path: Path, second: dict[str, Any] | None) -> None:
    walks = [Walk("all", document()), Walk("1", second, "refused")]
    page = tmp_path / "resiliency.html"
    page.write_text(walk_report.html(walk_report.result(walks, NOW, 1.0), walks))
    dom = dom_of(page)
    assert dom.count('class="timeline"') == (3 if second else 2)
    assert "acks=all, by itself" in dom
    assert ("<b>3 lost</b>" in dom) == bool(second)
    assert "brokers killed one by one" in dom
