"""One producer process of a durability test: sends records of its own partitions, and keeps their ledger.

Every record ends ``acked``, ``failed`` or ``unknown`` in the ledger. ``failed`` is a closed list
(docs/durability.md): the client library refused it, or a broker found it too large. Whatever else is reported
of a record says nothing about whether it is there, since a refusal that was retried surfaces as a time-out.

Latencies count from the time at which a record was meant to be sent: its place in the schedule, or, where
there is no rate, the time at which the client library took it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import time
from array import array
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ansible_collections.barevm.kafka.plugins.module_utils import durability_files as files
from ansible_collections.barevm.kafka.plugins.module_utils.durability_gaps import Gaps
from ansible_collections.barevm.kafka.plugins.module_utils.durability_ledger import Ledger
from ansible_collections.barevm.kafka.plugins.module_utils.durability_numbering import (
    Numbering,
    partitions_of,
)
from ansible_collections.barevm.kafka.plugins.module_utils.durability_pulse import Pulse
from ansible_collections.barevm.kafka.plugins.module_utils.durability_record import (
    HEAD_SIZE,
    body_crc,
    packer,
)
from ansible_collections.barevm.kafka.plugins.module_utils.perf_latency import Recorder
from ansible_collections.barevm.kafka.plugins.module_utils.perf_producer import (
    FOLD_NS,
    UNACKNOWLEDGED,
    generated_bodies,
    payload_bodies,
)
from ansible_collections.barevm.kafka.plugins.module_utils.perf_worker import (
    Channel,
    Document,
    Errors,
    count_error,
    cpu_s,
)
from confluent_kafka import KafkaError, KafkaException, Message, Producer

ORPHAN_S = 5.0
"""How long a producer whose tester was killed waits for what is under way."""

PICKS = 65_536
"""How many bodies are picked at random, sent in turn, and then again: a pick costs more than a CRC."""

GONE: Document = {"gone": True}

Body = tuple[bytes, int]
"""What follows a record's head, and its CRC."""


class Load:
    """A producer and what is known of the records that it was given."""

    def __init__(self, request: Document, channel: Channel, ledger: Ledger, bodies: Sequence[Body]) -> None:
        self._request, self._channel, self._ledger, self._bodies = request, channel, ledger, bodies
        self._folder = Path(request["folder"])
        self._who = f"producer {request['producer']}"
        owned = partitions_of(request["producer"], request["producers"], request["partitions"])
        self._numbering = Numbering(owned, request["block"])
        self._gaps = [Gaps() for _ in owned]
        self._silent = set(owned)
        self._producer = Producer({**request["client"], "error_cb": self._met})
        self._pulse = Pulse(self._folder, request["partitions"])
        self._recorder = Recorder()
        # What a delivery report appends to; the recorder's arrays belong to the same reports.
        self._acked, self._offsets = array("q"), array("q")
        self._failed: list[int] = []
        self._given_up: list[tuple[int, int]] = []
        self._fold_ns = self._in_flight = 0
        self.numbers = self.sent_bytes = self.sending_ms = 0
        self.errors: Errors = {}
        self.broken = ""
        """Why the producer could not go on, as a sentence's part; empty while it can."""

    def run(self, begin_ns: int) -> None:
        """Send from ``begin_ns`` (monotonic clock) until told to stop or all records are sent.

        Then wait until each is acknowledged or given up.
        """
        self._recorder.begin_ns = self._request["started_ns"]
        try:
            self._wait_until(begin_ns)
            try:
                self._send(begin_ns)
            except KafkaException as error:
                # A fatal error is raised by poll and flush, not handed to error_cb.
                self._met(error.args[0])
            except SystemError as error:
                # As which confluent-kafka 2.16 raises a fatal error now and then.
                self.broken = f"the client library could not go on: {error}"
            finally:
                self.sending_ms = (time.monotonic_ns() - begin_ns) // 1_000_000
            self._wait_for_reports()
            self._report(last=True)
        except OSError as error:
            self.broken = f"the ledger could not be written: {error}"
        finally:
            for index, count in enumerate(self._numbering.counts(self.numbers)):
                self._ledger.sent(self._numbering.owned[index], count)

    def _send(self, begin_ns: int) -> None:
        # Names of this function's own: each look-up through self would be paid for every record.
        request, numbering, acked = self._request, self._numbering, self._on_delivery()
        bodies, picks = self._bodies, len(self._bodies)
        produce, poll, now = self._producer.produce, self._producer.poll, time.monotonic_ns
        pack, topic = packer(request["run_id"], request["producer"]), request["topic"]
        step_ns = 1e9 / request["rate"] if request["rate"] else 0.0
        number = meant_ns = 0
        try:
            while number != request["records"] and self._goes_on():
                index, sequence = numbering.place(number)
                partition = numbering.owned[index]
                upto = sequence + numbering.block
                if request["records"]:
                    upto = min(upto, sequence + request["records"] - number)
                if step_ns:
                    meant_ns = begin_ns + int(number * step_ns)
                    if not self._wait_until(meant_ns):
                        return
                # Before the sending: what a killed producer may have sent is in the ledger.
                self._ledger.reserve(partition, upto)
                while sequence < upto:
                    body, crc = bodies[number % picks]
                    if not step_ns:
                        meant_ns = now()
                    value = pack(partition, sequence, meant_ns, body, crc)
                    try:
                        # By position: names would cost 0.4 us a record.
                        produce(topic, value, None, partition, partial(acked, number, meant_ns))
                    except BufferError:
                        # The library's buffer is full: what is acknowledged next makes room.
                        poll(0.005)
                        if not self._goes_on():
                            return
                        continue
                    except KafkaException as error:
                        self._refused(number, error.args[0])
                    number += 1
                    sequence += 1
                poll(0)
        finally:
            self.numbers, self.sent_bytes = number, self._bytes(number)

    def _on_delivery(self) -> Any:
        """What is called of each record, after its number and the time at which it was meant to be sent."""
        acked, offset_is = self._acked.append, self._offsets.append
        arrived, took = self._recorder.arrivals_ns.append, self._recorder.latencies_ns.append
        given_up, now = self._gave_up, time.monotonic_ns

        def reported(number: int, meant_ns: int, error: KafkaError | None, message: Message) -> None:
            if error is None:
                now_ns = now()
                acked(number)
                offset_is(message.offset())
                arrived(now_ns)
                took(now_ns - meant_ns)
            else:
                given_up(number, meant_ns, error)

        return reported

    def _bytes(self, numbers: int) -> int:
        """Bytes of the values of so many records."""
        rounds, more = divmod(numbers, len(self._bodies))
        sizes = [HEAD_SIZE + len(body) for body, _crc in self._bodies]
        return rounds * sum(sizes) + sum(sizes[:more])

    def _goes_on(self) -> bool:
        if time.monotonic_ns() >= self._fold_ns:
            self._report()
        return not (self.broken or self._channel.pending())

    def _wait_until(self, when_ns: int) -> bool:
        """Take reports until then; False where the sending ends before."""
        while (left_ns := when_ns - time.monotonic_ns()) > 0:
            if not self._goes_on():
                return False
            # poll() counts in milliseconds, and a schedule may be finer.
            if left_ns >= 1_000_000:
                self._producer.poll(min(left_ns, FOLD_NS) // 1_000_000 / 1000)
            else:
                time.sleep(left_ns / 1e9)
        return True

    def _wait_for_reports(self) -> None:
        # The library gives a record up after the delivery timeout; a little more for its own timers.
        until = time.monotonic() + self._request["delivery_timeout_s"] + 5
        while self._flush() and time.monotonic() < until:
            self._report()
            if self._channel.pending() and self._channel.wait() == GONE:
                until = min(until, time.monotonic() + ORPHAN_S)
        if unanswered := len(self._producer):
            count_error(self.errors, UNACKNOWLEDGED, "the client library never reported on it", unanswered)

    def _flush(self) -> int:
        """Wait a moment for reports; returns how many are still to come."""
        try:
            return int(self._producer.flush(FOLD_NS / 1e9))
        except KafkaException as error:
            self._met(error.args[0])
        except SystemError as error:
            self.broken = self.broken or f"the client library could not go on: {error}"
        return len(self._producer)

    def _refused(self, number: int, error: KafkaError) -> None:
        """The client library did not take the record: it was never sent."""
        count_error(self.errors, error.name(), error.str())
        self._failed.append(number)
        self._met(error)

    def _gave_up(self, number: int, meant_ns: int, error: KafkaError) -> None:
        count_error(self.errors, error.name(), error.str())
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            self._failed.append(number)
        else:
            self._given_up.append((number, meant_ns))

    def _met(self, error: KafkaError) -> None:
        # After a fatal error the library takes no record any more (librdkafka INTRODUCTION.md, "Idempotent
        # Producer").
        if error.fatal() and not self.broken:
            self.broken = f"the client library could not go on: {error.str()}"

    def _report(self, last: bool = False) -> None:
        """Bring everything that was reported since into the ledger; raises OSError where its disk is full."""
        # With what was reported since the last time: all of it may have been under way together until then.
        reported = len(self._acked) + len(self._given_up)
        self._in_flight = max(self._in_flight, len(self._producer) + reported)
        if self._acked:
            self._fold_acked()
        for number in self._failed:
            index, sequence = self._numbering.place(number)
            self._ledger.failed(self._numbering.owned[index], np.array([sequence], dtype=np.int64))
        for number, meant_ns in self._given_up:
            self._gaps[self._numbering.place(number)[0]].given_up(meant_ns)
        self._failed, self._given_up = [], []
        now_ns = time.monotonic_ns()
        self._recorder.fold()
        for document in self._recorder.take(None if last else now_ns):
            files.append(self._folder / files.SECONDS, who=self._who, in_flight=self._in_flight, **document)
            self._in_flight = len(self._producer)
        if last:
            for index, gaps in enumerate(self._gaps):
                self._write_gaps(index, gaps.ended(now_ns))
        self._fold_ns = now_ns + FOLD_NS

    def _fold_acked(self) -> None:
        indexes, sequences = self._numbering.places(np.array(self._acked, dtype=np.int64))
        offsets = np.array(self._offsets, dtype=np.int64)
        acked_ns = np.array(self._recorder.arrivals_ns, dtype=np.int64)
        meant_ns = acked_ns - np.array(self._recorder.latencies_ns, dtype=np.int64)
        # In place: the delivery report holds these arrays' bound append.
        del self._acked[:], self._offsets[:]
        order = np.argsort(indexes, kind="stable")
        for chosen in np.split(order, np.flatnonzero(np.diff(indexes[order])) + 1):
            index = int(indexes[chosen[0]])
            partition = self._numbering.owned[index]
            self._ledger.acked(partition, sequences[chosen], offsets[chosen])
            self._pulse.beat(partition, int(acked_ns[chosen[-1]]))
            self._write_gaps(index, self._gaps[index].acked(meant_ns[chosen], acked_ns[chosen]))
            if partition in self._silent:
                self._silent.discard(partition)
                if not self._silent:
                    say(self._channel, "acknowledged")

    def _write_gaps(self, index: int, gaps: Iterator[tuple[int, int]]) -> None:
        for began_ns, ended_ns in gaps:
            files.append(
                self._folder / files.GAPS,
                partition=self._numbering.owned[index],
                began_ns=began_ns,
                ended_ns=ended_ns,
            )


def bodies_of(request: Document) -> list[Body]:
    """What records carry after their heads, each with its CRC; raises OSError and ValueError."""
    if request["payload_file"]:
        bodies = payload_bodies(Path(request["payload_file"]), request["payload_delimiter"])
    else:
        bodies = generated_bodies(request["record_size"], HEAD_SIZE)
    told = [(body, body_crc(body)) for body in bodies]
    return random.choices(told, k=max(PICKS, 4 * len(told)))


def say(channel: Channel, event: str, **fields: Any) -> None:
    """Tell the tester; one that was killed hears nothing."""
    with contextlib.suppress(BrokenPipeError):
        channel.send(event, **fields)


def main(request: Document, channel: Channel) -> None:
    """Wait for the common start, send, and tell what came of it."""
    # Each record under way is an object that the collector would look at again and again: a few percent.
    gc.freeze()
    gc.set_threshold(200_000)
    ledger = Ledger(Path(request["folder"]), request["partitions"])
    load = Load(request, channel, ledger, bodies_of(request))
    say(channel, "ready")
    begin = channel.wait()
    if "begin_ns" in begin:
        used_s = cpu_s()
        load.run(begin["begin_ns"])
        say(
            channel,
            "done",
            producer=request["producer"],
            sent=load.numbers,
            sent_bytes=load.sent_bytes,
            sending_ms=load.sending_ms,
            errors=load.errors,
            cpu_s=round(cpu_s() - used_s, 3),
            broken=load.broken,
        )
    ledger.close()


if __name__ == "__main__":
    channel = Channel(GONE)
    request = channel.wait()
    if request != GONE:
        main(request, channel)
    # Not the interpreter's end: the library would wait for what it was still given.
    os._exit(0)
