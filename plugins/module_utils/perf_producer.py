"""One producer process of a perf test.

Every record's acknowledgement is counted and its latency recorded, from the time at which the
record was meant to be sent. With a limit that is its place in the schedule, so that a producer or a
cluster that falls behind shows in the latencies (no coordinated omission); without a limit a record
is meant to be sent when the client library accepts it.
"""

from __future__ import annotations

import random
import string
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from ansible_collections.barevm.kafka.plugins.module_utils.perf_latency import Recorder
from ansible_collections.barevm.kafka.plugins.module_utils.perf_worker import (
    Channel,
    Document,
    Errors,
    count_error,
    cpu_s,
    run,
)
from confluent_kafka import KafkaError, KafkaException, Message, Producer

HEAD = struct.Struct("<q")
"""The intended send time in nanoseconds of the monotonic clock, at the start of a generated record."""

GENERATED_RECORDS = 256
LEAST_GENERATED = 8
GENERATED_BYTES = 16 * 1024 * 1024
"""Memory that different records may take: fewer of them where they are large."""

BURST = 32
FOLD_NS = 100_000_000
UNACKNOWLEDGED = "UNACKNOWLEDGED"
"""The kind of error of a record about which the client library never reported anything."""


def generated_bodies(record_size: int, head_size: int = HEAD.size) -> list[bytes]:
    """Different random records of capital letters, as kafka-producer-perf-test sends them, less a head."""
    size = record_size - head_size if record_size >= head_size else record_size
    letters = string.ascii_uppercase.encode()
    # Picking letters one by one would take minutes for large records.
    letter_of = bytes(letters[byte % len(letters)] for byte in range(256))
    records = max(LEAST_GENERATED, min(GENERATED_RECORDS, GENERATED_BYTES // max(1, size)))
    return [random.randbytes(size).translate(letter_of) for _ in range(records)]


def payload_bodies(path: Path, delimiter: str) -> list[bytes]:
    """The records of a payload file, without empty ones; raises OSError, and ValueError where it has none."""
    bodies = [body for body in path.read_bytes().split(delimiter.encode()) if body]
    if not bodies:
        raise ValueError(f"payload_file {path} holds no record between its delimiters {delimiter!r}")
    return bodies


class Load:
    """A producer with everything that is known about the records it was given.

    ``report`` is called ten times a second while records are sent and awaited.
    """

    def __init__(
        self,
        request: Document,
        producer: Producer,
        bodies: Sequence[bytes],
        report: Callable[[Recorder], None],
    ) -> None:
        self._producer = producer
        self._topic: str = request["topic"]
        self._headed: bool = request["headed"]
        self._delivery_timeout_s: float = request["delivery_timeout_s"]
        self._bodies = bodies
        self._report = report
        # Between the two clocks, for records that carry their time as Kafka's own timestamp.
        self._wall_ns = time.time_ns() - time.monotonic_ns()
        self.recorder = Recorder()
        self.sent = self.sent_bytes = self.sent_until_ns = 0
        self.errors: Errors = {}

    def run(self, begin_ns: int, duration_s: float | None, records: int | None, rate: float | None) -> None:
        """Send from ``begin_ns`` on for so long or so many records, at most ``rate`` a second; then
        wait until each is acknowledged or has failed."""
        self.recorder.begin_ns = begin_ns
        self._wait_until(begin_ns)
        self._send(None if duration_s is None else begin_ns + int(duration_s * 1e9), records, rate)
        # The library gives a record up after the delivery timeout; a little more for its own timers.
        deadline = time.monotonic() + self._delivery_timeout_s + 5
        while self._producer.flush(FOLD_NS / 1e9) and time.monotonic() < deadline:
            self._report(self.recorder)
        if unanswered := len(self._producer):
            count_error(self.errors, UNACKNOWLEDGED, "the client library never reported on it", unanswered)

    def _send(self, end_ns: int | None, records: int | None, rate: float | None) -> None:
        # Names of this function's own: each look-up through self would be paid for every record.
        recorder, begin_ns, topic, headed = self.recorder, self.recorder.begin_ns, self._topic, self._headed
        acked = partial(
            _acknowledged, recorder.arrivals_ns.append, recorder.latencies_ns.append, self._failed
        )
        produce, poll, now, pack = self._producer.produce, self._producer.poll, time.monotonic_ns, HEAD.pack
        step_ns = 1e9 / rate if rate else 0.0
        picks = _picks(self._bodies)
        fold_ns = begin_ns + FOLD_NS
        sent = sent_bytes = 0
        while sent != records and (end_ns is None or now() < end_ns):
            for _ in range(BURST):
                if sent == records:
                    break
                if rate and (meant_ns := begin_ns + int(sent * step_ns)) > now():
                    self._wait_until(min(meant_ns, fold_ns, end_ns or meant_ns))
                    break
                body = next(picks)
                try:
                    if not rate:
                        meant_ns = now()
                    if headed:
                        body = pack(meant_ns) + body
                        produce(topic, body, on_delivery=partial(acked, meant_ns))
                    else:
                        meant_ms = (meant_ns + self._wall_ns) // 1_000_000
                        produce(topic, body, timestamp=meant_ms, on_delivery=partial(acked, meant_ns))
                except BufferError:
                    # The library's buffer is full: what is acknowledged next makes room.
                    poll(0.005)
                    break
                except KafkaException as error:
                    self._failed(error.args[0])
                sent += 1
                sent_bytes += len(body)
            poll(0)
            if now() >= fold_ns:
                self._report(recorder)
                fold_ns = now() + FOLD_NS
        self.sent, self.sent_bytes, self.sent_until_ns = sent, sent_bytes, now()

    def _wait_until(self, when_ns: int) -> None:
        # poll() counts in milliseconds, and a schedule may be finer.
        while (left_ns := when_ns - time.monotonic_ns()) > 0:
            if left_ns >= 1_000_000:
                self._producer.poll(left_ns // 1_000_000 / 1000)
            else:
                time.sleep(left_ns / 1e9)

    def _failed(self, error: KafkaError) -> None:
        count_error(self.errors, error.name(), error.str())


def _picks(bodies: Sequence[bytes]) -> Iterator[bytes]:
    while True:
        yield from random.choices(bodies, k=1024)


def _acknowledged(
    arrived: Callable[[int], None],
    took: Callable[[int], None],
    failed: Callable[[KafkaError], None],
    meant_ns: int,
    error: KafkaError | None,
    message: Message,
) -> None:
    if error is None:
        now_ns = time.monotonic_ns()
        arrived(now_ns)
        took(now_ns - meant_ns)
    else:
        failed(error)


def main(request: Document, channel: Channel) -> None:
    """Warm up, wait for the common start, send, and report."""
    if request["payload_file"]:
        bodies = payload_bodies(Path(request["payload_file"]), request["payload_delimiter"])
    else:
        bodies = generated_bodies(request["record_size"])
    producer = Producer(request["client"])

    if request["warmup_s"]:
        warmup = Load(request, producer, bodies, Recorder.drop)
        warmup.run(time.monotonic_ns(), request["warmup_s"], None, request["rate"])
    channel.send("ready")
    begin_ns = channel.wait()["begin_ns"]

    def report(recorder: Recorder) -> None:
        recorder.fold()
        for document in recorder.take(time.monotonic_ns()):
            channel.send("second", **document)

    load = Load(request, producer, bodies, report)
    used_s = cpu_s()
    load.run(begin_ns, request["duration_s"], request["records"], request["rate"])
    sending_ms = (load.sent_until_ns - begin_ns) // 1_000_000
    load.recorder.fold()
    for document in load.recorder.take():
        channel.send("second", **document)
    channel.send(
        "done",
        sent=load.sent,
        sent_bytes=load.sent_bytes,
        sending_ms=sending_ms,
        errors=load.errors,
        cpu_s=cpu_s() - used_s,
    )


if __name__ == "__main__":
    run(main)
