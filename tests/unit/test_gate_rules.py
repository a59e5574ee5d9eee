"""Gates on hand-made clusters: what blocks a stop, in which words, and whether waiting can help."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import gate_rules
from ansible_collections.barevm.kafka.plugins.module_utils.broker_views import (
    NO_CONTROLLER,
    NO_LISTENER,
    View,
)
from ansible_collections.barevm.kafka.plugins.module_utils.ensemble import Ensemble, ServerState, judge
from ansible_collections.barevm.kafka.plugins.module_utils.gate_reading import NO_LEADER, Cluster, Partition
from ansible_collections.barevm.kafka.plugins.module_utils.gate_rules import Blocker, Inventory

A, B, C = "a:2181", "b:2181", "c:2181"
BROKERS: Any = [{"id": i, "host": f"zkkafka{i}", "rack": f"rack{i}", "listeners": []} for i in (1, 2, 3)]
INVENTORY = Inventory(BROKERS)


def servers(*roles: str) -> Ensemble:
    """An ensemble of servers with these roles, "" for one that does not answer."""
    states = [
        ServerState(
            name,
            role=role,
            error="" if role else "does not answer: connection refused",
            synced_followers=roles.count("follower") if role == "leader" else None,
        )
        for name, role in zip((A, B, C), roles, strict=False)
    ]
    return judge(states, {A: "one", B: "two", C: "three"})


def cluster(*partitions: Partition, **more: Any) -> Cluster:
    """Three brokers of one mind, and these partitions of topic t."""
    found = {f"t-{number}": each for number, each in enumerate(partitions)}
    leaders = {name: each.leader for name, each in found.items()}
    views = {i: View("", 3, frozenset({1, 2, 3}), leaders, 2) for i in (1, 2, 3)}
    whole = Cluster(
        {1: "0x1", 2: "0x2", 3: "0x3"},
        3,
        found,
        {},
        views,
        servers("follower", "leader", "follower"),
        {1: 2, 2: 2, 3: 2},
    )
    return replace(whole, **more)


WHOLE = Partition((1, 2, 3), (1, 2, 3), 1)


def blockers(state: Cluster, stopping: int = 1, inventory: Inventory = INVENTORY) -> list[Blocker]:
    return gate_rules.before_stop(state, inventory, stopping)


def only(found: list[Blocker]) -> Blocker:
    (one,) = found
    return one


def test_a_whole_cluster_can_spare_any_broker() -> None:
    for broker in (1, 2, 3):
        assert blockers(cluster(WHOLE, WHOLE), broker) == []


def test_a_partition_with_one_replica_is_refused_at_once() -> None:
    state = cluster(WHOLE, Partition((1,), (1,), 1))
    found = only(blockers(state))
    assert not found.waiting_helps
    assert "1 partition would have no leader" in found.what
    assert "t-1" in found.what
    assert "name t in kafka_roll_allow_unavailable" in found.remedy
    assert blockers(state, 2) == []  # it has nothing to do with another broker
    assert blockers(state, 1, Inventory(BROKERS, allow_unavailable=["t"])) == []
    assert blockers(state, 1, Inventory(BROKERS, allow_unavailable=["tt"])) == [found]


def test_as_many_replicas_as_min_insync_is_refused_at_once() -> None:
    two = Partition((1, 2), (1, 2), 1)
    found = only(blockers(cluster(two)))
    assert not found.waiting_helps
    assert "t-0 (2 replicas, min.insync.replicas 2)" in found.what
    assert blockers(cluster(two, min_insync={"t": 1})) == []
    assert not only(blockers(cluster(WHOLE, min_insync={"t": 3}))).waiting_helps


def test_the_topics_own_minimum_comes_before_the_brokers() -> None:
    state = cluster(WHOLE, min_insync={"t": 2}, defaults={1: 1, 2: 1, 3: 3})
    assert blockers(state) == []
    # Without one, the highest of those that stay counts.
    assert "min.insync.replicas 3" in only(blockers(replace(state, min_insync={}))).what
    assert blockers(replace(state, min_insync={}), 3) == []


def test_few_partitions_may_have_no_replica_to_spare() -> None:
    state = cluster(WHOLE, Partition((1,), (1,), 1), Partition((2, 3), (2, 3), 2))
    assert list(gate_rules.scarce(state).partitions) == ["t-1", "t-2"]
    assert list(gate_rules.scarce(replace(state, min_insync={"t": 1})).partitions) == ["t-1"]
    assert len(gate_rules.scarce(replace(state, defaults={3: 3})).partitions) == 3


def test_in_sync_replicas_at_the_minimum_are_waited_for() -> None:
    lagging = Partition((1, 2, 3), (1, 2), 1)
    others, below = blockers(cluster(WHOLE, lagging))
    assert others.what == "1 of 2 partitions not in sync on broker 3 (zkkafka3): t-1"
    assert "t-1 (in sync 2, min.insync.replicas 2)" in below.what
    assert others.waiting_helps
    assert below.waiting_helps
    assert others.partitions == below.partitions == ("t-1",)
    # The one that lags can itself be restarted: nothing gets worse.
    assert blockers(cluster(WHOLE, lagging), 3) == []


def test_the_only_replica_in_sync_is_not_stopped() -> None:
    alone = Partition((1, 2, 3), (1,), 1)
    for smallest in (1, 2):
        found = blockers(cluster(alone, min_insync={"t": smallest}))
        assert any("no other replica is in sync: t-0" in each.what for each in found)
        assert all(each.waiting_helps for each in found)


def test_a_reassignment_in_flight() -> None:
    found = only(blockers(cluster(WHOLE, replace(WHOLE, moving=True))))
    assert found.what == "1 partition being reassigned: t-1"
    assert found.waiting_helps


def test_a_partition_without_a_leader_anywhere() -> None:
    offline = Partition((2,), (2,), NO_LEADER)
    found = only(blockers(cluster(WHOLE, offline)))
    assert found.what == "1 partition without a leader: t-1"
    assert "broker 2 (zkkafka2)" in found.remedy
    assert found.waiting_helps
    assert not only(blockers(cluster(offline), 1, Inventory(BROKERS, down=["zkkafka2"]))).waiting_helps
    assert blockers(cluster(offline), 1, Inventory(BROKERS, allow_unavailable=["t"])) == []
    created = Partition((2, 3, 1), (), NO_LEADER)  # this moment: the controller is about to choose a leader
    assert all(each.waiting_helps for each in blockers(cluster(created)))


def test_a_broker_that_is_missing() -> None:
    state = cluster(WHOLE)
    views = {i: replace(view, brokers=frozenset({1, 3})) for i, view in state.views.items() if i != 2}
    state = replace(state, registered={1: "0x1", 3: "0x3"}, views=views)
    found = only(blockers(state))
    assert found.what == "not registered: broker 2 (zkkafka2)"
    assert found.waiting_helps
    assert not only(blockers(state, 1, Inventory(BROKERS, down=["zkkafka2"]))).waiting_helps
    assert blockers(state, 2) == []


@pytest.mark.parametrize(
    ("controller", "named", "words"),
    [
        (None, 3, "no broker is the controller"),
        (7, 7, "broker 7 is the controller, but is not registered"),
        (1, 3, "broker 2 (zkkafka2) says 3"),
        (3, NO_CONTROLLER, "broker 2 (zkkafka2) says none"),
    ],
)
def test_a_controller_that_is_not_known(controller: int | None, named: int, words: str) -> None:
    state = cluster(WHOLE, controller=controller)
    views = {**state.views, 2: replace(state.views[2], controller=named)}
    found = only(blockers(replace(state, views=views)))
    assert words in found.what
    assert found.waiting_helps


def test_two_controllers_are_named() -> None:
    state = cluster(WHOLE)
    found = only(blockers(replace(state, views={**state.views, 1: replace(state.views[1], controller=1)})))
    assert "broker 1 (zkkafka1) says 1, broker 2 (zkkafka2) says 3" in found.what
    assert "ZooKeeper says 3" in found.what


def test_one_brokers_metadata_is_stale() -> None:
    state = cluster(WHOLE, Partition((2, 3), (2, 3), 2), min_insync={"t": 1})
    stale = replace(state.views[2], leaders={"t-0": 2, "t-1": 3})
    found = only(blockers(replace(state, views={**state.views, 2: stale})))
    # t-1 is not on broker 1, so its leader does not matter for a stop of that.
    assert found.what == (
        "broker 2 (zkkafka2) tells clients another leader than ZooKeeper has for 1 partition: t-0"
    )
    unknowing = replace(state.views[2], brokers=frozenset({1, 2}))
    found = only(blockers(replace(state, views={**state.views, 2: unknowing})))
    assert found.what == "broker 2 (zkkafka2) does not know broker 3 (zkkafka3) yet"


def test_a_broker_that_does_not_answer() -> None:
    state = cluster(WHOLE)
    found = only(blockers(replace(state, views={**state.views, 2: View("timed out")})))
    assert "broker 2 (zkkafka2) is registered but does not answer: timed out" in found.what
    assert found.waiting_helps
    found = only(blockers(replace(state, views={**state.views, 2: View(NO_LISTENER)})))
    assert not found.waiting_helps
    assert "listener_config" in found.remedy


def test_a_server_of_the_ensemble_is_missing() -> None:
    found = only(blockers(cluster(WHOLE, ensemble=servers("follower", "leader", ""))))
    assert "three, ZooKeeper c:2181: does not answer" in found.what
    assert found.waiting_helps
    known = Inventory(BROKERS, servers_down=["three"])
    assert not only(
        blockers(cluster(WHOLE, ensemble=servers("follower", "leader", "")), 1, known)
    ).waiting_helps


def test_a_server_that_may_not_say_how_it_is() -> None:
    states = [ServerState(A, role="standalone"), ServerState(B, error="does not allow 'mntr'")]
    for found in gate_rules.ensemble_blockers(judge(states, {})):
        assert found.waiting_helps is ("does not allow" not in found.what)


def test_replicas_on_a_broker_that_is_known_to_be_down() -> None:
    lagging = cluster(replace(WHOLE, isr=(1, 2)))
    down = Inventory(BROKERS, down=["zkkafka3"])
    assert blockers(lagging, 2, down)[0].waiting_helps  # it is registered all the same
    gone = replace(lagging, registered={1: "0x1", 2: "0x2"}, controller=1, views={})
    missing, others, below = blockers(gone, 2, down)
    assert [missing.waiting_helps, others.waiting_helps, below.waiting_helps] == [False, False, True]


def test_zookeeper_cannot_be_read() -> None:
    found = blockers(Cluster(unreadable="no quorum", ensemble=servers("", "", "follower")))
    assert found[0].what == "ZooKeeper cannot be read: no quorum"
    assert len(found) > 1


def test_many_partitions_are_counted() -> None:
    found = blockers(cluster(*[replace(WHOLE, isr=(1, 2))] * 40))
    assert found[0].what == (
        "40 of 40 partitions not in sync on broker 3 (zkkafka3): t-0, t-1, t-2, t-3, t-4 and 35 more"
    )
    assert len(found[0].partitions) == 40


@pytest.mark.parametrize(
    ("roles", "size", "allowed", "words"),
    [
        (("follower", "leader", "follower"), 3, False, []),
        (("standalone",), 1, False, ["an ensemble of 1 server serves nobody while one restarts"]),
        (("standalone",), 1, True, []),
        (("follower", "leader"), 2, False, ["an ensemble of 2 servers serves nobody"]),
        (("follower", "leader"), 2, True, []),
        (("follower", "leader", ""), 3, False, ["does not answer"]),
        (("follower", "leader", ""), 3, True, ["does not answer"]),
    ],
)
def test_an_ensemble_before_a_stop(roles: Any, size: int, allowed: bool, words: list[str]) -> None:
    found = gate_rules.before_server_stop(servers(*roles), size, allowed)
    assert len(found) == len(words)
    for blocker, word in zip(found, words, strict=True):
        assert word in blocker.what
        assert blocker.waiting_helps is ("answer" in word)
