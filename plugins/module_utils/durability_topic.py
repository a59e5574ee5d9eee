"""The topic of a durability test: made, or taken where it is empty, and refused where it says nothing.

Whatever keeps a test from meaning something is said before its first record is sent.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.connection import admin_client, remove_topic
from ansible_collections.barevm.kafka.plugins.module_utils.durability_options import LARGEST_MESSAGE
from ansible_collections.barevm.kafka.plugins.module_utils.wording import some
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
    TopicMetadata,
)

REQUEST_S = 15.0
SYNC_S = 30.0
POLL_S = 0.1


class Refused(Exception):
    """The test cannot be begun; the message says why, and what to do."""


@dataclass(frozen=True)
class Topic:
    """The topic as it is."""

    name: str
    own: bool
    partitions: int
    replication_factor: int
    min_insync_replicas: int


class Topics:
    """Makes, looks at and removes topics; ``client`` are librdkafka's properties, ``options`` a start's."""

    def __init__(self, client: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        self._options = options
        self._servers = ", ".join(options["bootstrap_servers"])
        self.made: list[str] = []
        """What this test made, in order."""
        try:
            self._admin, self._metadata = admin_client(client, REQUEST_S)
            self.brokers = len(self._metadata.brokers)
        except KafkaException as error:
            raise Refused(
                f"no broker answers at {self._servers}: {error.args[0].str()}; check bootstrap_servers and "
                "client_properties, and that brokers run there"
            ) from None

    def prepare(self, name: str, partitions: int) -> Topic:
        """The topic, in sync; raises Refused."""
        own = name not in self._metadata.topics
        if own:
            self._make(name, partitions)
            least = self._options["min_insync_replicas"]
        else:
            least = self._least_in_sync(name)
            self._refuse_records(name)
        found = self._in_sync(name, least, partitions if own else 0)
        replicas = min(len(each.replicas) for each in found.partitions.values())
        return Topic(name, own, len(found.partitions), replicas, least)

    def remove_made(self) -> list[str]:
        """Remove what this test made; returns what went wrong, a sentence each."""
        return [said for name in self.made if (said := remove_topic(self._admin, name, REQUEST_S))]

    def _make(self, name: str, partitions: int) -> None:
        wanted, brokers = self._options["replication_factor"], sorted(self._metadata.brokers)
        if wanted > len(brokers):
            raise Refused(
                f"replication_factor is {wanted}, and {len(brokers)} brokers are registered "
                f"({', '.join(map(str, brokers))}): start the others, or lower replication_factor"
            )
        config = {
            "min.insync.replicas": str(self._options["min_insync_replicas"]),
            # What was acknowledged is looked for in the end, whatever the cluster keeps of other topics.
            "cleanup.policy": "delete",
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "max.message.bytes": str(LARGEST_MESSAGE),
        }
        new = NewTopic(name, partitions, wanted, config=config)
        # A creation that timed out or was interrupted may still have happened.
        self.made.append(name)
        try:
            self._admin.create_topics([new], operation_timeout=REQUEST_S, request_timeout=REQUEST_S)[
                name
            ].result()
        except KafkaException as error:
            raise Refused(
                f"topic {name} could not be made through {self._servers}: {error.args[0].str()}"
            ) from None

    def _least_in_sync(self, name: str) -> int:
        resource = ConfigResource(ResourceType.TOPIC, name)
        try:
            found = self._admin.describe_configs([resource], request_timeout=REQUEST_S)[resource].result()
        except KafkaException as error:
            raise Refused(f"topic {name} could not be looked at: {error.args[0].str()}") from None
        largest = int(found["max.message.bytes"].value)
        # The head of a batch with one record (KIP-98): 61 bytes, and some for the record's own lengths.
        needed = self._options["record_size"] + 100
        if largest < needed:
            raise Refused(
                f"topic {name} takes messages of {largest:,} bytes at most (max.message.bytes), and records "
                f"need {needed:,}: raise it, or send smaller ones"
            )
        if "compact" in (policy := str(found["cleanup.policy"].value)):
            raise Refused(
                f"topic {name} has cleanup.policy {policy}: it takes no record without a key, and does not "
                "keep all; give another topic, or none"
            )
        return int(found["min.insync.replicas"].value)

    def _refuse_records(self, name: str) -> None:
        numbers = self._metadata.topics[name].partitions
        latest = {TopicPartition(name, number): OffsetSpec.latest() for number in numbers}
        try:
            futures = self._admin.list_offsets(latest, request_timeout=REQUEST_S)
            ends = {each.partition: future.result().offset for each, future in futures.items()}
        except KafkaException as error:
            raise Refused(f"the offsets of topic {name} could not be had: {error.args[0].str()}") from None
        if held := sorted(number for number, end in ends.items() if end):
            raise Refused(
                f"topic {name} holds records, or held some (partitions {some(held)}): what others wrote "
                "cannot be told from what is lost, so give the name of a new topic, or none"
            )

    def _in_sync(self, name: str, least: int, partitions: int) -> TopicMetadata:
        """The topic once its replicas are in sync, or after SYNC_S with enough of them; raises Refused."""
        until = time.monotonic() + SYNC_S
        while True:
            found = self._admin.list_topics(name, timeout=REQUEST_S).topics[name]
            each = found.partitions
            there = found.error is None and len(each) >= max(1, partitions)
            if there and all(len(p.isrs) == len(p.replicas) and p.leader >= 0 for p in each.values()):
                return found
            if time.monotonic() > until:
                break
            time.sleep(POLL_S)
        short = sorted(number for number, p in each.items() if len(p.isrs) < least or p.leader < 0)
        if short or not there:
            what = f"partitions {some(short)}" if short else "all partitions"
            raise Refused(
                f"topic {name} has too few in-sync replicas to take a record ({what}; min.insync.replicas is "
                f"{least}): bring the brokers back first"
            )
        return found
