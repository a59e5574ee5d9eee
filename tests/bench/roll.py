"""A changed setting under load: what producers notice of a roll by site.yml, and of a live change.

Each run is watched by a durability test of 1,000 records/s (RF 3, min.insync.replicas 2, acks=all;
tests/load.py). A restart-needing setting is changed five times; a live one three
times, each beside a run of site.yml that has nothing to do, which takes as much of this machine.
"""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests import load
from tests.bench import hosts
from tests.bench.table import Row

ROLLS = 5
LIVE = 3
READ_ONLY = "queued.max.requests"
CAN_BE_LIVE = "log.retention.ms"
STEADY_S = 3

MEDIAN_GAP_MS = 600.0
LONGEST_GAP_MS = 1000.0
PARTITION_GAP_MS = 2000.0

# What role roll tells of each turn: "gate 0.4 s, gone after 0.1 s, up in 7.5 s, back in sync 2.7 s later".
WAITS = re.compile(
    r"gate\s+([\d.]+)\s+s,\s+gone\s+after\s+([\d.]+)\s+s,\s+up\s+in\s+([\d.]+)\s+s,\s+back\s+in\s+sync\s+([\d.]+)\s+s"
)


@dataclass(frozen=True)
class Change:
    """One run of site.yml, and the durability test's result beside it."""

    wall_s: float
    waits_s: tuple[float, ...]
    """Of each turn: the gate before, until it was gone, until it was up, until it was back in sync."""
    seen: dict[str, Any]

    @property
    def waiting(self) -> float:
        """The share of the time that was spent in gates and starts."""
        return sum(self.waits_s) / self.wall_s


def change(settings: dict[str, str]) -> Change:
    """Run site.yml with these broker settings under load; raises AssertionError where it kept not all."""
    servers = ",".join(f"{member['address']}:9092" for member in hosts.facts()["members"])
    with load.sent(servers) as sending:
        time.sleep(STEADY_S)
        wall_s, said = hosts.play("site.yml", "-e", json.dumps({"kafka_properties": settings}))
        seen = sending.result(at_most={"records_failed": 0})
    waits = tuple(float(wait) for turn in WAITS.findall(said) for wait in turn)
    return Change(wall_s, waits, seen)


def told(name: str, done: Change) -> None:
    """A line for one run."""
    print(
        f"  {name}: {done.wall_s:.1f} s, {done.waiting:.0%} of it waiting; longest gap "
        f"{done.seen['longest_gap_s']:.2f} s, of a partition {done.seen['worst_partition_gap_s']:.2f} s; "
        f"p99 {done.seen['produce_p99_ms']:.0f} ms",
        flush=True,
    )


def rolls(settings: dict[str, str]) -> list[Change]:
    """Change the read-only setting so often; ``settings`` is left as it was last."""
    done = []
    for number in range(ROLLS):
        settings[READ_ONLY] = str(501 + number)
        done.append(change(settings))
        told(f"{READ_ONLY} {number + 1} of {ROLLS}", done[-1])
        if len(done[-1].waits_s) != 4 * len(hosts.facts()["members"]):
            raise SystemExit("site.yml did not restart each broker once")
    return done


def live(settings: dict[str, str]) -> tuple[list[Change], list[Change]]:
    """Change the live setting so often, each time after a run that changes nothing: those runs, and these."""
    beside, done = [], []
    for number in range(LIVE):
        beside.append(change(settings))
        told("nothing to do", beside[-1])
        settings[CAN_BE_LIVE] = str(604_000_000 + number)
        done.append(change(settings))
        told(f"{CAN_BE_LIVE} {number + 1} of {LIVE}", done[-1])
        if done[-1].waits_s:
            raise SystemExit("site.yml restarted a broker for a change that can be live")
    return beside, done


def gaps(done: Sequence[Change]) -> list[float]:
    """The longest gap of each."""
    return [one.seen["longest_gap_s"] for one in done]


def measure() -> list[Row]:
    """Both kinds of change, beside what they are held to."""
    settings: dict[str, str] = {}
    rolled = rolls(settings)
    beside, changed = live(settings)
    partition = max(one.seen["worst_partition_gap_s"] for one in rolled)
    steady, steady_live = max(gaps(beside)), statistics.median(gaps(changed))
    wall, share = (
        statistics.median(getattr(one, which) for one in rolled) for which in ("wall_s", "waiting")
    )
    limit = "limit"
    return [
        Row(
            "roll, longest gap, median",
            _ms(statistics.median(gaps(rolled))),
            "ms",
            limit,
            MEDIAN_GAP_MS,
            at_most=1,
        ),
        Row("roll, longest gap of all", _ms(max(gaps(rolled))), "ms", limit, LONGEST_GAP_MS, at_most=1),
        Row("roll, longest gap of a partition", _ms(partition), "ms", limit, PARTITION_GAP_MS, at_most=1),
        Row("roll of three brokers, waiting", wall * share, "s", "wall time", wall),
        Row("live change, longest gap", _ms(steady_live), "ms", "nothing to do", _ms(steady), at_most=2),
    ]


def _ms(seconds: float) -> float:
    return seconds * 1000
