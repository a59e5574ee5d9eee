"""Every change of ZooKeeper servers that is refused, and its neighbours that one roll can make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.changed import Inventory, State, held, inventory, judged, new_host, only, started, stopped
from tests.described import apart, together


def ensemble(*numbers: int) -> Inventory:
    """Servers z1, z2, … with these numbers, and a broker."""
    _groups, hosts = apart([f"192.0.2.{number}" for number in numbers], ["192.0.2.100"])
    renamed = {f"z{number}": hosts[f"z{place}"] for place, number in enumerate(numbers, 1)}
    for number in numbers:
        renamed[f"z{number}"]["zookeeper_id"] = number
    return {"zookeeper": list(renamed), "kafka": ["k1"]}, {**renamed, "k1": hosts["k1"]}


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        ((1, 2, 3), (1, 2, 3), False),
        ((1, 2, 3), (1, 2, 3, 4), False),
        ((1, 2, 3, 4), (1, 2, 3, 4, 5), False),
        ((1, 2, 3), (1, 2), False),
        # {4, 5 and one of the old} and {the other two} would both rule.
        ((1, 2, 3), (1, 2, 3, 4, 5), True),
        ((1, 2, 3, 4, 5), (1, 2, 3), True),
        ((1, 2, 3), (1, 2, 4), True),
    ],
)
def test_majorities_must_meet(before: tuple[int, ...], after: tuple[int, ...], refused: bool) -> None:
    states = {host: new_host() for host in (f"z{number}" for number in after)}
    states |= {host: state for host, state in started(ensemble(*before)).items() if host in {*states, "k1"}}
    found = judged(ensemble(*after), states)
    if refused:
        servers = ", ".join(map(str, before))
        only(
            found,
            "z1",
            f"the group zookeeper = {list(after)}",
            f"has the servers {servers} now",
            "one server",
        )
    else:
        assert found == []
    # The list binds those that start together, too.
    assert judged(ensemble(*after), stopped(states)) == found


@pytest.mark.parametrize("after", [(1, 2), (1, 2, 3)])
def test_a_server_that_stands_alone_gets_company_with_its_data(after: tuple[int, ...]) -> None:
    states = started(ensemble(1))
    states |= {f"z{number}": new_host() for number in after[1:]}

    def give(*data: bool) -> None:
        for number in after[1:]:
            folders = {f"/{place}": has for place, has in enumerate(data)}
            states[f"z{number}"]["identities"]["zookeeper_data"] = folders

    give(False, False)
    found = judged(ensemble(*after), states)
    only(found, "z1", f"the group zookeeper = {list(after)}", "stands alone now", "(2) copy version-2")
    give(True, True)
    assert judged(ensemble(*after), states) == found, "it runs"
    stopped(states)
    assert judged(ensemble(*after), states) == []
    for data in ((), (True, False)):
        give(*data)
        assert judged(ensemble(*after), states) == found
    del states["z2"]
    assert judged(ensemble(*after), states) == found


@pytest.mark.parametrize("variable", ["zookeeper_peer_port", "zookeeper_election_port"])
def test_servers_must_find_each_other(variable: str) -> None:
    states = started(inventory())
    wanted = inventory(**{variable: 4888})
    found = judged(wanted, states)
    assert len(found) == 3
    only(
        found,
        "n1",
        "zookeeper_peer_port",
        "server 1 is at 192.0.2.1:2888:3888, server 2 is",
        "(1) stop zookeeper",
    )
    assert judged(together(3, n2={variable: 4888}), states) != []
    assert judged(wanted, stopped(states)) == []


def test_a_server_that_alone_moves_is_at_nobody_s_address() -> None:
    states = started(inventory())
    moved = together(3, n3={"zookeeper_address": "192.0.2.33"})
    only(judged(moved, states), "n1", "['192.0.2.33:2888:3888']", "server 3 is at 192.0.2.3:2888:3888 for")
    # Another host takes its place: there is nothing to move.
    states["n3"] = new_host()
    assert judged(moved, states) == []
    # Nothing is known of a host outside --limit.
    del states["n3"]
    assert [line.split(":")[0] for line in judged(moved, states)] == ["n1", "n2"]


def test_a_single_server_may_move() -> None:
    assert judged(inventory(1, zookeeper_peer_port=4888), started(inventory(1))) == []
    # The one that is left of two has nobody to be found by.
    left = started(inventory(2))
    del left["n2"]
    assert judged(inventory(1, zookeeper_peer_port=4888), left) == []


def test_a_server_without_data_is_free() -> None:
    states = stopped(started(inventory()))
    for state in states.values():
        for one in state["applied"]["zookeeper.service"]["folders"].values():
            one.update(snapshots=0, logs=0)
    states |= {f"n{number}": new_host() for number in (4, 5)}
    assert judged(inventory(5), states) == []


@pytest.mark.parametrize(
    ("variable", "old", "kind"),
    [
        ("zookeeper_data_dir", "/var/lib/zookeeper/data", "snapshots"),
        ("zookeeper_txn_log_dir", "/var/lib/zookeeper/txnlog", "logs"),
    ],
)
def test_folders_of_zookeeper_that_hold_data(variable: str, old: str, kind: str) -> None:
    changed: dict[str, Any] = {variable: "/data/zk"}
    wanted = inventory(**changed)

    def with_new(held: dict[str, Any], change: Callable[[dict[str, State]], Any] = dict) -> list[str]:
        states = started(inventory())
        for state in states.values():
            state["applied"]["zookeeper.service"]["folders"]["/data/zk"] = held
        change(states)
        return judged(wanted, states)

    empty = held(real="/data/zk")
    found = with_new(empty)
    assert len(found) == 3
    only(found, "n1", f"{variable} = '/data/zk'", f"{kind} are in {old}, and", "(2) copy")
    assert with_new(empty, stopped) == found
    # Copied there, or the same folder by another name.
    assert with_new({**empty, kind: 1}) == []
    assert with_new({**empty, "real": old}) == []


def test_the_transaction_log_leaves_the_data_folder() -> None:
    """A zoo.cfg without dataLogDir keeps both in one."""
    states = started(inventory())
    for state in states.values():
        applied = state["applied"]["zookeeper.service"]
        del applied["settings"]["dataLogDir"]
        applied["folders"] = {
            "/var/lib/zookeeper/data": held(2, 3, "/var/lib/zookeeper/data"),
            "/var/lib/zookeeper/txnlog": held(real="/var/lib/zookeeper/txnlog"),
        }
    only(
        judged(inventory(), states),
        "n1",
        "zookeeper_txn_log_dir",
        "logs are in /var/lib/zookeeper/data, and",
    )
