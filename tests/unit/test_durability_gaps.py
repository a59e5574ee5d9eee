"""A gap is a time in which records waited and none was acknowledged; nothing else is."""

from __future__ import annotations

import numpy as np
from ansible_collections.barevm.kafka.plugins.module_utils.durability_gaps import Gaps

MS = 1_000_000


def acked(gaps: Gaps, *records: tuple[int, int]) -> list[tuple[int, int]]:
    """Records as (meant, acknowledged), and gaps, in milliseconds."""
    meant, arrived = (np.array(column, dtype=np.int64) * MS for column in zip(*records, strict=True))
    return [(began // MS, ended // MS) for began, ended in gaps.acked(meant, arrived)]


def test_a_quiet_partition_has_no_gap() -> None:
    assert acked(Gaps(), (1000, 1005), (5000, 5005), (9000, 9199)) == []


def test_a_gap_begins_with_the_last_acknowledgement_before_it() -> None:
    gaps = Gaps()
    assert acked(gaps, (1000, 1005), (1010, 1300), (1020, 1301)) == [(1010, 1300)]
    # 1400 was meant while nothing was acknowledged since 1301.
    assert acked(gaps, (1100, 1600), (1400, 1800)) == [(1301, 1600), (1600, 1800)]


def test_records_of_one_reply_end_one_gap() -> None:
    assert acked(Gaps(), (100, 900), (200, 900), (300, 900)) == [(100, 900)]


def test_what_was_given_up_was_waited_for_too() -> None:
    gaps = Gaps()
    assert acked(gaps, (100, 110)) == []
    gaps.given_up(500 * MS)
    gaps.given_up(600 * MS)
    assert acked(gaps, (2000, 2010)) == [(500, 2010)]
    assert acked(gaps, (2020, 2030)) == []
    assert list(gaps.ended(9000 * MS)) == []


def test_the_end_cuts_a_gap_short() -> None:
    gaps = Gaps()
    assert acked(gaps, (100, 110)) == []
    gaps.given_up(50 * MS)
    assert list(gaps.ended(4000 * MS)) == [(110 * MS, 4000 * MS)]
    assert list(gaps.ended(200 * MS)) == []
