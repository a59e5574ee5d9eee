"""The order of a roll, what a started service lacks, and what it gets back."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.barevm.kafka.plugins.module_utils.broker_views import View
from ansible_collections.barevm.kafka.plugins.module_utils.gate_order import (
    Candidate,
    brokers_in_order,
    servers_in_order,
)
from ansible_collections.barevm.kafka.plugins.module_utils.gate_reading import NO_LEADER, Cluster, Partition
from ansible_collections.barevm.kafka.plugins.module_utils.gate_return import (
    after_start,
    leadership,
    server_after_start,
)
from ansible_collections.barevm.kafka.plugins.module_utils.gate_rules import Inventory

from tests.unit.test_gate_rules import INVENTORY, WHOLE, A, B, C, cluster, servers

RACKS = {1: "b", 2: "a", 3: "b", 4: "a", 5: "c", 6: "c"}
SIX = Inventory([{"id": i, "host": f"k{i}", "rack": rack, "listeners": []} for i, rack in RACKS.items()])


def candidates(*ids: int, stopped: tuple[int, ...] = ()) -> list[Candidate]:
    return [Candidate(host=f"k{i}", id=i, running=i not in stopped) for i in ids]


def six(controller: int | None = 4, missing: tuple[int, ...] = (), **partitions: Partition) -> Cluster:
    return Cluster({i: hex(i) for i in RACKS if i not in missing}, controller, partitions)


def test_racks_together_and_the_controllers_last() -> None:
    order = brokers_in_order(six(), SIX, candidates(1, 2, 3, 4, 5, 6))
    assert [place.id for place in order] == [1, 3, 5, 6, 2, 4]
    assert order[0].reason == "rack b, in sync"
    assert order[4].reason == "rack a, the controller's: after the other racks"
    assert order[5].reason == "it is the controller: last, so that one election is enough"


def test_a_cluster_without_racks() -> None:
    flat = Inventory([{**one, "rack": ""} for one in SIX.brokers])
    assert [p.id for p in brokers_in_order(six(2), flat, candidates(1, 2, 3))] == [1, 3, 2]
    assert [p.id for p in brokers_in_order(six(None), flat, candidates(3, 2, 1))] == [1, 2, 3]


def test_a_cluster_that_cannot_be_read() -> None:
    order = brokers_in_order(Cluster(unreadable="no quorum"), SIX, candidates(1, 2, stopped=(2,)))
    assert [place.id for place in order] == [2, 1]
    assert order[1].reason == "rack b; who serves what is not known"


def test_what_does_not_run_is_first_then_what_serves_least() -> None:
    lagging = Partition((5, 1, 2), (1, 2), 1)
    order = brokers_in_order(six(missing=(3,), t=lagging), SIX, candidates(1, 2, 3, 4, 5, 6, stopped=(4, 6)))
    assert [place.id for place in order] == [4, 6, 3, 5, 1, 2]
    assert "does not run" in order[0].reason
    assert "not registered" in order[2].reason
    assert "out of sync" in order[3].reason


def test_what_systemd_has_started_since_is_in_order_with_those_that_run() -> None:
    answers = cluster(WHOLE)
    one = Candidate(host="zkkafka1", id=1, running=False)
    (place,) = brokers_in_order(answers, INVENTORY, [one])
    assert (place.running, place.reason) == (True, "rack rack1, in sync")
    left_behind = replace(answers, views={**answers.views, 1: View("no connection")})
    assert not brokers_in_order(left_behind, INVENTORY, [one])[0].running
    unregistered = replace(answers, registered={2: "0x2", 3: "0x3"})
    assert not brokers_in_order(unregistered, INVENTORY, [one])[0].running
    server = Candidate(host="one", id=1, running=False)
    assert servers_in_order(servers("leader", "follower"), {"one": A}, [server])[0].running
    assert not servers_in_order(servers("", "leader"), {"one": A}, [server])[0].running


def test_zookeepers_leader_is_last() -> None:
    hosts = {"one": A, "two": B, "three": C}
    wanted = [Candidate(host=host, id=i, running=True) for i, host in enumerate(("one", "two", "three"), 1)]
    order = servers_in_order(servers("leader", "follower", "follower"), hosts, wanted)
    assert [place.host for place in order] == ["two", "three", "one"]
    order = servers_in_order(servers("leader", "follower", ""), hosts, wanted)
    assert [place.host for place in order] == ["three", "two", "one"]
    wanted[1]["running"] = False
    assert servers_in_order(servers("leader", "", ""), hosts, wanted)[0].host == "two"


def test_a_broker_that_is_back() -> None:
    assert after_start(cluster(WHOLE), INVENTORY, 1, "0x9") == []
    assert after_start(cluster(WHOLE), INVENTORY, 1, "") == []


def words(state: Cluster, session: str = "0x9") -> str:
    return "; ".join(each.what for each in after_start(state, INVENTORY, 1, session))


def test_a_broker_that_is_not_back_yet() -> None:
    state = cluster(WHOLE)
    assert "not registered" in words(replace(state, registered={2: "0x2", 3: "0x3"}))
    assert "under the session 0x1 of before its stop" in words(state, "0x1")
    assert words(cluster(WHOLE, replace(WHOLE, isr=(2, 3), leader=2))) == (
        "1 of 2 partitions of broker 1 (zkkafka1) not in sync: t-1"
    )
    elsewhere = Partition((2, 3), (3,), 3)
    assert words(cluster(WHOLE, elsewhere)) == ""
    two = {**state.views, 2: replace(state.views[2], controller=1)}
    assert "do not name one controller" in words(replace(state, views=two))
    blind = {**state.views, 2: replace(state.views[2], brokers=frozenset({2, 3}))}
    assert "broker 2 (zkkafka2) does not know broker 1 (zkkafka1) yet" in words(replace(state, views=blind))
    other = {**state.views, 3: replace(state.views[3], leaders={"t-0": 3})}
    assert "broker 3 (zkkafka3) tells clients another leader" in words(replace(state, views=other))
    assert "does not answer: refused" in words(replace(state, views={**state.views, 1: View("refused")}))


def test_a_broker_waits_for_no_other() -> None:
    # Broker 3, the last one in sync, is still down: only its own start can bring the partition back.
    offline = Partition((1, 3), (3,), NO_LEADER)
    assert words(cluster(WHOLE, offline)) == ""
    # This broker was in sync, so it is about to lead.
    assert "1 of 1 partition " in words(cluster(Partition((1, 3), (1,), NO_LEADER)))


def test_a_server_that_is_back() -> None:
    assert server_after_start(servers("follower", "leader", "follower"), A, "one") == []
    # Another one that is down is another one's gate.
    assert server_after_start(servers("follower", "leader", ""), A, "one") == []
    (found,) = server_after_start(servers("", "leader", "follower"), A, "one")
    assert "does not answer" in found.what
    (found,) = server_after_start(servers("", "", ""), A, "one")
    assert "does not answer" in found.what
    (found,) = server_after_start(servers("follower", "leader", "leader"), A, "one")
    assert "more than one leader" in found.what


def test_a_server_without_a_quorum_waits_only_where_there_could_be_one() -> None:
    def alone(*others: str) -> list[str]:
        found = servers("follower", *others)
        first = replace(found.servers[0], role="", error="is running but not serving: it sees no quorum")
        found = replace(found, servers=[first, *found.servers[1:]])
        return [each.what for each in server_after_start(found, A, "one")]

    assert alone("", "") == []
    assert "sees no quorum" in alone("leader", "follower")[0]


def test_leadership_is_given_back_where_an_election_would() -> None:
    state = cluster(
        Partition((1, 2, 3), (2, 3, 1), 2),
        WHOLE,
        Partition((2, 1, 3), (1, 2, 3), 2),
        Partition((1, 2, 3), (2, 3), 2),
    )
    found = leadership(state, 1, ["t-0", "t-1", "t-2", "t-3", "gone-0"])
    assert (found.to_elect, found.back) == (["t-0"], ["t-1"])
    assert found.elsewhere == {
        "t-2": "broker 2 is its preferred leader",
        "t-3": "broker 1 is not in sync for it",
        "gone-0": "it is no more",
    }
