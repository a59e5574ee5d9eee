"""perf_test against a real cluster: what it counts, what it says, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import perf_options
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.browser import dom_of, plotted_points
from tests.integration.cluster import LOOPBACK, Kafka, free_ports, wait_until
from tests.integration.conftest import AnsibleRun

ROOT = Path(__file__).parents[2]
ENGINE = "ansible_collections.barevm.kafka.plugins.module_utils.perf_run"
SMALL = {"partitions": 6, "delivery_timeout_s": 15}

Ansible = Callable[..., AnsibleRun]


def servers(kafka: Kafka) -> list[str]:
    return [f"{LOOPBACK}:{client}" for _inner, client in kafka.ports.values()]


def perf_topics(kafka: Kafka) -> list[str]:
    admin = AdminClient({"bootstrap.servers": servers(kafka)[0]})
    return [name for name in admin.list_topics(timeout=30).topics if name.startswith("perf-")]


def records(kafka: Kafka) -> int:
    """How many there are in the test's topic."""
    consumer = Consumer({"bootstrap.servers": servers(kafka)[0], "group.id": "look", "log_level": 0})
    try:
        ends = [
            consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=30)[1]
            for topic in perf_topics(kafka)
            for number in range(SMALL["partitions"])
        ]
    except KafkaException:
        return 0  # it is just being made
    finally:
        consumer.close()
    return sum(ends)


def asked(kafka: Kafka, folder: Path, **options: Any) -> dict[str, Any]:
    return {**SMALL, "bootstrap_servers": servers(kafka), "reports_dir": str(folder), **options}


def start_engine(options: dict[str, Any]) -> subprocess.Popen[str]:
    """The process that the action supervises, in a session of its own."""
    defaults = {name: option.get("default") for name, option in perf_options.ARGUMENT_SPEC.items()}
    engine = subprocess.Popen(
        [sys.executable, "-m", ENGINE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT / "collections")},
        start_new_session=True,
        text=True,
    )
    assert engine.stdin is not None
    engine.stdin.write(json.dumps({**defaults, **options}) + "\n")
    engine.stdin.flush()
    return engine


def descendants(pid: int) -> set[int]:
    """The processes below ``pid``, with how deep they are left out."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        parents[int(stat.parent.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def test_every_record_is_acknowledged_read_back_and_plotted(
    kafka: Kafka, ansible: Ansible, tmp_path: Path
) -> None:
    reports = tmp_path / "reports"
    options = asked(kafka, reports, records=20001, producers=2, consumers=2, warmup_s=1)
    done = ansible({"perf_test": options})
    outcome = done.results["perf_test"]
    assert done.status == 0, done.output
    assert outcome["result"] == "PASS"
    assert outcome["changed"] is False
    figures = json.loads((reports / "perf.json").read_text())
    assert figures["verb"] == "perf"
    assert figures["records_sent"] == figures["records_acked"] == figures["records_received"] == 20001
    assert figures["records_failed"] == 0
    for kind in ("produce", "end_to_end"):
        values = [figures[f"{kind}_{name}_ms"] for name in ("p50", "p95", "p99", "p99_9", "max")]
        assert values == sorted(values)
        assert values[0] > 0
    assert figures["records_per_s"] == pytest.approx(20001 / figures["acknowledged_within_s"], rel=0.01)
    assert figures["mb_per_s"] == pytest.approx(figures["records_per_s"] * 1024 / 1e6, rel=0.01)
    series = figures["series"]
    assert len({len(column) for column in series.values()}) == 1
    drawn = plotted_points(dom_of(reports / "perf.html"))
    in_columns = [
        sum(value is not None for name, column in series.items() if name.endswith(unit) for value in column)
        for unit in ("_records_per_s", ("_p50_ms", "_p99_ms"))
    ]
    in_distributions = sum(
        len(figures[f"{kind}_distribution"]["percentile"]) for kind in ("produce", "end_to_end")
    )
    assert drawn == [*in_columns, in_distributions]
    wait_until("the topic is gone", lambda: perf_topics(kafka) == [])


def test_it_talks_and_keeps_its_schedule(kafka: Kafka, ansible: Ansible, tmp_path: Path) -> None:
    options = asked(kafka, tmp_path, duration_s=7, limit_mb_per_s=0.5, record_size=500)
    done = ansible({"perf_test": options})
    figures = done.results["perf_test"]["figures"]
    assert figures["records_sent"] == pytest.approx(7000, abs=2)
    assert "end_to_end_p50_ms" not in figures
    assert "2 s left" in done.output
    assert 1 <= done.output.count("records/s acknowledged") <= 1 + figures["acknowledged_within_s"] // 5


@pytest.mark.parametrize("record_size", [1, 8])
def test_records_too_small_for_a_time_carry_it_as_their_timestamp(
    kafka: Kafka, ansible: Ansible, tmp_path: Path, record_size: int
) -> None:
    options = asked(kafka, tmp_path, records=2000, consumers=1, record_size=record_size)
    outcome = ansible({"perf_test": options}).results["perf_test"]
    assert outcome["figures"]["records_received"] == 2000
    assert 0 <= outcome["figures"]["end_to_end_p50_ms"] < 10_000


def test_a_payload_file(kafka: Kafka, ansible: Ansible, tmp_path: Path) -> None:
    payload = tmp_path / "payload"
    payload.write_text("one\ntwo\n" + "x" * 94)
    options = asked(kafka, tmp_path, records=3000, consumers=3, payload_file=str(payload))
    figures = ansible({"perf_test": options}).results["perf_test"]["figures"]
    assert figures["records_acked"] == figures["records_received"] == 3000
    mean_bytes = figures["mb_per_s"] * 1e6 / figures["records_per_s"]
    assert mean_bytes == pytest.approx(100 / 3, rel=0.1)


def test_settings_reach_the_producer(kafka: Kafka, ansible: Ansible, tmp_path: Path) -> None:
    options = asked(kafka, tmp_path, records=1000, compression="zstd", idempotence=True)
    outcome = ansible({"perf_test": options}).results["perf_test"]
    assert outcome["result"] == "PASS"
    options = asked(kafka, tmp_path, records=1000, client_properties={"no.such.property": "1"})
    assert (
        'No such configuration property: "no.such.property"'
        in (ansible({"perf_test": options}).results["perf_test"]["msg"])
    )


def test_a_run_without_an_acknowledgement_fails(kafka: Kafka, ansible: Ansible, tmp_path: Path) -> None:
    options = asked(kafka, tmp_path, records=20, record_size=2_000_000)
    done = ansible({"perf_test": options})
    outcome = done.results["perf_test"]
    assert outcome["failed"]
    assert "no record was acknowledged (20 sent): MSG_SIZE_TOO_LARGE 20 times" in outcome["msg"]
    assert outcome["figures"]["errors"]["MSG_SIZE_TOO_LARGE"]["records"] == 20
    assert json.loads((tmp_path / "perf.json").read_text())["result"] == "FAIL"
    wait_until("the topic is gone", lambda: perf_topics(kafka) == [])


def test_a_stall_shows_in_every_record_that_was_due(kafka: Kafka, tmp_path: Path) -> None:
    """A tool that waited with its next record would report one slow record instead of hundreds."""
    options = asked(kafka, tmp_path, duration_s=10, limit_records_per_s=200)
    engine = start_engine(options)
    brokers = [java.process for java in kafka.java.values() if java.process]
    try:
        wait_until("records are written", lambda: records(kafka) > 0)
        time.sleep(1)
        for broker in brokers:
            broker.send_signal(signal.SIGSTOP)
        time.sleep(2)
    finally:
        for broker in brokers:
            broker.send_signal(signal.SIGCONT)
    assert engine.stdout is not None
    engine.stdout.read()  # its standard input stays open: it would end with its supervisor
    figures = json.loads((tmp_path / "perf.json").read_text())
    assert figures["records_acked"] == figures["records_sent"] == 2000
    assert figures["longest_gap_without_ack_ms"] >= 1500
    # 400 of 2,000 records were due in the two seconds; half of those, a tenth of all, waited over a second.
    waited = dict(
        zip(*(figures["produce_distribution"][name] for name in ("percentile", "latency_ms")), strict=True)
    )
    assert max(latency for percentile, latency in waited.items() if percentile <= 90) > 500
    assert figures["produce_p95_ms"] > 1000


def test_a_baseline(kafka: Kafka, ansible: Ansible, tmp_path: Path) -> None:
    options = asked(kafka, tmp_path / "first", duration_s=2, limit_records_per_s=500)
    assert ansible({"perf_test": options}).results["perf_test"]["result"] == "PASS"
    first = json.loads((tmp_path / "first" / "perf.json").read_text())
    # As if it had been twice as fast.
    (tmp_path / "fast.json").write_text(
        json.dumps({**first, "records_per_s": 1000.0, "produce_p99_ms": None})
    )
    outcome = ansible(
        {"perf_test": {**options, "baseline": str(tmp_path / "fast.json"), "reports_dir": str(tmp_path)}}
    ).results["perf_test"]
    assert outcome["failed"]
    assert re.search(r"[5-9]\d% worse than the baseline's 1000; allowed are 20%", outcome["msg"]), outcome
    outcome = ansible(
        {"perf_test": {**options, "baseline": str(tmp_path / "fast.json"), "record_size": 99}}
    ).results["perf_test"]
    assert "record_size (baseline 1024, now 99)" in outcome["msg"]


def test_nothing_happens_under_check_mode(kafka: Kafka, ansible: Ansible, tmp_path: Path) -> None:
    options = asked(kafka, tmp_path / "reports", duration_s=5)
    outcome = ansible({"perf_test": options}, "--check").results["perf_test"]
    assert outcome["msg"].startswith("Would make a topic perf-… (6 partitions, replication factor 3)")
    assert not (tmp_path / "reports").exists()


def test_options_that_contradict_are_refused_at_once(kafka: Kafka, ansible: Ansible, tmp_path: Path) -> None:
    options = asked(kafka, tmp_path, duration_s=5, records=5, consumers=9)
    said = ansible({"perf_test": options}).results["perf_test"]["msg"]
    assert "set exactly one of them" in said
    assert "consumers is 9, above partitions (6)" in said


def test_more_replicas_than_brokers(kafka: Kafka, ansible: Ansible, tmp_path: Path) -> None:
    options = asked(kafka, tmp_path, duration_s=5, replication_factor=4)
    said = ansible({"perf_test": options}).results["perf_test"]["msg"]
    assert "at least 4 are registered" in said


def test_a_cluster_that_is_not_there(kafka: Kafka, ansible: Ansible, tmp_path: Path) -> None:
    nobody = f"{LOOPBACK}:{free_ports(1)[0]}"
    options = asked(kafka, tmp_path, duration_s=5, bootstrap_servers=[nobody])
    said = ansible({"perf_test": options}).results["perf_test"]["msg"]
    assert f"could not be made through {nobody}" in said


def test_an_interrupted_test_leaves_nothing_behind(kafka: Kafka, tmp_path: Path) -> None:
    options = asked(kafka, tmp_path, duration_s=60, producers=2, consumers=1)
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": [{"barevm.kafka.perf_test": options}]}]
    (tmp_path / "play.json").write_text(json.dumps(play))
    playbook = Path(sys.executable).with_name("ansible-playbook")
    running = subprocess.Popen(
        [playbook, "-i", "localhost,", tmp_path / "play.json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert running.stdout is not None
    said = ""
    for line in running.stdout:
        said += line
        if "records/s acknowledged" in line:
            break
    workers = descendants(running.pid)
    assert len(perf_topics(kafka)) == 1, said
    assert len(workers) >= 4, "the coordinator, two producers and a consumer"
    os.killpg(running.pid, signal.SIGINT)  # what a terminal does on Ctrl-C
    running.communicate(timeout=120)
    wait_until("the topic is gone", lambda: perf_topics(kafka) == [])
    wait_until("all processes are gone", lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    assert not (tmp_path / "perf.json").exists()
