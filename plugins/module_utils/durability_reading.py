"""Reads a topic back for the judging of a durability test: from its first offset to its high watermark.

A fresh consumer assigns every partition itself. It belongs to no group, so that no rebalance makes gaps of
its own, and checks the brokers' checksums. What cannot be had is said, never guessed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ansible_collections.barevm.kafka.plugins.module_utils.durability_comparison import Compared, Comparison
from ansible_collections.barevm.kafka.plugins.module_utils.durability_settings import REQUEST_S, client
from ansible_collections.barevm.kafka.plugins.module_utils.wording import some
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

FETCH = 10_000
"""Records taken at a time; a batch is what one partition has among them."""
STALL_S = 60.0
"""How long no record may come before the reading ends short of its end."""
SETTLE_S = 10.0
"""How long a high watermark may stay behind an acknowledged offset once the full ISR is back."""
OUT_OF_RANGE = "no longer holds what was to be read next"
POLL_S = 0.5
TALK_S = 5.0
NEAR = 10_000
"""Missing records no further apart than this are looked for again in one go."""
ROUNDS = 20
"""How many fresh consumers look again at most; what is left then is read as one range."""

Offsets = Mapping[int, int]
Watermarks = dict[int, tuple[int, int]]
Say = Callable[[str], None]


class Unreadable(Exception):
    """The topic cannot be read as far as it must be; the message says why."""


@dataclass(frozen=True)
class Batch:
    """Records of one partition in the order in which they came."""

    partition: int
    offsets: Sequence[int]
    values: Sequence[bytes | None]


class Source(Protocol):
    """Where records come from: the cluster, or in tests the cluster with a defect of the test's own."""

    def watermarks(self, partitions: Collection[int]) -> tuple[Watermarks, list[str]]:
        """First offset and high watermark of each partition, and a sentence for each that has none."""

    def batches(self, starts: Offsets, ends: Offsets) -> Iterator[Batch]:
        """All records at ``starts`` and after, before ``ends``, by a new consumer.

        Raises Unreadable at the end, where a part could not be read.
        """


@dataclass(frozen=True)
class ReadBack:
    """What came of a reading."""

    compared: Compared
    troubles: Sequence[str]
    """Why the reading did not cover each partition from where the test began to its high watermark."""
    starts: Offsets
    ends: Offsets
    reached: Offsets
    """The position that the reading came to."""
    elapsed_s: float


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

    def watermarks(self, partitions: Collection[int]) -> tuple[Watermarks, list[str]]:
        """First offset and high watermark of each partition, asked of its leader."""
        consumer = Consumer(self._config)
        found: Watermarks = {}
        troubles: list[str] = []
        try:
            for number in partitions:
                at = TopicPartition(self._name, number)
                # One that does not answer takes its time; the next ones get less.
                timeout_s = REQUEST_S if not troubles else 2.0
                try:
                    found[number] = consumer.get_watermark_offsets(at, timeout=timeout_s)
                except KafkaException as error:
                    said = error.args[0].str()
                    troubles.append(f"the high watermark of partition {number} cannot be had: {said}")
        finally:
            consumer.close()
        return found, troubles

    def batches(self, starts: Offsets, ends: Offsets) -> Iterator[Batch]:
        """All records of the range, each partition's in its order."""
        at = dict(starts)
        try:
            yield from _followed(self._batches(starts, ends, self._config), at)
        except Unreadable as error:
            # librdkafka says of a batch with a wrong checksum that its offset is out of range. What its
            # records are like is for the comparison to say: they carry checksums of their own.
            lows = {number: low for number, (low, _high) in self.watermarks(list(at))[0].items()}
            rest = {number: at[number] for number in lows if lows[number] <= at[number] < ends[number]}
            if OUT_OF_RANGE not in str(error) or not rest:
                raise
            yield from self._batches(rest, ends, {**self._config, "check.crcs": False})
            raise Unreadable(
                f"partition {some(sorted(rest))} holds a batch with a wrong checksum, at or after offset "
                f"{', '.join(str(rest[number]) for number in sorted(rest)[:5])}: consumers stop there"
            ) from None

    def _batches(self, starts: Offsets, ends: Offsets, config: Mapping[str, Any]) -> Iterator[Batch]:
        # A partition of which nothing is wanted would still be fetched.
        unread = {number for number, start in starts.items() if start < ends[number]}
        if not unread:
            return
        troubles: list[str] = []
        consumer = Consumer(dict(config))
        try:
            consumer.assign([TopicPartition(self._name, number, starts[number]) for number in unread])
            came = time.monotonic()
            while unread:
                for batch in _batches(consumer.consume(FETCH, POLL_S), ends, unread, troubles):
                    yield batch
                    came = time.monotonic()
                if unread and time.monotonic() - came > STALL_S:
                    troubles.append(f"no record of partition {some(sorted(unread))} came for {STALL_S:.0f} s")
                    break
                if unread and time.monotonic() > self._deadline:
                    left = some(sorted(unread))
                    troubles.append(f"partition {left} was not read in {self._timeout_s:.0f} s")
                    break
        finally:
            consumer.close()
        if troubles:
            raise Unreadable("; ".join(troubles))


def _batches(
    messages: Sequence[Message], ends: Offsets, unread: set[int], troubles: list[str]
) -> Iterator[Batch]:
    """What was taken, a batch a partition; partitions that are done, or cannot go on, leave ``unread``."""
    taken: dict[int, tuple[list[int], list[bytes | None]]] = {}
    for message in messages:
        number, offset = message.partition(), message.offset()
        if (error := message.error()) is not None:
            # The last offsets before the watermark may hold no record that a consumer is shown.
            ended = error.code() == KafkaError._PARTITION_EOF and offset >= ends[number]
            if why := _why_not(error, number):
                troubles.append(why)
            if ended or why:
                unread.discard(number)
            continue
        if offset < ends[number]:
            offsets, values = taken.setdefault(number, ([], []))
            offsets.append(offset)
            values.append(message.value())
        if offset + 1 >= ends[number]:
            unread.discard(number)
    for number, (offsets, values) in taken.items():
        yield Batch(number, offsets, values)


def _followed(batches: Iterator[Batch], at: dict[int, int]) -> Iterator[Batch]:
    """The batches; ``at`` is the position that each partition has come to."""
    for batch in batches:
        yield batch
        if batch.offsets:
            at[batch.partition] = max(batch.offsets) + 1


def _why_not(error: KafkaError, partition: int) -> str:
    """Why the rest of a partition cannot be read; "" where librdkafka tries again (STALL_S is its end)."""
    code, said = error.code(), error.str()
    if code in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        return (
            f"the log of partition {partition} {OUT_OF_RANGE} ({said}): records were deleted under the reader"
        )
    if code in (
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
    ):
        return f"partition {partition} cannot be read: {said}"
    return ""


def read_back(
    source: Source, comparison: Comparison, partitions: Collection[int], first: Offsets, say: Say
) -> ReadBack:
    """Read everything, look again for what is missing, and count.

    ``first`` are the offsets at which the test began, 0 where there is none.
    """
    began = time.monotonic()
    marks, troubles = source.watermarks(partitions)
    starts = {number: low for number, (low, _high) in marks.items()}
    ends = {number: high for number, (_low, high) in marks.items()}
    troubles += _moved({number: first.get(number, 0) for number in marks}, starts, "since the test began")
    reached = dict(starts)

    def read(begin: Offsets, end: Offsets) -> None:
        try:
            for batch in _talking(source.batches(begin, end), sum(end.values()) - sum(begin.values()), say):
                comparison.read(batch.partition, batch.offsets, batch.values)
                if batch.offsets:
                    reached[batch.partition] = max(reached[batch.partition], max(batch.offsets) + 1)
            reached.update(end)
        except Unreadable as error:
            troubles.append(str(error))

    read(starts, ends)
    compared = comparison.finish(starts, ends, reached)
    deadline = time.monotonic() + SETTLE_S
    while compared.unseen and time.monotonic() < deadline:
        say(f"waiting for high watermarks: {compared.unseen:,} acknowledged records lie beyond")
        time.sleep(POLL_S)
        later, _ = source.watermarks(ends)
        risen = {number: high for number, (_low, high) in later.items() if high > ends[number]}
        if risen:
            read({number: ends[number] for number in risen}, risen)
            ends |= risen
            compared = comparison.finish(starts, ends, reached)
    if missing := comparison.missing():
        say(f"looking again for {len(missing):,} records that are missing")
        _look_again(source, comparison, missing)
        compared = comparison.finish(starts, ends, reached)
    later, _ = source.watermarks(starts)
    lows = {number: low for number, (low, _high) in later.items()}
    troubles += _moved({number: starts[number] for number in lows}, lows, "while it was read")
    said = list(dict.fromkeys(troubles))
    return ReadBack(compared, said, starts, ends, reached, time.monotonic() - began)


def _look_again(source: Source, comparison: Comparison, missing: Sequence[tuple[int, int]]) -> None:
    for starts, ends in rounds(missing):
        try:
            for batch in source.batches(starts, ends):
                comparison.read_again(batch.partition, batch.offsets, batch.values)
        except Unreadable:
            return  # what is still missing stays missing; the first reading came to these offsets


def rounds(missing: Sequence[tuple[int, int]]) -> Iterator[tuple[dict[int, int], dict[int, int]]]:
    """Ranges of offsets that hold all of ``missing``, at most one of each partition at a time."""
    ranges: dict[int, list[list[int]]] = {}
    for number, offset in sorted(missing):
        of_partition = ranges.setdefault(number, [])
        if of_partition and (offset - of_partition[-1][1] < NEAR or len(of_partition) == ROUNDS):
            of_partition[-1][1] = offset + 1
        else:
            of_partition.append([offset, offset + 1])
    for turn in range(max((len(each) for each in ranges.values()), default=0)):
        chosen = {number: each[turn] for number, each in ranges.items() if turn < len(each)}
        yield (
            {number: low for number, (low, _high) in chosen.items()},
            {number: high for number, (_low, high) in chosen.items()},
        )


def _talking(batches: Iterator[Batch], wanted: int, say: Say) -> Iterator[Batch]:
    """The batches, and a line each few seconds of how many records of ``wanted`` have come."""
    began = told = time.monotonic()
    came = 0
    for batch in batches:
        yield batch
        came += len(batch.offsets)
        now = time.monotonic()
        if now >= told + TALK_S:
            told = now
            per_s = came / (now - began)
            left_s = (wanted - came) / per_s if per_s else 0.0
            say(f"reading back: {came:,} of {wanted:,} records, {per_s:,.0f} records/s, {left_s:,.0f} s left")


def _moved(before: Offsets, now: Offsets, when: str) -> list[str]:
    return [
        f"the log of partition {number} begins at {start} and began at {before[number]}: "
        f"records were deleted {when}"
        for number, start in sorted(now.items())
        if start > before[number]
    ]
