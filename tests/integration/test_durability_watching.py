"""What is watched during a durability test is what happened, whatever was killed or stopped."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import durability_files, durability_following
from ansible_collections.barevm.kafka.plugins.module_utils.durability_conditions import Asked
from ansible_collections.barevm.kafka.plugins.module_utils.durability_files import EVENTS, OBSERVED, Started
from ansible_collections.barevm.kafka.plugins.module_utils.durability_following import Waited
from ansible_collections.barevm.kafka.plugins.module_utils.durability_observer import Observer
from ansible_collections.barevm.kafka.plugins.module_utils.durability_story import Story, story
from confluent_kafka.admin import NewTopic
from kazoo.client import KazooClient

from tests.integration.cluster import Kafka, ZooKeeper, wait_until
from tests.unit.durability_lines import TEST

SESSION_S = 6.0
TICK_S = 1.0
LATE_S = 3.0
"""How late an observation may be on a machine that does other things too."""
LIMIT_S = 120.0
"""How long anything is waited for."""
SECOND_NS = 1_000_000_000


@dataclass
class Watched:
    """A test that is observed; what it says is read as the judging reads it."""

    test: Started
    folder: Path
    stopping: threading.Event
    observer: threading.Thread

    def lines(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in durability_files.lines(self.folder / OBSERVED) if line["kind"] == kind]

    def mark(self, kind: str, **more: Any) -> int:
        return int(durability_files.mark(self.folder, kind, kind, **more)["at_ns"])

    def wait(self, condition: str, *brokers: int, since: int = 0, timeout_s: float = LIMIT_S) -> Waited:
        return durability_following.wait(self.folder, Asked(condition, brokers, since), timeout_s, print)

    def story(self) -> Story:
        read = durability_files.lines
        return story(self.test, list(read(self.folder / EVENTS)), list(read(self.folder / OBSERVED)))

    def said(self) -> list[str]:
        return [each["what"] for each in self.story().events if each["kind"] == "observed"]


@pytest.fixture
def watched(kafka: Kafka, zookeeper: ZooKeeper, tmp_path: Path) -> Iterator[Watched]:
    """A topic of six partitions in full ISR, its leaders spread, and an observer at work."""
    bootstrap = [listener["advertised_port"] for b in kafka.expected() for listener in b["listeners"][:1]]
    test = replace(
        TEST,
        topic=tmp_path.name,
        partitions=6,
        bootstrap_servers=[f"127.0.0.1:{port}" for port in bootstrap],
        zookeeper_connect=kafka.connect,
        zookeeper_servers=[
            {"host": f"zkkafka{i + 1}", "address": s.address, "client_port": s.client_port}
            for i, s in enumerate(zookeeper.servers)
        ],
        brokers=[{"id": b["id"], "host": b["host"]} for b in kafka.expected()],
        started_ns=time.monotonic_ns(),
    )
    # One that was stopped by the test before may still be on its way back.
    wait_until("all brokers are there", lambda: kafka.agreed(lambda seen: len(seen.brokers) == 3))
    admin = kafka.admin()
    new = NewTopic(test.topic, 6, 3, config={"min.insync.replicas": "2"})
    admin.create_topics([new])[test.topic].result(60)
    durability_files.write_test(tmp_path, test)
    stopping = threading.Event()
    observer = threading.Thread(target=Observer(test, tmp_path, {}).run, args=(stopping,))
    with ExitStack() as stack:
        lock = stack.enter_context((tmp_path / durability_files.LOCK).open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        observer.start()
        one = Watched(test, tmp_path, stopping, observer)
        try:
            one.wait("full_isr")
            durability_following.target(tmp_path, LIMIT_S)
            yield one
        finally:
            stopping.set()
            observer.join(10)
            kafka.remove(test.topic)


@contextmanager
def znode_of(kafka: Kafka, broker: int) -> Iterator[Callable[[], list[tuple[int, bool]]]]:
    """When a broker's znode came and went, by a watch of another client (monotonic clock, ns)."""
    client = KazooClient(kafka.connect)
    client.start(30)
    seen: list[tuple[int, bool]] = []

    def changed(data: bytes | None, _: Any) -> None:
        seen.append((time.monotonic_ns(), data is not None))

    client.DataWatch(f"/brokers/ids/{broker}", changed)
    try:
        yield lambda: list(seen)
    finally:
        client.stop()
        client.close()


def pid(java: Any) -> int:
    assert java.process is not None
    return int(java.process.pid)


def test_a_leader_that_is_killed(watched: Watched, kafka: Kafka) -> None:
    target = durability_following.target(watched.folder, LIMIT_S)["leader"]
    victim = target["id"]
    assert target["host"] == f"zkkafka{victim}"
    with znode_of(kafka, victim) as znode:
        struck = watched.mark("strike", broker=victim)
        kafka.stop(victim, hard=True)
        gone = watched.wait("deregistered", victim, since=struck)
        led = watched.wait("led_elsewhere", victim, since=struck)
        watched.wait("isr_without", victim, since=struck)
        wait_until("another client sees that it went", lambda: not znode()[-1][1])
        really_gone = znode()[-1]
        assert abs(gone.at_ns - really_gone[0]) < LATE_S * SECOND_NS
        with pytest.raises(durability_following.NotSeen, match=f"broker {victim} .* is not registered"):
            watched.wait("registered", victim, since=struck, timeout_s=1)
        kafka.start(victim)
        healed = watched.mark("healed", broker=victim)
        watched.wait("registered", victim, since=struck)
        full = watched.wait("full_isr")
        wait_until("another client sees that it came", lambda: znode()[-1][1])
    found = watched.story()
    figures = found.figures
    # A session ends within its time-out and a tick of the servers.
    assert figures["time_to_deregister_s"] == pytest.approx((gone.at_ns - struck) / SECOND_NS, abs=0.01)
    assert SESSION_S / 2 < float(figures["time_to_deregister_s"] or 0) <= SESSION_S + TICK_S + 2 * LATE_S
    assert figures["time_to_leader_s"] == pytest.approx((led.at_ns - struck) / SECOND_NS, abs=0.01)
    assert 0 <= float(figures["time_to_reregister_s"] or 0) < LATE_S, "it said that it has started"
    assert figures["time_to_full_isr_s"] == pytest.approx(max(0, full.at_ns - healed) / SECOND_NS, abs=0.01)
    wait_until("the counts are whole again", lambda: watched.lines("cluster")[-1]["under_replicated"] == 0)
    figures = watched.story().figures
    assert float(figures["max_under_replicated"] or 0) >= 6
    assert (figures["max_under_min_isr"], figures["max_offline"]) == (0, 0)
    said = watched.said()
    assert said.index(f"broker {victim} deregistered") < said.index(f"broker {victim} registered")
    assert "full ISR" in said
    assert 2 in watched.story().cluster["brokers"]


def test_a_broker_that_is_stopped_beyond_its_session(watched: Watched, kafka: Kafka) -> None:
    """SIGSTOP: the same process comes back, under another session."""
    old = watched.lines("brokers")[-1]["registered"]["3"]
    struck = watched.mark("strike", broker=3)
    os.kill(pid(kafka.java[3]), signal.SIGSTOP)
    try:
        watched.wait("deregistered", 3, since=struck)
        watched.wait("isr_without", 3, since=struck)
    finally:
        os.kill(pid(kafka.java[3]), signal.SIGCONT)
    watched.mark("healed", broker=3)
    back = watched.wait("registered", 3, since=struck)
    assert old not in back.what
    watched.wait("full_isr")
    figures = watched.story().figures
    assert 0 < float(figures["time_to_reregister_s"] or 0) < 60
    assert float(figures["time_to_full_isr_s"] or 0) >= float(figures["time_to_reregister_s"] or 0) - LATE_S


def test_a_zookeeper_leader_that_is_killed(watched: Watched, zookeeper: ZooKeeper) -> None:
    host = durability_following.target(watched.folder, LIMIT_S)["zookeeper_leader"]
    index = int(host[-1]) - 1
    before = watched.lines("ensemble")[-1]
    struck = watched.mark("strike", host=host, unit="zookeeper")
    zookeeper.java[index].stop(hard=True)
    try:
        moved = watched.wait("zookeeper_leader_moved", since=struck)
        # It may be asked last, after one that already leads.
        wait_until("it is down", lambda: watched.lines("ensemble")[-1]["servers"][host] == "down")
        assert watched.lines("ensemble")[-1]["epoch"] > before["epoch"]
        assert f"ZooKeeper's leader is {host}" != moved.what
        watched.wait("quorum_back")
    finally:
        zookeeper.start(index)
        zookeeper.wait()
    wait_until("it follows", lambda: watched.lines("ensemble")[-1]["servers"][host] == "follower")
    assert watched.story().figures["time_to_deregister_s"] is None, "its host's broker was not struck"
    assert f"ZooKeeper on {host} is down" in watched.said()


def test_a_quorum_that_is_lost_while_a_broker_is_killed(
    watched: Watched, zookeeper: ZooKeeper, kafka: Kafka
) -> None:
    registered = watched.lines("brokers")[-1]["registered"]
    lost = watched.mark("strike", unit="zookeeper", host="zkkafka1")
    leads = len([leader for leader in watched.lines("partitions")[-1]["leaders"].values() if leader == 2])
    with ExitStack() as heal:
        for index in (0, 1):
            heal.callback(zookeeper.start, index)
            zookeeper.java[index].stop(hard=True)
        watched.wait("quorum_lost", since=lost)
        wait_until("it is said", lambda: watched.lines("zookeeper")[-1]["reachable"] is False)
        heal.callback(kafka.start, 2)
        kafka.stop(2, hard=True)
        watched.mark("strike", broker=2)
        time.sleep(SESSION_S + 2)
        # Nothing is elected without ZooKeeper: the brokers still tell what they were told last.
        wait_until("the brokers are asked", lambda: watched.lines("partitions")[-1].get("by") == "brokers")
        assert 2 in watched.lines("partitions")[-1]["leaders"].values()
        with pytest.raises(durability_following.NotSeen, match="is not known; ZooKeeper does not answer"):
            watched.wait("deregistered", 2, since=lost, timeout_s=0.5)
        heal.pop_all()
        zookeeper.start(0)
        zookeeper.start(1)
        healed = watched.mark("healed", unit="zookeeper", host="zkkafka1")
        watched.wait("quorum_back")
        gone = watched.wait("deregistered", 2, since=lost)
        assert gone.at_ns > healed
        watched.wait("led_elsewhere", 2)
        kafka.start(2)
        watched.mark("healed", broker=2)
    watched.wait("full_isr")
    # Sessions that lived on are the same: what was without a quorum took no session away.
    after = watched.lines("brokers")[-1]["registered"]
    assert {b: s for b, s in after.items() if b != "2"} == {b: s for b, s in registered.items() if b != "2"}
    assert after["2"] != registered["2"]
    assert leads
    assert float(watched.story().figures["time_to_leader_s"] or 0) > SESSION_S
    said = watched.said()
    assert said.index("ZooKeeper has no quorum") < said.index("ZooKeeper has a quorum")


def test_observing_ends_at_once_even_without_a_quorum(watched: Watched, zookeeper: ZooKeeper) -> None:
    for java in zookeeper.java[:2]:
        os.kill(pid(java), signal.SIGSTOP)  # silent, which is worse than gone
    try:
        wait_until("it is said", lambda: watched.lines("zookeeper")[-1]["reachable"] is False)
        assert watched.lines("ensemble")[-1]["quorum"] is False
        began = time.monotonic()
        watched.stopping.set()
        watched.observer.join(10)
        assert not watched.observer.is_alive()
        assert time.monotonic() - began < 8, "a client of ZooKeeper's would wait ten seconds"
    finally:
        for java in zookeeper.java[:2]:
            os.kill(pid(java), signal.SIGCONT)
    zookeeper.wait()


def test_observing_costs_little(watched: Watched) -> None:
    written = len(watched.lines("partitions"))
    began, used = time.monotonic(), time.process_time()
    time.sleep(10)
    per_minute = (time.process_time() - used) / (time.monotonic() - began) * 60
    print(f"{per_minute:.2f} CPU seconds a minute")
    assert per_minute < 4
    assert len(watched.lines("partitions")) == written, "nothing changed, nothing is written"
