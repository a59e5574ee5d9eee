"""What each host adds to a run of site.yml that has nothing to do: ``python -m tests.bench.slope``.

Clusters of light hosts are made one after the other, and each is measured in CPU seconds of the controller's
processes beside wall time. The hosts share the machine with the controller, so the CPU seconds are the
figure to trust: a host's own work is not in them. Not part of `make bench`: thirty hosts take some 15 GiB of
memory and ten minutes.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.bench import hosts

COUNTS = (3, 10, 30)
RUNS = 3

# Brokers that do nothing, as small as they start. The cleaner's buffer alone would fill such a heap.
LIGHT = {
    "kafka_heap_size": "144m",
    "zookeeper_heap_size": "64m",
    "kafka_jvm_performance_opts": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "kafka_properties": {"log.cleaner.dedupe.buffer.size": 4194304},
}


@dataclass(frozen=True)
class Cost:
    """A run with nothing to do on so many hosts: medians."""

    hosts: int
    cpu_s: float
    wall_s: float


def slope(costs: Sequence[Cost]) -> tuple[float, float]:
    """CPU seconds of the controller for each host more, and for none at all (least squares)."""
    line = statistics.linear_regression([cost.hosts for cost in costs], [cost.cpu_s for cost in costs])
    return line.slope, line.intercept


def bend(costs: Sequence[Cost]) -> float:
    """How much dearer a host is at the end than at the beginning; 1 where the cost is linear."""
    steps = [(after.cpu_s - before.cpu_s) / (after.hosts - before.hosts) for before, after in pairwise(costs)]
    return steps[-1] / steps[0]


def measure(count: int) -> Cost:
    """Make so many hosts, converge them, and measure runs with nothing to do."""
    light = ("-e", json.dumps(LIGHT))
    hosts.up(count)
    try:
        hosts.play("site.yml", *light)
        cpu_s, wall_s = [], []
        for _ in range(RUNS):
            before = _cpu_s()
            took_s, said = hosts.play("site.yml", *light)
            if said.count("changed=0 ") != count:
                raise SystemExit(f"site.yml had something to do:\n{said[-2000:]}")
            cpu_s.append(_cpu_s() - before)
            wall_s.append(took_s)
    finally:
        hosts.down()
    return Cost(count, statistics.median(cpu_s), statistics.median(wall_s))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure each count, and tell the slope."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.slope", description=__doc__)
    parser.add_argument("counts", type=int, nargs="*", default=COUNTS, help="numbers of hosts (3 10 30)")
    costs = []
    for count in sorted(parser.parse_args().counts):
        costs.append(measure(count))
        print(
            f"{count:3} hosts: {costs[-1].cpu_s:6.1f} CPU seconds of the controller, "
            f"{costs[-1].wall_s:6.1f} s of wall time",
            flush=True,
        )
    if len(costs) > 1:
        each_s, none_s = slope(costs)
        print(f"each host adds {each_s:.2f} CPU seconds to {none_s:.1f}")
    if len(costs) > 2:
        print(f"the last hosts cost {bend(costs):.2f} times what the first ones do")


if __name__ == "__main__":
    main()
