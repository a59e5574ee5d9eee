"""What 60 million records cost: the ledger's files, and memory and time to write it and to compare it."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ansible_collections.barevm.kafka.plugins.module_utils import durability_record as records
from ansible_collections.barevm.kafka.plugins.module_utils.durability_comparison import Comparison
from ansible_collections.barevm.kafka.plugins.module_utils.durability_ledger import Ledger

from tests.bench.table import Row

RECORDS = 60_000_000
PARTITIONS = 12
FOLD = 1_000
"""Acknowledgements of a partition that the tester hands over at once."""
JUMP = 100_000
"""Records after which offset and sequence part by one more, as after an unknown record."""
RUN = "0123456789abcdef"
LIMIT_MB = 64.0
RATE = 100_000
CORE_LIMIT = 5.0
MB = 1_000_000


@dataclass(frozen=True)
class Cost:
    """What a process of its own took."""

    memory_mb: float
    """Its peak beyond what it had before the work."""
    cpu_s: float


def write(folder: Path) -> Cost:
    """The ledger of a test that acknowledged all but one in a hundred thousand."""

    def work() -> None:
        ledger = Ledger(folder, PARTITIONS)
        for begin in range(0, RECORDS // PARTITIONS, FOLD):
            sequences = np.arange(begin, begin + FOLD)
            acked = sequences[sequences % JUMP != JUMP - 1]
            for partition in range(PARTITIONS):
                ledger.reserve(partition, begin + FOLD)
                ledger.acked(partition, acked, acked - begin // JUMP)
                ledger.failed(partition, sequences[sequences % JUMP == JUMP - 1])

    return _cost(work)


def compare(folder: Path) -> Cost:
    """Compare it with records that are all there, each with its CRC; making them is not counted."""
    body = bytes(records.LEAST_SIZE - records.HEAD_SIZE)
    crc = records.body_crc(body)
    pack = records.packer(RUN, 0)
    making_s = 0.0

    def work() -> None:
        nonlocal making_s
        ledger = Ledger(folder, PARTITIONS, read_only=True)
        comparison = Comparison(ledger, RUN)
        count = RECORDS // PARTITIONS
        for begin in range(0, count, 10 * FOLD):
            sequences = np.arange(begin, begin + 10 * FOLD)
            acked = sequences[sequences % JUMP != JUMP - 1]
            offsets = (acked - begin // JUMP).tolist()
            for partition in range(PARTITIONS):
                began_s = time.process_time()
                values = [pack(partition, sequence, 0, body, crc) for sequence in acked.tolist()]
                making_s += time.process_time() - began_s
                comparison.read(partition, offsets, values)
        ends = dict.fromkeys(range(PARTITIONS), count - count // JUMP)
        compared = comparison.finish(dict.fromkeys(range(PARTITIONS), 0), ends)
        wrong = compared.acked_lost + compared.unseen + compared.inconsistent_offsets + compared.corrupt
        if wrong or compared.records_read != ledger.totals().acked:
            raise SystemExit(f"the comparison is wrong: {compared}")

    cost = _cost(work)
    return Cost(cost.memory_mb, cost.cpu_s - making_s)


def _cost(work: Callable[[], None]) -> Cost:
    before_mb, began_s = _peak_mb(), time.process_time()
    work()
    return Cost(_peak_mb() - before_mb, time.process_time() - began_s)


def _peak_mb() -> float:
    # Not getrusage: there the peak of the process that forked this one counts too.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / MB


def _alone(phase: Callable[[Path], Cost], folder: Path) -> Cost:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(phase, folder).result()


def measure() -> list[Row]:
    """Write and compare, each in a new process."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        written = _alone(write, folder)
        files_mb = sum(path.stat().st_blocks * 512 for path in folder.iterdir()) / MB
        compared = _alone(compare, folder)
    what = f"ledger of {RECORDS // 1_000_000} million records"
    share = 100 * written.cpu_s / (RECORDS / RATE)
    beside = f"{RATE // 1000},000 records/s"
    return [
        Row(f"{what}, files", files_mb, "MB", "limit", LIMIT_MB, at_most=1),
        Row(f"{what}, memory to write it", written.memory_mb, "MB", "limit", LIMIT_MB, at_most=1),
        Row(f"{what}, memory to compare it", compared.memory_mb, "MB", "limit", LIMIT_MB, at_most=1),
        Row("keeping it", share, "% of a core", f"{beside}, limit", CORE_LIMIT, at_most=1),
        Row(f"{what}, time to compare it", compared.cpu_s, "s", f"sent in, at {beside}", RECORDS / RATE),
    ]
