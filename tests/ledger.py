"""A producer with an acknowledgement ledger, in a process of its own, while something is done to the cluster.

``with running("10.0.0.1:9092") as ledger`` makes a topic, sends records at a steady rate and notes when each
was sent and acknowledged; ``ledger.stop()`` ends the sending, waits for the last reports, reads the topic
back and returns everything. The child removes the topic in the end, also when the process that started it
is gone.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.ledger_figures import FAILED, Figures, History, ReadBack, figures, read_back

ROOT = Path(__file__).parents[1]
REQUEST_S = 30
DELIVERY_S = 60
READY_S = 60
STOP_S = DELIVERY_S + 60

# What a producer that must lose nothing is given, and what an operator's clients should have: idempotence
# keeps order and duplicates right over retries; a record is tried for a minute, longer than a broker's
# restart; a broker that is back is connected to again within half a second (librdkafka would wait ten).
CLIENT: dict[str, Any] = {
    "acks": "all",
    "enable.idempotence": True,
    # With more, librdkafka 2.16 may send records twice where a leader moves (durability_options.in_flight).
    "max.in.flight.requests.per.connection": 1,
    "linger.ms": 5,
    "message.timeout.ms": DELIVERY_S * 1000,
    "request.timeout.ms": 15_000,
    "retry.backoff.ms": 50,
    "retry.backoff.max.ms": 200,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 500,
    "topic.metadata.refresh.fast.interval.ms": 50,
    "log_level": 0,
}

# A topic keeps its records whatever a test does to the cluster's retention.
TOPIC = {"min.insync.replicas": "2", "retention.ms": "-1", "retention.bytes": "-1"}


@dataclass(frozen=True)
class Report:
    """Everything that is known at the end."""

    history: History
    read_back: ReadBack
    errors: dict[str, int]
    """How many records failed with which error."""

    def figures(self, since_ns: int | None = None, until_ns: int | None = None) -> Figures:
        """Of the whole time, or of a window of the monotonic clock (``time.monotonic_ns``)."""
        return figures(self.history, since_ns, until_ns)


class Ledger:
    """A producer that runs."""

    def __init__(self, process: subprocess.Popen[str], folder: Path, partitions: int, topic: str) -> None:
        self._process, self._folder, self._partitions = process, folder, partitions
        self.topic = topic
        """Its name."""

    def stop(self) -> Report:
        """End the sending, and tell what became of every record; raises RuntimeError where it cannot."""
        told = tell(self._process, "stop", STOP_S)
        history = History(self._partitions)
        for name, column in (("sent", history.sent_ns), ("acked", history.acked_ns)):
            column.frombytes((self._folder / name).read_bytes())
        return Report(history, ReadBack(**told["read_back"]), told["errors"])


@contextmanager
def running(bootstrap: str, records_per_s: int = 1000, partitions: int = 12) -> Iterator[Ledger]:
    """A producer of ``records_per_s``, once its first records are acknowledged by all partitions; it is ended
    and its topic removed when the block is left."""
    with tempfile.TemporaryDirectory() as folder:
        topic = f"ledger-{uuid.uuid4().hex[:12]}"
        request = {
            "bootstrap": bootstrap,
            "records_per_s": records_per_s,
            "partitions": partitions,
            "topic": topic,
            "folder": folder,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.ledger"],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C in a terminal is for the tests; this process ends when they have let go of it.
            start_new_session=True,
        )
        try:
            tell(process, json.dumps(request), READY_S)
            yield Ledger(process, Path(folder), partitions, topic)
        finally:
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.close()
            try:
                process.wait(REQUEST_S + 10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def tell(process: subprocess.Popen[str], words: str, limit_s: float) -> dict[str, Any]:
    """Say a line, and return the answer; raises RuntimeError where none comes within ``limit_s``."""
    assert process.stdin is not None
    assert process.stdout is not None
    late = threading.Timer(limit_s, process.kill)
    late.start()
    try:
        process.stdin.write(words + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
    except BrokenPipeError:
        line = ""
    finally:
        late.cancel()
    if not line:
        raise RuntimeError(f"the ledger's producer gave no answer within {limit_s:g} s, or ended")
    answer: dict[str, Any] = json.loads(line)
    return answer


class Sender:
    """The child's work: a paced producer that writes its history."""

    def __init__(self, bootstrap: str, topic: str, partitions: int, records_per_s: int) -> None:
        self.history = History(partitions)
        self.errors: Counter[str] = Counter()
        self.stopping = threading.Event()
        self.met: set[int] = set()
        """The partitions that have acknowledged something."""
        self._producer = Producer({"bootstrap.servers": bootstrap, **CLIENT})
        self._topic, self._step_ns = topic, 1_000_000_000 // records_per_s

    def run(self) -> None:
        """Send until told to stop, then wait until each record has been reported on."""
        began_ns = time.monotonic_ns()
        sent = 0
        while not self.stopping.is_set():
            # A pause of this process is made up for: the rate is an average that holds.
            while began_ns + sent * self._step_ns <= time.monotonic_ns():
                self._send()
                sent += 1
            self._producer.poll(0.001)
        self._producer.flush(DELIVERY_S + 5)

    def abandon(self) -> None:
        """Stop sending, and forget what has not been reported on."""
        self.stopping.set()
        self._producer.purge()

    def _send(self) -> None:
        number = self.history.sent(time.monotonic_ns())
        which = number % self.history.partitions
        try:
            reported = partial(self._reported, number)
            self._producer.produce(self._topic, b"%d" % number, partition=which, on_delivery=reported)
        except (BufferError, KafkaException) as error:
            self._fail(number, type(error).__name__ if isinstance(error, BufferError) else str(error))

    def _reported(self, number: int, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.history.acked_ns[number] = time.monotonic_ns()
            self.met.add(number % self.history.partitions)
        else:
            self._fail(number, error.str())

    def _fail(self, number: int, why: str) -> None:
        self.history.acked_ns[number] = FAILED
        self.errors[why] += 1


def records(bootstrap: str, topic: str, partitions: int) -> Iterator[tuple[int, bytes]]:
    """Every record of the topic: partition and value; raises TimeoutError where they stop coming."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": topic,
            "enable.auto.commit": False,
            "check.crcs": True,
            "isolation.level": "read_committed",
            "log_level": 0,
        }
    )
    try:
        ends = {
            p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=REQUEST_S)[1]
            for p in range(partitions)
        }
        left = {p: end for p, end in ends.items() if end}
        consumer.assign([TopicPartition(topic, p, 0) for p in left])
        heard = time.monotonic()
        while left:
            for message in consumer.consume(10_000, timeout=0.2):
                if message.error() is not None:
                    continue
                heard = time.monotonic()
                which = message.partition()
                yield which, message.value()
                if message.offset() + 1 >= ends[which]:
                    left.pop(which, None)
            if time.monotonic() > heard + REQUEST_S:
                raise TimeoutError(f"{topic}: nothing more to read of partitions {sorted(left)}")
    finally:
        consumer.close()


def main() -> None:
    """The child: a request, then ``stop``, each a line; its standard input closes when nobody wants it."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    request = json.loads(sys.stdin.readline())
    bootstrap, topic, partitions = request["bootstrap"], request["topic"], request["partitions"]
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    new = NewTopic(topic, num_partitions=partitions, replication_factor=3, config=TOPIC)
    admin.create_topics([new], operation_timeout=REQUEST_S)[topic].result(REQUEST_S)
    sender = Sender(bootstrap, topic, partitions, request["records_per_s"])
    # Not waited for where nobody wants the figures: what it still holds has nowhere to go.
    work = threading.Thread(target=sender.run, daemon=True)
    try:
        work.start()
        until = time.monotonic() + READY_S
        while len(sender.met) < partitions:
            if time.monotonic() > until:
                raise TimeoutError(f"{topic}: {partitions - len(sender.met)} partitions acknowledge nothing")
            time.sleep(0.05)
        answer({"topic": topic})
        if sys.stdin.readline():
            sender.stopping.set()
            work.join()
            found = read_back(sender.history, records(bootstrap, topic, partitions))
            write(Path(request["folder"]), sender.history)
            answer({"read_back": vars(found), "errors": dict(sender.errors)})
            sys.stdin.readline()
    finally:
        sender.abandon()
        remove(bootstrap, topic)


def remove(bootstrap: str, topic: str) -> None:
    """Remove the topic; raises KafkaException where that fails for REQUEST_S."""
    until = time.monotonic() + REQUEST_S
    while True:
        admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        try:
            admin.delete_topics([topic], operation_timeout=REQUEST_S)[topic].result(REQUEST_S)
            return
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return
            # A controller that moves is asked again by a client that does not know the old one.
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def write(folder: Path, history: History) -> None:
    """Leave the columns for the process that asked."""
    columns: dict[str, array[int]] = {"sent": history.sent_ns, "acked": history.acked_ns}
    for name, column in columns.items():
        (folder / name).write_bytes(column.tobytes())


def answer(words: dict[str, Any]) -> None:
    """A line for the process that asked."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
