"""perf_test beside kafka-producer-perf-test: the same records to the same cluster, in turn, warm."""

from __future__ import annotations

import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import perf_options
from confluent_kafka.admin import AdminClient, NewTopic

from tests.bench import hosts
from tests.bench.table import Row
from tests.integration.conftest import release_in_cache

RUNS = 3
RECORDS = 1_000_000
RECORD_SIZE = 1024
PARTITIONS = 5
"""What perf_test takes where nobody says otherwise."""
TOPIC = "bench-producer-perf-test"
SETTINGS = {"acks": "all", "linger.ms": "5", "batch.size": "131072", "enable.idempotence": "false"}

Run = tuple[float, float]
"""Records/s, and records per CPU-second of all the tool's processes, from their start to their end."""


def cpu_s(work: Callable[[], float]) -> tuple[float, float]:
    """What ``work`` returns, and the CPU seconds of the processes it ran."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def producer_perf_test(servers: str) -> Run:
    """One run of the tool that comes with Kafka."""
    tool = release_in_cache("kafka", "3.9.2") / "bin" / "kafka-producer-perf-test.sh"
    properties = [f"{name}={value}" for name, value in {"bootstrap.servers": servers, **SETTINGS}.items()]

    def work() -> float:
        said = subprocess.run(
            [
                *(tool, "--topic", TOPIC, "--num-records", str(RECORDS), "--record-size", str(RECORD_SIZE)),
                *("--throughput", "-1", "--producer-props", *properties),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        # Its last line is on the whole run.
        return float(re.findall(rf"^{RECORDS} records sent, ([\d.]+) records/sec", said, re.MULTILINE)[-1])

    rate, used_s = cpu_s(work)
    return rate, RECORDS / used_s


def perf_document(servers: str, partitions: int) -> dict[str, Any]:
    """What perf.json says of one run of ours."""
    options: dict[str, Any] = {
        name: option.get("default") for name, option in perf_options.ARGUMENT_SPEC.items()
    }

    with tempfile.TemporaryDirectory() as folder:
        options.update(
            bootstrap_servers=servers.split(","),
            records=RECORDS,
            record_size=RECORD_SIZE,
            reports_dir=folder,
            partitions=partitions,
        )
        with subprocess.Popen(
            [sys.executable, "-m", "ansible_collections.barevm.kafka.plugins.module_utils.perf_run"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(hosts.ROOT / "collections")},
            start_new_session=True,
            text=True,
        ) as engine:
            assert engine.stdin is not None
            assert engine.stdout is not None
            engine.stdin.write(json.dumps(options) + "\n")
            engine.stdin.flush()
            engine.stdout.read()
        document = json.loads((Path(folder) / "perf.json").read_text())
    if document["result"] != "PASS" or document["records_acked"] != RECORDS:
        raise SystemExit(f"perf_test: {document['reasons']}")
    return dict(document)


def perf_test(servers: str) -> Run:
    """One run of ours, with all its processes."""
    rate, used_s = cpu_s(lambda: float(perf_document(servers, PARTITIONS)["records_per_s"]))
    return rate, RECORDS / used_s


def measure() -> list[Row]:
    """Medians of warm runs, in turn."""
    servers = ",".join(f"{member['address']}:9092" for member in hosts.facts()["members"])
    ours: list[Run] = []
    theirs: list[Run] = []
    with topic(servers):
        for number in range(RUNS + 1):
            their_run, our_run = producer_perf_test(servers), perf_test(servers)
            print(
                f"  run {number}{' (not counted: warms up)' if number == 0 else ''}: perf_test "
                f"{our_run[0]:,.0f} records/s, kafka-producer-perf-test {their_run[0]:,.0f} records/s",
                flush=True,
            )
            if number:
                theirs.append(their_run)
                ours.append(our_run)
    beside = "kafka-producer-perf-test"
    rates, by_cpu = (median(ours, which) for which in (0, 1))
    return [
        Row("perf_test, records/s", rates, "", beside, median(theirs, 0), at_least=1),
        Row("perf_test, records per CPU-second", by_cpu, "", beside, median(theirs, 1), at_least=1.2),
    ]


def median(runs: Sequence[Run], which: int) -> float:
    """Of the rates (0), or of the records per CPU-second (1)."""
    return statistics.median(run[which] for run in runs)


@contextmanager
def topic(servers: str, partitions: int = PARTITIONS) -> Any:
    """A topic for the tool that makes none itself, like the one that perf_test makes."""
    admin = AdminClient({"bootstrap.servers": servers})
    made = NewTopic(TOPIC, partitions, 3, config={"min.insync.replicas": "2"})
    admin.create_topics([made])[TOPIC].result()
    try:
        yield
    finally:
        admin.delete_topics([TOPIC])[TOPIC].result()
