"""A consumer group under a durability test, on real brokers: what it handled, and what it must not do."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import durability_group_judging as judging
from ansible_collections.barevm.kafka.plugins.module_utils.durability_files import (
    EVENTS,
    Started,
    lines,
    write_test,
)
from ansible_collections.barevm.kafka.plugins.module_utils.durability_group import member_file
from ansible_collections.barevm.kafka.plugins.module_utils.durability_group_rules import Group
from ansible_collections.barevm.kafka.plugins.module_utils.durability_group_running import ask_bounce
from ansible_collections.barevm.kafka.plugins.module_utils.perf_worker import Document, Worker
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from tests.integration.cluster import LOOPBACK, Kafka, wait_until

ROOT = Path(__file__).parents[2]
PARTITIONS = 6
RATE = 600
READY_S = 60
RECORD = b"x" * 100


@pytest.fixture(autouse=True)
def _workers_find_the_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'collections'}{os.pathsep}{ROOT}")


def servers(kafka: Kafka) -> str:
    return ",".join(f"{LOOPBACK}:{client}" for _inner, client in kafka.ports.values())


class Run:
    """A topic that is produced to, its ledger, and the group that reads it."""

    def __init__(self, kafka: Kafka, folder: Path, members: int, **options: Any) -> None:
        self.folder = folder
        self.client = {"bootstrap.servers": servers(kafka)}
        run_id = uuid.uuid4().hex[:16]
        self.test = Started(
            **dict.fromkeys(("zookeeper_connect", "payload_file", "compression", "boot_id", "started"), ""),
            **dict.fromkeys(("started_ns", "wall_ns", "records_per_s", "producers"), 0),
            **dict.fromkeys(("reader", "probe"), False),
            run_id=run_id,
            name="durability",
            topic=f"group-{run_id}",
            own_topic=True,
            partitions=PARTITIONS,
            replication_factor=3,
            min_insync_replicas=2,
            record_size=len(RECORD),
            acks="all",
            idempotence=True,
            delivery_timeout_s=60.0,
            bootstrap_servers=[],
            zookeeper_servers=[],
            brokers=[],
            group_members=members,
            options=options,
        )
        write_test(folder, self.test)
        admin = kafka.admin()
        topic = NewTopic(self.test.topic, PARTITIONS, 3, config={"min.insync.replicas": "2"})
        admin.create_topics([topic], operation_timeout=30)[self.test.topic].result(60)
        self.events: queue.Queue[tuple[Worker, Document]] = queue.Queue()
        self.producing = threading.Event()
        self.sent = 0
        self._thread = threading.Thread(target=self._produce)

    def worker(self) -> Worker:
        """The group as the tester starts it."""
        request = {"folder": str(self.folder), "client": self.client}
        return Worker("durability_group_running", "group", request, self.events)

    def wait(self, event: str, limit_s: float = READY_S) -> Document:
        until = time.monotonic() + limit_s
        while True:
            worker, said = self.events.get(timeout=max(0.0, until - time.monotonic()))
            if said["event"] == event:
                return said
            assert said["event"] != "ended", (worker.name, said)

    def produce(self) -> None:
        self._thread.start()

    def _produce(self) -> None:
        producer = Producer(
            {**self.client, "enable.idempotence": True, "linger.ms": 5, "message.timeout.ms": 60_000}
        )
        began = time.monotonic()
        while not self.producing.is_set():
            while self.sent < (time.monotonic() - began) * RATE:
                producer.produce(self.test.topic, RECORD, partition=self.sent % PARTITIONS)
                self.sent += 1
            producer.poll(0.005)
        assert producer.flush(90) == 0

    def produced(self) -> None:
        """Send no more, and wait until all is acknowledged."""
        self.producing.set()
        self._thread.join()

    def watermarks(self) -> tuple[dict[int, int], dict[int, int]]:
        consumer = Consumer({**self.client, "group.id": "none"})
        try:
            found = {
                number: consumer.get_watermark_offsets(TopicPartition(self.test.topic, number), timeout=20)
                for number in range(PARTITIONS)
            }
        finally:
            consumer.close()
        return {number: low for number, (low, _) in found.items()}, {
            n: high for n, (_, high) in found.items()
        }

    def judge(self) -> Group:
        starts, ends = self.watermarks()
        assert sum(ends.values()) == self.sent
        return judging.judge(self.folder, self.test, self.client, starts, ends)

    def told(self) -> list[str]:
        return [line["what"] for line in lines(self.folder / EVENTS)]


@pytest.fixture
def run(kafka: Kafka, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Begins runs; what they made is removed."""
    made: list[Run] = []

    def begin(members: int, **options: Any) -> Run:
        made.append(Run(kafka, tmp_path, members, **options))
        return made[-1]

    yield begin
    for each in made:
        each.producing.set()
        judging.remove(each.client, each.test)
        kafka.remove(each.test.topic)


def given_to(folder: Path, member: int) -> bool:
    """Whether a member has partitions."""
    file = member_file(folder, member)
    return file.exists() and any(line["kind"] == "assigned" and line["partitions"] for line in lines(file))


def is_open(file: Path) -> bool:
    """Whether a process has a file open."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink() == file.resolve():
                return True
        except OSError:
            continue  # ended meanwhile
    return False


@contextmanager
def grouped(one: Run, *, finish: bool = True) -> Iterator[Worker]:
    """While the group runs and records come; then it has come to their end, and left."""
    group = one.worker()
    try:
        one.wait("ready")
        one.produce()
        yield group
        one.produced()
        group.tell({"stop": True})
        assert one.wait("done")["whole"] is finish
    finally:
        one.producing.set()
        group.end()


def test_a_group_that_nothing_happens_to_handles_each_record_once(run: Callable[..., Run]) -> None:
    one = run(3)
    with grouped(one):
        time.sleep(4)
    group = one.judge()
    assert group.findings == []
    figures = group.figures
    assert (figures["handled"], figures["duplicates"], figures["members_killed"]) == (one.sent, 0, 0)
    assert figures["violations"] == 0
    assert figures["commits"] >= 3 * PARTITIONS
    assert one.told() == []


def test_what_a_killed_member_had_not_committed_is_handled_again(run: Callable[..., Run]) -> None:
    one = run(3, group_commit_s=8)
    with grouped(one):
        first = one.folder / "group-1.jsonl"
        wait_until("a commit", lambda: any(line["kind"] == "committed" for line in lines(first)))
        time.sleep(3)
        ask_bounce(one.folder)
        # The session of the one that was killed lasts 10 s; the new one is given something after that.
        wait_until("a member joins, and is given something", lambda: given_to(one.folder, 4))
        ask_bounce(one.folder, hard=False)
        wait_until("another does", lambda: given_to(one.folder, 5))
    group = one.judge()
    print(json.dumps(group.figures))
    assert group.findings == []
    figures = group.figures
    assert (figures["members"], figures["members_killed"]) == (5, 1)
    assert figures["handled"] == one.sent
    assert figures["duplicates"] == figures["duplicates_allowed"]
    # What the one that was killed had written down since its last commit.
    ends: dict[str, int] = {}
    commits: dict[str, int] = {}
    for line in lines(first):
        if line["kind"] == "handled":
            ends[str(line["partition"])] = line["to"]
        elif line["kind"] == "committed":
            commits |= line["offsets"]
    assert (
        figures["duplicates"] == sum(end - commits[partition] for partition, end in ends.items()) > RATE / 3
    )
    assert figures["rebalances"] >= 2
    assert 5 < figures["longest_rebalance_s"] < 30
    assert figures["partitions_stayed"] > 0
    assert figures["longest_pause_of_stayed_s"] < 5, "they do not stand still while the others are given"
    assert figures["partitions_interrupted"] == 0


def test_a_broker_that_goes_and_comes_back_makes_nobody_miss_a_record(
    kafka: Kafka, run: Callable[..., Run]
) -> None:
    one = run(2)
    with grouped(one):
        time.sleep(2)
        kafka.stop(2, hard=True)
        time.sleep(8)
        kafka.start(2)
        time.sleep(4)
    group = one.judge()
    print(json.dumps(group.figures))
    assert group.findings == []
    assert group.figures["handled"] == one.sent
    assert group.figures["members_killed"] == 0


def test_a_member_that_commits_before_it_handles_is_found_out(run: Callable[..., Run]) -> None:
    """The control: the same judging must not let it pass, and must count exactly."""
    one = run(1)
    one.produce()
    eager = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.eager_member"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert eager.stdin is not None
    assert eager.stdout is not None
    request = {
        "folder": str(one.folder),
        # Before the first of the product's members: it has the number 0.
        "member": 0,
        "topic": one.test.topic,
        "group": f"durability-{one.test.run_id}",
        "commit_s": 1.0,
        "client": one.client,
        "after": 1000,
    }
    try:
        eager.stdin.write(json.dumps(request) + "\n")
        eager.stdin.flush()
        passed_by = next(
            said["records"] for said in map(json.loads, eager.stdout) if said["event"] == "passed_by"
        )
    finally:
        eager.kill()
        eager.wait()
    assert passed_by > 0
    group = one.worker()
    try:
        one.wait("ready")
        one.produced()
        group.tell({"stop": True})
        assert one.wait("done")["whole"]
    finally:
        group.end()
    found = one.judge()
    assert found.figures["handled"] == one.sent - passed_by
    assert found.figures["missing"] == passed_by
    wrong = {each.figure: (each.rule, each.result, each.count) for each in found.findings}
    assert wrong.pop("group.missing") == ("d", "FAIL", passed_by)
    rule, result, commits = wrong.pop("group.commits_beyond_handled")
    assert (rule, result) == ("d", "FAIL")
    assert 1 <= commits <= PARTITIONS
    assert wrong == {}


def test_a_group_whose_processes_were_killed_is_not_called_right(run: Callable[..., Run]) -> None:
    one = run(2)
    group = one.worker()
    try:
        one.wait("ready")
        one.produce()
        time.sleep(3)
    finally:
        group.end()
    for number in (1, 2):
        file = member_file(one.folder, number)
        wait_until("a member that loses the one it works for ends", lambda file=file: not is_open(file))
    one.produced()
    found = one.judge()
    assert [(each.result, each.figure) for each in found.findings] == [
        ("INCONCLUSIVE", "group.not_yet_handled")
    ]
    assert found.figures["not_yet_handled"] == one.sent - found.figures["handled"]
    assert found.figures["members_killed"] == 2
