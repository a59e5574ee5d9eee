"""While a scenario runs: who is struck, by which options of module fault, and what is awaited of whom."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import chaos_steps

HOSTS = ("a", "b", "c")
CLUSTER: dict[str, Any] = {
    "kafka": {
        "inter_broker_listener": "INTERNAL",
        "brokers": [
            {
                "id": number,
                "host": host,
                "listeners": [
                    {"name": "INTERNAL", "port": 9090 + number, "advertised_address": f"10.0.0.{number}"},
                    {"name": "CLIENT", "port": 9192, "advertised_address": f"10.0.1.{number}"},
                ],
            }
            for number, host in enumerate(HOSTS, 1)
        ],
    },
    "zookeeper": {
        "servers": [
            {"host": host, "address": f"10.0.0.{number}", "client_port": 2181}
            for number, host in enumerate(HOSTS, 1)
        ]
    },
    "hosts": {host: {"kafka_user": "kafka", "kafka_log_dirs": ["/disks/1", "/disks/2"]} for host in HOSTS},
}
TARGETS: dict[str, Any] = {
    "leader": {"id": 2, "host": "b"},
    "controller": {"id": 1, "host": "a"},
    "brokers": [
        {"id": 2, "host": "b", "leads": 5},
        {"id": 3, "host": "c", "leads": 4},
        {"id": 1, "host": "a", "leads": 3},
    ],
    "zookeeper_leader": "c",
    "zookeeper_followers": ["a", "b"],
}


def strike(fault: str, of: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "strike",
        "fault": fault,
        "of": of,
        "unit": "kafka",
        "from": [],
        "undo_after_s": 99,
        "words": f"{fault} of {of}",
        **more,
    }


def chosen(step: dict[str, Any], struck: list[dict[str, Any]]) -> tuple[str, int | None]:
    found = chaos_steps.target(step, TARGETS, struck, CLUSTER)
    return found["host"], found["broker"]


@pytest.mark.parametrize(
    ("of", "found"),
    [
        ("leader", ("b", 2)),
        ("controller", ("a", 1)),
        ("follower", ("c", 3)),
        ("broker 1", ("a", 1)),
        ("zookeeper_leader", ("c", None)),
        ("zookeeper_follower", ("a", None)),
    ],
)
def test_who_is_struck(of: str, found: tuple[str, int | None]) -> None:
    unit = "zookeeper" if of.startswith("zookeeper") else "kafka"
    assert chosen(strike("kill", of, unit=unit), []) == found


def test_a_follower_that_is_down_is_not_struck_again() -> None:
    first = chaos_steps.target(strike("kill", "follower"), TARGETS, [], CLUSTER)
    second = chosen(strike("kill", "follower"), [first])
    assert (first["broker"], second) == (3, ("b", 2))
    server = chaos_steps.target(
        strike("kill", "zookeeper_follower", unit="zookeeper"), TARGETS, [first], CLUSTER
    )
    assert chosen(strike("kill", "zookeeper_follower", unit="zookeeper"), [server]) == ("b", None)


@pytest.mark.parametrize("of", ["broker 9", "controller"])
def test_nobody_to_strike_is_told(of: str) -> None:
    with pytest.raises(chaos_steps.NoTargetError, match=f"there is no {of} to strike"):
        chaos_steps.target(strike("kill", of), {**TARGETS, "controller": None}, [], CLUSTER)


def options(step: dict[str, Any], host: str = "a") -> dict[str, Any]:
    return chaos_steps.fault_options(step, host, CLUSTER)


def test_a_kill_takes_nothing_but_its_unit() -> None:
    found = options(strike("kill", "leader", unit="zookeeper"))
    assert {name: given for name, given in found.items() if given} == {"user": "kafka"}


def test_a_cut_from_brokers_leaves_zookeeper_and_clients() -> None:
    found = options(strike("cut", "leader", **{"from": ["brokers"]}))
    assert found["peers"] == [
        {"address": "10.0.0.2", "ports": [9091, 9092]},
        {"address": "10.0.0.3", "ports": [9091, 9093]},
    ]
    assert found["local_ports"] == []


def test_a_cut_from_zookeeper_is_the_brokers_alone() -> None:
    found = options(strike("cut", "leader", **{"from": ["zookeeper"]}))
    assert [(peer["address"], peer["ports"], peer["connections"]) for peer in found["peers"]] == [
        ("10.0.0.2", [2181], "outgoing"),
        ("10.0.0.3", [2181], "outgoing"),
    ]
    assert (found["local_ports"], found["user"]) == ([2181], "kafka")


def test_loss_and_fill() -> None:
    loss = options(strike("loss", "leader", percent=7))
    assert (loss["ports"], loss["percent"]) == ([9091], 7)
    assert options(strike("fill", "leader"))["folder"] == "/disks/1"


def awaiting(condition: str, of: str = "", **more: Any) -> dict[str, Any]:
    return {"kind": "await", "condition": condition, "of": of, "within_s": 7.0, **more}


def test_what_is_awaited_is_of_the_last_broker_struck() -> None:
    struck = [{"broker": 1}, {"broker": 3}, {"broker": None}]
    found = chaos_steps.await_options(awaiting("deregistered"), struck, 10, 20)
    assert found == {
        "condition": "deregistered",
        "brokers": [3],
        "since": 10,
        "for_s": 0.0,
        "timeout_s": 7.0,
    }
    assert chaos_steps.await_options(awaiting("registered", "broker 1"), struck, 10, 20)["brokers"] == [1]
    assert chaos_steps.await_options(awaiting("quorum_lost"), [], 10, 20)["brokers"] == []


def test_acknowledgements_are_those_from_now_on() -> None:
    assert chaos_steps.await_options(awaiting("acknowledged"), [], 10, 20)["since"] == 20
    never = {"kind": "never", "condition": "acknowledged", "of": "", "for_s": 5.0}
    found = chaos_steps.await_options(never, [], 10, 20)
    assert (found["since"], found["timeout_s"], found["for_s"]) == (20, 5.0, 0.0)


def one(host: str, unit: str, fault: str, broker: int | None) -> dict[str, Any]:
    return {"host": host, "unit": unit, "fault": fault, "broker": broker, "words": ""}


def test_what_a_healing_takes_back() -> None:
    struck = [
        one("a", "zookeeper", "kill", None),
        one("b", "zookeeper", "kill", None),
        one("a", "kafka", "kill", 1),
    ]
    healed = {
        target: [(each["host"], each["unit"]) for each in chaos_steps.to_heal({"target": target}, struck)]
        for target in ("all", "zookeeper", "kafka", "broker 1", "broker 2")
    }
    assert healed == {
        "all": [("a", "zookeeper"), ("b", "zookeeper"), ("a", "kafka")],
        "zookeeper": [("a", "zookeeper"), ("b", "zookeeper")],
        "kafka": [("a", "kafka")],
        "broker 1": [("a", "kafka")],
        "broker 2": [],
    }


def test_events_name_a_broker_only_where_it_is_one() -> None:
    assert chaos_steps.event(one("a", "zookeeper", "kill", None)) == {"fault": "kill", "unit": "zookeeper"}
    assert chaos_steps.event(one("a", "kafka", "kill", 1), "17") == {
        "fault": "kill",
        "unit": "kafka",
        "broker": 1,
        "at_ns": 17,
    }


def test_a_host_that_is_not_healed_is_a_check_that_does_not_hold() -> None:
    assert chaos_steps.heal_check({"item": "a", "healed": [], "changed": False}) is None
    assert chaos_steps.heal_check({"item": "a", "skipped": True}) is None
    for bad in ({"unreachable": True, "msg": "gone"}, {"failed": True, "msg": "gone"}):
        found = chaos_steps.heal_check({"item": "a", **bad})
        assert found == {"name": "healed", "holds": False, "words": "a could not be healed: gone"}
