"""durability_test beside perf_test and kafka-producer-perf-test: the same records, in turn, warm.

Each run of durability_test is read back and judged, and the bench ends where one is no PASS.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any

import yaml
from ansible_collections.barevm.kafka.plugins.module_utils import child, durability_tester
from ansible_collections.barevm.kafka.plugins.modules.durability_test import DOCUMENTATION

from tests.bench import hosts, produce
from tests.bench.produce import RECORD_SIZE, RECORDS, RUNS, Run, median
from tests.bench.table import Row

PARTITIONS = 12
DEFAULTS: dict[str, Any] = {
    name: option.get("default") for name, option in yaml.safe_load(DOCUMENTATION)["options"].items()
}


def durability_test(servers: str, reader: bool) -> Run:
    """One run of ours, judged; the CPU time is that of the producer."""
    os.environ["PYTHONPATH"] = str(hosts.ROOT / "collections")
    with tempfile.TemporaryDirectory() as folder:
        options = {
            **DEFAULTS,
            "bootstrap_servers": servers.split(","),
            "reports_dir": folder,
            "records": RECORDS,
            "record_size": RECORD_SIZE,
            "records_per_s": 0.0,
            "partitions": PARTITIONS,
            "reader": reader,
        }
        ledger = durability_tester.start(options, os.getpid(), lambda _words: None)["ledger"]
        document = judged(ledger)
    if document["result"] != "PASS" or document["records_acked"] != RECORDS:
        raise SystemExit(f"durability_test: {document['result']}: {document['reasons']}")
    return document["records_per_s"], document["records_per_producer_cpu_s"]


def judged(ledger: str) -> dict[str, Any]:
    """The result, once all records are sent and read back."""
    with subprocess.Popen(
        child.command("durability_judging"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as judge:
        assert judge.stdin is not None
        assert judge.stdout is not None
        # Its records end the test; nobody tells it to stop before.
        judge.stdin.write(json.dumps({"ledger": ledger, "hold_s": 600}) + "\n")
        judge.stdin.flush()
        for line in judge.stdout:
            answer = json.loads(line)
            if "result" in answer:
                found: dict[str, Any] = answer["result"]
                if "error" in found:
                    raise SystemExit(f"durability_test: {found['error']}")
                return dict(found["document"])
    raise SystemExit("durability_judging ended without a result")


def perf_test(servers: str) -> Run:
    """One run of perf_test; the CPU time is that of the producer."""
    document = produce.perf_document(servers, PARTITIONS)
    return document["records_per_s"], RECORDS / document["producer_cpu_s"]


def measure() -> list[Row]:
    """Medians of warm runs, in turn."""
    servers = ",".join(f"{member['address']}:9092" for member in hosts.facts()["members"])
    tools: dict[str, Callable[[str], Run]] = {
        "perf_test": perf_test,
        "durability_test": partial(durability_test, reader=False),
        "durability_test, reader alongside": partial(durability_test, reader=True),
        "kafka-producer-perf-test": produce.producer_perf_test,
    }
    runs: dict[str, list[Run]] = {name: [] for name in tools}
    with produce.topic(servers, PARTITIONS):
        for number in range(RUNS + 1):
            for name, tool in tools.items():
                rate, by_cpu = tool(servers)
                print(
                    f"  run {number}{' (not counted: warms up)' if number == 0 else ''}: {name} "
                    f"{rate:,.0f} records/s, {by_cpu:,.0f} per CPU-second",
                    flush=True,
                )
                if number:
                    runs[name].append((rate, by_cpu))
    rates, by_cpu = ({name: median(found, which) for name, found in runs.items()} for which in (0, 1))
    held = {"durability_test": 0.9, "durability_test, reader alongside": 0.6}
    first, *others = tools
    return [
        Row(f"{name}, records/s", rates[name], "", first, rates[first], at_least=held.get(name))
        for name in others
    ] + [Row(f"{name}, records per CPU-second", by_cpu[name], "", first, by_cpu[first]) for name in others]
