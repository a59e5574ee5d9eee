"""durability_test beside perf_test and kafka-producer-perf-test: the same records, in turn, warm.

Each run of durability_test is read back and judged, and the bench ends where one is no PASS.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tests import load
from tests.bench import hosts, produce
from tests.bench.produce import RECORD_SIZE, RECORDS, RUNS, Run, median
from tests.bench.table import Row

PARTITIONS = 12


def durability_test(servers: str, reader: bool) -> Run:
    """One run of ours, judged; the CPU time is that of the producer."""
    options: dict[str, Any] = {
        "records": RECORDS,
        "record_size": RECORD_SIZE,
        "records_per_s": 0.0,
        "partitions": PARTITIONS,
        "reader": reader,
    }
    with load.sent(servers, **options) as sending:
        # Its records end the test; nobody tells it to stop before.
        document = sending.result(hold_s=600, at_least={"records_acked": RECORDS})
    return document["records_per_s"], document["records_per_producer_cpu_s"]


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
