"""A durability test that runs: its folder, its workers, why it ends, and what is written down in the end."""

from __future__ import annotations

import queue
import select
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from json import dumps
from pathlib import Path
from typing import Any

import confluent_kafka
from ansible_collections.barevm.kafka.plugins.module_utils import durability_files as files
from ansible_collections.barevm.kafka.plugins.module_utils import durability_options
from ansible_collections.barevm.kafka.plugins.module_utils.durability_group_running import END_S
from ansible_collections.barevm.kafka.plugins.module_utils.durability_ledger import Ledger
from ansible_collections.barevm.kafka.plugins.module_utils.durability_numbering import partitions_of
from ansible_collections.barevm.kafka.plugins.module_utils.durability_observer import Observer
from ansible_collections.barevm.kafka.plugins.module_utils.durability_probe import probe, topic_of
from ansible_collections.barevm.kafka.plugins.module_utils.durability_topic import Refused
from ansible_collections.barevm.kafka.plugins.module_utils.perf_worker import (
    GO_AHEAD_NS,
    Document,
    Errors,
    Worker,
    count_error,
)
from ansible_collections.barevm.kafka.plugins.module_utils.results import write_text

READY_S = 60.0
ACKNOWLEDGED_S = 60.0
FLUSH_S = 15.0
"""How long producers may take beyond the delivery time-out."""

LEAVE_S = 10.0
POLL_S = 0.2
CLOCK_STEP_NS = 500_000_000
BALLAST = "ballast"
"""The file that gives its room back where the ledger's disk is full."""


@dataclass(frozen=True)
class End:
    """Why a test ends; ``failed`` where it could not do its part."""

    why: str
    words: str
    failed: bool = False


class Running:
    """The workers of a test, and what they say."""

    def __init__(
        self, options: Mapping[str, Any], test: files.Started, folder: Path, owner: int, brokers: int
    ) -> None:
        self.test, self.folder = test, folder
        self._options, self._owner, self._brokers = {**options, "partitions": test.partitions}, owner, brokers
        self._events: queue.Queue[tuple[Worker, Document]] = queue.Queue()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._producers: list[Worker] = []
        self._companions: list[Worker] = []
        self._done: dict[Worker, Document] = {}
        self._gone: set[Worker] = set()
        self._ready: set[Worker] = set()
        self._acknowledged: set[Worker] = set()
        self._clock_ns = test.wall_ns
        self._began_s: float | None = None
        """When the sending began, once every partition has acknowledged something."""
        self._warnings: list[str] = []

    def begin(self, told: threading.Event) -> None:
        """Start everything, and wait until every partition has acknowledged something; raises Refused."""
        test, client = self.test, durability_options.client(self._options)
        if test.zookeeper_connect:
            observer = Observer(test, self.folder, self._options["client_properties"])
            self._thread(observer.run, self._stopping)
        if test.probe:
            self._thread(probe, client, topic_of(test.topic), test.partitions, self.folder, self._stopping)
        for module, name, request in self._companion_requests(client):
            self._companions.append(Worker(module, name, request, self._events))
        for number in range(test.producers):
            request = self._producer_request(number)
            self._producers.append(Worker("durability_producer", f"producer {number}", request, self._events))
        everyone = {*self._producers, *self._companions}
        self._await(told, READY_S, lambda: everyone <= self._ready, "workers do not start")
        begin_ns = time.monotonic_ns() + GO_AHEAD_NS
        files.mark(self.folder, "started", f"topic {test.topic}", at_ns=begin_ns)
        for worker in self._producers:
            worker.tell({"begin_ns": begin_ns})
        self._await(
            told,
            ACKNOWLEDGED_S,
            lambda: set(self._producers) <= self._acknowledged | set(self._done),
            "not every partition acknowledges records",
        )
        self._began_s = begin_ns / 1e9

    def keep(self, told: threading.Event) -> End:
        """Wait for whatever ends the test."""
        while True:
            try:
                if end := self._wanted(told) or self._take():
                    return end
            except OSError as error:
                return End("error", f"the ledger could not be written: {error}", failed=True)

    def finish(self, end: End) -> None:
        """Stop the sending, wait until every record is reported on, and write it all down."""
        with suppress(FileNotFoundError):
            (self.folder / BALLAST).unlink()
        ends = [end]
        for worker in self._producers:
            worker.tell({"stop": True})
        until = time.monotonic() + self.test.delivery_timeout_s + FLUSH_S
        self._collect(self._producers, until, ends)
        for worker in self._companions:
            worker.tell({"stop": True})
        leave_s = LEAVE_S + (END_S if self.test.group_members else 0)
        self._collect(self._companions, time.monotonic() + leave_s, ends)
        self._stopping.set()
        for thread in self._threads:
            thread.join(LEAVE_S)
        self._end_workers()
        for each in ends:
            if each.failed:
                self._mark("error", each.words)
        self._mark("stopped", end.words)
        self._write_final(end, "; ".join(each.words for each in ends if each.failed))

    def abandon(self) -> None:
        """End the workers without waiting for anything."""
        self._stopping.set()
        self._end_workers()
        for thread in self._threads:
            thread.join(LEAVE_S)

    def _companion_requests(self, client: Mapping[str, Any]) -> list[tuple[str, str, Document]]:
        """The workers beside the producers: module, name and request of each."""
        common = {**asdict(self.test), "folder": str(self.folder), "client": client}
        reader = [("durability_reader_alongside", "reader", common)] if self.test.reader else []
        group = [("durability_group_running", "consumer group", common)] if self.test.group_members else []
        return reader + group

    def _producer_request(self, number: int) -> Document:
        test, options = self.test, self._options
        records = options["records"]
        return {
            **asdict(test),
            "folder": str(self.folder),
            "producer": number,
            "payload_delimiter": options["payload_delimiter"],
            "rate": test.records_per_s / test.producers,
            "records": records // test.producers + (number < records % test.producers) if records else None,
            "block": durability_options.block(options, test.record_size),
            "client": durability_options.producer_client(options, test.record_size, self._brokers),
        }

    def _thread(self, work: Callable[..., None], *arguments: Any) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments, daemon=True))
        self._threads[-1].start()

    def _await(
        self, told: threading.Event, limit_s: float, holds: Callable[[], bool], otherwise: str
    ) -> None:
        until = time.monotonic() + limit_s
        while not holds():
            if end := self._take() or self._wanted(told):
                raise Refused(end.words)
            if time.monotonic() > until:
                raise Refused(f"{otherwise} within {limit_s:g} s; look at the brokers and their logs")

    def _take(self) -> End | None:
        """Wait a moment for something that a worker says; returns what that ends."""
        try:
            worker, event = self._events.get(timeout=POLL_S)
        except queue.Empty:
            return None
        what = event["event"]
        if what == "ready":
            self._ready.add(worker)
        elif what == "acknowledged":
            self._acknowledged.add(worker)
        elif what == "done":
            self._done[worker] = event
            if event.get("broken"):
                return End("error", f"{worker.name}: {event['broken']}", failed=True)
        elif what == "ended":
            self._gone.add(worker)
            if worker not in self._done:
                said = f"{worker.name} ended with status {event['status']}: {event['said'] or 'no words'}"
                if worker in self._producers:
                    return End("error", said, failed=True)
                self._warnings.append(said)
                files.mark(self.folder, "error", said)
        return None

    def _wanted(self, told: threading.Event) -> End | None:
        """What else ends the test now."""
        self._watch_clock()
        if (self.folder / files.STOP).exists():
            return End("stopped", "it was told to stop")
        if told.is_set():
            return End("signal", "the tester was told to end")
        if select.select([self._owner], [], [], 0)[0]:
            return End("owner_gone", "the run that it belongs to ended without stopping it")
        if self._began_s is None:
            return None
        if set(self._producers) <= set(self._done):
            return End("records", "all records were sent")
        options, ran_s = self._options, time.monotonic() - self._began_s
        if ran_s > options["limit_s"]:
            return End("limit", f"its limit of {options['limit_s']:g} s was over")
        if options["duration_s"] and ran_s > options["duration_s"]:
            return End("duration", f"its {options['duration_s']:g} s were over")
        return None

    def _watch_clock(self) -> None:
        wall_ns = time.time_ns() - time.monotonic_ns()
        moved_ns, self._clock_ns = wall_ns - self._clock_ns, wall_ns
        if abs(moved_ns) > CLOCK_STEP_NS:
            words = f"the controller's clock was moved by {moved_ns / 1e9:+.1f} s"
            files.mark(self.folder, "clock", words, moved_s=round(moved_ns / 1e9, 3))

    def _collect(self, workers: list[Worker], until: float, ends: list[End]) -> None:
        """Wait until each worker is done or gone; what fails meanwhile is added to ``ends``."""
        while not set(workers) <= set(self._done) | self._gone:
            if time.monotonic() > until:
                late = ", ".join(w.name for w in workers if w not in self._done and w not in self._gone)
                ends.append(End("error", f"{late} did not come to an end", failed=True))
                return
            try:
                self._watch_clock()
                end = self._take()
            except OSError as error:
                end = End("error", f"the ledger could not be written: {error}", failed=True)
            if end and end.failed and end not in ends:
                ends.append(end)

    def _end_workers(self) -> None:
        for worker in (*self._producers, *self._companions):
            worker.end()

    def _mark(self, kind: str, words: str) -> None:
        # Said in final.json too.
        with suppress(OSError):
            files.mark(self.folder, kind, words)

    def _write_final(self, end: End, error: str) -> None:
        errors: Errors = {}
        for event in self._done.values():
            for kind, met in event.get("errors", {}).items():
                count_error(errors, kind, met["example"], met["records"])
        totals = Ledger(self.folder, self.test.partitions, read_only=True).totals()
        document = {
            "why": end.why,
            "words": end.words,
            "error": error,
            "ended_ns": time.monotonic_ns(),
            "client": f"confluent-kafka {confluent_kafka.__version__}, "
            f"librdkafka {confluent_kafka.libversion()[0]}",
            "producers": [self._producer_document(worker) for worker in self._producers],
            "errors": errors,
            "totals": asdict(totals),
            "warnings": self._warnings,
        }
        write_text(self.folder / files.FINAL, dumps(document, indent=2) + "\n")

    def _producer_document(self, worker: Worker) -> Document:
        number = self._producers.index(worker)
        done = self._done.get(worker)
        owned = partitions_of(number, self.test.producers, self.test.partitions)
        names = ("sent", "sent_bytes", "sending_ms", "errors", "cpu_s")
        told = {name: done[name] for name in names} if done else {}
        return {"producer": number, "partitions": len(owned), "ended": done is not None, **told}
