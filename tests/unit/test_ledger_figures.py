"""What a history of acknowledgements says, on histories made by hand."""

from __future__ import annotations

from array import array

import pytest

from tests.ledger_figures import FAILED, SECOND_NS, UNKNOWN, History, figures, gaps, quantile, read_back


def history(partitions: int, *records: tuple[float, float]) -> History:
    """Seconds of sending and of acknowledgement of each record; FAILED and UNKNOWN stay what they are."""
    sent = array("q", (int(at * SECOND_NS) for at, _ in records))
    acked = array("q", (int(at * SECOND_NS) if at > 0 else int(at) for _, at in records))
    return History(partitions, sent, acked)


STEADY = history(1, *((1 + n / 10, 1.01 + n / 10) for n in range(100)))


def test_a_steady_history_has_no_gap_but_its_rhythm() -> None:
    found = figures(STEADY)
    assert (found.records, found.acknowledged, found.failed, found.unknown) == (100, 100, 0, 0)
    assert found.longest_gap_s == found.worst_partition_gap_s == pytest.approx(0.1)
    assert found.sending_gap_s == pytest.approx(0.1)
    assert [found.p50_ms, found.p99_ms, found.max_ms] == pytest.approx([10] * 3)


def test_a_partition_may_stand_still_while_the_topic_does_not() -> None:
    # Partition 1 acknowledges all that it was sent at second 4; partition 0 goes on.
    found = figures(
        history(2, *((1 + n / 2, 1.1 + n / 2 if n % 2 == 0 or n == 1 else 4.5) for n in range(8)))
    )
    assert found.worst_partition == 1
    assert found.worst_partition_gap_s == pytest.approx(4.5 - 1.6)
    assert found.longest_gap_s == pytest.approx(1.0)


def test_a_partition_that_never_acknowledged_has_a_gap_of_all_the_time() -> None:
    found = figures(history(2, (1, 1.1), (1, UNKNOWN), (3, 3.1), (5, FAILED)))
    assert (found.worst_partition, found.worst_partition_gap_s) == (1, pytest.approx(4))
    assert (found.records, found.acknowledged, found.failed, found.unknown) == (4, 2, 1, 1)


def test_silence_before_the_first_and_after_the_last_acknowledgement_counts() -> None:
    assert figures(history(1, (1, 3), (1.1, 3))).longest_gap_s == pytest.approx(2)
    assert figures(history(1, (1, 1.1), (6, UNKNOWN))).longest_gap_s == pytest.approx(4.9)


def test_acknowledgements_out_of_order_make_no_gap() -> None:
    assert [gap.seconds for gap in gaps(history(1, (1, 2), (1, 1.5), (1, 1.8)), None)] == pytest.approx(
        [0.5, 0.3, 0.2]
    )


def test_a_window_counts_its_records_and_each_gap_that_reaches_into_it() -> None:
    still = history(1, (1, 1.1), (2, 2.1), (3, 7.1), (4, 7.1), (7, 7.2), (8, 8.1))
    window = figures(still, 6 * SECOND_NS, 9 * SECOND_NS)
    assert window.records == 2
    assert window.longest_gap_s == pytest.approx(5)
    assert figures(still, 0, 2 * SECOND_NS).longest_gap_s == pytest.approx(1)
    assert figures(still, 8 * SECOND_NS, 9 * SECOND_NS).longest_gap_s == pytest.approx(0.9)


def test_the_producers_own_pause_is_told() -> None:
    assert figures(history(1, (1, 1.1), (4, 4.1), (4.1, 4.2))).sending_gap_s == pytest.approx(3)


def test_nothing_was_sent() -> None:
    found = figures(History(3))
    assert (found.records, found.longest_gap_s, found.worst_partition) == (0, 0, None)


def test_records_read_back_are_compared_by_number() -> None:
    ledger = history(2, (1, 2), (1, 2), (1, FAILED), (1, UNKNOWN), (1, 2))
    exact = read_back(ledger, [(0, b"0"), (1, b"1"), (0, b"4")])
    assert exact.exact
    assert exact.read == 3
    # What was given up or never reported may be there all the same.
    assert read_back(ledger, [(0, b"0"), (1, b"1"), (0, b"2"), (1, b"3"), (0, b"4")]).exact


@pytest.mark.parametrize(
    ("records", "lost", "duplicated", "foreign"),
    [
        ([(0, b"0"), (0, b"4")], [1], [], 0),
        ([(0, b"0"), (1, b"1"), (1, b"1"), (0, b"4")], [], [1], 0),
        ([(0, b"0"), (1, b"1"), (1, b"4")], [4], [], 1),
        ([(0, b"0"), (1, b"1"), (0, b"4"), (0, b"6"), (0, b"x")], [], [], 2),
    ],
    ids=["lost", "twice", "wrong partition", "never sent"],
)
def test_what_is_wrong_with_records_is_told(
    records: list[tuple[int, bytes]], lost: list[int], duplicated: list[int], foreign: int
) -> None:
    found = read_back(history(2, (1, 2), (1, 2), (1, FAILED), (1, UNKNOWN), (1, 2)), records)
    assert (found.lost, found.duplicated, len(found.foreign)) == (lost, duplicated, foreign)
    assert not found.exact


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.51, 3), (0.99, 4), (1.0, 4), (0.25, 1)], ids=str)
def test_a_quantile_is_a_value_that_was_there(share: float, value: float) -> None:
    assert quantile([1.0, 2.0, 3.0, 4.0], share) == value
