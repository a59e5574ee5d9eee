"""The coordinator of a perf test: makes the topic, runs the workers, removes the topic, writes the result.

Started by the action ``perf_test`` as a child process of its own (``child.py``); the workers are
processes again, since one Python process cannot use two cores.
"""

from __future__ import annotations

import queue
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import confluent_kafka
from ansible_collections.barevm.kafka.plugins.module_utils import (
    perf_baseline,
    perf_figures,
    perf_options,
    perf_producer,
    perf_report,
)
from ansible_collections.barevm.kafka.plugins.module_utils.child import Progress, serve
from ansible_collections.barevm.kafka.plugins.module_utils.connection import remove_topic
from ansible_collections.barevm.kafka.plugins.module_utils.perf_figures import MB, Observed
from ansible_collections.barevm.kafka.plugins.module_utils.perf_worker import GO_AHEAD_NS, Document, Worker
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result, write_result, write_text
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

PROGRESS_S = 5
REQUEST_S = 15.0
REMOVE_S = 8.0
"""Less than a supervisor waits for this process to clean up."""

BUFFER_KB = 32 * 1024
"""What a producer may hold that is not yet acknowledged: buffer.memory's default in the Java client."""


class PerfError(Exception):
    """The test could not be run; the message says what to do."""


def main(request: dict[str, Any], progress: Progress) -> Mapping[str, Any]:
    """Run the test that ``request`` (the options of ``perf_test``) describes.

    Returns ``document`` (as in perf.json), ``summary``, ``json_path`` and ``html_path``; or ``error``, where
    it could not be run.
    """
    try:
        return _run(request, progress)
    except (PerfError, perf_baseline.BaselineError, OSError, ValueError) as error:
        return {"error": str(error)}
    except KafkaException as error:
        return {"error": f"{error.args[0].str()}; check bootstrap_servers and client_properties"}


def _run(options: dict[str, Any], progress: Progress) -> Mapping[str, Any]:
    if wrong := perf_options.contradictions(options):
        raise PerfError("; ".join(wrong))
    workload = perf_options.workload(options)
    baseline = (
        perf_baseline.read_baseline(Path(options["baseline"]), workload) if options["baseline"] else None
    )
    started = datetime.now(timezone.utc)
    clock = time.monotonic()
    rate = _records_per_s(options)
    admin = AdminClient(_client(options))
    removal: list[str] = []
    try:
        with _topic(admin, options, progress, removal) as topic:
            observed = _Test(options, topic, rate, progress).run()
    except PerfError as error:
        raise PerfError("; ".join([str(error), *removal])) from error

    found = perf_figures.figures(observed, workload)
    reasons = [*perf_figures.reasons(found, workload, observed.drained), *removal]
    warnings = perf_figures.warnings(found, rate, observed.sending_ms / 1000)
    head: dict[str, Any] = {
        "bootstrap_servers": options["bootstrap_servers"],
        "parameters": workload,
        "client": f"confluent-kafka {confluent_kafka.__version__}, "
        f"librdkafka {confluent_kafka.libversion()[0]}",
        "warnings": warnings,
    }
    if baseline is not None:
        head["baseline"], worse = perf_baseline.regressions(
            baseline, found, options["baseline_max_regression"]
        )
        reasons += worse
    result = Result(
        "perf", started, time.monotonic() - clock, "FAIL" if reasons else "PASS", reasons, head | found
    )
    folder = Path(options["reports_dir"])
    write_text(folder / "perf.html", perf_report.html(result))
    return {
        "document": result.as_dict(),
        "summary": perf_figures.summary(found, warnings),
        "json_path": str(write_result(folder, result)),
        "html_path": str(folder / "perf.html"),
    }


def _client(options: Mapping[str, Any]) -> dict[str, Any]:
    """librdkafka's properties of every client of the test (librdkafka CONFIGURATION.md)."""
    return {
        "bootstrap.servers": ",".join(options["bootstrap_servers"]),
        "client.id": "barevm-perf",
        # What goes wrong is counted; librdkafka's own lines on standard error would double it.
        "log_level": 0,
        **options["client_properties"],
    }


def _records_per_s(options: Mapping[str, Any]) -> float | None:
    """The limit in records a second for all producers together; None where there is none."""
    if not options["limit_mb_per_s"]:
        return options["limit_records_per_s"] or None
    size: float = options["record_size"]
    if options["payload_file"]:
        bodies = perf_producer.payload_bodies(Path(options["payload_file"]), options["payload_delimiter"])
        size = sum(map(len, bodies)) / len(bodies)
    return float(options["limit_mb_per_s"] * MB / size)


@contextmanager
def _topic(
    admin: AdminClient, options: Mapping[str, Any], progress: Progress, removal: list[str]
) -> Iterator[str]:
    """A topic of this run's own; that it could not be removed again is added to ``removal``."""
    name = f"perf-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    servers = ", ".join(options["bootstrap_servers"])
    progress(
        f"perf: making topic {name} ({options['partitions']} partitions, "
        f"replication factor {options['replication_factor']}) through {servers}"
    )
    new = NewTopic(
        name,
        options["partitions"],
        options["replication_factor"],
        config={"min.insync.replicas": str(options["min_insync_replicas"])},
    )
    try:
        try:
            admin.create_topics([new], operation_timeout=REQUEST_S, request_timeout=REQUEST_S)[name].result()
        except KafkaException as error:
            raise PerfError(
                f"topic {name} could not be made through {servers}: {error.args[0].str()}; check that the "
                f"brokers run there and that at least {options['replication_factor']} are registered"
            ) from error
        yield name
    finally:
        # A creation that timed out or was interrupted may still have happened.
        if said := remove_topic(admin, name, REMOVE_S):
            removal.append(f"{said}; remove it with kafka-topics.sh --delete")


@dataclass
class _Test:
    """The workers, and what they report."""

    options: Mapping[str, Any]
    topic: str
    rate: float | None
    progress: Progress
    observed: Observed = field(default_factory=Observed)
    events: queue.Queue[tuple[Worker, Document]] = field(default_factory=queue.Queue)

    def run(self) -> Observed:
        """Run the test to its end; raises PerfError where a worker cannot do its part."""
        options = self.options
        limit = time.monotonic() + perf_options.time_limit_s(options)
        with ExitStack() as ended:

            def start(module: str, name: str, request: Document) -> Worker:
                worker = Worker(module, name, request, self.events)
                ended.callback(worker.end)
                return worker

            consumers = [
                start("perf_consumer", f"consumer {number}", self._consumer_request(number))
                for number in range(options["consumers"])
            ]
            producers = [
                start("perf_producer", f"producer {number}", self._producer_request(number))
                for number in range(options["producers"])
            ]
            if options["warmup_s"]:
                self.progress(f"perf: warming up for {options['warmup_s']:g} s, which is not counted")
            self._collect({*consumers, *producers}, "ready", limit)
            begin_ns = time.monotonic_ns() + GO_AHEAD_NS
            for worker in (*consumers, *producers):
                worker.tell({"begin_ns": begin_ns})
            self._collect(set(producers), "done", limit, begin_ns)
            for worker in consumers:
                worker.tell({"limit_s": perf_options.DRAIN_S})
            self._collect(set(consumers), "done", limit)
        return self.observed

    def _collect(self, workers: set[Worker], awaited: str, limit: float, begin_ns: int | None = None) -> None:
        """Take events until each of ``workers`` said ``awaited``; talk when the test has begun."""
        waiting = set(workers)
        told = 0
        while waiting:
            if time.monotonic() > limit:
                names = ", ".join(sorted(worker.name for worker in waiting))
                raise PerfError(f"still waiting for {names} at the time limit; is the cluster reachable?")
            if begin_ns is not None:
                second = (time.monotonic_ns() - begin_ns) // 1_000_000_000
                # A second behind, so that every worker has reported what is told about.
                if second - 1 >= told + PROGRESS_S:
                    self.progress(self._line(range(told, told + PROGRESS_S)))
                    told += PROGRESS_S
            try:
                worker, event = self.events.get(timeout=0.2)
            except queue.Empty:
                continue
            if event["event"] == "second":
                consumed = worker.name.startswith("consumer")
                (self.observed.consumed if consumed else self.observed.produced).add(event)
            elif event["event"] == "ended" and (worker in waiting or event["status"]):
                raise PerfError(f"{worker.name} ended with status {event['status']}: {event['said']}")
            elif event["event"] == awaited:
                waiting.discard(worker)
                if awaited == "done":
                    self._done(worker, event)

    def _line(self, seconds: range) -> str:
        duration_s, records = self.options["duration_s"], self.options["records"]
        if duration_s:
            left = f"{max(0.0, duration_s - seconds.stop):.0f} s left"
        else:
            left = f"{max(0, records - self.observed.produced.total.count):,} records left"
        return perf_figures.progress_line(self.observed, seconds, left)

    def _done(self, worker: Worker, event: Document) -> None:
        if worker.name.startswith("consumer"):
            self.observed.consumer_done(event)
        else:
            self.observed.producer_done(event)

    @property
    def _headed(self) -> bool:
        """Whether records carry their intended send time in their head."""
        return not self.options["payload_file"] and self.options["record_size"] >= perf_producer.HEAD.size

    def _consumer_request(self, number: int) -> Document:
        options = self.options
        return {
            "topic": self.topic,
            "headed": self._headed,
            "partitions": list(range(number, options["partitions"], options["consumers"])),
            "client": {
                **_client(options),
                # librdkafka wants a group even where partitions are assigned and nothing is committed.
                "group.id": self.topic,
                "enable.auto.commit": False,
                # A broker answers as soon as there is something to read.
                "fetch.wait.max.ms": 100,
            },
        }

    def _producer_request(self, number: int) -> Document:
        options = self.options
        producers = options["producers"]
        records = options["records"]
        return {
            "topic": self.topic,
            "headed": self._headed,
            "record_size": options["record_size"],
            "payload_file": options["payload_file"],
            "payload_delimiter": options["payload_delimiter"],
            "warmup_s": options["warmup_s"],
            "duration_s": options["duration_s"] or None,
            "records": records // producers + (number < records % producers) if records else None,
            "rate": self.rate / producers if self.rate else None,
            "delivery_timeout_s": options["delivery_timeout_s"],
            "client": {
                "acks": options["acks"],
                "linger.ms": options["linger_ms"],
                "batch.size": options["batch_size"],
                "compression.type": options["compression"],
                "enable.idempotence": options["idempotence"],
                "message.timeout.ms": int(options["delivery_timeout_s"] * 1000),
                "message.max.bytes": max(1_000_000, 2 * options["record_size"]),
                "queue.buffering.max.kbytes": BUFFER_KB,
                # Whatever the records' size, the buffer's bytes are the limit.
                "queue.buffering.max.messages": 10_000_000,
                **_client(options),
            },
        }


if __name__ == "__main__":
    serve(main)
