"""Negative controls: durability tests that must not pass, each for the rule that it breaks and no other.

Some defects are the reader's own: a test that passes is judged again from a source that drops, cuts off,
repeats, swaps or changes records. The others are real: records that brokers acknowledged and then lost,
records that somebody deleted, a fault that never came.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.barevm.kafka.plugins.module_utils import (
    durability_files,
    durability_judging,
    durability_reading,
    durability_settings,
    durability_tester,
)
from ansible_collections.barevm.kafka.plugins.module_utils.durability_reading import Batch, Topic
from ansible_collections.barevm.kafka.plugins.modules.durability_test import DOCUMENTATION
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.integration.cluster import LOOPBACK, Kafka, ZooKeeper, wait_until
from tests.integration.conftest import ReleaseOf
from tests.integration.durability import servers

PARTITIONS = 4
PARTITION = 2
"""Whose records the reader's own defects are about."""
K = 3
FIRST, STEP = 100, 40
LEADER, FOLLOWERS = 1, (2, 3)
# A follower that is stopped for two seconds stays in the ISR; the session of a killed leader ends soon.
PATIENT = {"replica.lag.time.max.ms": "30000", "zookeeper.session.timeout.ms": "6000"}
Finding = tuple[str, str, str | None]
Records = list[tuple[int, bytes | None]]


@pytest.fixture(scope="module")
def kafka(
    release_of: ReleaseOf, zookeeper: ZooKeeper, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kafka]:
    """Brokers of these tests' own, which kill them."""
    folder = tmp_path_factory.mktemp("controls")
    cluster = Kafka(release_of("kafka", "3.9.2"), folder, zookeeper, "/controls")
    try:
        cluster.start(1, 2, 3, settings=PATIENT)
        yield cluster
    finally:
        for broker_id in cluster.java:
            send(cluster, broker_id, signal.SIGCONT)
        cluster.stop(hard=True)


def send(kafka: Kafka, broker_id: int, number: signal.Signals) -> None:
    process = kafka.java[broker_id].process
    if process is not None:
        process.send_signal(number)


def begin(kafka: Kafka, folder: Path, **options: Any) -> Path:
    """A test that runs; its ledger."""
    documented = yaml.safe_load(DOCUMENTATION)["options"]
    return Path(
        durability_tester.start(
            {
                **{name: option.get("default") for name, option in documented.items()},
                "bootstrap_servers": servers(kafka),
                "reports_dir": str(folder),
                "partitions": PARTITIONS,
                "records_per_s": 1000.0,
                "delivery_timeout_s": 30.0,
                "zookeeper_connect": kafka.connect,
                "zookeeper_servers": [],
                "brokers": kafka.expected(),
                **options,
            },
            os.getpid(),
            print,
        )["ledger"]
    )


def judge(ledger: Path, source: durability_reading.Source | None = None, **request: Any) -> dict[str, Any]:
    """The result's document."""
    wanted = {"ledger": str(ledger), "read_timeout_s": 60, "keep": True, **request}
    return durability_judging.judge(wanted, print, source)["document"]


def fired(document: Mapping[str, Any]) -> list[Finding]:
    """What kept it from PASS."""
    return [(each["rule"], each["result"], each["figure"]) for each in document["findings"]]


class Tampered:
    """A topic one of whose partitions is not what the brokers say."""

    def __init__(self, topic: Topic, change: Callable[[Records], Records], cut: int = 0) -> None:
        self._topic, self._change, self._cut = topic, change, cut

    def watermarks(self, partitions: Collection[int]) -> tuple[durability_reading.Watermarks, list[str]]:
        marks, troubles = self._topic.watermarks(partitions)
        low, high = marks[PARTITION]
        return marks | {PARTITION: (low, high - self._cut)}, troubles

    def batches(
        self, starts: durability_reading.Offsets, ends: durability_reading.Offsets
    ) -> Iterator[Batch]:
        held: Records = []
        for batch in self._topic.batches(starts, ends):
            if batch.partition == PARTITION:
                held += zip(batch.offsets, batch.values, strict=True)
            else:
                yield batch
        changed = self._change(held)
        if changed:
            yield Batch(PARTITION, [offset for offset, _ in changed], [value for _, value in changed])


def chosen(offset: int) -> bool:
    """Whether the defect is about the record at this offset: K of them, none beside another."""
    return offset in range(FIRST, FIRST + K * STEP, STEP)


def dropped(records: Records) -> Records:
    return [each for each in records if not chosen(each[0])]


def repeated(records: Records) -> Records:
    return [each for each in records for _ in range(1 + chosen(each[0]))]


def swapped(records: Records) -> Records:
    found = list(records)
    for place in (place for place, (offset, _) in enumerate(records) if chosen(offset)):
        found[place], found[place + 1] = found[place + 1], found[place]
    return found


def corrupted(records: Records) -> Records:
    return [
        (offset, value[:50] + bytes([value[50] ^ 1]) + value[51:] if chosen(offset) and value else value)
        for offset, value in records
    ]


def headless(records: Records) -> Records:
    return [
        (offset, value[:12] + b"\xff" * 8 + value[20:] if chosen(offset) and value else value)
        for offset, value in records
    ]


@pytest.fixture(scope="module")
def passed(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The ledger of a test that passes, with its topic."""
    ledger = begin(kafka, tmp_path_factory.mktemp("reports"))
    document = judge(ledger, hold_s=3)
    assert (document["result"], document["reasons"]) == ("PASS", [])
    assert document["records_read"] == document["records_acked"] > 2000
    yield ledger
    judge(ledger, keep=False)


@pytest.mark.parametrize(
    ("figure", "change", "cut"),
    [
        ("acked_lost", dropped, 0),
        ("unseen", list, K),
        ("duplicates", repeated, 0),
        ("nonmonotonic_sends", swapped, 0),
        ("corrupt", corrupted, 0),
        ("corrupt", headless, 0),
    ],
)
def test_what_the_reader_does_to_k_records_is_exactly_k(
    kafka: Kafka, passed: Path, figure: str, change: Callable[[Records], Records], cut: int
) -> None:
    topic = Topic(servers(kafka), {}, durability_files.read_test(passed).topic, 60)
    document = judge(passed, Tampered(topic, change, cut))
    assert document["result"] == "FAIL"
    assert fired(document) == [("d", "FAIL", figure)]
    assert document["findings"][0]["count"] == document[figure] == K


def on_one_leader(kafka: Kafka, **config: str) -> str:
    """A new topic of one partition that broker 1 leads."""
    name = f"control-{secrets.token_hex(4)}"
    new = NewTopic(
        name,
        num_partitions=1,
        replica_assignment=[[LEADER, *FOLLOWERS]],
        config={"min.insync.replicas": "2", **config},
    )
    client = kafka.admin()
    client.create_topics([new], operation_timeout=30)[name].result(90)
    assert not durability_settings.wait_for_full_isr(servers(kafka), {}, [name], 60, print)
    return name


def state(kafka: Kafka, topic: str, broker_id: int) -> tuple[int, set[int]]:
    """Leader and ISR of its partition, as one broker says."""
    asked = AdminClient({"bootstrap.servers": f"{LOOPBACK}:{kafka.ports[broker_id][1]}"})
    found = asked.list_topics(topic, timeout=30).topics[topic].partitions.get(0)
    return (found.leader, set(found.isrs)) if found else (-1, set())


def test_acks_1_loses_what_its_leader_alone_had(kafka: Kafka, tmp_path: Path) -> None:
    """The followers are stopped for less than it takes to leave the ISR, and the leader is killed."""
    topic = on_one_leader(kafka)
    ledger = begin(kafka, tmp_path, topic=topic, acks="1", idempotence=False)
    time.sleep(2)
    durability_files.mark(ledger, "strike", "brokers 2 and 3 are stopped, broker 1 is killed", brokers=[1])
    before = kafka.java[LEADER].process
    for follower in FOLLOWERS:
        send(kafka, follower, signal.SIGSTOP)
    try:
        time.sleep(2)
        assert state(kafka, topic, LEADER) == (LEADER, {LEADER, *FOLLOWERS})
        kafka.stop(LEADER, hard=True)
    finally:
        for follower in FOLLOWERS:
            send(kafka, follower, signal.SIGCONT)
    wait_until("a follower leads", lambda: state(kafka, topic, 2)[0] in FOLLOWERS)
    time.sleep(2)
    kafka.start(LEADER, settings=PATIENT)
    document = healed(kafka, ledger, before.pid if before else 0, LEADER)
    assert loss(document) > 500, "two seconds at 1,000 records/s, of which a follower may have got a moment's"
    assert document["result"] == "FAIL"
    found = fired(document)
    assert found[0] == ("d", "FAIL", "acked_lost")
    assert document["findings"][0]["count"] == document["acked_lost"]
    assert {("a", "FAIL", "acks"), ("a", "FAIL", "idempotence")} <= set(found)
    assert {rule for rule, _, _ in found} == {"a", "d"}


def loss(document: Mapping[str, Any]) -> int:
    """How many acknowledged records are gone, counted in another way than the judging does it."""
    of_others = document["unknown_read"] + document["aborted_reads"] + document["duplicates"]
    lost = int(document["records_acked"] - (document["records_read"] - of_others))
    assert lost == document["acked_lost"] + document["unseen"]
    assert document["corrupt"] == document["foreign"] == 0
    return lost


def healed(kafka: Kafka, ledger: Path, pid_before: int, broker_id: int) -> dict[str, Any]:
    """Mark the end of the fault and its proof, send on for a moment, and judge."""
    durability_files.mark(ledger, "healed", "the brokers are started", brokers=[broker_id])
    proof(kafka, ledger, pid_before, broker_id)
    time.sleep(2)
    return judge(ledger, expect={"unknown": "in_flight", "proofs": ["new_pid"]})


def proof(kafka: Kafka, ledger: Path, pid_before: int, broker_id: int) -> None:
    after = kafka.java[broker_id].process
    assert after is not None
    words = f"broker {broker_id} was process {pid_before} and is {after.pid}"
    durability_files.mark(ledger, "proof", words, name="new_pid", holds=after.pid != pid_before)


@pytest.mark.parametrize("sending", [False, True])
def test_an_unclean_election_loses_what_the_stale_replica_lacks(
    kafka: Kafka, tmp_path: Path, sending: bool
) -> None:
    """An idempotent producer that still sends meets the loss itself, and can say no more of the test."""
    topic = on_one_leader(kafka, **{"unclean.leader.election.enable": "true"})
    ledger = begin(kafka, tmp_path, topic=topic)
    kafka.stop(3)
    wait_until("the ISR is 1 and 2", lambda: state(kafka, topic, 1) == (1, {1, 2}))
    time.sleep(2)
    if not sending:
        (ledger / durability_files.STOP).touch()
        wait_until("the tester has ended", lambda: not durability_files.is_running(ledger))
    kafka.stop(2, 1, hard=True)
    kafka.start(3, settings=PATIENT)
    wait_until("the stale replica leads", lambda: state(kafka, topic, 3)[0] == 3)
    kafka.start(1, 2, settings=PATIENT)
    if sending:
        wait_until("the tester has ended", lambda: not durability_files.is_running(ledger))
    document = judge(ledger)
    assert document["result"] == "FAIL"
    assert loss(document) > 500, "two seconds at 1,000 records/s"
    figures = {rule: figure for rule, _, figure in fired(document)}
    assert figures["d"] in ("acked_lost", "unseen")
    assert fired(document)[0] == ("d", "FAIL", figures["d"])
    assert document["findings"][0]["count"] == document[figures["d"]]
    assert figures["a"] == "unclean_leader_election"
    assert set(figures) == ({"a", "b", "d"} if sending else {"a", "d"})
    if sending:
        words = "rule b: producer 0: the client library could not go on"
        assert [reason for reason in document["reasons"] if reason.startswith(words)], document["reasons"]


def test_a_fault_that_did_not_happen(kafka: Kafka, tmp_path: Path) -> None:
    ledger = begin(kafka, tmp_path)
    time.sleep(2)
    process = kafka.java[2].process
    assert process is not None
    durability_files.mark(ledger, "strike", "broker 2 is killed", brokers=[2])
    send(kafka, 2, signal.SIGWINCH)  # to which the JVM does nothing
    time.sleep(2)
    durability_files.mark(ledger, "healed", "broker 2 is started", brokers=[2])
    proof(kafka, ledger, process.pid, 2)
    document = judge(ledger, hold_s=2, expect={"unknown": 0, "proofs": ["new_pid"]}, keep=False)
    assert document["result"] == "FAIL"
    assert fired(document) == [("e", "FAIL", "new_pid")]


def test_a_fault_that_nobody_looked_at(kafka: Kafka, tmp_path: Path) -> None:
    ledger = begin(kafka, tmp_path)
    time.sleep(1)
    durability_files.mark(ledger, "strike", "broker 2 is killed", brokers=[2])
    durability_files.mark(ledger, "healed", "broker 2 is started", brokers=[2])
    document = judge(ledger, hold_s=2, expect={"unknown": 0, "proofs": ["new_pid"]}, keep=False)
    assert fired(document) == [("e", "INCONCLUSIVE", "new_pid")]
    assert document["result"] == "INCONCLUSIVE"


class Deleted(Topic):
    """A topic whose first records somebody deletes when their offsets have just been asked for."""

    delete: Callable[[], None]

    def batches(
        self, starts: durability_reading.Offsets, ends: durability_reading.Offsets
    ) -> Iterator[Batch]:
        self.delete()
        yield from super().batches(starts, ends)


def test_records_deleted_under_the_reader(kafka: Kafka, tmp_path: Path) -> None:
    ledger = begin(kafka, tmp_path)
    topic = durability_files.read_test(ledger).topic
    source = Deleted(servers(kafka), {}, topic, 60)

    def delete() -> None:
        client = kafka.admin()
        for done in client.delete_records([TopicPartition(topic, PARTITION, FIRST)]).values():
            done.result()

    source.delete = delete
    document = judge(ledger, source, hold_s=2)
    assert document["result"] == "INCONCLUSIVE"
    assert fired(document) == [("c", "INCONCLUSIVE", "records_read")]
    assert document["findings"][0]["count"] == 1, "one partition could not be read"
    assert document["acked_lost"] == document["unseen"] == 0
    # Judged again, what was deleted is told from what is there.
    document = judge(ledger)
    assert fired(document) == [("c", "INCONCLUSIVE", "records_read")]
    assert document["findings"][0]["count"] == document["deleted"] == FIRST
