"""What a history of acknowledgements says: gaps, latencies, and whether every acknowledged record is there.

Times are nanoseconds of the machine's monotonic clock, which all its processes share, so that whoever
started the producer can ask about the seconds of one change. Record ``number`` was sent to partition
``number % partitions``.

A gap is the time between two acknowledgements that follow each other: of the whole topic, or of one
partition. A history begins with the first sending and ends with the last one, or with an acknowledgement
that came later; so a partition that never acknowledges anything has one gap, as long as the history.
Where a window is asked for, each gap that reaches into it counts with all its length.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

UNKNOWN = 0
FAILED = -1
SECOND_NS = 1_000_000_000


@dataclass
class History:
    """What became of each record, by its number."""

    partitions: int
    sent_ns: array[int] = field(default_factory=lambda: array("q"))
    acked_ns: array[int] = field(default_factory=lambda: array("q"))
    """When it was acknowledged; FAILED where the client gave it up, UNKNOWN while it has not reported."""

    def sent(self, now_ns: int) -> int:
        """Note that a record is sent; returns its number."""
        self.sent_ns.append(now_ns)
        self.acked_ns.append(UNKNOWN)
        return len(self.sent_ns) - 1


@dataclass(frozen=True)
class Gap:
    """Time without an acknowledgement; ``began_ns`` is the last one before it."""

    seconds: float
    began_ns: int
    partition: int | None = None


@dataclass(frozen=True)
class Figures:
    """Of a whole history, or of a window of it. ``sending_gap_s`` is the producer's own longest pause: a
    machine that stalled, and no fault of the cluster."""

    records: int
    acknowledged: int
    failed: int
    unknown: int
    longest_gap_s: float
    worst_partition_gap_s: float
    worst_partition: int | None
    sending_gap_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float

    def as_dict(self) -> dict[str, Any]:
        """As a document."""
        return asdict(self)


@dataclass(frozen=True)
class ReadBack:
    """The topic's records beside the ledger: by number, each exactly once where it was acknowledged."""

    read: int
    lost: list[int]
    """Acknowledged, and not there."""
    duplicated: list[int]
    foreign: list[str]
    """Not one of the ledger's records, or not in its partition."""

    @property
    def exact(self) -> bool:
        """Whether every acknowledged record is there once, and nothing else."""
        return not (self.lost or self.duplicated or self.foreign)


def figures(history: History, since_ns: int | None = None, until_ns: int | None = None) -> Figures:
    """Figures of the records sent in a window (or all), and of the gaps that reach into it."""
    first = 0 if since_ns is None else since_ns
    last = max([*history.sent_ns, *history.acked_ns], default=0) if until_ns is None else until_ns
    numbers = [number for number, sent in enumerate(history.sent_ns) if first <= sent <= last]
    acked = [number for number in numbers if history.acked_ns[number] > 0]
    latencies_ms = sorted((history.acked_ns[n] - history.sent_ns[n]) / 1e6 for n in acked)
    topic = longest(gaps(history, None), first, last)
    partitions = [longest(gaps(history, p), first, last) for p in range(history.partitions)]
    worst = max((gap for gap in partitions if gap), key=lambda gap: gap.seconds, default=None)
    sendings = [history.sent_ns[number] for number in numbers]
    return Figures(
        records=len(numbers),
        acknowledged=len(acked),
        failed=sum(history.acked_ns[number] == FAILED for number in numbers),
        unknown=sum(history.acked_ns[number] == UNKNOWN for number in numbers),
        longest_gap_s=topic.seconds if topic else 0.0,
        worst_partition_gap_s=worst.seconds if worst else 0.0,
        worst_partition=worst.partition if worst else None,
        sending_gap_s=max((b - a for a, b in pairwise(sendings)), default=0) / SECOND_NS,
        p50_ms=quantile(latencies_ms, 0.5),
        p99_ms=quantile(latencies_ms, 0.99),
        max_ms=quantile(latencies_ms, 1.0),
    )


def gaps(history: History, partition: int | None) -> list[Gap]:
    """All gaps of the topic, or of one partition, in the order of time."""
    own = slice(partition, None, history.partitions) if partition is not None else slice(None)
    acked = sorted(when for when in history.acked_ns[own] if when > 0)
    if not history.sent_ns[own]:
        return []
    began, ended = history.sent_ns[0], history.sent_ns[-1]
    marks = [began, *acked, *([ended] if not acked or ended > acked[-1] else [])]
    return [Gap((b - a) / SECOND_NS, a, partition) for a, b in pairwise(marks)]


def longest(found: Iterable[Gap], since_ns: int, until_ns: int) -> Gap | None:
    """The longest of the gaps that reach into a window."""
    within = (
        gap for gap in found if gap.began_ns < until_ns and gap.began_ns + gap.seconds * SECOND_NS > since_ns
    )
    return max(within, key=lambda gap: gap.seconds, default=None)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` of them do not exceed; 0 where there are none."""
    if not ordered:
        return 0.0
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]


def read_back(history: History, records: Iterable[tuple[int, bytes]]) -> ReadBack:
    """Compare the topic's records (partition and value, which is the record's number) with the ledger."""
    there: Counter[int] = Counter()
    foreign = []
    read = 0
    for partition, value in records:
        read += 1
        number = int(value) if value.isdigit() else -1
        if 0 <= number < len(history.sent_ns) and number % history.partitions == partition:
            there[number] += 1
        else:
            foreign.append(f"partition {partition}: {value[:40]!r}")
    return ReadBack(
        read,
        lost=[n for n, acked in enumerate(history.acked_ns) if acked > 0 and not there[n]],
        duplicated=sorted(number for number, count in there.items() if count > 1),
        foreign=foreign,
    )
