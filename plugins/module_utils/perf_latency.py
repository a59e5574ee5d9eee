"""Latency figures without sampling: every value lands in an HdrHistogram, in bulk.

``hdrh`` records one value at a time, which at 100,000 records/s would cost more than the sending
itself. So values are first brought to HdrHistogram's own bucket indexes with numpy, counted there,
and each bucket is recorded once with its count: the same histogram, one call a bucket
(http://hdrhistogram.org, ``HdrHistogram.java`` ``countsArrayIndex``).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

LONGEST_US = 3_600_000_000
"""An hour: nothing a perf test waits for takes longer."""

SIGNIFICANT_DIGITS = 3
HALF_BUCKET = 1024  # of 2048 sub-buckets, what three significant digits need
HALF_BUCKET_BITS = 10

PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "p99_9": 99.9}

Times = NDArray[np.int64]
Counts = NDArray[np.int64]


def bucket_indexes(values_us: Times) -> Times:
    """HdrHistogram's counts index of each value; microseconds, negatives count as zero."""
    values = np.clip(values_us, 0, LONGEST_US)
    # frexp is exact below 2**53, and LONGEST_US is far below that.
    exponents = np.frexp(values.astype(np.float64))[1].astype(np.int64)
    shifts = np.maximum(exponents - (HALF_BUCKET_BITS + 1), 0)
    indexes: Times = shifts * HALF_BUCKET + (values >> shifts)
    return indexes


def bucket_value(index: int) -> int:
    """The smallest value in microseconds that has this counts index."""
    shift = max(index // HALF_BUCKET - 1, 0)
    return (index - shift * HALF_BUCKET) << shift


class Latencies:
    """The distribution of one kind of latency; values in microseconds, figures in milliseconds."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, LONGEST_US, SIGNIFICANT_DIGITS)
        self._max_us = 0

    def add(self, buckets: Iterable[Sequence[int]], max_us: int) -> None:
        """Record ``(bucket index, count)`` pairs whose largest value was ``max_us``."""
        for index, count in buckets:
            self._histogram.record_value(bucket_value(index), count)
        self._max_us = max(self._max_us, max_us)

    @property
    def count(self) -> int:
        """How many values were recorded."""
        return int(self._histogram.get_total_count())

    def percentile_ms(self, percentile: float) -> float | None:
        """The latency that ``percentile`` percent of all values do not exceed; None when there are none."""
        if not self.count:
            return None
        # A bucket's upper end may lie above the largest value seen, which is known exactly.
        return min(int(self._histogram.get_value_at_percentile(percentile)), self._max_us) / 1000

    def figures(self, prefix: str) -> dict[str, float | None]:
        """``<prefix>_p50_ms`` … ``<prefix>_p99_9_ms`` and ``<prefix>_max_ms``."""
        found = {
            f"{prefix}_{name}_ms": self.percentile_ms(percentile) for name, percentile in PERCENTILES.items()
        }
        return {**found, f"{prefix}_max_ms": self._max_us / 1000 if self.count else None}

    def distribution(self) -> dict[str, list[float]]:
        """Percentiles against latencies for a plot: ``percentile`` and ``latency_ms``, equally long."""
        if not self.count:
            return {"percentile": [], "latency_ms": []}
        # Half of what is left at every five steps, until less than one record is left.
        percentiles: list[float] = []
        left = 100.0
        while left > 100.0 / self.count and len(percentiles) < 150:
            percentiles.append(round(100.0 - left, 6))
            left *= 0.5**0.2
        percentiles.append(100.0)
        return {
            "percentile": percentiles,
            "latency_ms": [self.percentile_ms(percentile) or 0.0 for percentile in percentiles],
        }


class Recorder:
    """What one worker saw since ``begin_ns`` (monotonic clock), handed over second by second.

    A callback appends to ``arrivals_ns`` (monotonic clock) and ``latencies_ns``; ``fold`` turns
    them into counts, often enough that no single call delays the sending by much.
    """

    def __init__(self) -> None:
        self.begin_ns = 0
        self.arrivals_ns = array("q")
        self.latencies_ns = array("q")
        self._seconds: dict[int, _Second] = {}

    def drop(self) -> None:
        """Forget what was appended: a warm-up counts for nothing."""
        # In place: the callback holds these arrays' bound append.
        del self.arrivals_ns[:]
        del self.latencies_ns[:]

    def fold(self) -> None:
        """Count what was appended since the last call."""
        if not self.arrivals_ns:
            return
        offsets_ms = (np.array(self.arrivals_ns, dtype=np.int64) - self.begin_ns) // 1_000_000
        latencies_us = np.array(self.latencies_ns, dtype=np.int64) // 1000
        self.drop()
        seconds = offsets_ms // 1000
        for second in np.unique(seconds).tolist():
            chosen = seconds == second
            self._seconds.setdefault(second, _Second()).add(latencies_us[chosen], offsets_ms[chosen])

    def take(self, before_ns: int | None = None) -> list[dict[str, Any]]:
        """The folded seconds that ended before ``before_ns``, or all; each is handed over once."""
        ended = None if before_ns is None else (before_ns - self.begin_ns) // 1_000_000_000
        ready = sorted(second for second in self._seconds if ended is None or second < ended)
        return [{"second": second, **self._seconds.pop(second).document()} for second in ready]


class _Second:
    def __init__(self) -> None:
        self.count = 0
        self.max_us = 0
        self.buckets: Counts = np.zeros(0, dtype=np.int64)
        self.ticks: set[int] = set()

    def add(self, latencies_us: Times, offsets_ms: Times) -> None:
        counts = np.bincount(bucket_indexes(latencies_us), minlength=len(self.buckets))
        counts[: len(self.buckets)] += self.buckets
        self.buckets = counts
        self.count += len(latencies_us)
        self.max_us = max(self.max_us, int(latencies_us.max()))
        self.ticks.update(np.unique(offsets_ms).tolist())

    def document(self) -> dict[str, Any]:
        used = np.flatnonzero(self.buckets)
        return {
            "count": self.count,
            "max_us": self.max_us,
            "buckets": np.column_stack((used, self.buckets[used])).tolist(),
            "ticks_ms": sorted(self.ticks),
        }


class Timeline:
    """The seconds of all workers together; compact, since a test may run for hours."""

    def __init__(self) -> None:
        self.total = Latencies()
        self._seconds: dict[int, list[Mapping[str, Any]]] = {}
        self._ticks_ms: dict[int, Times] = {}

    def add(self, document: Mapping[str, Any]) -> None:
        """Take over one second of one worker (``Recorder.take``)."""
        second = int(document["second"])
        self.total.add(document["buckets"], document["max_us"])
        buckets = np.array(document["buckets"], dtype=np.int64)
        self._seconds.setdefault(second, []).append({**document, "buckets": buckets, "ticks_ms": None})
        ticks = np.array(document["ticks_ms"], dtype=np.int64)
        self._ticks_ms[second] = np.union1d(self._ticks_ms.get(second, ticks), ticks)

    def count_at(self, second: int) -> int:
        """Records that arrived in that second so far."""
        return sum(document["count"] for document in self._seconds.get(second, ()))

    def latencies_at(self, seconds: Iterable[int]) -> Latencies:
        """What arrived in these seconds so far."""
        found = Latencies()
        for second in seconds:
            for document in self._seconds.get(second, ()):
                found.add(document["buckets"].tolist(), document["max_us"])
        return found

    @property
    def seconds(self) -> int:
        """How many seconds lie between the beginning and the end of the last arrival's second."""
        return max(self._seconds, default=-1) + 1

    @property
    def last_ms(self) -> int:
        """When the last record arrived, in milliseconds from the beginning; 0 when none did."""
        return int(self._ticks_ms[self.seconds - 1][-1]) if self._seconds else 0

    def ticks_ms(self) -> Times:
        """The milliseconds from the beginning in which a record arrived, in their order."""
        none = np.zeros(0, dtype=np.int64)
        return np.concatenate([none, *(self._ticks_ms[second] for second in sorted(self._ticks_ms))])

    def longest_gap_ms(self, end_ms: int, begin_ms: int = 0) -> int:
        """The longest time between ``begin_ms``, each arrival, and ``end_ms`` (to the millisecond)."""
        bounds = np.concatenate([[begin_ms], self.ticks_ms(), [max(end_ms, self.last_ms)]])
        return int(np.diff(bounds).max())
