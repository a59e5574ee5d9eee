"""The judging half of the durability test against real brokers."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ansible_collections.barevm.kafka.plugins.module_utils import (
    durability_files,
    durability_following,
    durability_judging,
    durability_reading,
    durability_settings,
    durability_tester,
)
from ansible_collections.barevm.kafka.plugins.module_utils.durability_conditions import Asked
from ansible_collections.barevm.kafka.plugins.module_utils.durability_reading import Unreadable
from ansible_collections.barevm.kafka.plugins.modules.durability_test import DOCUMENTATION
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.integration.cluster import Kafka, wait_until
from tests.integration.durability import servers

PARTITIONS = 4


@pytest.fixture
def topic(kafka: Kafka) -> Iterator[str]:
    """A topic of 4 partitions, replication factor 3, min.insync.replicas 2."""
    name = f"durability-{secrets.token_hex(4)}"
    admin = kafka.admin()
    new = NewTopic(name, PARTITIONS, 3, config={"min.insync.replicas": "2"})
    admin.create_topics([new], operation_timeout=30)[name].result(90)
    assert not durability_settings.wait_for_full_isr(servers(kafka), {}, [name], 60, print)
    yield name
    kafka.remove(name)


def write(kafka: Kafka, topic: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": ",".join(servers(kafka)), "enable.idempotence": True})
    for number in range(count):
        producer.produce(topic, str(number).encode(), partition=number % PARTITIONS)
    assert producer.flush(60) == 0


def test_settings_are_those_of_topic_and_brokers(kafka: Kafka, topic: str) -> None:
    write(kafka, topic, 10)
    found = durability_settings.settings(servers(kafka), {}, topic)
    assert found["topic"] == {
        "replication_factor": 3,
        "min_insync_replicas": 2,
        "unclean_leader_election": False,
        "cleanup_policy": "delete",
    }
    assert sorted(found["brokers"]) == ["1", "2", "3"]
    assert found["brokers"]["1"]["unclean_leader_election"] is False
    assert found["starts"] == {"0": 0, "1": 0, "2": 0, "3": 0}
    assert found["ends"] == {"0": 3, "1": 3, "2": 2, "3": 2}


def test_a_missing_isr_is_named_and_not_waited_for_longer_than_asked(kafka: Kafka, topic: str) -> None:
    kafka.stop(3)
    try:
        said: list[str] = []
        lacking = durability_settings.wait_for_full_isr(servers(kafka), {}, [topic], 6, said.append)
        assert f"{topic}-0 lacks broker 3 in its ISR" in lacking
        assert len(said) == 1
    finally:
        kafka.start(3)
    assert not durability_settings.wait_for_full_isr(servers(kafka), {}, [topic], 120, print)


def test_everything_is_read_in_order(kafka: Kafka, topic: str) -> None:
    write(kafka, topic, 50_000)
    source = durability_reading.Topic(servers(kafka), {}, topic, 60)
    marks, troubles = source.watermarks(range(PARTITIONS))
    assert not troubles
    assert marks == dict.fromkeys(range(PARTITIONS), (0, 12500))
    starts = dict.fromkeys(marks, 0) | {1: 12_000}
    ends = dict.fromkeys(marks, 12500) | {2: 500, 3: 0}
    found: dict[int, list[int]] = {}
    for batch in source.batches(starts, ends):
        found.setdefault(batch.partition, []).extend(batch.offsets)
        assert [int(value) // PARTITIONS for value in batch.values] == batch.offsets
    assert {number: (each[0], len(each)) for number, each in found.items()} == {
        0: (0, 12_500),
        1: (12_000, 500),
        2: (0, 500),
    }
    assert all(np.array_equal(np.diff(each), np.ones(len(each) - 1)) for each in found.values())


def test_records_deleted_under_the_reader_end_it(kafka: Kafka, topic: str) -> None:
    write(kafka, topic, 40)
    source = durability_reading.Topic(servers(kafka), {}, topic, 60)
    ends = {number: high for number, (_low, high) in source.watermarks(range(PARTITIONS))[0].items()}
    admin = AdminClient({"bootstrap.servers": ",".join(servers(kafka))})
    for done in admin.delete_records([TopicPartition(topic, 1, 4)], operation_timeout=10).values():
        done.result()
    with pytest.raises(Unreadable, match="partition 1 no longer holds what was to be read next"):
        list(source.batches(dict.fromkeys(ends, 0), ends))


def begin(kafka: Kafka, folder: Path, **options: Any) -> Path:
    """A test that runs; its ledger."""
    documented = yaml.safe_load(DOCUMENTATION)["options"]
    defaults = {name: option.get("default") for name, option in documented.items()}
    given = {
        **defaults,
        "bootstrap_servers": servers(kafka),
        "reports_dir": str(folder),
        "partitions": PARTITIONS,
        "records_per_s": 500.0,
        "delivery_timeout_s": 30.0,
        "zookeeper_connect": kafka.connect,
        "zookeeper_servers": [],
        "brokers": kafka.expected(),
        **options,
    }
    return Path(durability_tester.start(given, os.getpid(), print)["ledger"])


def judge(ledger: Path, **request: Any) -> dict[str, Any]:
    """What the child answers, with the lines that it says under ``said``."""
    said: list[str] = []
    answer = durability_judging.main({"ledger": str(ledger), "read_timeout_s": 60, **request}, said.append)
    return {**answer, "said": said}


def topics(kafka: Kafka) -> set[str]:
    return set(AdminClient({"bootstrap.servers": servers(kafka)[0]}).list_topics(timeout=10).topics)


def test_a_steady_run_passes_and_leaves_nothing(kafka: Kafka, tmp_path: Path) -> None:
    ledger = begin(kafka, tmp_path, reader=True, probe=True)
    topic = durability_files.read_test(ledger).topic
    found = judge(ledger, hold_s=7, expect={"rate_within": 0.2})
    document = found["document"]
    assert (document["result"], document["reasons"]) == ("PASS", [])
    assert document["records_sent"] == document["records_acked"] == document["records_read"] > 3000
    assert document["records_unknown"] == document["unknown_allowed"] == document["unavailable_s"] == 0
    assert document["settings"]["before"]["topic"] == document["settings"]["after"]["topic"]
    assert document["produce_p99_ms"] > 0
    assert document["end_to_end_p99_ms"] > 0
    assert document["longest_gap_s"] < 5
    assert document["max_offline"] == 0
    assert document["probe"]["acked"] > 5
    assert any("records/s acknowledged" in line and "left" in line for line in found["said"])
    assert json.loads((tmp_path / "durability.json").read_text()) == document
    assert "PASS" in (tmp_path / "durability.html").read_text()
    assert not ledger.exists()
    assert (found["ledger"], found["topic"]) == ("", "")
    wait_until("both topics are gone", lambda: not {topic, f"{topic}-probe"} & topics(kafka))


def observed(ledger: Path, asked: Asked) -> None:
    """Wait until the test that runs has seen something."""
    durability_following.wait(ledger, asked, 120, print)


def test_a_broker_killed_and_started_again(kafka: Kafka, tmp_path: Path) -> None:
    ledger = begin(kafka, tmp_path)
    time.sleep(2)
    struck = durability_files.mark(ledger, "strike", "broker 2 is killed", brokers=[2])
    before = kafka.java[2].process
    kafka.stop(2, hard=True)
    observed(ledger, Asked("deregistered", (2,), struck["at_ns"]))
    time.sleep(2)
    kafka.start(2)
    after = kafka.java[2].process
    assert before is not None
    assert after is not None
    durability_files.mark(ledger, "healed", "broker 2 is started", brokers=[2])
    words = f"process {before.pid}, then {after.pid}"
    durability_files.mark(ledger, "proof", words, name="new_pid", holds=before.pid != after.pid)
    observed(ledger, Asked("full_isr", (), struck["at_ns"]))
    expect = {"unknown": 0, "acks_during": True, "proofs": ["new_pid"], "at_most": {"longest_gap_s": 30}}
    document = judge(ledger, expect=expect)["document"]
    assert (document["result"], document["reasons"]) == ("PASS", [])
    assert document["max_under_replicated"] > 0
    assert 3 < document["time_to_deregister_s"] < 20
    assert document["worst_partition_gap_s"] >= 3
    assert document["time_to_full_isr_s"] is not None
    assert document["produce_p99_during_ms"] > document["produce_p99_before_ms"]


def test_a_killed_tester_is_judged_and_inconclusive(kafka: Kafka, tmp_path: Path) -> None:
    ledger = begin(kafka, tmp_path)
    time.sleep(2)
    os.kill(process_of(ledger), signal.SIGKILL)
    wait_until("the tester is gone", lambda: not durability_files.is_running(ledger))
    found = judge(ledger)
    document = found["document"]
    assert document["result"] == "INCONCLUSIVE"
    assert document["reasons"][0].startswith("rule b: the tester was killed")
    assert document["records_acked"] > 500
    assert document["acked_lost"] == document["unseen"] == document["corrupt"] == document["duplicates"] == 0
    assert found["ledger"] == str(ledger)
    assert f"-e durability_ledger={ledger}" in found["summary"]
    assert document["parameters"]["topic"] in topics(kafka)
    again = judge(ledger)["document"]
    assert again["records_read"] == document["records_read"]


def process_of(ledger: Path) -> int:
    """The process that holds the ledger's lock (proc(5), /proc/locks)."""
    inode = (ledger / durability_files.LOCK).stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"):
            return int(fields[4])
    raise AssertionError("nobody holds the lock")


def test_records_deleted_under_the_reader_are_no_loss(kafka: Kafka, tmp_path: Path) -> None:
    ledger = begin(kafka, tmp_path)
    topic = durability_files.read_test(ledger).topic
    time.sleep(2)
    admin = kafka.admin()
    for done in admin.delete_records([TopicPartition(topic, 1, 40)], operation_timeout=10).values():
        done.result()
    document = judge(ledger)["document"]
    assert document["result"] == "INCONCLUSIVE"
    assert {(each["rule"], each["result"]) for each in document["findings"]} == {("c", "INCONCLUSIVE")}
    assert document["deleted"] == 40
    assert document["acked_lost"] == 0


def test_a_topic_that_is_gone_is_no_verdict_of_loss(kafka: Kafka, tmp_path: Path) -> None:
    ledger = begin(kafka, tmp_path)
    time.sleep(1)
    (ledger / durability_files.STOP).touch()
    wait_until("the tester has ended", lambda: not durability_files.is_running(ledger))
    topic = durability_files.read_test(ledger).topic
    kafka.remove(topic)
    document = judge(ledger, full_isr_timeout_s=3)["document"]
    assert document["result"] == "INCONCLUSIVE"
    assert any("is not there" in reason for reason in document["reasons"])
    assert "records_read" in {each["figure"] for each in document["findings"]}


def made(kafka: Kafka, topic: str) -> bool:
    """Make a topic; False while the cluster still removes the one of this name."""
    new = NewTopic(topic, PARTITIONS, 3, config={"min.insync.replicas": "2"})
    client = kafka.admin()
    try:
        client.create_topics([new])[topic].result(90)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
        return False
    return True


def test_a_topic_that_was_made_anew_is_no_verdict_of_loss(kafka: Kafka, tmp_path: Path) -> None:
    ledger = begin(kafka, tmp_path)
    time.sleep(1)
    topic = durability_files.read_test(ledger).topic
    kafka.remove(topic)
    wait_until("it is there anew", lambda: made(kafka, topic))
    document = judge(ledger, hold_s=3)["document"]
    assert document["acked_lost"] + document["unseen"] > 0
    assert document["result"] == "INCONCLUSIVE"
    assert any("somebody deleted the topic during the test" in reason for reason in document["reasons"])


def test_a_byte_that_changed_on_a_disk_is_a_corrupt_record(kafka: Kafka, tmp_path: Path) -> None:
    ledger = begin(kafka, tmp_path, partitions=1)
    time.sleep(1)
    (ledger / durability_files.STOP).touch()
    wait_until("the tester has ended", lambda: not durability_files.is_running(ledger))
    topic = durability_files.read_test(ledger).topic
    metadata = AdminClient({"bootstrap.servers": servers(kafka)[0]}).list_topics(topic).topics[topic]
    (log,) = (kafka.folder / f"kafka{metadata.partitions[0].leader}" / "data" / f"{topic}-0").glob("*.log")
    value = durability_files.read_test(ledger).run_id
    with log.open("r+b") as disk:
        # In the body of a record, well behind its head.
        disk.seek(log.read_bytes().rindex(bytes.fromhex(value)) + 500)
        byte = disk.read(1)
        disk.seek(-1, os.SEEK_CUR)
        disk.write(bytes([byte[0] ^ 0xFF]))
    document = judge(ledger)["document"]
    assert (document["result"], document["corrupt"], document["acked_lost"]) == ("FAIL", 1, 0)
    assert [(each["rule"], each["figure"]) for each in document["findings"]] == [
        ("d", "corrupt"),
        ("c", "records_read"),
    ]
    assert "holds a batch with a wrong checksum" in document["reasons"][1]


def test_what_is_no_ledger_is_said(tmp_path: Path) -> None:
    assert "is no ledger of a durability test" in judge(tmp_path)["error"]


def test_a_group_is_judged_too(kafka: Kafka, tmp_path: Path) -> None:
    ledger = begin(kafka, tmp_path, group_members=2)
    document = judge(ledger, hold_s=8)["document"]
    assert (document["result"], document["reasons"]) == ("PASS", [])
    assert document["group"]["members"] == 2
    assert document["group"]["missing"] == document["group"]["violations"] == 0
    assert "__consumer_offsets" in document["settings"]["after"]["internal"]


def test_a_result_that_cannot_be_written_keeps_the_ledger(kafka: Kafka, tmp_path: Path) -> None:
    ledger = begin(kafka, tmp_path)
    (tmp_path / "full").write_text("a file where a folder should be")
    found = judge(ledger, reports_dir=str(tmp_path / "full"))
    assert "the result (PASS) could not be written" in found["error"]
    assert f"-e durability_ledger={ledger}" in found["error"]
    again = judge(ledger)
    assert again["document"]["result"] == "PASS"
    assert not ledger.exists()


def test_one_judges_at_a_time_and_says_what_it_cannot_do(kafka: Kafka, tmp_path: Path) -> None:
    ledger = begin(kafka, tmp_path, client_properties={"linger.ms": 77})
    assert durability_files.read_test(ledger).options["client"]["linger.ms"] == 77
    assert "rate_within is a share" in judge(ledger, expect={"rate_within": "5 %"})["error"]
    assert durability_files.is_running(ledger), "nothing was stopped for a judging that cannot be"
    with (ledger / durability_files.TEST).open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "is being judged by another run" in judge(ledger)["error"]
    assert (
        'No such configuration property: "no.such"'
        in judge(ledger, client_properties={"no.such": "1"})["error"]
    )
    assert judge(ledger)["document"]["result"] == "PASS"


class Defective:
    """The topic less the record at offset 5 of each partition, however often it is read."""

    def __init__(self, topic: durability_reading.Topic) -> None:
        self._topic = topic

    def watermarks(self, partitions: Collection[int]) -> tuple[durability_reading.Watermarks, list[str]]:
        return self._topic.watermarks(partitions)

    def batches(
        self, starts: durability_reading.Offsets, ends: durability_reading.Offsets
    ) -> Iterator[durability_reading.Batch]:
        for batch in self._topic.batches(starts, ends):
            kept = [index for index, offset in enumerate(batch.offsets) if offset != 5]
            yield durability_reading.Batch(
                batch.partition,
                [batch.offsets[index] for index in kept],
                [batch.values[index] for index in kept],
            )


def test_lost_records_fail_and_are_kept_to_be_looked_at(kafka: Kafka, tmp_path: Path) -> None:
    ledger = begin(kafka, tmp_path)
    test = durability_files.read_test(ledger)
    source = Defective(durability_reading.Topic(servers(kafka), {}, test.topic, 60))
    found = durability_judging.judge({"ledger": str(ledger), "hold_s": 2}, print, source)
    assert found["document"]["result"] == "FAIL"
    assert found["document"]["acked_lost"] == PARTITIONS
    assert found["document"]["reasons"][0].startswith("rule d: 4 records were acknowledged and are gone")
    assert test.topic in topics(kafka)
    assert found["ledger"] == str(ledger)
