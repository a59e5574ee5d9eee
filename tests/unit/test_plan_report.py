"""The action as a play runs it: what it prints, writes, and fails with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import plans as made
from tests import playbooks

LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}


def report(folder: Path, blocked: list[str], *arguments: str) -> playbooks.Run:
    """Plan the change of one setting on k2, which the gate holds back for the reasons ``blocked``."""
    change = made.waiting(queued_max_requests=("500", "600"))
    asked: dict[str, Any] = {
        "started": "2026-01-02T03:04:05+00:00",
        "cluster": {**made.CLUSTER, "reports_dir": str(folder / "reports")},
        "states": {host: made.state() for host in made.HOSTS},
        "files": {"kafka": {"k2": change}, "zookeeper": {}},
        "candidates": {
            "kafka": [{"host": "k2", "id": 2, "running": True, "pending": change["pending"]}],
            "zookeeper": [],
        },
        "gates": {"kafka": made.gate("k2", k2=blocked)},
    }
    play = {
        "name": "Plan",
        "hosts": "all",
        "gather_facts": False,
        "tasks": [{"name": "Plan", "barevm.kafka.plan_report": asked}],
    }
    return playbooks.run(folder, [play], {"all": {"hosts": {"here": LOCAL}}}, *arguments)


def test_what_could_be_done_now_passes_and_is_written(tmp_path: Path) -> None:
    done = report(tmp_path, [])
    (told,) = done.outcomes
    assert done.status == 0
    assert (told["result"], told["changed"]) == ("PASS", False)
    written = json.loads((tmp_path / "reports/plan.json").read_text())
    assert list(written)[:5] == ["verb", "started", "duration_s", "result", "reasons"]
    assert (written["verb"], written["result"], written["reasons"]) == ("plan", "PASS", [])
    (restart,) = written["restarts"]
    assert restart["why"] == [f"{made.PROPERTIES}: queued.max.requests"]
    assert (restart["position"], restart["host"], restart["id"]) == (1, "k2", 2)
    assert written["hosts"]["k2"]["settings"] == [
        {
            "file": made.PROPERTIES,
            "name": "queued.max.requests",
            "before": "500",
            "after": "600",
            "effect": "restart",
            "reason": "",
        }
    ]
    assert "queued.max.requests: 500 -> 600  [at its restart]" in done.printed
    assert f"plan: PASS: 1 of 3 hosts change, 1 restart ({tmp_path}/reports/plan.json)" in done.printed


def test_what_the_gate_holds_back_is_inconclusive_and_fails(tmp_path: Path) -> None:
    done = report(tmp_path, ["topic a has no leader"])
    (told,) = done.outcomes
    assert done.status != 0
    assert told["failed"]
    reasons = ["k2: broker 2 may not stop now: topic a has no leader"]
    assert (told["result"], told["reasons"]) == ("INCONCLUSIVE", reasons)
    written = json.loads((tmp_path / "reports/plan.json").read_text())
    assert (written["result"], written["reasons"]) == ("INCONCLUSIVE", reasons)


@pytest.mark.parametrize("blocked", [[], ["topic a has no leader"]])
def test_under_check_mode_it_is_told_and_neither_written_nor_failed(
    tmp_path: Path, blocked: list[str]
) -> None:
    done = report(tmp_path, blocked, "--check")
    assert done.status == 0
    assert "queued.max.requests: 500 -> 600" in done.printed
    assert all(reason in done.printed for reason in blocked)
    assert not (tmp_path / "reports").exists()
