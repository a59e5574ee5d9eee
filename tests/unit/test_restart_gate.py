"""How a gate waits, refuses and gives up, on clusters that are read from a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import restart_gate
from ansible_collections.barevm.kafka.plugins.module_utils.gate_reading import Cluster, Partition

from tests.unit.test_gate_rules import BROKERS, WHOLE, cluster, servers

LAGGING = replace(WHOLE, isr=(1, 2))


class FakeLooker:
    """Answers look after look from a list, the last one for ever; ``asked`` tells how it was looked at."""

    def __init__(self, *looks: Cluster) -> None:
        self.looks = list(looks)
        self.asked: list[Any] = []
        self.last = looks[0]

    def _next(self, how: Any) -> Cluster:
        self.asked.append(how)
        self.last = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return self.last

    def whole(self, holder: int | None = None) -> Cluster:
        return self._next("whole" if holder is None else f"whole of {holder}")

    def again(self, partitions: set[str]) -> Cluster:
        return self._next(sorted(partitions))

    def servers(self) -> Cluster:
        return self._next("servers")

    def brokers(self) -> Cluster:
        return self._next("brokers")

    def elect(self, partitions: Sequence[str], timeout_s: float) -> dict[str, str]:
        self.asked.append(("elect", *partitions))
        return {}

    def close(self) -> None:
        self.asked.append("closed")


class Clock:
    """Moves on where somebody sleeps, and nowhere else: a machine that stalls changes no answer."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart_gate, "time", Clock())
    monkeypatch.setattr(restart_gate, "POLL_S", 0.001)


def ask(monkeypatch: pytest.MonkeyPatch, looker: FakeLooker, say: Any = print, **more: Any) -> dict[str, Any]:
    monkeypatch.setattr(restart_gate, "Looker", lambda *_: looker)
    params = {name: option.get("default") for name, option in restart_gate.SPEC.items()} | {
        "zookeeper_connect": "a:2181/kafka",
        "zookeeper_servers": [
            {"host": f"zkkafka{i}", "address": name, "client_port": 2181} for i, name in enumerate("abc", 1)
        ],
        "brokers": BROKERS,
        "stage": "next",
        "candidates": [{"host": f"zkkafka{i}", "id": i, "running": True} for i in (1, 2)],
        "timeout_s": 5.0,
    }
    return restart_gate.ask(params | more, say=say)


def test_what_passes_at_once_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looker = FakeLooker(cluster(WHOLE))
    answer = ask(monkeypatch, looker)
    assert answer["next"] == {
        "host": "zkkafka1",
        "id": 1,
        "session": "0x1",
        "leaders": ["t-0"],
        "reason": "rack rack1, in sync",
    }
    assert looker.asked == ["whole", "closed"]


def test_nothing_passes_before_it_was_read_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    worse = cluster(WHOLE, LAGGING)
    looker = FakeLooker(cluster(LAGGING, WHOLE), cluster(LAGGING, WHOLE), cluster(WHOLE, WHOLE), worse, worse)
    answer = ask(monkeypatch, looker, timeout_s=0.05)
    assert looker.asked[:5] == ["whole", ["t-0"], ["t-0"], "whole", ["t-1"]]
    assert "t-1" in answer["msg"]
    looker = FakeLooker(cluster(LAGGING), cluster(WHOLE))
    assert not ask(monkeypatch, looker).get("failed")
    assert looker.asked == ["whole", ["t-0"], "whole", "closed"]


def test_a_wait_says_what_blocks_and_how_long_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart_gate, "SAY_EVERY_S", 0.01)
    said: list[str] = []
    answer = ask(monkeypatch, FakeLooker(cluster(LAGGING)), said.append, timeout_s=0.2)
    assert said[0].startswith("the next restart: 1 of 1 partition not in sync on broker 3 (zkkafka3): t-0; ")
    assert said[0].endswith("; 0 s left")
    assert answer["msg"].startswith(
        "kafka on zkkafka1 is next, and must not be stopped: 2 reasons.\n  1. 1 of 1"
    )
    assert answer["waited_s"] >= 0.2


def test_what_no_waiting_helps_is_refused_at_once_of_whoever_comes_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looker = FakeLooker(cluster(WHOLE, Partition((2,), (2,), 2)))
    answer = ask(monkeypatch, looker)
    assert looker.asked == ["whole", "closed"]
    assert answer["next"]["host"] == "zkkafka1"
    assert answer["blocked"][0].startswith("zkkafka2: 1 partition would have no leader")
    assert answer["waiting_for"] == []
    assert not ask(monkeypatch, looker, force="zkkafka2").get("failed")
    assert not ask(monkeypatch, looker, allow_unavailable=["t"]).get("failed")


def test_force_is_for_one_broker_and_for_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    looker = FakeLooker(cluster(LAGGING))
    forced = ask(monkeypatch, looker, force="zkkafka1")
    assert (forced.get("failed"), forced["forced"], len(forced["blocked"])) == (None, True, 2)
    assert ask(monkeypatch, looker, force="zkkafka2", timeout_s=0)["failed"]
    broken = FakeLooker(cluster(ensemble=servers("leader", "follower", "")))
    refused = ask(monkeypatch, broken, service="zookeeper", force="zkkafka2", timeout_s=0)
    assert refused["next"]["host"] == "zkkafka2"
    assert refused["failed"]


def test_what_does_not_run_passes_whatever_the_cluster_says(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = [{"host": "zkkafka2", "id": 2, "running": False}]
    answer = ask(monkeypatch, FakeLooker(Cluster(unreadable="no quorum")), candidates=stopped)
    assert (answer["next"]["host"], answer["next"]["session"]) == ("zkkafka2", "")
    doomed = cluster(Partition((1,), (1,), 1), WHOLE, registered={1: "0x1", 3: "0x3"})
    both = [*stopped, {"host": "zkkafka1", "id": 1, "running": True}]
    answer = ask(monkeypatch, FakeLooker(doomed), candidates=both)
    assert (answer["next"]["host"], answer.get("failed")) == ("zkkafka2", None)
    led = [replace(WHOLE, leader=3, replicas=(2, 1, 3)), replace(WHOLE, leader=2)]
    answer = ask(monkeypatch, FakeLooker(cluster(*led, views={})), candidates=stopped)
    assert answer["next"]["leaders"] == ["t-0", "t-1"]


def test_what_came_up_by_itself_has_its_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    back = [{"host": "zkkafka1", "id": 1, "running": False}]
    answer = ask(monkeypatch, FakeLooker(cluster(LAGGING)), candidates=back, timeout_s=0.05)
    assert answer["failed"]
    assert "t-0" in answer["msg"]
    assert answer["next"]["leaders"] == []


def test_nobody_is_next(monkeypatch: pytest.MonkeyPatch) -> None:
    looker = FakeLooker(cluster())
    assert ask(monkeypatch, looker, candidates=[])["next"] == {}
    assert looker.asked == ["closed"]


def test_the_state_neither_waits_nor_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    looker = FakeLooker(cluster(LAGGING))
    answer = ask(monkeypatch, looker, stage="state")
    assert [one["host"] for one in answer["order"]] == ["zkkafka1", "zkkafka2"]
    assert {host: gate["passes"] for host, gate in answer["gate"].items()} == dict.fromkeys(
        ("zkkafka1", "zkkafka2"), False
    )
    assert not answer.get("failed")
    assert looker.asked == ["whole", "closed"]
    forced = ask(monkeypatch, looker, stage="state", force="zkkafka1")["gate"]["zkkafka1"]
    assert forced["passes"] is True
    assert forced["blocked"]
    nothing = ask(monkeypatch, FakeLooker(Cluster(unreadable="refused")), stage="state")
    assert "ZooKeeper cannot be read: refused" in nothing["gate"]["zkkafka1"]["blocked"][0]


BACK: dict[str, Any] = {"stage": "back", "host": "zkkafka1", "id": 1, "session": "0x9", "leaders": ["t-0"]}


def test_a_return_ends_with_an_election(monkeypatch: pytest.MonkeyPatch) -> None:
    away = replace(WHOLE, leader=2)
    looker = FakeLooker(
        replace(cluster(), registered={2: "0x2", 3: "0x3"}), cluster(), cluster(away), cluster(WHOLE)
    )
    answer = ask(monkeypatch, looker, **BACK)
    assert looker.asked == ["brokers", "brokers", "whole of 1", ("elect", "t-0"), ["t-0"], "closed"]
    assert (answer["leaders_back"], answer["changed"]) == (["t-0"], True)


def test_an_election_that_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ask(monkeypatch, FakeLooker(cluster(replace(WHOLE, leader=2))), **BACK, timeout_s=0.1)
    assert "1 of 1 partition not led by broker 1 (zkkafka1) again: t-0" in answer["msg"]
    lost = FakeLooker(*[cluster(replace(WHOLE, leader=2))] * 2, Cluster(unreadable="no answer within 5 s"))
    answer = ask(monkeypatch, lost, **BACK, timeout_s=0.1)
    assert "ZooKeeper cannot be read: no answer within 5 s" in answer["msg"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"stage": "gone"}, "stage gone needs host and id"),
        ({"stage": "back", "host": "zkkafka1"}, "stage back needs id"),
        ({"zookeeper_connect": "a:b"}, "is not host:port"),
        (
            {"service": "zookeeper", "candidates": [{"host": "other", "id": 9, "running": True}]},
            "not among zookeeper_servers: other",
        ),
        ({"service": "zookeeper", "stage": "gone", "host": "other", "id": 9}, "not among zookeeper_servers"),
    ],
)
def test_what_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, arguments: Any, words: str) -> None:
    answer = ask(monkeypatch, FakeLooker(cluster()), **arguments)
    assert answer["failed"]
    assert words in answer["msg"]
