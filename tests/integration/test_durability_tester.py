"""A durability test that runs: its ledger holds what happened to every record, however the test ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.barevm.kafka.plugins.module_utils import durability_files as files
from ansible_collections.barevm.kafka.plugins.module_utils import durability_tester
from ansible_collections.barevm.kafka.plugins.module_utils.durability_ledger import Ledger
from ansible_collections.barevm.kafka.plugins.modules.durability_test import DOCUMENTATION
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.integration.cluster import LOOPBACK, Kafka, free_ports, wait_until
from tests.integration.conftest import AnsibleRun
from tests.integration.durability import lower, processes, same, servers, topics

DEFAULTS: dict[str, Any] = {
    name: option.get("default") for name, option in yaml.safe_load(DOCUMENTATION)["options"].items()
}

Ansible = Callable[..., AnsibleRun]
Start = Callable[..., Path]


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands for a run of ansible-playbook."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.fixture
def start(kafka: Kafka, owner: subprocess.Popen[bytes], tmp_path: Path) -> Iterator[Start]:
    """``start(option=…)`` is the ledger of a test that runs; topics are removed afterwards."""
    before = topics(kafka)
    started: list[Path] = []

    def run(**options: Any) -> Path:
        given = {
            **DEFAULTS,
            "bootstrap_servers": servers(kafka),
            "reports_dir": str(tmp_path / "reports"),
            "delivery_timeout_s": 20.0,
            **options,
        }
        answer = durability_tester.start(given, owner.pid, print)
        started.append(Path(answer["ledger"]))
        return started[-1]

    yield run
    for folder in started:
        if files.is_running(folder):
            end(folder)
    if left := topics(kafka) - before:
        kafka.remove(*left)


def end(folder: Path) -> dict[str, Any]:
    """Tell a test to stop; what it says in the end."""
    (folder / files.STOP).touch()
    return ended(folder)


def ended(folder: Path, limit_s: float = 120) -> dict[str, Any]:
    wait_until("the tester ends", lambda: not files.is_running(folder), limit_s)
    found = files.final(folder)
    assert found is not None, (folder / files.TESTER_LOG).read_text()
    return dict(found)


def test_a_test_from_its_start_to_its_end(kafka: Kafka, start: Start) -> None:
    folder = start(
        producers=2,
        partitions=5,
        reader=True,
        probe=True,
        records_per_s=500.0,
        zookeeper_connect=kafka.connect,
    )
    assert files.is_running(folder)
    test = files.read_test(folder)
    assert test.own_topic
    assert test.options["client"]["socket.timeout.ms"] == 10_000
    files.mark(folder, "note", "half way", host="zkkafka1")
    time.sleep(3)
    found = end(folder)
    assert (found["why"], found["error"], found["errors"]) == ("stopped", "", {})
    sent, acked = same(kafka, folder)
    assert sent == acked == found["totals"]["acked"] == sum(each["sent"] for each in found["producers"])
    assert found["totals"]["unknown"] == 0
    ran_s = max(each["sending_ms"] for each in found["producers"]) / 1000
    assert sent == pytest.approx(500 * ran_s, rel=0.15)
    seconds = list(files.lines(folder / files.SECONDS))
    for who in ("producer", "reader"):
        assert sum(line["count"] for line in seconds if line["who"].startswith(who)) == sent
    assert [line["kind"] for line in files.lines(folder / files.EVENTS)] == ["started", "note", "stopped"]
    probed = [line["error"] for line in files.lines(folder / files.PROBE)]
    assert len(probed) >= 2
    assert set(probed) == {""}
    assert "registered" in (folder / files.OBSERVED).read_text()
    assert "password" not in (folder / files.TEST).read_text()


@pytest.mark.parametrize("kind", ["tester", "producer"])
def test_whatever_is_killed_the_ledger_tells_what_happened(kafka: Kafka, start: Start, kind: str) -> None:
    folder = start(partitions=4, records_per_s=2000.0)
    ledger = Ledger(folder, 4, read_only=True)
    wait_until("records are acknowledged", lambda: ledger.totals().acked > 1000)
    victim = processes(folder)[kind]
    os.kill(victim, signal.SIGKILL)
    if kind == "producer":
        found = ended(folder)
        assert found["why"] == "error"
        assert "producer 0 ended with status -9" in found["error"]
        assert not found["producers"][0]["ended"]
        assert "error" in [line["kind"] for line in files.lines(folder / files.EVENTS)]
    else:
        wait_until("the tester is gone", lambda: not files.is_running(folder))
        assert files.final(folder) is None
        # Its producer waits for what is under way, and is gone.
        wait_until("the producer is gone", lambda: "producer" not in processes(folder))
    sent, acked = same(kafka, folder)
    assert acked > 1000
    if kind == "producer":
        assert sent - acked < sent / 2, "unknown is what was under way, and nothing else"
    else:
        assert sent == acked, "what was under way was waited for"


def test_a_run_that_ends_without_stopping_it(
    kafka: Kafka, start: Start, owner: subprocess.Popen[bytes]
) -> None:
    folder = start(partitions=3)
    owner.kill()
    owner.wait()
    found = ended(folder)
    assert (found["why"], found["error"]) == ("owner_gone", "")
    sent, acked = same(kafka, folder)
    assert sent == acked > 0


def test_told_to_end(start: Start) -> None:
    folder = start(partitions=3)
    os.kill(processes(folder)["tester"], signal.SIGTERM)
    assert ended(folder)["why"] == "signal"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"limit_s": 3.0}, "limit"),
        ({"duration_s": 3.0}, "duration"),
        ({"records": 3001}, "records"),
        ({"records": 2}, "records"),
    ],
)
def test_its_own_end(start: Start, options: dict[str, Any], why: str) -> None:
    found = ended(start(partitions=3, producers=2, **options))
    assert (found["why"], found["error"]) == (why, "")
    assert found["totals"]["acked"] == options.get("records", found["totals"]["sent"])


@pytest.mark.parametrize(
    ("size", "records", "options"),
    [(100, 60_000, {}), (1_000_000, 60, {}), (1024, 20_000, {"compression": "zstd"})],
)
def test_sizes_without_a_rate(
    kafka: Kafka, start: Start, size: int, records: int, options: dict[str, Any]
) -> None:
    folder = start(records_per_s=0.0, record_size=size, records=records, producers=2, partitions=5, **options)
    found = ended(folder, 300)
    assert (found["why"], found["error"]) == ("records", "")
    assert same(kafka, folder) == (records, records)
    assert sum(each["sent_bytes"] for each in found["producers"]) == records * size


def test_a_payload_file(kafka: Kafka, start: Start, tmp_path: Path) -> None:
    payload = tmp_path / "payload"
    payload.write_text("x" * 68 + "\n" + "y" * 10_208)
    folder = start(records=500, payload_file=str(payload), partitions=3)
    assert files.read_test(folder).record_size == 10_240
    ended(folder)
    assert same(kafka, folder) == (500, 500)


def test_records_that_a_broker_finds_too_large_are_failed(kafka: Kafka, start: Start) -> None:
    # Compressed they are not: the topic's limit is lowered once the test runs.
    folder = start(partitions=3, record_size=50_000, records_per_s=50.0)
    test = files.read_test(folder)
    lower(kafka, test.topic, 20_000)
    wait_until("a record fails", lambda: Ledger(folder, 3, read_only=True).totals().failed > 0)
    found = end(folder)
    assert found["errors"]["MSG_SIZE_TOO_LARGE"]["records"] == found["totals"]["failed"] > 0
    assert found["totals"]["unknown"] == 0
    sent, acked = same(kafka, folder)
    assert sent == acked + found["totals"]["failed"]


def test_a_gap_is_measured_while_brokers_say_nothing(kafka: Kafka, start: Start) -> None:
    folder = start(partitions=3, records_per_s=300.0)
    brokers = [java.process for java in kafka.java.values() if java.process]
    began_ns = time.monotonic_ns()
    try:
        for broker in brokers:
            broker.send_signal(signal.SIGSTOP)
        time.sleep(2)
    finally:
        for broker in brokers:
            broker.send_signal(signal.SIGCONT)
    time.sleep(2)
    assert end(folder)["totals"]["unknown"] == 0
    same(kafka, folder)
    gaps = [line for line in files.lines(folder / files.GAPS) if line["ended_ns"] > began_ns + 1_500_000_000]
    assert {line["partition"] for line in gaps if line["ended_ns"] - line["began_ns"] > 1_500_000_000} == {
        0,
        1,
        2,
    }
    assert max(line["in_flight"] for line in files.lines(folder / files.SECONDS)) > 300


def test_a_full_disk_ends_it_in_order(start: Start, tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("a file system of its own needs root")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small], check=True)
    try:
        folder = start(partitions=3, records_per_s=2000.0, reports_dir=str(small))
        with (small / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while filler.write(b"x" * 4096):
                pass
        found = ended(folder)
        assert found["why"] == "error"
        assert "No space left on device" in found["error"]
        kinds = [line["kind"] for line in files.lines(folder / files.EVENTS)]
        assert kinds[-2:] == ["error", "stopped"]
        assert files.read_test(folder).partitions == 3
    finally:
        subprocess.run(["umount", small], check=True)


def test_what_is_refused_leaves_nothing(kafka: Kafka, start: Start, tmp_path: Path) -> None:
    there = topics(kafka)

    def refused(words: str, **options: Any) -> None:
        with pytest.raises(durability_tester.NotStarted) as refusal:
            start(**options)
        assert words in str(refusal.value)
        assert topics(kafka) == there
        ledgers = tmp_path / "reports" / files.LEDGERS
        assert not ledgers.exists() or not list(ledgers.iterdir())

    refused("replication_factor is 4, and 3 brokers are registered (1, 2, 3)", replication_factor=4)
    nobody = f"{LOOPBACK}:{free_ports(1)[0]}"
    refused(f"no broker answers at {nobody}", bootstrap_servers=[nobody])
    (tmp_path / "file").write_text("")
    refused("cannot be written", reports_dir=str(tmp_path / "file"))
    refused('No such configuration property: "no.such"', client_properties={"no.such": "1"})
    refused("it takes 120 s until each of 12 partitions has a record", records_per_s=0.1, partitions=12)


def test_a_given_topic(kafka: Kafka, start: Start) -> None:
    admin = kafka.admin()
    new = [
        NewTopic("foreign", 2, 3),
        NewTopic("empty", 2, 3, config={"min.insync.replicas": "1"}),
        NewTopic("compacted", 2, 3, config={"cleanup.policy": "compact,delete"}),
    ]
    for future in admin.create_topics(new).values():
        future.result()
    producer = Producer({"bootstrap.servers": servers(kafka)[0]})
    producer.produce("foreign", b"someone else's", partition=1)
    assert producer.flush(60) == 0
    with pytest.raises(durability_tester.NotStarted, match=r"topic foreign holds records.*\(partitions 1\)"):
        start(topic="foreign")
    with pytest.raises(durability_tester.NotStarted, match="topic compacted has cleanup"):
        start(topic="compacted")
    with pytest.raises(durability_tester.NotStarted, match="topic empty has 2 partitions, fewer than the 3"):
        start(topic="empty", producers=3)
    folder = start(topic="empty", records=100)
    test = files.read_test(folder)
    assert (test.own_topic, test.partitions, test.min_insync_replicas) == (False, 2, 1)
    ended(folder)
    assert same(kafka, folder) == (100, 100)
    assert "empty" in topics(kafka)
    with pytest.raises(durability_tester.NotStarted, match="topic empty holds records"):
        start(topic="empty")


def test_too_few_in_sync_replicas(kafka: Kafka, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = kafka.admin()
    # Two of its three replicas must be in sync, and one only is.
    new = NewTopic("lagging", 1, 3, config={"min.insync.replicas": "2"})
    admin.create_topics([new])["lagging"].result()

    def seen_by(broker_id: int) -> tuple[int, list[int]]:
        """Leader and ISR as a broker says; none where it has not heard of it yet."""
        asked = AdminClient({"bootstrap.servers": kafka.client_address(broker_id)})
        found = asked.list_topics("lagging", timeout=30).topics["lagging"].partitions.get(0)
        return (found.leader, sorted(found.isrs)) if found else (-1, [])

    wait_until("it has a leader and its ISR", lambda: seen_by(1)[0] > 0 and seen_by(1)[1] == [1, 2, 3])
    leader = seen_by(1)[0]
    others = [broker for broker in (1, 2, 3) if broker != leader]
    kafka.stop(*others, hard=True)
    try:
        wait_until("their sessions end", lambda: seen_by(leader) == (leader, [leader]))
        with pytest.raises(durability_tester.NotStarted, match="too few in-sync replicas"):
            start(topic="lagging", bootstrap_servers=[f"{LOOPBACK}:{kafka.ports[leader][1]}"])
    finally:
        kafka.start(*others)


def test_as_a_task(kafka: Kafka, ansible: Ansible, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    options = {
        "state": "started",
        "bootstrap_servers": servers(kafka),
        "reports_dir": str(reports),
        "partitions": 3,
        "delivery_timeout_s": 10,
    }
    done = ansible({"durability_test": options}, "--check")
    assert done.results["durability_test"]["msg"].startswith("Would make topic durability-… (3 partitions")
    assert not reports.exists()
    outcome = ansible({"durability_test": options}).results["durability_test"]
    folder = Path(outcome["ledger"])
    assert outcome["changed"] is False
    assert folder.parent == reports / files.LEDGERS
    # The playbook that began it is over.
    assert ended(folder)["why"] == "owner_gone"
    test = files.read_test(folder)
    assert (outcome["topic"], outcome["started_ns"]) == (test.topic, test.started_ns)
    mark = {
        **{"state": "marked", "ledger": str(folder), "what": "late", "kind": "strike"},
        "data": {"broker": 1, "path": "/x"},
    }
    outcome = ansible({"durability_test": mark}).results["durability_test"]
    (line,) = (line for line in files.lines(folder / files.EVENTS) if line["what"] == "late")
    assert line == {"at_ns": outcome["at_ns"], "kind": "strike", "what": "late", "broker": 1, "path": "/x"}
    outcome = ansible({"durability_test": {**mark, "ledger": str(tmp_path)}}).results["durability_test"]
    assert "The event was not noted" in outcome["msg"]
    outcome = ansible({"durability_test": {**mark, "data": {"at_ns": "now"}}}).results["durability_test"]
    assert "data.at_ns is 'now'" in outcome["msg"]
    outcome = ansible({"durability_test": {**options, "acks": "1"}}).results["durability_test"]
    assert "idempotence needs acks=all" in outcome["msg"]
    kafka.remove(test.topic)
