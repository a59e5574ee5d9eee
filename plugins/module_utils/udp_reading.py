"""Reads the lines of a UDP test back from Kafka, by number.

It reads from where the topic ended before a step's first datagram was sent to where it ends now, and again
until it has as many records as the host's counters say there will be, or its time is up. What is missing then
is still on its way; what the host's counters do not promise is lost.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.barevm.kafka.plugins.module_utils import udp_datagram
from ansible_collections.barevm.kafka.plugins.module_utils.child import Progress, serve

if TYPE_CHECKING:
    from confluent_kafka import Consumer

ASK_S = 10.0
"""How long Kafka may take to say where a topic ends."""
FIRST_S = 2.0
"""How long Kafka may take to say where a partition begins."""
FETCH = 10_000
PROGRESS_S = 5.0
AGAIN_S = 0.5
"""How long before the topic is asked again for what is awaited."""


class ReadingError(Exception):
    """Kafka could not be asked; the message says what to do."""


class Tally:
    """What was read of one step: each number once, copies, lines of another step, and other records."""

    def __init__(self, run: str, step: int, sent: int) -> None:
        self._run = run
        self._step = step
        self._seen = bytearray((sent + 7) // 8)
        self._sent = sent
        self.distinct = 0
        self.duplicates = 0
        self.cut_short = 0
        self.late = 0
        self.foreign = 0

    def add(self, value: bytes | None) -> None:
        """Count one record's value."""
        marked = udp_datagram.read(value or b"")
        if marked is None or marked.run != self._run or (self._is(marked) and marked.number >= self._sent):
            self.foreign += 1
        elif not self._is(marked):
            self.late += 1
        else:
            place, bit = marked.number >> 3, 1 << (marked.number & 7)
            if self._seen[place] & bit:
                self.duplicates += 1
            else:
                self._seen[place] |= bit
                self.distinct += 1
                self.cut_short += not marked.whole

    def _is(self, marked: udp_datagram.Marked) -> bool:
        return marked.step == self._step

    def first_missing(self) -> int | None:
        """The lowest number that was not read, None where all were."""
        for place, byte in enumerate(self._seen):
            if byte != 0xFF:
                number = place * 8 + next(bit for bit in range(8) if not byte >> bit & 1)
                return number if number < self._sent else None
        return None

    def as_dict(self) -> dict[str, Any]:
        """What was counted, by the names of the module's answer."""
        return {
            "distinct": self.distinct,
            "duplicates": self.duplicates,
            "cut_short": self.cut_short,
            "late": self.late,
            "foreign": self.foreign,
            "first_missing": self.first_missing(),
        }


def consumer(request: Mapping[str, Any]) -> Consumer:
    """A consumer of its own for the topic; it commits nothing."""
    from confluent_kafka import Consumer

    return Consumer(
        {
            "bootstrap.servers": ",".join(request["bootstrap_servers"]),
            "client.id": "barevm-udp-test",
            # librdkafka wants a group even where partitions are assigned and nothing is committed.
            "group.id": f"barevm-udp-test-{request['run']}",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 100,
            "log_level": 0,
            **request["client_properties"],
        }
    )


def ends(request: Mapping[str, Any], asking: Consumer | None = None) -> dict[str, int]:
    """Where each partition of the topic ends now; raises ReadingError."""
    from confluent_kafka import KafkaException, TopicPartition

    topic, servers = request["topic"], ", ".join(request["bootstrap_servers"])
    own = asking or consumer(request)
    deadline = time.monotonic() + ASK_S
    try:
        found = own.list_topics(topic, timeout=ASK_S).topics[topic]
        if found.error is not None or not found.partitions:
            raise ReadingError(
                f"there is no topic {topic} at {servers}; run syslog_ingest.yml, which makes it, or set "
                "syslog_ingest_topic to the one that is there"
            )
        return {
            str(number): own.get_watermark_offsets(
                TopicPartition(topic, number), timeout=max(0.1, deadline - time.monotonic())
            )[1]
            for number in found.partitions
        }
    except KafkaException as error:
        raise ReadingError(
            f"Kafka does not answer at {servers} ({error.args[0].str()}); run verify.yml, and see that the "
            "controller reaches these addresses"
        ) from None
    finally:
        if asking is None:
            own.close()


def main(request: dict[str, Any], progress: Progress) -> Mapping[str, Any]:
    """Ask where the topic ends, or read one step back, as ``request`` (the options of ``udp_burst``) says.

    Returns ``offsets``, or what `Tally` counted, with ``complete`` (whether all that is there was read),
    ``awaited`` (how many of the expected records Kafka does not have yet) and ``why``. Or ``error``.
    """
    from confluent_kafka import KafkaException

    begin = time.monotonic()
    try:
        own = consumer(request)
    except KafkaException as error:
        return {"error": f"udp_test_client_properties: {error.args[0].str()}"}
    try:
        if request["state"] == "begun":
            return {"offsets": ends(request, own)}
        reading = Reading(own, request, progress)
        why = reading.run()
    except ReadingError as error:
        return {"error": str(error)}
    finally:
        own.close()
    return {
        **reading.tally.as_dict(),
        "complete": not why,
        "why": why,
        "awaited": reading.awaited(),
        "read_s": round(time.monotonic() - begin, 3),
    }


class Reading:
    """Reads a step back until all that is expected is there, or its time is up."""

    def __init__(self, own: Consumer, request: Mapping[str, Any], progress: Progress) -> None:
        self._own = own
        self._request = request
        self._progress = progress
        self._next = {int(number): offset for number, offset in request["offsets"].items()}
        self._deadline = time.monotonic() + request["read_limit_s"]
        self._told = time.monotonic()
        self.tally = Tally(request["run"], request["step"], request["sent"])

    def awaited(self) -> int:
        """How many of the expected records have not been read."""
        had: int = self.tally.distinct + self.tally.late + self.tally.foreign
        return max(0, int(self._request["expected"]) - had)

    def run(self) -> str:
        """Read; why not all that is in the topic was read, or nothing."""
        while True:
            try:
                why = self._to_the_end(ends(self._request, self._own))
            except ReadingError as error:
                why = str(error)
            if (not why and not self.awaited()) or time.monotonic() >= self._deadline:
                return why
            self._say()
            time.sleep(AGAIN_S)

    def _to_the_end(self, until: Mapping[str, int]) -> str:
        """Read all that is there; why not, or nothing."""
        from confluent_kafka import TopicPartition

        topic = self._request["topic"]
        left = {
            int(number): end for number, end in until.items() if end > self._next.setdefault(int(number), 0)
        }
        self._assign(left)
        while left:
            if time.monotonic() >= self._deadline:
                return "not all that is in the topic could be read in udp_test_read_limit_s"
            self._say()
            messages = self._own.consume(FETCH, 0.5)
            if not messages:
                self._pass_deleted(left)
            for message in messages:
                number, offset = message.partition(), message.offset()
                if (
                    message.error() is None
                    and number in left
                    and self._next[number] <= offset < until[str(number)]
                ):
                    self._next[number] = offset + 1
                    self.tally.add(message.value())
            # A position moves past what is no record (a transaction's end, what was compacted away) as well.
            for place in self._own.position([TopicPartition(topic, number) for number in left]):
                if place.offset >= left[place.partition]:
                    self._next[place.partition] = left.pop(place.partition)
        return ""

    def _assign(self, left: Mapping[int, int]) -> None:
        from confluent_kafka import TopicPartition

        topic = self._request["topic"]
        self._own.assign([TopicPartition(topic, number, self._next[number]) for number in left])

    def _pass_deleted(self, left: dict[int, int]) -> None:
        """Go past records that were deleted before they were read: a consumer waits there for ever."""
        from confluent_kafka import KafkaException, TopicPartition

        passed = False
        # Where Kafka does not answer, it is asked again.
        with contextlib.suppress(KafkaException):
            for number in list(left):
                place = TopicPartition(self._request["topic"], number)
                first = self._own.get_watermark_offsets(place, timeout=FIRST_S)[0]
                if first > self._next[number]:
                    self._next[number] = first
                    passed = True
                    if first >= left[number]:
                        del left[number]
        if passed:
            self._assign(left)

    def _say(self) -> None:
        now = time.monotonic()
        if now - self._told >= PROGRESS_S:
            self._told = now
            self._progress(
                f"udp_test: {self._request['name']}: {self.tally.distinct:,} of {self._request['sent']:,} "
                f"read back, {self.awaited():,} awaited, {max(0.0, self._deadline - now):.0f} s left"
            )


if __name__ == "__main__":
    serve(main)
