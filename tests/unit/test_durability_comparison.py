"""What is read back beside the ledger: hand-made histories, and random ones with injected defects."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils.durability_comparison import EXAMPLES, Comparison
from ansible_collections.barevm.kafka.plugins.module_utils.durability_record import HEAD_SIZE
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.histories import OTHER_RUN, RUN, History, batches, defects, value


def test_what_is_whole_differs_in_nothing(tmp_path: Path) -> None:
    history = History()
    history.send(100)
    compared = history.compared(tmp_path, sizes=(7,))
    assert defects(compared) == {}
    assert (compared.records_read, compared.unknown_read, compared.examples) == (100, 0, {})


def test_one_lost_record_is_one(tmp_path: Path) -> None:
    """A counter of sequence gaps calls one lost record two, and what follows it a rewind."""
    history = History()
    history.send(100)
    history.log[17] = None
    compared = history.compared(tmp_path)
    assert defects(compared) == {"acked_lost": 1}
    assert compared.examples == {"acked_lost": ("partition 0 sequence 17 offset 17",)}


def test_a_public_testers_blind_spots(tmp_path: Path) -> None:
    """Of 10,200 records one in the middle, three at the head and a hundred in a row are gone, and two of the
    tail, where no higher sequence tells: a public tester called that "2 skipped"."""
    history = History()
    history.send(10_200)
    for offset in (0, 1, 2, 5000, *range(7000, 7100)):
        history.log[offset] = None
    compared = history.compared(tmp_path, sizes=(1000,), end=10_198)
    assert defects(compared) == {"acked_lost": 104, "unseen": 2}
    assert len(compared.examples["acked_lost"]) == EXAMPLES
    assert compared.examples["unseen"] == tuple(
        f"partition 0 sequence {n} offset {n}" for n in (10198, 10199)
    )


def test_a_truncated_log_that_goes_on(tmp_path: Path) -> None:
    """An unclean election: what was cut off is lost, and what took its offsets is right."""
    history = History()
    history.send(50)
    del history.log[40:]
    history.send(30)
    assert defects(history.compared(tmp_path)) == {"acked_lost": 10}


def test_a_topic_that_was_emptied_is_a_lost_tail(tmp_path: Path) -> None:
    history = History()
    history.send(50)
    history.log.clear()
    assert defects(history.compared(tmp_path)) == {"unseen": 50}


@pytest.mark.parametrize("later", [0, 1, 7])
def test_a_duplicate_is_one_wherever_it_lies(tmp_path: Path, later: int) -> None:
    """A retried batch rewinds the sequence; the records are there, and their order is that of the first."""
    history = History()
    history.send(20 + later)
    history.log += history.log[18:20]
    history.send(20)
    assert defects(history.compared(tmp_path)) == {"duplicates": 2}


def test_a_duplicate_whose_second_copy_was_acknowledged(tmp_path: Path) -> None:
    history = History()
    history.send(5)
    history.log.append(value(4))
    history.acked[4] = 5
    assert defects(history.compared(tmp_path, sizes=(5, 1))) == {"duplicates": 1}


def test_a_swap_of_two_neighbours_is_one(tmp_path: Path) -> None:
    history = History()
    history.send(20)
    history.log[7], history.log[8] = history.log[8], history.log[7]
    history.acked[7], history.acked[8] = 8, 7
    compared = history.compared(tmp_path)
    assert defects(compared) == {"nonmonotonic_sends": 1}
    assert compared.examples["nonmonotonic_sends"] == ("partition 0 sequence 7 offset 8",)


def test_a_refused_record_that_is_there(tmp_path: Path) -> None:
    history = History()
    history.send(20)
    history.failed.add(3)
    del history.acked[3]
    assert defects(history.compared(tmp_path)) == {"aborted_reads": 1}


def test_an_unknown_record_may_turn_up_or_not(tmp_path: Path) -> None:
    history = History()
    history.send(20)
    history.send(5, ack=False)
    history.sent += 5
    history.send(20)
    compared = history.compared(tmp_path)
    assert defects(compared) == {}
    assert compared.unknown_read == 5


def test_records_at_other_offsets_than_acknowledged(tmp_path: Path) -> None:
    history = History()
    history.send(20)
    history.log.insert(10, value(0, run_id=OTHER_RUN))
    compared = history.compared(tmp_path)
    assert defects(compared) == {"inconsistent_offsets": 10, "foreign": 1}
    assert compared.examples["inconsistent_offsets"][0] == "partition 0 sequence 10 offset 10"


def test_an_offset_that_the_broker_did_not_say_is_not_compared(tmp_path: Path) -> None:
    history = History()
    history.send(20)
    history.log[0:0] = [value(n, run_id=OTHER_RUN) for n in range(10)]
    history.acked = {
        sequence: -1 if sequence < 15 else offset + 10 for sequence, offset in history.acked.items()
    }
    history.log[13] = None
    assert defects(history.compared(tmp_path)) == {"acked_lost": 1, "foreign": 10}


def test_a_guessed_offset_makes_no_record_wrong(tmp_path: Path) -> None:
    history = History()
    history.send(5)
    history.log.append(value(0, run_id=OTHER_RUN))
    history.send(5)
    history.acked[5] = -1
    assert defects(history.compared(tmp_path)) == {"foreign": 1}


@pytest.mark.parametrize(
    ("wrong", "counted"),
    [
        (bytes(HEAD_SIZE) + value(7)[HEAD_SIZE:], {"acked_lost": 1, "foreign": 1}),
        (value(7, run_id=OTHER_RUN), {"acked_lost": 1, "foreign": 1}),
        (value(7, partition=1), {"acked_lost": 1, "foreign": 1}),
        (b"", {"acked_lost": 1, "foreign": 1}),
        (b"{}" * 100, {"acked_lost": 1, "foreign": 1}),
        (value(7)[:-1], {"corrupt": 1}),
        (value(7)[:20], {"corrupt": 1}),
        (value(7) + b"x", {"corrupt": 1}),
        (value(1000), {"corrupt": 1}),
        (value(-1), {"corrupt": 1}),
    ],
)
def test_what_is_not_what_was_acknowledged(tmp_path: Path, wrong: bytes, counted: dict[str, int]) -> None:
    history = History()
    history.send(20)
    history.log[7] = wrong
    assert defects(history.compared(tmp_path)) == counted


def test_a_deleted_head_is_no_loss(tmp_path: Path) -> None:
    history = History()
    history.send(50)
    compared = history.compared(tmp_path, start=10)
    assert defects(compared) == {}
    assert compared.deleted == 10


def test_what_the_reading_did_not_come_to_is_no_loss(tmp_path: Path) -> None:
    history = History()
    history.send(50)
    comparison = Comparison(history.write(tmp_path), RUN)
    read = [pair for pair in history.there() if pair[0] < 30 and pair[0] != 11]
    comparison.read(0, [offset for offset, _ in read], [found for _, found in read])
    for ends, reached in (({0: 45}, {0: 30}), ({0: 45}, {})):
        compared = comparison.finish({0: 0}, ends, reached)
        assert defects(compared) == {"unseen": 5} | ({"acked_lost": 1} if reached else {})
        assert compared.unread == (15 if reached else 16)
    compared = comparison.finish({}, {})
    assert (defects(compared), compared.unread) == ({}, 21)


def test_a_missing_record_is_looked_for_again(tmp_path: Path) -> None:
    history = History()
    history.send(50)
    comparison = Comparison(history.write(tmp_path), RUN)
    whole = history.there()
    gone = {11, 12, 13, 30, 45, 46}
    for batch in batches([pair for pair in whole if pair[0] not in gone], (7,)):
        comparison.read(0, [offset for offset, _ in batch], [found for _, found in batch])
    assert comparison.missing() == [(0, offset) for offset in sorted(gone)]
    assert defects(comparison.finish({0: 0}, {0: 45})) == {"acked_lost": 4, "unseen": 2}
    assert comparison.missing() == [(0, 11), (0, 12), (0, 13), (0, 30)]
    comparison.read_again(0, [10, 11, 12, 13], [value(10), value(11), value(12)[:-1], value(3, 0, OTHER_RUN)])
    compared = comparison.finish({0: 0}, {0: 45})
    assert defects(compared) == {"acked_lost": 2, "unseen": 2, "corrupt": 1}
    assert (compared.found_again, compared.records_read) == (1, 44)
    assert comparison.missing() == [(0, 13), (0, 30)]


# Each defect in a run of sound records, so that none is another's neighbour.
SEGMENTS = st.lists(
    st.tuples(
        st.sampled_from(["sound", "unknown", "unsent", *("lost", "copy", "late copy", "swap", "refused")])
        | st.sampled_from(["moved", "bit", "alien", "refused and gone", "no offset"]),
        st.integers(1, 6),
        st.integers(0, 10_000),
    ),
    max_size=25,
)


@settings(max_examples=300, deadline=None)
@given(SEGMENTS, st.integers(0, 5), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_k_injected_defects_are_exactly_those(
    tmp_path_factory: pytest.TempPathFactory,
    segments: list[tuple[str, int, int]],
    tail: int,
    sizes: list[int],
) -> None:
    history = History()
    expected: Counter[str] = Counter()
    late: list[bytes] = []
    for defect, count, chance in segments:
        for _ in range(count):
            history.send(1 + chance % 3)
            sequence, at = history.sent, len(history.log)
            history.send()
            written = value(sequence)
            if defect == "unknown":
                del history.acked[sequence]
            elif defect == "unsent":
                del history.acked[sequence]
                history.log[at] = None
            elif defect == "lost":
                history.log[at] = None
                expected["acked_lost"] += 1
            elif defect == "copy":
                history.log.append(written)
                expected["duplicates"] += 1
            elif defect == "late copy":
                late.append(written)
                expected["duplicates"] += 1
            elif defect == "swap":
                history.send()
                history.log[at], history.log[at + 1] = history.log[at + 1], history.log[at]
                history.acked[sequence], history.acked[sequence + 1] = at + 1, at
                expected["nonmonotonic_sends"] += 1
            elif defect.startswith("refused"):
                del history.acked[sequence]
                history.failed.add(sequence)
                expected["aborted_reads"] += defect == "refused"
                history.log[at] = written if defect == "refused" else None
            elif defect == "moved":
                history.acked[sequence] = at + 1_000_000
                expected["inconsistent_offsets"] += 1
            elif defect == "bit":
                changed = bytearray(written)
                changed[chance % len(changed)] ^= 1 << chance % 8
                history.log[at] = bytes(changed)
                expected["corrupt"] += 1
            elif defect == "alien":
                history.log.append(value(sequence, run_id=OTHER_RUN))
                expected["foreign"] += 1
            elif defect == "no offset":
                history.acked[sequence] = -1
    history.log += late
    history.send(tail)
    expected["unseen"] = tail
    compared = history.compared(tmp_path_factory.mktemp("ledger"), sizes, end=len(history.log) - tail)
    assert defects(compared) == dict(+expected)
