"""Gates over real stops and starts of brokers and ZooKeeper servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import restart_gate
from confluent_kafka.admin import AdminClient, NewTopic

from tests.integration.cluster import LOOPBACK, Kafka


def gate(kafka: Kafka, stage: str, timeout_s: float = 30, **more: Any) -> dict[str, Any]:
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
            **more,
        }
    )


def candidates(*ids: int, running: bool = True) -> list[dict[str, Any]]:
    return [{"host": f"zkkafka{i}", "id": i, "running": running} for i in ids]


def admin(kafka: Kafka) -> AdminClient:
    return AdminClient(
        {"bootstrap.servers": ",".join(f"{LOOPBACK}:{port}" for port, _ in kafka.ports.values())}
    )


def make(kafka: Kafka, name: str, *replicas: list[int], **config: str) -> None:
    topic = NewTopic(
        name,
        len(replicas),
        replica_assignment=list(replicas),
        config={key.replace("_", "."): value for key, value in config.items()},
    )
    client = admin(kafka)  # a client that nobody holds takes its pending answers with it
    client.create_topics([topic])[name].result(10)


def remove(kafka: Kafka, name: str) -> None:
    client = admin(kafka)
    client.delete_topics([name])[name].result(10)


@pytest.fixture
def safe(kafka: Kafka) -> Iterator[str]:
    """A topic whose partitions each prefer another broker, removed afterwards."""
    make(kafka, "safe", [1, 2, 3], [2, 3, 1], [3, 1, 2])
    yield "safe"
    remove(kafka, "safe")


def leaders(kafka: Kafka, topic: str) -> list[int]:
    found = admin(kafka).list_topics(topic, timeout=10).topics[topic].partitions
    return [found[number].leader for number in sorted(found)]


def test_a_roll_from_the_first_to_the_last(kafka: Kafka, safe: str) -> None:
    waiting = [1, 2, 3]
    rolled = []
    while waiting:
        chosen = gate(kafka, "next", candidates=candidates(*waiting))
        assert not chosen.get("failed"), chosen["msg"]
        first = chosen["next"]
        print(chosen)
        kafka.stop(first["id"])
        gone = gate(kafka, "gone", **{key: first[key] for key in ("host", "id", "session")})
        assert not gone.get("failed"), gone["msg"]
        print(gone)
        kafka.start(first["id"])
        back = gate(kafka, "back", **{key: first[key] for key in ("host", "id", "session", "leaders")})
        print(back)
        assert not back.get("failed"), back["msg"]
        assert f"safe-{first['id'] - 1}" in back["leaders_back"]
        assert back["changed"] is True
        assert leaders(kafka, safe) == [1, 2, 3]
        rolled.append((first["id"], first["reason"]))
        waiting.remove(first["id"])
    assert sorted(i for i, _ in rolled) == [1, 2, 3]
