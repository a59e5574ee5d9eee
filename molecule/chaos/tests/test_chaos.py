"""Five scenarios, as an operator runs them: each is a PASS with its figures, and a page."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import playbook
import pytest
from testinfra.host import Host

# The runs below work on all hosts at once.
testinfra_hosts = ["chaos1"]
CHAOS = "barevm.kafka.chaos"
SCENARIOS = ("kill_leader", "cut_leader", "pause_leader", "lose_two_brokers", "fill_disk")
REPORTS = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "reports"
# The session of this scenario, a tick of two seconds, and three more.
GONE_S = 6 + 2 + 3
SOCKET_TIMEOUT_S = 10


@pytest.fixture(scope="module")
def matrix() -> dict[str, Any]:
    """What a run of all five wrote down, by scenario."""
    playbook.run(CHAOS, "-e", f"scenario={','.join(SCENARIOS)}")
    document = json.loads((REPORTS / "chaos.json").read_text())
    assert (document["verb"], document["result"], document["reasons"]) == ("chaos", "PASS", [])
    return {row["scenario"]: row for row in document["scenarios"]}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_passes_and_loses_nothing(host: Host, matrix: dict[str, Any], name: str) -> None:
    row = matrix[name]
    assert (row["result"], row["reasons"]) == ("PASS", [])
    assert (row["acked_lost"], row["records_failed"]) == (0, 0)
    assert row["records_acked"] > 5000
    assert row["records_acked"] + row["records_unknown"] == row["records_sent"]
    page = (REPORTS / row["page"]).read_text()
    assert "PASS" in page
    assert f'href="{row["page"]}"' in (REPORTS / "chaos.html").read_text()
    own = json.loads((REPORTS / f"chaos-{name}.json").read_text())
    assert own["records_acked"] == row["records_acked"]


@pytest.mark.parametrize(
    ("name", "proofs"),
    [
        ("kill_leader", {"killed", "new_pid", "new_session", "leadership_moved"}),
        ("cut_leader", {"dropped_packets", "new_session", "leadership_moved"}),
        ("pause_leader", {"process_stopped", "same_pid", "new_session"}),
        ("lose_two_brokers", {"killed", "new_pid", "acks_refused"}),
        ("fill_disk", {"disk_full", "halted", "new_session"}),
    ],
)
def test_a_fault_is_shown_by_what_it_changes(
    host: Host, matrix: dict[str, Any], name: str, proofs: set[str]
) -> None:
    own = json.loads((REPORTS / matrix[name]["page"]).with_suffix(".json").read_text())
    shown = {proof["name"]: proof["holds"] for proof in own["proofs"]}
    assert proofs <= set(shown)
    assert set(shown.values()) == {True}


@pytest.mark.parametrize(
    ("name", "gap_s"),
    [
        ("kill_leader", GONE_S),
        ("cut_leader", GONE_S + SOCKET_TIMEOUT_S),
        ("pause_leader", GONE_S + SOCKET_TIMEOUT_S),
    ],
)
def test_a_gap_is_measured_and_within_its_bound(
    host: Host, matrix: dict[str, Any], name: str, gap_s: float
) -> None:
    row = matrix[name]
    # Nobody takes a leader's place before its session has ended, which takes longer than two seconds.
    assert 2 < row["worst_partition_gap_s"] <= gap_s
    assert 2 < row["time_to_deregister_s"] <= GONE_S
    assert row["time_to_leader_s"] >= row["time_to_deregister_s"]
    assert row["time_to_full_isr_s"] > 0
    assert row["produce_p99_during_ms"] > row["produce_p99_before_ms"]


def test_two_of_three_down_stop_all_acknowledgements(host: Host, matrix: dict[str, Any]) -> None:
    assert matrix["lose_two_brokers"]["longest_gap_s"] > 5
