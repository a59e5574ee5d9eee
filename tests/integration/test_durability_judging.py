"""The judging half of the durability test against real brokers."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import numpy as np
import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import durability_reading, durability_settings
from ansible_collections.barevm.kafka.plugins.module_utils.durability_reading import Unreadable
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.integration.cluster import LOOPBACK, Kafka

PARTITIONS = 4


def servers(kafka: Kafka) -> list[str]:
    return [f"{LOOPBACK}:{client}" for _inner, client in kafka.ports.values()]


@pytest.fixture
def topic(kafka: Kafka) -> Iterator[str]:
    """A topic of 4 partitions, replication factor 3, min.insync.replicas 2."""
    name = f"durability-{secrets.token_hex(4)}"
    admin = AdminClient({"bootstrap.servers": ",".join(servers(kafka))})
    admin.list_topics(timeout=15)  # a client that met no controller in its first answer looks for it a minute
    new = NewTopic(name, PARTITIONS, 3, config={"min.insync.replicas": "2"})
    admin.create_topics([new], operation_timeout=15)[name].result()
    assert not durability_settings.wait_for_full_isr(servers(kafka), {}, [name], 20, print)
    yield name
    admin.delete_topics([name], operation_timeout=10)


def write(kafka: Kafka, topic: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": ",".join(servers(kafka)), "enable.idempotence": True})
    for number in range(count):
        producer.produce(topic, str(number).encode(), partition=number % PARTITIONS)
    assert producer.flush(20) == 0


def test_settings_are_those_of_topic_and_brokers(kafka: Kafka, topic: str) -> None:
    write(kafka, topic, 10)
    found = durability_settings.settings(servers(kafka), {}, topic)
    assert found["topic"] == {
        "replication_factor": 3,
        "min_insync_replicas": 2,
        "unclean_leader_election": False,
        "cleanup_policy": "delete",
    }
    assert sorted(found["brokers"]) == ["1", "2", "3"]
    assert found["brokers"]["1"]["unclean_leader_election"] is False
    assert found["starts"] == {"0": 0, "1": 0, "2": 0, "3": 0}
    assert found["ends"] == {"0": 3, "1": 3, "2": 2, "3": 2}


def test_a_missing_isr_is_named_and_not_waited_for_longer_than_asked(kafka: Kafka, topic: str) -> None:
    kafka.stop(3)
    try:
        said: list[str] = []
        lacking = durability_settings.wait_for_full_isr(servers(kafka), {}, [topic], 6, said.append)
        assert f"{topic}-0 lacks broker 3 in its ISR" in lacking
        assert len(said) == 1
    finally:
        kafka.start(3)
    assert not durability_settings.wait_for_full_isr(servers(kafka), {}, [topic], 30, print)


def test_everything_is_read_in_order(kafka: Kafka, topic: str) -> None:
    write(kafka, topic, 50_000)
    source = durability_reading.Topic(servers(kafka), {}, topic, 60)
    marks = source.watermarks(range(PARTITIONS))
    assert marks == dict.fromkeys(range(PARTITIONS), (0, 12500))
    starts = dict.fromkeys(marks, 0) | {1: 12_000}
    ends = dict.fromkeys(marks, 12500) | {2: 500, 3: 0}
    found: dict[int, list[int]] = {}
    for batch in source.batches(starts, ends):
        found.setdefault(batch.partition, []).extend(batch.offsets.tolist())
        assert [int(value) // PARTITIONS for value in batch.values] == batch.offsets.tolist()
    assert {number: (each[0], len(each)) for number, each in found.items()} == {
        0: (0, 12_500),
        1: (12_000, 500),
        2: (0, 500),
    }
    assert all(np.array_equal(np.diff(each), np.ones(len(each) - 1)) for each in found.values())


def test_records_deleted_under_the_reader_end_it(kafka: Kafka, topic: str) -> None:
    write(kafka, topic, 40)
    source = durability_reading.Topic(servers(kafka), {}, topic, 60)
    ends = {number: high for number, (_low, high) in source.watermarks(range(PARTITIONS)).items()}
    admin = AdminClient({"bootstrap.servers": ",".join(servers(kafka))})
    for done in admin.delete_records([TopicPartition(topic, 1, 4)], operation_timeout=10).values():
        done.result()
    with pytest.raises(Unreadable, match="partition 1 no longer holds what was to be read next"):
        list(source.batches(dict.fromkeys(ends, 0), ends))
