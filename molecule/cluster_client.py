"""A cluster seen by a client on the controller: its registrations, its settings, its records."""

from __future__ import annotations

import json
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

TIMEOUT_S = 60


def wait_until(what: str, holds: Callable[[], Any], limit_s: float = 240) -> Any:
    """Poll until ``holds()`` is true, and return what it gave; raises TimeoutError naming ``what``."""
    deadline = time.monotonic() + limit_s
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {limit_s:g} s")
        time.sleep(0.2)
    return found


@contextmanager
def zookeeper(connect: str) -> Iterator[KazooClient]:
    """A session with the ensemble; ``connect`` may carry a chroot."""
    client = KazooClient(hosts=connect, timeout=10)
    client.start(timeout=TIMEOUT_S)
    try:
        yield client
    finally:
        client.stop()
        client.close()


def registrations(connect: str) -> dict[int, dict[str, Any]]:
    """Each registered broker by its id: what it says of itself, and the session that owns its znode."""
    with zookeeper(connect) as client:
        # A server may be behind the leader.
        client.sync("/")
        found = {}
        for name in client.get_children("/brokers/ids"):
            # A session may end between the list and the look: its broker is not registered then.
            with suppress(NoNodeError):
                data, stat = client.get(f"/brokers/ids/{name}")
                found[int(name)] = json.loads(data) | {"session": stat.ephemeralOwner}
        return found


def four_letter_word(address: str, word: str, port: int = 2181) -> str:
    """A server's answer to ``srvr``, ``mntr`` or ``ruok``."""
    with socket.create_connection((address, port), timeout=TIMEOUT_S) as connection:
        connection.sendall(word.encode())
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def broker_settings(bootstrap: str, broker_id: int) -> dict[str, str]:
    """What a running broker answers for each of its settings."""
    resource = ConfigResource(ConfigResource.Type.BROKER, str(broker_id))
    admin = AdminClient({"bootstrap.servers": bootstrap})
    answer = admin.describe_configs([resource], request_timeout=TIMEOUT_S)[resource]
    return {name: entry.value for name, entry in answer.result().items()}


@contextmanager
def topic(bootstrap: str, partitions: int, replication: int, config: dict[str, str]) -> Iterator[str]:
    """A topic that is there while it is needed."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    # A client that met no controller in its first answer looks for it a minute.
    wait_until("a controller", lambda: admin.list_topics(timeout=TIMEOUT_S).controller_id >= 0)
    name = f"scenario-{uuid.uuid4().hex[:12]}"
    new = NewTopic(name, num_partitions=partitions, replication_factor=replication, config=config)
    admin.create_topics([new], operation_timeout=TIMEOUT_S)[name].result(TIMEOUT_S)
    try:
        yield name
    finally:
        admin.delete_topics([name], operation_timeout=TIMEOUT_S)[name].result(TIMEOUT_S)


def partitions(bootstrap: str, name: str) -> dict[int, Any]:
    """The partitions of a topic once each has a leader: what the brokers know of each."""
    admin = AdminClient({"bootstrap.servers": bootstrap})

    def led() -> dict[int, Any]:
        found = admin.list_topics(name, timeout=TIMEOUT_S).topics[name].partitions
        return found if all(partition.leader >= 0 for partition in found.values()) else {}

    return dict(wait_until(f"leaders for {name}", led))


def produce(
    bootstrap: str, name: str, partition: int, values: list[bytes], compression: str = "none"
) -> None:
    """Write records; raises AssertionError unless each is acknowledged by all in-sync replicas."""
    reported: list[KafkaError | None] = []
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "compression.type": compression,
            "linger.ms": 200,
            "message.timeout.ms": TIMEOUT_S * 1000,
        }
    )
    for value in values:
        producer.produce(
            name, value, partition=partition, on_delivery=lambda error, _message: reported.append(error)
        )
    producer.flush(TIMEOUT_S)
    assert reported == [None] * len(values), reported


def consume(bootstrap: str, name: str, partition: int, count: int) -> list[bytes | None]:
    """The first ``count`` records of a partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "scenario", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(name, partition, 0)])
        messages: list[Message] = consumer.consume(count, timeout=TIMEOUT_S)
        assert all(message.error() is None for message in messages), messages
        return [message.value() for message in messages]
    finally:
        consumer.close()
