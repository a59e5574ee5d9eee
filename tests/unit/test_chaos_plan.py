"""What a cluster lacks for a scenario is known before anything is struck; a row says what came of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import chaos_plan, chaos_report
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result


def cluster(brokers: int = 3, servers: int = 3, log_dirs: tuple[str, ...] = ("/disks/1",)) -> dict[str, Any]:
    hosts = {
        f"h{n}": {
            "kafka_log_dirs": list(log_dirs),
            "zookeeper_data_dir": "/zk",
            "zookeeper_txn_log_dir": "/zk",
        }
        for n in range(1, max(brokers, servers) + 1)
    }
    return {
        "hosts": hosts,
        "kafka": {"brokers": [{"id": n, "host": f"h{n}"} for n in range(1, brokers + 1)]},
        "zookeeper": {"servers": [{"host": f"h{n}"} for n in range(1, servers + 1)]},
    }


def states(**mounts: str) -> dict[str, Any]:
    """Every host's disks: paths with ``_`` for a slash, and where each is mounted."""
    disks = {path.replace("_", "/"): {"mount_point": point} for path, point in mounts.items()}
    return {f"h{n}": {"disks": disks} for n in range(1, 4)}


@pytest.mark.parametrize(
    ("log_dirs", "mounts", "one", "two"),
    [
        (("/disks/1",), {"_disks_1": "/disks/1", "_zk": "/"}, 1, None),
        (("/disks/1",), {"_disks_1": "/", "_zk": "/"}, None, None),
        (("/disks/1",), {"_disks_1": "/disks", "_zk": "/disks"}, None, None),
        (("/disks/1", "/disks/2"), {"_disks_1": "/disks/1", "_disks_2": "/disks/2", "_zk": "/"}, None, 1),
        (("/disks/1", "/disks/2"), {"_disks_1": "/disks", "_disks_2": "/disks", "_zk": "/"}, None, None),
    ],
)
def test_file_systems_of_their_own(
    log_dirs: tuple[str, ...], mounts: dict[str, str], one: int | None, two: int | None
) -> None:
    found = cluster(log_dirs=log_dirs)
    assert chaos_plan.with_own_disks(found, states(**mounts), 1) == one
    assert chaos_plan.with_own_disks(found, states(**mounts), 2) == two


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        ({"brokers": 3}, ["3 brokers (there are 2)"]),
        ({"zookeeper_servers": 3}, ["3 ZooKeeper servers (there are 1)"]),
        ({"log_dirs": 1}, ["a broker with one log directory, a file system of its own"]),
        ({"log_dirs": 2}, ["a broker with two log directories, file systems of their own"]),
        ({"power": True}, ["chaos_power_off_command and chaos_power_on_command"]),
        ({"brokers": 2, "zookeeper_servers": 1}, []),
    ],
)
def test_what_is_missing(needs: dict[str, Any], words: list[str]) -> None:
    assert chaos_plan.missing(needs, cluster(2, 1), None, power_off=False) == words


PLAN = {"name": "kill_leader", "title": "kill -9 of a leader", "missing": []}
FIGURES = {"records_acked": 1000, "records_unknown": 0, "acked_lost": 0, "longest_gap_s": 6.25}


def row(result: str, reasons: list[str], **figures: Any) -> dict[str, Any]:
    tested = {
        "result": result,
        "reasons": reasons,
        "figures": {**FIGURES, **figures},
        "html_path": "/r/chaos-kill_leader.html",
    }
    return chaos_report.row(PLAN, 61.23, tested)


def test_a_row_has_the_figures_of_its_scenario() -> None:
    found = row("PASS", [])
    assert (found["result"], found["records_acked"], found["page"]) == (
        "PASS",
        1000,
        "chaos-kill_leader.html",
    )
    assert found["time_to_leader_s"] is None


def test_what_was_not_run_is_inconclusive_and_says_what_it_needs() -> None:
    found = chaos_report.row({**PLAN, "missing": ["3 brokers (there are 2)"]}, 0.0, {})
    assert (found["result"], found["reasons"]) == ("INCONCLUSIVE", ["not run: needs 3 brokers (there are 2)"])


def test_a_test_that_came_to_no_result_is_inconclusive_and_says_why() -> None:
    found = chaos_report.row(PLAN, 1.0, {"failed": True, "msg": "topic x could not be made"})
    assert (found["result"], found["reasons"]) == ("INCONCLUSIVE", ["topic x could not be made"])


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        (["PASS", "PASS"], "PASS"),
        (["PASS", "INCONCLUSIVE"], "INCONCLUSIVE"),
        (["INCONCLUSIVE", "FAIL", "PASS"], "FAIL"),
        ([], "INCONCLUSIVE"),
    ],
)
def test_only_a_whole_matrix_of_pass_is_a_pass(results: list[str], verdict: str) -> None:
    rows = [row(result, [] if result == "PASS" else ["why"]) for result in results]
    assert chaos_report.verdict(rows) == verdict
    assert bool(chaos_report.reasons(rows)) == (verdict != "PASS")


def test_proven_loss_is_told_first() -> None:
    rows = [row("INCONCLUSIVE", ["x"]), row("FAIL", ["slow"]), row("FAIL", ["rule d: 7 lost"], acked_lost=7)]
    assert [one.partition(": ")[2] for one in chaos_report.reasons(rows)] == ["rule d: 7 lost", "slow", "x"]


def test_the_page_shows_every_row_and_escapes_what_it_is_told() -> None:
    rows = [row("PASS", []), row("FAIL", ["rule e: <b>no</b> new pid"])]
    result = Result(
        verb="chaos",
        started=datetime(2026, 1, 9, 12, tzinfo=UTC),
        duration_s=120.0,
        result="FAIL",
        reasons=chaos_report.reasons(rows),
        figures={
            "cluster": "lab",
            "summary": chaos_report.summary(rows),
            "bounds": {"session_s": 6.0, "tick_s": 2.0, "lag_s": 30.0},
            "scenarios": rows,
        },
    )
    page = chaos_report.html(result)
    assert page.count('<a href="chaos-kill_leader.html">') == 2
    assert "&lt;b&gt;no&lt;/b&gt; new pid" in page
    assert "2 scenarios: 1 PASS, 1 FAIL" in page
    assert "<td>6.2</td>" in page
