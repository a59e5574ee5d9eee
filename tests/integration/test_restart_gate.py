"""Gates over real stops and starts of brokers and ZooKeeper servers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import restart_gate
from ansible_collections.barevm.kafka.plugins.module_utils.broker_views import ask_each
from ansible_collections.barevm.kafka.plugins.module_utils.ensemble import probe
from confluent_kafka.admin import NewTopic
from kazoo.client import KazooClient

from tests.integration.cluster import LOOPBACK, Kafka, ZooKeeper, wait_until
from tests.integration.conftest import CLASSIC, ReleaseOf


def gate(
    kafka: Kafka,
    stage: str,
    timeout_s: float = 120,
    say: Callable[[str], None] = print,
    check_mode: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """What the module answers."""
    servers = [
        {"host": f"zkkafka{i}", "id": i, "address": server.address, "client_port": server.client_port}
        for i, server in enumerate(kafka.zookeeper.servers, 1)
    ]
    params = {name: option.get("default") for name, option in restart_gate.SPEC.items()}
    return restart_gate.ask(
        {
            **params,
            "stage": stage,
            "zookeeper_connect": kafka.connect,
            "zookeeper_servers": servers,
            "brokers": kafka.expected(),
            "timeout_s": timeout_s,
        }
        | more,
        check_mode,
        say,
    )


def candidates(*ids: int, running: bool = True) -> list[dict[str, Any]]:
    return [{"host": f"zkkafka{i}", "id": i, "running": running} for i in ids]


def make(kafka: Kafka, name: str, *replicas: list[int], **config: str) -> None:
    topic = NewTopic(
        name,
        len(replicas),
        replica_assignment=list(replicas),
        config={key.replace("_", "."): value for key, value in config.items()},
    )
    client = kafka.admin()
    client.create_topics([topic])[name].result(60)
    addresses = {i: f"{LOOPBACK}:{port}" for i, (port, _) in kafka.ports.items()}

    def known() -> bool:
        views = ask_each(addresses, {}, 5, partitions=True).values()
        found = [
            (view.leaders or {}).get(f"{name}-{number}", -1)
            for view in views
            for number in range(len(replicas))
        ]
        return -1 not in found

    wait_until(f"every broker knows {name}", known)


def remove(kafka: Kafka, name: str) -> None:
    kafka.remove(name)
    zookeeper = KazooClient(kafka.zookeeper.hosts)
    zookeeper.start(30)
    wait_until(f"{name} is deleted", lambda: not zookeeper.exists(f"{kafka.chroot}/brokers/topics/{name}"))
    zookeeper.stop()
    zookeeper.close()


@pytest.fixture
def safe(kafka: Kafka) -> Iterator[str]:
    """A topic whose partitions each prefer another broker, removed afterwards."""
    make(kafka, "safe", [1, 2, 3], [2, 3, 1], [3, 1, 2])
    yield "safe"
    remove(kafka, "safe")


def leaders(kafka: Kafka, topic: str) -> list[int]:
    found = kafka.admin().list_topics(topic, timeout=30).topics[topic].partitions
    return [found[number].leader for number in sorted(found)]


def all_lead(kafka: Kafka, topic: str) -> None:
    """Wait until the brokers say that the partitions of ``safe`` are led by those that they prefer."""
    wait_until("each leads its own", lambda: leaders(kafka, topic) == [1, 2, 3])


def restart(kafka: Kafka, first: dict[str, Any], settings: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Stop the broker that is next, start it, and return what stage back answered."""
    about = {key: first[key] for key in ("host", "id", "session")}
    kafka.stop(first["id"])
    gone = gate(kafka, "gone", **about)
    assert not gone.get("failed"), gone["msg"]
    kafka.start(first["id"], settings=settings)
    back = gate(kafka, "back", **about, leaders=first["leaders"])
    assert not back.get("failed"), back["msg"]
    return back


def test_a_roll_from_the_first_to_the_last(kafka: Kafka, safe: str) -> None:
    told = gate(kafka, "state", candidates=candidates(1, 2, 3))
    assert [told["gate"][f"zkkafka{i}"] for i in (1, 2, 3)] == [{"passes": True, "blocked": []}] * 3
    waiting = {1, 2, 3}
    while waiting:
        chosen = gate(kafka, "next", candidates=candidates(*waiting))
        assert not chosen.get("failed"), chosen["msg"]
        first = chosen["next"]
        if len(waiting) == 3:
            assert (first["id"], first["reason"]) == (told["order"][0]["id"], told["order"][0]["reason"])
        assert ("it is the controller" in first["reason"]) is (len(waiting) == 1)
        mine = f"safe-{first['id'] - 1}"
        assert mine in first["leaders"]
        back = restart(kafka, first)
        assert mine in back["leaders_back"]
        assert back["changed"] is True
        all_lead(kafka, safe)
        waiting.remove(first["id"])


def test_leaders_are_not_given_back_under_check_mode_or_to_another(kafka: Kafka, safe: str) -> None:
    first = gate(kafka, "next", candidates=candidates(2))["next"]
    kafka.stop(2)
    kafka.start(2)
    about = {"host": "zkkafka2", "id": 2, "session": first["session"]}
    gate(kafka, "back", **about)
    assert leaders(kafka, safe)[1] != 2
    back = gate(kafka, "back", check_mode=True, **about, leaders=["safe-1"])
    assert (back["changed"], back["leaders_back"]) == (False, [])
    assert leaders(kafka, safe)[1] != 2
    back = gate(kafka, "back", **about, leaders=["safe-0", "safe-1"])
    assert (back["changed"], back["leaders_back"]) == (True, ["safe-1"])
    assert back["leaders_elsewhere"] == {"safe-0": "broker 1 is its preferred leader"}


def test_a_broker_that_is_down_holds_every_stop_and_is_itself_next(kafka: Kafka, safe: str) -> None:
    kafka.stop(3)
    try:
        refused = gate(kafka, "next", timeout_s=5, candidates=candidates(1, 2))
        assert refused["failed"]
        assert "not registered: broker 3 (zkkafka3)" in refused["msg"]
        assert "not in sync on broker 3 (zkkafka3): " in refused["msg"]
        # Of other tests' topics there may be some before it, and the first few are named.
        below = r"would fall below min.insync.replicas: \S+ \(in sync 2, min.insync.replicas 2\)"
        assert re.search(below, refused["msg"]), refused["msg"]
        assert refused["waited_s"] >= 5
        assert refused["looks"] > 1
        assert len(refused["waiting_for"]) == len(refused["blocked"]) == 3
        # Known to be down: there is nothing to wait for.
        refused = gate(kafka, "next", candidates=candidates(1, 2), down=["zkkafka3"])
        assert refused["failed"]
        assert refused["waited_s"] < 60
        told = gate(kafka, "state", candidates=candidates(1, 2))
        assert [told["gate"][f"zkkafka{i}"]["passes"] for i in (1, 2)] == [False, False]
        assert not told.get("failed")
        first, second = (each["host"] for each in told["order"])
        forced = gate(kafka, "next", candidates=candidates(1, 2), force=first)
        assert (forced.get("failed"), forced["next"]["host"], forced["forced"]) == (None, first, True)
        assert forced["blocked"] == told["gate"][first]["blocked"]
        assert gate(kafka, "next", 0, candidates=candidates(1, 2), force=second)["failed"]
        cure = gate(kafka, "next", candidates=[*candidates(1, 2), *candidates(3, running=False)])
        assert not cure.get("failed")
        assert (cure["next"]["id"], cure["next"]["session"], cure["blocked"]) == (3, "", [])
        assert "safe-2" in cure["next"]["leaders"]
    finally:
        kafka.start(3)
    back = gate(kafka, "back", host="zkkafka3", id=3, leaders=cure["next"]["leaders"])
    assert not back.get("failed"), back["msg"]
    all_lead(kafka, safe)
    assert not gate(kafka, "next", candidates=candidates(1, 2)).get("failed")


def test_a_gate_passes_as_soon_as_replicas_are_in_sync(kafka: Kafka, safe: str) -> None:
    kafka.stop(1)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(gate, kafka, "next", candidates=candidates(2, 3))
        kafka.start(1)
        chosen = waiting.result()
    assert not chosen.get("failed"), chosen["msg"]
    assert chosen["looks"] > 1
    gate(kafka, "back", host="zkkafka1", id=1, leaders=["safe-0"])


def test_topics_that_cannot_spare_a_broker(kafka: Kafka) -> None:
    make(kafka, "alone", [2])
    make(kafka, "tight", [3, 2])  # the brokers' min.insync.replicas is 2
    make(kafka, "roomy", [3, 2], min_insync_replicas="1")
    try:
        # Also waits until all three are what they will be.
        assert not gate(kafka, "next", candidates=candidates(1)).get("failed")
        for waiting in ((2,), (1, 2)):  # also where it is not yet its turn
            refused = gate(kafka, "next", candidates=candidates(*waiting))
            assert refused["failed"]
            assert refused["waited_s"] < 60
            assert "1 partition would have no leader" in refused["msg"]
            assert ": alone-0. No waiting helps" in refused["msg"]
            assert "tight-0 (2 replicas, min.insync.replicas 2)" in refused["msg"]
            assert "roomy-0 (2 replicas" not in refused["msg"]
            assert refused["waiting_for"] == []
        allowed = gate(kafka, "next", candidates=candidates(2), allow_unavailable=["alone", "tight"])
        assert (allowed["next"]["id"], allowed["blocked"], allowed["forced"]) == (2, [], False)
        forced = gate(kafka, "next", candidates=candidates(2), force="zkkafka2")
        assert not forced.get("failed")
        assert (forced["next"]["id"], len(forced["blocked"]), forced["forced"]) == (2, 2, True)
        assert gate(kafka, "next", candidates=candidates(2), force="zkkafka1")["failed"]
        back = restart(kafka, allowed["next"])
        assert "alone-0" in back["leaders_back"]
    finally:
        for name in ("alone", "tight", "roomy"):
            remove(kafka, name)


def test_a_killed_broker_is_gone_with_its_session(kafka: Kafka) -> None:
    first = gate(kafka, "next", candidates=candidates(3))["next"]
    about = {key: first[key] for key in ("host", "id", "session")}
    there = gate(kafka, "gone", timeout_s=0, **about)
    assert f"still there, owned by session {first['session']}" in there["msg"]
    assert "under the session" in gate(kafka, "back", timeout_s=0, **about)["msg"]
    kafka.stop(3, hard=True)
    gone = gate(kafka, "gone", **about)
    assert not gone.get("failed"), gone["msg"]
    assert 1 < gone["waited_s"] < 60  # its session time-out is 6 s
    assert "is not registered" in gate(kafka, "back", timeout_s=0, **about)["msg"]
    kafka.start(3)
    assert not gate(kafka, "back", **about, leaders=first["leaders"]).get("failed")


def test_a_server_of_the_ensemble_that_is_down(kafka: Kafka) -> None:
    leader = next(i for i, each in enumerate(probe(kafka.zookeeper.servers)) if each.role == "leader")
    order = gate(kafka, "state", service="zookeeper", candidates=candidates(1, 2, 3))["order"]
    assert order[-1]["id"] == leader + 1
    assert "it leads" in order[-1]["reason"]
    chosen = gate(kafka, "next", service="zookeeper", candidates=candidates(1, 2, 3))["next"]
    assert chosen["id"] == order[0]["id"] != leader + 1
    about = {"service": "zookeeper", "host": chosen["host"], "id": chosen["id"]}
    assert "still answers" in gate(kafka, "gone", timeout_s=0, **about)["msg"]
    kafka.zookeeper.java[chosen["id"] - 1].stop()
    try:
        assert not gate(kafka, "gone", **about).get("failed")
        assert "does not answer" in gate(kafka, "back", timeout_s=0, **about)["msg"]
        others = [i for i in (1, 2, 3) if i != chosen["id"]]
        for service in ("zookeeper", "kafka"):
            refused = gate(kafka, "next", 1, service=service, candidates=candidates(*others))
            assert f"{chosen['host']}, ZooKeeper " in refused["msg"]
            assert "does not answer" in refused["msg"]
    finally:
        kafka.zookeeper.start(chosen["id"] - 1)
    back = gate(kafka, "back", **about)
    assert not back.get("failed"), back["msg"]
    assert not gate(kafka, "next", service="zookeeper", candidates=candidates(*others)).get("failed")


def test_an_ensemble_of_one_and_the_oldest_release(classic: Kafka) -> None:
    refused = gate(classic, "next", service="zookeeper", candidates=candidates(1))
    assert "an ensemble of 1 server serves nobody" in refused["msg"]
    assert not gate(classic, "next", service="zookeeper", candidates=candidates(1), allow_outage=True).get(
        "failed"
    )
    make(classic, "alone", [1])
    try:
        refused = gate(classic, "next", candidates=candidates(1))
        assert "alone-0" in refused["msg"]
        allowed = gate(
            classic,
            "next",
            candidates=candidates(1),
            allow_unavailable=["alone", "barevm-verify", "__consumer_offsets"],
        )
        assert not allowed.get("failed"), allowed["msg"]
        back = restart(classic, allowed["next"], CLASSIC)
        assert "alone-0" in back["leaders_back"]
    finally:
        remove(classic, "alone")


def test_zookeeper_is_lost_while_waiting(release_of: ReleaseOf, tmp_path: Path) -> None:
    alone = ZooKeeper.create(release_of("zookeeper", "3.9.5"), tmp_path)
    cluster = Kafka(release_of("kafka", "3.9.2"), tmp_path, alone, "")
    try:
        cluster.start(1)
        said: list[str] = []
        about = {"host": "zkkafka1", "id": 1, "request_timeout_s": 2}
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(gate, cluster, "gone", 240, said.append, **about)
            alone.stop()
            wait_until("a line of progress", lambda: any("ZooKeeper cannot be read" in line for line in said))
            refused = gate(cluster, "next", 0, candidates=candidates(1), request_timeout_s=2)
            assert "ZooKeeper cannot be read: no ZooKeeper server accepts a connection" in refused["msg"]
            told = gate(cluster, "state", candidates=candidates(1), request_timeout_s=2)
            assert told["gate"]["zkkafka1"]["passes"] is False
            cluster.stop(hard=True)
            alone.start(0)
            gone = waiting.result()
        assert not gone.get("failed"), gone["msg"]
        assert any(" s left" in line for line in said)
    finally:
        cluster.stop(hard=True)
        alone.stop()


def test_a_client_that_cannot_be_made_is_told(kafka: Kafka) -> None:
    wrong = {"PLAINTEXT": {"no.such.property": "1"}}
    refused = gate(kafka, "next", 0, candidates=candidates(1), listener_config=wrong)
    assert "does not answer: its client cannot be made: No such configuration property" in refused["msg"]
    brokers = kafka.expected()
    for broker in brokers:
        for listener in broker["listeners"]:
            listener["protocol"] = "SASL_SSL"
    refused = gate(kafka, "next", candidates=candidates(1), brokers=brokers)
    assert "it has no listener that a client could use. Give listener_config" in refused["msg"]
    assert refused["waited_s"] < 60


def test_a_reassignment_in_flight(kafka: Kafka) -> None:
    make(kafka, "moving", [1, 2, 3])
    path = f"{kafka.chroot}/brokers/topics/moving"
    client = KazooClient(kafka.zookeeper.hosts)
    client.start(30)
    try:
        before, _ = client.get(path)
        # As the controller writes it; it looks at this znode again only when it is told to.
        client.set(path, json.dumps({**json.loads(before), "removing_replicas": {"0": [3]}}).encode())
        refused = gate(kafka, "next", 0, candidates=candidates(1))
        assert "1 partition being reassigned: moving-0" in refused["msg"]
        client.set(path, before)
        assert not gate(kafka, "next", candidates=candidates(1)).get("failed")
    finally:
        client.stop()
        client.close()
        remove(kafka, "moving")
