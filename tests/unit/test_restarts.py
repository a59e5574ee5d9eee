"""Who waits for a restart: by what a run has written, by what was read before, or because all are asked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import restarts

CLUSTER = {
    "zookeeper": {"servers": [{"host": "a", "id": 1}]},
    "kafka": {"brokers": [{"host": "b", "id": 2}, {"host": "a", "id": 7}]},
}


def state(pending: list[str] | None, active: str = "active") -> dict[str, Any]:
    return {"units": {"kafka.service": {"active_state": active}}, "pending": {"kafka.service": pending}}


def by_host(written: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {service: {"b": answer} for service, answer in written.items()}


@pytest.mark.parametrize(
    ("read", "written", "running", "pending"),
    [
        (["/etc/kafka/kafka.env: X"], {}, True, ["/etc/kafka/kafka.env: X"]),
        # What was read before the files were written is not what they say now.
        (["/etc/kafka/kafka.env: X", "unit: definition"], {"kafka": {"pending": []}}, True, []),
        ([], {"kafka": {"pending": ["unit: definition"]}}, True, ["unit: definition"]),
        # No file shows these.
        (["unit: drop-ins"], {"kafka": {"pending": []}}, True, ["unit: drop-ins"]),
        (["java: 17.0.1 -> 17.0.2"], {}, True, ["java: 17.0.1 -> 17.0.2"]),
        # The other service's files say nothing of this one.
        (["unit: definition"], {"zookeeper": {"pending": []}}, True, ["unit: definition"]),
    ],
)
def test_what_waits(read: list[str], written: Any, running: bool, pending: list[str]) -> None:
    found = restarts.waiting({"b": state(read)}, by_host(written))
    assert found == {"b": {"kafka": {"running": running, "pending": pending}}}


def test_what_does_not_run() -> None:
    failed = restarts.waiting({"b": state(None, "failed")}, {})
    assert failed["b"]["kafka"] == {"running": False, "pending": []}
    started = restarts.waiting({"b": state(None, "inactive")}, by_host({"kafka": {"pending": []}}))
    assert started["b"]["kafka"]["running"], "the role that writes the files has started it"


def test_files_are_those_of_the_host() -> None:
    states = {"a": state(["unit: definition"]), "b": state(["unit: definition"])}
    found = restarts.waiting(states, {"kafka": {"b": {"pending": []}, "a": {}}})
    assert {host: of["kafka"]["pending"] for host, of in found.items()} == {
        "a": ["unit: definition"],
        "b": [],
    }


def test_candidates() -> None:
    idle, waits = {"running": True, "pending": []}, {"running": True, "pending": ["unit: definition"]}
    down = {"running": False, "pending": []}
    states = {"a": {"zookeeper": idle, "kafka": waits}, "b": {"kafka": down}}

    def chosen(which: str, hosts: list[str]) -> dict[str, list[tuple[str, int]]]:
        found = restarts.candidates(states, CLUSTER, which, hosts)
        return {service: [(one["host"], one["id"]) for one in of] for service, of in found.items()}

    assert chosen("all", []) == {"zookeeper": [("a", 1)], "kafka": [("b", 2), ("a", 7)]}
    assert chosen("pending", []) == {"zookeeper": [], "kafka": [("b", 2), ("a", 7)]}
    assert chosen("all", ["a"]) == {"zookeeper": [("a", 1)], "kafka": [("a", 7)]}
    del states["b"]  # outside --limit
    assert chosen("all", []) == {"zookeeper": [("a", 1)], "kafka": [("a", 7)]}


def test_a_turn_is_told() -> None:
    gate = {"next": {"host": "b", "id": 2, "reason": "controller, last"}, "waited_s": 0.12}
    done = restarts.restarted(
        "kafka", gate, {"changed": True}, {"waited_s": 0.04}, {"waited_s": 2.1}, {"waited_s": 0.94}
    )
    assert restarts.told([done]) == [
        "broker 2 on b was restarted (controller, last): gate 0.1 s, gone after 0.0 s, up in 2.1 s, "
        "back in sync 0.9 s later"
    ]


def test_what_is_down_and_stays_down_is_not_waited_for() -> None:
    idle, dead = {"running": True, "pending": []}, {"running": False, "pending": []}
    states = {"a": {"kafka": idle}, "b": {"kafka": dead}, "c": {"kafka": dead}, "z": {"zookeeper": dead}}
    assert restarts.down(states, [{"host": "c", "id": 3}], "kafka") == ["b"]
