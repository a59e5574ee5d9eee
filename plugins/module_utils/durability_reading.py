"""Reads a topic back for the judging of a durability test: from its first offset to its high watermark.

A fresh consumer assigns every partition itself. It belongs to no group, so that no rebalance makes gaps of
its own, and checks the brokers' checksums. What cannot be had is said, never guessed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from ansible_collections.barevm.kafka.plugins.module_utils.durability_settings import REQUEST_S, client
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from numpy.typing import NDArray

FETCH = 10_000
"""Records taken at a time; a batch is what one partition has among them."""
STALL_S = 60.0
"""How long no record may come before the reading ends short of its end."""
POLL_S = 0.5
TALK_S = 5.0
AGAIN_AT_MOST = 100_000
"""How many offsets are looked for once more."""

Offsets = Mapping[int, int]
Watermarks = dict[int, tuple[int, int]]
Say = Callable[[str], None]


class Unreadable(Exception):
    """The topic cannot be read as far as it must be; the message says why."""


@dataclass(frozen=True)
class Batch:
    """Records of one partition in the order in which they came."""

    partition: int
    offsets: NDArray[np.int64]
    values: Sequence[bytes]


class Source(Protocol):
    """Where records come from: the cluster, or in tests the cluster with a defect of the test's own."""

    def watermarks(self, partitions: Collection[int]) -> Watermarks:
        """First offset and high watermark of each partition; raises Unreadable."""

    def batches(self, starts: Offsets, ends: Offsets) -> Iterator[Batch]:
        """All records at ``starts`` and after, before ``ends``, by a new consumer; raises Unreadable."""


class Topic:
    """A topic of a cluster."""

    def __init__(
        self, bootstrap: Sequence[str], properties: Mapping[str, Any], name: str, timeout_s: float
    ) -> None:
        self._name = name
        self._deadline = time.monotonic() + timeout_s
        self._timeout_s = timeout_s
        self._config = {
            **client(bootstrap, properties),
            # librdkafka wants a group even where partitions are assigned and nothing is committed.
            "group.id": f"{name}-judge",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            # A log start that moved under the reader must be an error, not a silent step forward.
            "auto.offset.reset": "error",
            # The high watermark is what an acknowledgement promises; the test writes no transactions.
            "isolation.level": "read_uncommitted",
            "check.crcs": True,
            "fetch.wait.max.ms": 100,
            "fetch.message.max.bytes": 4 << 20,
            "queued.max.messages.kbytes": 64 << 10,
        }

    def watermarks(self, partitions: Collection[int]) -> Watermarks:
        """First offset and high watermark of each partition, asked of its leader."""
        consumer = Consumer(self._config)
        found: Watermarks = {}
        try:
            for number in partitions:
                at = TopicPartition(self._name, number)
                try:
                    low, high = consumer.get_watermark_offsets(at, timeout=REQUEST_S)
                except KafkaException as error:
                    raise Unreadable(
                        f"the high watermark of partition {number} cannot be had: {error.args[0].str()}"
                    ) from error
                found[number] = (low, high)
        finally:
            consumer.close()
        return found

    def batches(self, starts: Offsets, ends: Offsets) -> Iterator[Batch]:
        """All records of the range, each partition's in its order."""
        # A partition of which nothing is wanted would still be fetched.
        position = {number: start for number, start in starts.items() if start < ends[number]}
        if not position:
            return
        consumer = Consumer(self._config)
        try:
            consumer.assign([TopicPartition(self._name, number, start) for number, start in position.items()])
            came = time.monotonic()
            unread = dict(position)
            while unread:
                messages = consumer.consume(FETCH, POLL_S)
                now = time.monotonic()
                taken: dict[int, tuple[list[int], list[bytes]]] = {}
                for message in messages:
                    number = message.partition()
                    if (error := message.error()) is not None:
                        _told(error, number, message.offset(), unread, ends)
                        continue
                    offset = message.offset()
                    if offset < ends[number]:
                        offsets, values = taken.setdefault(number, ([], []))
                        offsets.append(offset)
                        values.append(message.value() or b"")
                    if offset + 1 >= ends[number]:
                        unread.pop(number, None)
                if taken:
                    came = now
                for number, (offsets, values) in taken.items():
                    yield Batch(number, np.array(offsets, dtype=np.int64), values)
                if unread and now - came > STALL_S:
                    raise Unreadable(f"no record came for {STALL_S:.0f} s, partitions {_some(unread)} left")
                if unread and now > self._deadline:
                    raise Unreadable(
                        f"it was not read in {self._timeout_s:.0f} s, partitions {_some(unread)} left"
                    )
        finally:
            consumer.close()


def _told(error: KafkaError, partition: int, offset: int, unread: dict[int, int], ends: Offsets) -> None:
    """Take note of what came in place of a record; raises Unreadable where the rest cannot be read."""
    code = error.code()
    if code == KafkaError._PARTITION_EOF:
        # The last offsets before the watermark may hold no record that a consumer is shown.
        if offset >= ends[partition]:
            unread.pop(partition, None)
    elif code in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        raise Unreadable(
            f"the log of partition {partition} no longer holds what was to be read next "
            f"({error.str()}): records were deleted under the reader"
        )
    elif code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION):
        raise Unreadable(f"partition {partition} is gone: {error.str()}")
    elif code in (
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
    ):
        raise Unreadable(error.str())
    # Anything else, such as a broker that is away, librdkafka tries again; STALL_S is its end.


def _some(numbers: Collection[int]) -> str:
    listed = sorted(numbers)
    more = len(listed) - 5
    return ", ".join(map(str, listed[:5])) + (f" and {more} more" if more > 0 else "")
