"""What the tests of a durability test look at: the topic, the ledger, and whether they say the same."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from ansible_collections.barevm.kafka.plugins.module_utils import durability_files as files
from ansible_collections.barevm.kafka.plugins.module_utils.durability_ledger import Ledger
from ansible_collections.barevm.kafka.plugins.module_utils.durability_record import unpack
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tests.integration.cluster import LOOPBACK, Kafka


def servers(kafka: Kafka) -> list[str]:
    return [f"{LOOPBACK}:{client}" for _inner, client in kafka.ports.values()]


def topics(kafka: Kafka) -> set[str]:
    found = AdminClient({"bootstrap.servers": servers(kafka)[0]}).list_topics(timeout=30).topics
    return {name for name in found if not name.startswith("_")}


def in_topic(kafka: Kafka, test: files.Started) -> dict[int, dict[int, int]]:
    """What a consumer reads: for each partition, sequence to offset; all records are of this test."""
    consumer = Consumer(
        {"bootstrap.servers": servers(kafka)[0], "group.id": "look", "enable.auto.commit": False}
    )
    found: dict[int, dict[int, int]] = {}
    for number in range(test.partitions):
        low, high = consumer.get_watermark_offsets(TopicPartition(test.topic, number), timeout=30)
        found[number] = {}
        at = low
        consumer.assign([TopicPartition(test.topic, number, low)])
        while at < high:
            for message in consumer.consume(5000, timeout=1):
                assert message.error() is None
                record = unpack(message.value())
                assert record is not None
                assert (record.run_id, record.partition) == (test.run_id, number)
                assert record.sequence not in found[number], "twice"
                found[number][record.sequence] = message.offset()
                at = message.offset() + 1
    consumer.close()
    return found


def in_ledger(ledger: Ledger, partition: int) -> set[int]:
    """The sequences that were acknowledged."""
    bits = np.unpackbits(ledger.bits(partition, "acked"), bitorder="little")
    return set(np.flatnonzero(bits).tolist())


def same(kafka: Kafka, folder: Path) -> tuple[int, int]:
    """Every acknowledged record is where its offset says; how many were sent and how many acknowledged."""
    test = files.read_test(folder)
    ledger = Ledger(folder, test.partitions, read_only=True)
    for number, records in in_topic(kafka, test).items():
        acked = in_ledger(ledger, number)
        assert acked <= records.keys(), f"partition {number} lacks {sorted(acked - records.keys())[:5]}"
        assert max(records, default=-1) < ledger.sent_count(number), "sent what the ledger does not know of"
        starts, differences = ledger.differences(number)
        for sequence in acked:
            at = np.searchsorted(starts, sequence, side="right") - 1
            assert records[sequence] == sequence + differences[at]
    totals = ledger.totals()
    return totals.sent, totals.acked


def processes(folder: Path) -> dict[str, int]:
    """The tester of a ledger and its producer: process ids."""
    found: dict[str, int] = {}
    lock = str((folder / files.LOCK).resolve())
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode()
            if "durability_tester" in words and lock in map(os.readlink, (process / "fd").iterdir()):
                found["tester"] = int(process.name)
            maps = (process / "maps").read_text() if "durability_producer" in words else ""
            if str((folder / files.SENT).resolve()) in maps:
                found["producer"] = int(process.name)
        except OSError:
            continue  # ended meanwhile
    return found


def lower(kafka: Kafka, topic: str, size: int) -> None:
    """Set a topic's max.message.bytes."""
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = kafka.admin()
    admin.incremental_alter_configs([resource])[resource].result()
