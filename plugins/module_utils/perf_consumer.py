"""One consumer process of a perf test: reads its partitions and records how old each record is.

A generated record carries its intended send time in its head; one from a payload file is sent as it
is and carries that time as Kafka's own timestamp, which counts in milliseconds.
"""

from __future__ import annotations

import time

from ansible_collections.barevm.kafka.plugins.module_utils.perf_latency import Recorder
from ansible_collections.barevm.kafka.plugins.module_utils.perf_producer import FOLD_NS, HEAD
from ansible_collections.barevm.kafka.plugins.module_utils.perf_worker import (
    GO_AHEAD_NS,
    Channel,
    Document,
    Errors,
    count_error,
    run,
)
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

FETCH = 1000


class Reading:
    """What has been read, and how far."""

    def __init__(self, request: Document, channel: Channel) -> None:
        self._channel = channel
        self._headed: bool = request["headed"]
        self._wall_ns = time.time_ns() - time.monotonic_ns()
        self._next = dict.fromkeys(request["partitions"], 0)
        self._fold_ns = 0
        self.recorder = Recorder()
        self.errors: Errors = {}
        self._consumer = Consumer(request["client"])
        self._partitions = [
            TopicPartition(request["topic"], number, OFFSET_BEGINNING) for number in self._next
        ]
        self._consumer.assign(self._partitions)

    def take_until_command(self) -> Document:
        """Read until the coordinator says the next thing; return that."""
        while not self._channel.pending():
            self._take()
        return self._channel.wait()

    def drain(self, limit_s: float) -> bool:
        """Read to the end of each partition; False when that is not reached in ``limit_s`` seconds."""
        deadline = time.monotonic() + limit_s
        try:
            ends = {
                partition.partition: self._consumer.get_watermark_offsets(partition, timeout=limit_s)[1]
                for partition in self._partitions
            }
        except KafkaException as error:
            count_error(self.errors, error.args[0].name(), error.args[0].str())
            return False
        while any(self._next[partition] < end for partition, end in ends.items()):
            if time.monotonic() > deadline:
                return False
            self._take()
        return True

    def close(self) -> None:
        """Leave the cluster."""
        self._consumer.close()

    def _take(self) -> None:
        # consume() waits until its batch is full or its time is up, which would age every record:
        # so one record is awaited, and then what has come with it is taken.
        first: Message | None = self._consumer.poll(FOLD_NS / 1e9)
        messages = [] if first is None else [first, *self._consumer.consume(FETCH, 0)]
        now_ns = time.monotonic_ns()
        recorder = self.recorder
        # A record of before the common start belongs to the warm-up, which ended at least GO_AHEAD_NS
        # earlier; half of that is room for Kafka's timestamps, which are cut to milliseconds.
        counts_from_ns = recorder.begin_ns - GO_AHEAD_NS // 2 if recorder.begin_ns else now_ns
        for message in messages:
            if (error := message.error()) is not None:
                # A topic that was made a moment ago may not be known to every broker yet.
                if recorder.begin_ns:
                    count_error(self.errors, error.name(), error.str())
                continue
            self._next[message.partition()] = message.offset() + 1
            if self._headed:
                meant_ns = HEAD.unpack_from(message.value())[0]
            else:
                meant_ns = message.timestamp()[1] * 1_000_000 - self._wall_ns
            if meant_ns >= counts_from_ns:
                recorder.arrivals_ns.append(now_ns)
                recorder.latencies_ns.append(now_ns - meant_ns)
        if recorder.begin_ns and now_ns >= self._fold_ns:
            recorder.fold()
            for document in recorder.take(now_ns):
                self._channel.send("second", **document)
            self._fold_ns = now_ns + FOLD_NS


def main(request: Document, channel: Channel) -> None:
    """Read from the first record on; count from the common start until the coordinator says drain."""
    reading = Reading(request, channel)
    channel.send("ready")
    reading.recorder.begin_ns = reading.take_until_command()["begin_ns"]
    drain = reading.take_until_command()
    drained = reading.drain(drain["limit_s"])
    reading.recorder.fold()
    for document in reading.recorder.take():
        channel.send("second", **document)
    channel.send("done", drained=drained, errors=reading.errors)
    reading.close()


if __name__ == "__main__":
    run(main)
