"""Answers of ZooKeeper servers, as different versions word them, and what they mean together."""

from __future__ import annotations

from ansible_collections.barevm.kafka.plugins.module_utils import ensemble
from ansible_collections.barevm.kafka.plugins.module_utils.ensemble import ServerState

SRVR_36 = """Zookeeper version: 3.6.2--803c7f1a12f85978cb049af5e4ef23bd8b688715, built on 09/04/2020 12:44 GMT
Latency min/avg/max: 0/2.5/13
Received: 20
Sent: 19
Connections: 2
Outstanding: 0
Zxid: 0x100000021
Mode: leader
Node count: 29
Proposal sizes last/min/max: 48/48/356
"""
MNTR = "zk_version\t3.6.2\nzk_synced_followers\t2\nzk_znode_count\t29\n"
A, B, C = "a:2181", "b:2181", "c:2181"


def test_a_leaders_answer() -> None:
    found = ensemble.parse_server(A, SRVR_36, MNTR)
    assert found == ServerState(A, "", "leader", "3.6.2", 0.0, 2.5, 13.0, 0, 29, 2)


def test_answers_that_say_no() -> None:
    refused = "srvr is not executed because it is not in the whitelist.\n"
    assert "does not allow 'srvr'" in ensemble.parse_server(A, refused, MNTR).error
    waiting = "This ZooKeeper instance is not currently serving requests\n"
    assert "sees no quorum" in ensemble.parse_server(A, waiting, waiting).error
    assert "not ZooKeeper's" in ensemble.parse_server(A, "HTTP/1.1 400 Bad Request", "").error


def judge(*states: ServerState, down: tuple[str, ...] = ()) -> ensemble.Ensemble:
    return ensemble.judge(states, {A: "one", B: "two", C: "three"}, down)


def test_two_leaders() -> None:
    found = judge(
        ServerState(A, role="leader"), ServerState(B, role="leader"), ServerState(C, role="follower")
    )
    assert "more than one leader: a:2181, b:2181" in found.findings[0].what
    assert found.leader == ""


def test_observers_do_not_vote() -> None:
    found = judge(
        ServerState(A, role="leader"), ServerState(B, role="follower"), ServerState(C, role="observer")
    )
    assert found.findings == []
    assert found.quorum_margin == 0


def test_followers_that_are_not_in_sync() -> None:
    leader = ServerState(A, role="leader", synced_followers=1)
    found = judge(leader, ServerState(B, role="follower"), ServerState(C, role="follower"))
    assert "counts 1 followers in sync, but 2 servers say that they follow" in found.findings[0].what
    assert found.waiting_for == ["the followers to be in sync"]


def test_what_is_waited_for() -> None:
    silent = ServerState(C, error="does not answer: connection refused")
    pair = (ServerState(A, role="leader"), ServerState(B, role="follower"))
    assert judge(*pair, silent).waiting_for == [f"three, ZooKeeper {C}"]
    assert judge(*pair, silent, down=("three",)).waiting_for == []
    electing = ServerState(A, error="is running but not serving: it sees no quorum")
    other = ServerState(B, error="does not answer: connection refused")
    # With two of three down there will be no quorum, however long one waits.
    assert judge(electing, other, silent, down=("two", "three")).waiting_for == []
    assert len(judge(electing, other, silent).waiting_for) == 3
