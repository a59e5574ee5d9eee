"""Figures of hand-made seconds, gaps and events."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import durability_figures as figures
from ansible_collections.barevm.kafka.plugins.module_utils.perf_latency import Recorder

MS = 1_000_000
S = 1_000_000_000
BEGAN = 7 * S


def lines(who: str, arrivals: list[tuple[int, int]], in_flight: int = 0) -> list[dict[str, Any]]:
    """The seconds of (milliseconds since the beginning, latency in milliseconds)."""
    recorder = Recorder()
    recorder.begin_ns = BEGAN
    for at_ms, latency_ms in arrivals:
        recorder.arrivals_ns.append(BEGAN + at_ms * MS)
        recorder.latencies_ns.append(latency_ms * MS)
    recorder.fold()
    return [{"who": who, "in_flight": in_flight, **document} for document in recorder.take()]


def seen(*spans: tuple[int, int, int], ended_ms: int = 10_000, who: str = "producer 0") -> figures.Times:
    """A record every 10 ms in each span (from and to in milliseconds, latency in milliseconds)."""
    arrivals = [(at, latency) for begin, end, latency in spans for at in range(begin, end, 10)]
    return gathered(lines(who, arrivals, in_flight=5), ended_ms)


def gathered(seconds: list[dict[str, Any]], ended_ms: int, late_ms: int = 0) -> figures.Times:
    """As if the first record was due ``late_ms`` after second 0, and the sending ended at ``ended_ms``."""
    events = [event("started", late_ms - 200)]
    return figures.times(BEGAN, events, {"producers": [{"sending_ms": ended_ms - late_ms}]}, seconds)


def event(kind: str, at_ms: int, what: str = "") -> dict[str, Any]:
    return {"at_ns": BEGAN + at_ms * MS, "kind": kind, "what": what}


def test_the_fault_lasts_from_the_first_strike_to_the_last_healing() -> None:
    events = [event("strike", 1000), event("healed", 2000), event("strike", 3000), event("healed", 5000)]
    assert figures.fault(events, BEGAN + 9 * S) == (BEGAN + S, BEGAN + 5 * S)
    assert figures.fault(events[:3], BEGAN + 9 * S) == (BEGAN + S, BEGAN + 9 * S), "the last is not healed"
    assert figures.fault([event("note", 1)], BEGAN) is None


def test_latencies_before_during_and_after() -> None:
    found = seen((0, 3000, 2), (3000, 4000, 1500), (4000, 6000, 900), (6000, 10_000, 4))
    said = figures.latencies(found, (BEGAN + 3100 * MS, BEGAN + 5900 * MS))
    assert said["produce_p99_before_ms"] == pytest.approx(2, rel=0.01)
    assert said["produce_p99_during_ms"] == pytest.approx(1500, rel=0.01)
    assert said["produce_p99_after_ms"] == pytest.approx(4, rel=0.01)
    assert said["produce_max_ms"] == 1500
    assert said["end_to_end_p99_ms"] is None
    assert figures.latencies(found, None)["produce_p99_during_ms"] is None


def test_the_topics_gap_and_the_worst_partitions() -> None:
    found = seen((0, 4000, 2), (6500, 10_000, 2))
    noted = [
        {"partition": 3, "began_ns": BEGAN + 4 * S, "ended_ns": BEGAN + 7 * S},
        {"partition": 1, "began_ns": BEGAN, "ended_ns": BEGAN + 1 * S},
        {"partition": None, "began_ns": BEGAN, "ended_ns": BEGAN + 60 * S},
    ]
    assert figures.gaps(found, noted) == {
        "longest_gap_s": 2.51,
        "worst_partition_gap_s": 3.0,
        "worst_partition": 3,
    }
    assert figures.gaps(found, noted[1:]) == {
        "longest_gap_s": 2.51,
        "worst_partition_gap_s": 2.51,
        "worst_partition": None,
    }


def test_a_lost_end_is_a_gap() -> None:
    assert figures.gaps(seen((0, 4000, 2)), [])["longest_gap_s"] == 6.01


def test_seconds_with_and_without_an_acknowledgement() -> None:
    found = seen((0, 4000, 2), (6500, 10_000, 2))
    assert figures.availability(found) == {"available_s": 8, "unavailable_s": 2}


def test_acknowledgements_are_looked_for_within_a_span() -> None:
    found = seen((0, 4000, 2), (6500, 10_000, 2))
    assert figures.acked_in(found, (BEGAN + 4100 * MS, BEGAN + 6400 * MS)) == 0
    assert figures.acked_in(found, (BEGAN + 4100 * MS, BEGAN + 6500 * MS)) == 1


def test_what_was_in_flight_is_that_of_all_producers_from_the_fault_on() -> None:
    early = lines("producer 0", [(100, 1)], in_flight=900)
    late = [line for n in (0, 1) for line in lines(f"producer {n}", [(5000, 1)], in_flight=40)]
    found = gathered([*early, *late], 9000)
    assert figures.in_flight_at(found, (BEGAN + 5 * S, BEGAN + 6 * S)) == 80
    assert figures.in_flight_at(found, None) == 900
    assert figures.in_flight_at(gathered([], 0), None) is None


def test_throughput_counts_until_the_last_acknowledgement() -> None:
    found = seen((0, 8010, 2))
    assert figures.throughput(found, 801, 1000.0, 0.5) == {
        "records_per_s": 100.1,
        "mb_per_s": 0.1,
        "producer_cpu_s": 0.5,
        "records_per_producer_cpu_s": 1602,
    }
    assert figures.throughput(found, 801, 1000.0, None)["records_per_producer_cpu_s"] is None


def test_the_series_has_a_row_for_each_second() -> None:
    found = seen((0, 1000, 2), (2000, 3000, 8), ended_ms=3000)
    for line in lines("reader", [(500, 30)]):
        found.read.add(line)
    columns = figures.series(found, 1_000_000.0)
    assert columns["second"] == [0, 1, 2]
    assert columns["acked_per_s"] == columns["mb_per_s"] == [100, 0, 100]
    assert columns["produce_p99_ms"][1] is None
    assert columns["end_to_end_p50_ms"] == [30.0, None, None]
    assert len({len(column) for column in columns.values()}) == 1


def test_time_before_the_first_record_was_due_is_no_gap() -> None:
    arrivals = [(at, 2) for at in range(2500, 6000, 10)]
    found = gathered(lines("producer 0", arrivals), 6000, late_ms=2400)
    assert figures.gaps(found, [])["longest_gap_s"] == 0.1
    assert figures.availability(found) == {"available_s": 3, "unavailable_s": 0}
    assert figures.throughput(found, 350, 1000.0, None)["records_per_s"] == pytest.approx(350 / 3.59, abs=0.1)


def test_of_a_killed_test_the_last_acknowledgement_is_the_end() -> None:
    found = figures.times(BEGAN, [event("started", -200)], None, lines("producer 0", [(10, 1), (3000, 1)]))
    assert figures.gaps(found, [])["longest_gap_s"] == 2.99
    assert figures.gaps(figures.times(BEGAN, [], None, []), [])["longest_gap_s"] == 0
