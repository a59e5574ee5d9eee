"""From what a durability test wrote down second by second to its figures. 1 MB is 1,000,000 bytes.

Latencies count from the time at which a record was meant to be sent, as in a perf test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ansible_collections.barevm.kafka.plugins.module_utils.durability_files import Line
from ansible_collections.barevm.kafka.plugins.module_utils.perf_latency import Latencies, Timeline
from ansible_collections.barevm.kafka.plugins.module_utils.perf_worker import GO_AHEAD_NS

MB = 1_000_000
SECOND_NS = 1_000_000_000
READER = "reader"
PHASES = ("before", "during", "after")

Span = tuple[int, int]
"""From and to, in nanoseconds of the monotonic clock."""


@dataclass
class Times:
    """What producers and reader reported; times on the monotonic clock, in nanoseconds."""

    zero_ns: int
    """Second 0 of every series."""
    began_ns: int
    """The first record was due."""
    ended_ns: int
    """The sending ended; acknowledgements may have come afterwards."""
    produced: Timeline = field(default_factory=Timeline)
    read: Timeline = field(default_factory=Timeline)
    in_flight: dict[int, int] = field(default_factory=dict)
    """Of each second, the most records that all producers together were waiting for."""

    def ms(self, at_ns: int) -> int:
        """A time as milliseconds from second 0."""
        return (at_ns - self.zero_ns) // 1_000_000

    @property
    def acked_within_s(self) -> float:
        """From the first record's time to the last acknowledgement; 0 where none came."""
        return max(0, self.produced.last_ms - self.ms(self.began_ns)) / 1000

    @property
    def whole_seconds(self) -> range:
        """The seconds in which all the time was sent."""
        return range(-(-self.ms(self.began_ns) // 1000), self.ms(self.ended_ns) // 1000)


def times(
    zero_ns: int, events: Sequence[Line], final: Mapping[str, Any] | None, seconds: Iterable[Line]
) -> Times:
    """Gather seconds.jsonl; without ``final`` the sending ended with the last acknowledgement."""
    started = [line["at_ns"] for line in events if line["kind"] == "started"]
    began_ns = started[0] + GO_AHEAD_NS if started else zero_ns
    found = Times(zero_ns, began_ns, began_ns)
    for line in seconds:
        (found.read if line["who"] == READER else found.produced).add(line)
        if line["who"] != READER:
            second = int(line["second"])
            found.in_flight[second] = found.in_flight.get(second, 0) + int(line.get("in_flight", 0))
    sending_ms = [each["sending_ms"] for each in (final or {}).get("producers", ()) if "sending_ms" in each]
    if sending_ms:
        found.ended_ns = began_ns + max(sending_ms) * 1_000_000
    else:
        found.ended_ns = max(began_ns, zero_ns + found.produced.last_ms * 1_000_000)
    return found


def fault(events: Sequence[Line], ended_ns: int) -> Span | None:
    """From the first strike to the last healing, or to the end where one was not healed; None without one."""
    strikes = [line["at_ns"] for line in events if line["kind"] == "strike"]
    if not strikes:
        return None
    healed = [line["at_ns"] for line in events if line["kind"] == "healed" and line["at_ns"] >= strikes[-1]]
    return strikes[0], healed[-1] if healed else max(ended_ns, strikes[-1])


def acked_in(found: Times, span: Span) -> int:
    """How many milliseconds within ``span`` saw an acknowledgement."""
    first, last = map(found.ms, span)
    ticks = found.produced.ticks_ms()
    return int(np.count_nonzero((ticks >= first) & (ticks <= last)))


def latencies(found: Times, span: Span | None) -> dict[str, float | None]:
    """Produce and end-to-end latencies of all, and the produce p99 before, during and after the fault.

    A second that the fault's begin or end falls into counts as during it: what it holds was met by the fault.
    """
    whole = found.produced.total.figures("produce") | found.read.total.figures("end_to_end")
    phases: dict[str, float | None] = {f"produce_p99_{phase}_ms": None for phase in PHASES}
    if span is not None:
        first, last = (found.ms(at_ns) // 1000 for at_ns in span)
        for phase, seconds in zip(
            PHASES,
            (range(first), range(first, last + 1), range(last + 1, found.produced.seconds)),
            strict=True,
        ):
            phases[f"produce_p99_{phase}_ms"] = found.produced.latencies_at(seconds).percentile_ms(99)
    return whole | phases


def gaps(found: Times, noted: Iterable[Line]) -> dict[str, Any]:
    """The longest time without any acknowledgement, and the longest without one of a single partition.

    The whole topic's follows from the milliseconds with an acknowledgement, a partition's from what the
    producers noted. Where none was noted, no partition waited for 0.2 s longer than all did.
    """
    longest_s = found.produced.longest_gap_ms(found.ms(found.ended_ns), found.ms(found.began_ns)) / 1000
    worst = max(
        (line for line in noted if line["partition"] is not None),
        key=lambda line: int(line["ended_ns"] - line["began_ns"]),
        default=None,
    )
    worst_s = 0.0 if worst is None else (worst["ended_ns"] - worst["began_ns"]) / SECOND_NS
    return {
        "longest_gap_s": round(longest_s, 3),
        # While nobody had an acknowledgement, no partition had one.
        "worst_partition_gap_s": round(max(worst_s, longest_s), 3),
        "worst_partition": worst["partition"] if worst is not None and worst_s >= longest_s else None,
    }


def availability(found: Times) -> dict[str, int]:
    """How many whole seconds of the sending saw an acknowledgement, and how many saw none."""
    whole = found.whole_seconds
    available = sum(1 for second in whole if found.produced.count_at(second))
    return {"available_s": available, "unavailable_s": len(whole) - available}


def in_flight_at(found: Times, span: Span | None) -> int | None:
    """The most records in flight in any second from the one before the fault on, None where nothing is known.

    Those are what a fault may leave in doubt. Without a fault it is the most of the whole test.
    """
    first = 0 if span is None else found.ms(span[0]) // 1000 - 1
    return max((number for second, number in found.in_flight.items() if second >= first), default=None)


def throughput(found: Times, acked: int, record_bytes: float, cpu_s: float | None) -> dict[str, Any]:
    """Acknowledged records a second until the last acknowledgement, and what the producers' CPU did."""
    per_s = acked / found.acked_within_s if found.acked_within_s else 0.0
    return {
        "records_per_s": round(per_s, 1),
        "mb_per_s": round(per_s * record_bytes / MB, 3),
        "producer_cpu_s": None if cpu_s is None else round(cpu_s, 3),
        "records_per_producer_cpu_s": round(acked / cpu_s) if cpu_s else None,
    }


def series(found: Times, record_bytes: float) -> dict[str, list[float | None]]:
    """Equally long columns, one entry a whole second; a latency that no record has is None."""
    columns: dict[str, list[float | None]] = {
        name: []
        for name in (
            "second",
            "acked_per_s",
            "mb_per_s",
            "produce_p50_ms",
            "produce_p99_ms",
            "end_to_end_p50_ms",
            "end_to_end_p99_ms",
        )
    }
    for second in range(max(found.whole_seconds.stop, found.produced.last_ms // 1000)):
        count = found.produced.count_at(second)
        produced = found.produced.latencies_at([second])
        read = found.read.latencies_at([second])
        for name, value in (
            ("second", float(second)),
            ("acked_per_s", float(count)),
            ("mb_per_s", round(count * record_bytes / MB, 3)),
            *(_of("produce", produced)),
            *(_of("end_to_end", read)),
        ):
            columns[name].append(value)
    return columns


def _of(prefix: str, found: Latencies) -> list[tuple[str, float | None]]:
    return [(f"{prefix}_p{number}_ms", found.percentile_ms(number)) for number in (50, 99)]


def summary(figures: Mapping[str, Any]) -> str:
    """The figures in a line or two."""

    def seconds(name: str) -> str:
        value = figures.get(name)
        return "unknown" if value is None else f"{value:,.1f} s"

    p99 = figures.get("produce_p99_ms")
    return (
        f"{figures['records_acked']:,} of {figures['records_sent']:,} records acknowledged, "
        f"{figures['records_failed']:,} failed, {figures['records_unknown']:,} unknown; "
        f"{figures['records_read']:,} read back, {figures['acked_lost']:,} lost, "
        f"{figures['unseen']:,} unseen; "
        f"{figures['records_per_s']:,.0f} records/s, {figures['mb_per_s']:,.1f} MB/s, "
        f"p99 {'unknown' if p99 is None else f'{p99:,.1f} ms'}; "
        f"longest gap {seconds('longest_gap_s')}, worst partition {seconds('worst_partition_gap_s')}"
    )
