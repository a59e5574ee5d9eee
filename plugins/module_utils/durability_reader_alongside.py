"""The reader alongside of a durability test: how old each record is when a consumer gets it.

One process reads all partitions from the start and keeps no account of what it read: that is for the reading
back afterwards. A record's age counts from its intended send time, which its head carries.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
from ansible_collections.barevm.kafka.plugins.module_utils import durability_files as files
from ansible_collections.barevm.kafka.plugins.module_utils.durability_record import HEADS
from ansible_collections.barevm.kafka.plugins.module_utils.perf_latency import Recorder
from ansible_collections.barevm.kafka.plugins.module_utils.perf_producer import FOLD_NS
from ansible_collections.barevm.kafka.plugins.module_utils.perf_worker import Channel, Document, run
from confluent_kafka import Consumer, Message, TopicPartition

FETCH = 2000
DRAIN_NS = 5_000_000_000
QUIET_NS = 500_000_000

CLIENT = {
    # librdkafka wants a group even where partitions are assigned and nothing is committed.
    "group.id": "barevm-durability-reader",
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    # A broker answers as soon as there is something to read.
    "fetch.wait.max.ms": 100,
    "queued.max.messages.kbytes": 65_536,
}


class Reading:
    """A consumer, and how old the records were."""

    def __init__(self, request: Document) -> None:
        self._folder = Path(request["folder"])
        self._recorder = Recorder()
        self._recorder.begin_ns = request["started_ns"]
        self._fold_ns = 0
        self._consumer = Consumer({**request["client"], **CLIENT})
        self._consumer.assign(
            [TopicPartition(request["topic"], number, 0) for number in range(request["partitions"])]
        )

    def take(self) -> int:
        """Read what is there, or wait for it a moment; returns how many records came. Raises OSError."""
        # consume() waits until its batch is full or its time is up, which would age every record:
        # so one record is awaited, and then what has come with it is taken.
        first: Message | None = self._consumer.poll(FOLD_NS / 1e9)
        messages = [] if first is None else [first, *self._consumer.consume(FETCH, 0)]
        now_ns = time.monotonic_ns()
        heads = b"".join(
            [
                message.value()[: HEADS.itemsize]
                for message in messages
                if message.error() is None and len(message) >= HEADS.itemsize
            ]
        )
        if heads:
            ages = now_ns - np.frombuffer(heads, dtype=HEADS)["meant_ns"]
            self._recorder.latencies_ns.frombytes(ages.astype(np.int64).tobytes())
            self._recorder.arrivals_ns.frombytes(np.full(len(ages), now_ns, dtype=np.int64).tobytes())
        if now_ns >= self._fold_ns:
            self._write(now_ns)
            self._fold_ns = now_ns + FOLD_NS
        return len(messages)

    def drain(self) -> None:
        """Read until nothing more comes, for five seconds at most."""
        until_ns = heard_ns = time.monotonic_ns()
        until_ns += DRAIN_NS
        while (now_ns := time.monotonic_ns()) < until_ns and now_ns < heard_ns + QUIET_NS:
            if self.take():
                heard_ns = now_ns
        self._write(None)

    def _write(self, before_ns: int | None) -> None:
        self._recorder.fold()
        for document in self._recorder.take(before_ns):
            files.append(self._folder / files.SECONDS, who="reader", in_flight=0, **document)


def main(request: Document, channel: Channel) -> None:
    """Read until the tester says that the producers are done."""
    reading = Reading(request)
    channel.send("ready")
    while not channel.pending():
        reading.take()
    reading.drain()
    channel.send("done")
    # Not the interpreter's end: what is still fetched is of no use.
    os._exit(0)


if __name__ == "__main__":
    run(main)
