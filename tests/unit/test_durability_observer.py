"""What the observer makes of what it reads; the reading itself is test_durability_watching's."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils.durability_observer import counts
from ansible_collections.barevm.kafka.plugins.module_utils.durability_servers import Role, parse, together
from ansible_collections.barevm.kafka.plugins.module_utils.gate_reading import NO_LEADER, Cluster, Partition

SRVR = """Zookeeper version: 3.9.5-1, built on 2025-01-01
Latency min/avg/max: 0/0.5/12
Received: 10
Sent: 9
Connections: 1
Outstanding: 0
Zxid: 0x70000002a
Mode: leader
Node count: 5
Proposal sizes last/min/max: 48/48/48
"""


@pytest.mark.parametrize(
    ("answer", "role"),
    [
        (SRVR, Role("leader", 7)),
        (SRVR.replace("leader", "standalone"), Role("standalone", 7)),
        ("This ZooKeeper instance is not currently serving requests\n", Role("looking")),
        ("srvr is not executed because it is not in the whitelist.\n", Role("unknown")),
        ("", Role("down")),
    ],
)
def test_a_server_says_its_role_and_epoch(answer: str, role: Role) -> None:
    assert parse(answer) == role


@pytest.mark.parametrize(
    ("names", "quorum"),
    [
        (["leader", "follower", "follower"], True),
        (["leader", "follower", "down"], True),
        (["leader", "follower", "observer"], True),
        (["leader", "down", "down"], False),  # it has not noticed yet
        (["follower", "follower", "down"], False),  # nobody leads
        (["looking", "looking", "down"], False),
        (["standalone"], True),
        (["down"], False),
        (["unknown", "unknown", "down"], None),
        (["leader", "follower", "unknown"], True),
    ],
)
def test_a_quorum_is_a_leader_and_a_majority_that_serves(names: list[str], quorum: Any) -> None:
    roles = {
        f"host{n}": Role(name, 3 if name in ("leader", "follower") else None) for n, name in enumerate(names)
    }
    assert together(roles)["quorum"] is quorum


def test_an_ensembles_epoch_is_the_newest() -> None:
    line = together({"a": Role("down"), "b": Role("follower", 4), "c": Role("leader", 5)})
    assert line == {
        "servers": {"a": "down", "b": "follower", "c": "leader"},
        "quorum": True,
        "epoch": 5,
    }
    assert together({"a": Role("down")})["epoch"] is None


def test_counts_are_of_all_topics_and_each_topics_own_minimum() -> None:
    cluster = Cluster(
        partitions={
            "a-0": Partition((1, 2, 3), (1, 2, 3), 1),
            "a-1": Partition((1, 2, 3), (1, 2), 1),
            "a-2": Partition((1, 2, 3), (1,), NO_LEADER),
            "b-0": Partition((1, 2, 3), (1, 2), 2),
            "new-0": Partition((1, 2, 3), (), NO_LEADER),
        },
        min_insync={"a": 2, "b": 3, "new": 3},
    )
    assert counts(cluster, None) == {"under_replicated": 3, "under_min_isr": 2, "offline": 1}


def test_a_minimum_that_is_not_known_makes_no_count() -> None:
    cluster = Cluster(partitions={"c-0": Partition((1, 2), (1,), 1)})
    assert counts(cluster, None)["under_min_isr"] is None
    assert counts(cluster, 1)["under_min_isr"] == 0
    assert counts(cluster, 2)["under_min_isr"] == 1
    assert counts(Cluster(), None)["under_min_isr"] == 0
