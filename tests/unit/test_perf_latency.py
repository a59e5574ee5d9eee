"""Bulk recording against HdrHistogram's own, one value at a time."""

from __future__ import annotations

import numpy as np
import pytest
from ansible_collections.barevm.kafka.plugins.module_utils.perf_latency import (
    LONGEST_US,
    PERCENTILES,
    SIGNIFICANT_DIGITS,
    Latencies,
    Recorder,
    Timeline,
    bucket_indexes,
    bucket_value,
)
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

MS = 1_000_000
S = 1_000_000_000


def one_by_one(values_us: list[int]) -> HdrHistogram:
    histogram = HdrHistogram(1, LONGEST_US, SIGNIFICANT_DIGITS)
    for value in values_us:
        histogram.record_value(value)
    return histogram


def recorded(arrivals: list[tuple[int, int]], begin_ns: int = 5 * S) -> Timeline:
    """The timeline of (milliseconds since the beginning, latency in microseconds)."""
    recorder, timeline = Recorder(), Timeline()
    recorder.begin_ns = begin_ns
    for at_ms, latency_us in arrivals:
        recorder.arrivals_ns.append(begin_ns + at_ms * MS)
        recorder.latencies_ns.append(latency_us * 1000)
    recorder.fold()
    for document in recorder.take():
        timeline.add(document)
    return timeline


@given(st.lists(st.integers(0, LONGEST_US), min_size=1))
def test_a_bucket_is_hdrhistograms_own(values_us: list[int]) -> None:
    histogram = one_by_one([])
    indexes = bucket_indexes(np.array(values_us, dtype=np.int64)).tolist()
    assert indexes == [histogram.get_counts_array_index(value) for value in values_us]
    assert [bucket_value(index) for index in indexes] == [
        histogram.get_lowest_equivalent_value(value) for value in values_us
    ]


@given(st.lists(st.integers(1, LONGEST_US), min_size=1, max_size=300))
def test_every_value_is_recorded(values_us: list[int]) -> None:
    latencies = recorded([(0, value) for value in values_us]).total
    expected = one_by_one(values_us)
    assert latencies.count == expected.get_total_count() == len(values_us)
    for percentile in PERCENTILES.values():
        value_ms = min(expected.get_value_at_percentile(percentile), max(values_us)) / 1000
        assert latencies.percentile_ms(percentile) == value_ms
    assert latencies.figures("produce")["produce_max_ms"] == max(values_us) / 1000


def test_no_value_has_no_latency() -> None:
    figures = Latencies().figures("produce")
    assert set(figures) == {f"produce_{name}_ms" for name in ("p50", "p95", "p99", "p99_9", "max")}
    assert set(figures.values()) == {None}
    assert Latencies().distribution() == {"percentile": [], "latency_ms": []}


def test_a_clock_that_is_a_little_behind_counts_as_no_latency() -> None:
    assert recorded([(0, -300), (0, 0)]).total.percentile_ms(100) == 0


def test_seconds_are_told_apart() -> None:
    timeline = recorded([(0, 1000), (999, 3000), (1000, 5000), (3500, 7000)])
    assert [timeline.count_at(second) for second in range(timeline.seconds)] == [2, 1, 0, 1]
    assert timeline.latencies_at([0]).percentile_ms(99) == pytest.approx(3, rel=0.001)
    assert timeline.latencies_at([2]).percentile_ms(99) is None
    assert timeline.latencies_at([0, 1]).count == 3


def test_a_second_is_handed_over_once_and_only_when_it_is_over() -> None:
    recorder = Recorder()
    recorder.arrivals_ns.extend([S // 2, S + S // 2])
    recorder.latencies_ns.extend([1000, 1000])
    recorder.fold()
    assert [document["second"] for document in recorder.take(S + S // 2)] == [0]
    assert [document["second"] for document in recorder.take()] == [1]
    assert recorder.take() == []


@pytest.mark.parametrize(
    ("arrivals_ms", "end_ms", "gap_ms"),
    [
        ([], 2000, 2000),  # nothing ever came
        ([400, 500, 1700], 1800, 1200),
        ([700, 800], 900, 700),  # the first came late
        ([100, 200], 5000, 4800),  # none came any more while records were still sent
        ([100, 4000], 1000, 3900),  # the last came after the sending
    ],
)
def test_the_longest_gap(arrivals_ms: list[int], end_ms: int, gap_ms: int) -> None:
    assert recorded([(at_ms, 1) for at_ms in arrivals_ms]).longest_gap_ms(end_ms) == gap_ms


def test_producers_fill_each_others_gaps() -> None:
    both = recorded([(100, 1), (2100, 1)])
    other, begin_ns = Recorder(), 5 * S
    other.begin_ns = begin_ns
    other.arrivals_ns.append(begin_ns + 1100 * MS)
    other.latencies_ns.append(1000)
    other.fold()
    for document in other.take():
        both.add(document)
    assert both.longest_gap_ms(2100) == 1000


def test_a_warm_up_is_forgotten() -> None:
    recorder = Recorder()
    append = recorder.arrivals_ns.append
    append(1)
    recorder.drop()
    append(2)
    assert recorder.arrivals_ns.tolist() == [2]


def test_the_distribution_ends_with_the_slowest_record() -> None:
    distribution = recorded([(0, value) for value in range(1, 1001)]).total.distribution()
    assert len(distribution["percentile"]) == len(distribution["latency_ms"])
    assert distribution["percentile"][0] == 0
    assert distribution["percentile"][-1] == 100
    assert distribution["latency_ms"][-1] == 1
    assert distribution["latency_ms"] == sorted(distribution["latency_ms"])
