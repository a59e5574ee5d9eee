"""The reading back of a topic in memory: what is looked for again, and what is said of what cannot be had."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import durability_reading as reading
from ansible_collections.barevm.kafka.plugins.module_utils.durability_comparison import Comparison
from ansible_collections.barevm.kafka.plugins.module_utils.durability_ledger import Ledger
from ansible_collections.barevm.kafka.plugins.module_utils.durability_reading import (
    Batch,
    Offsets,
    ReadBack,
    Unreadable,
    Watermarks,
)
from ansible_collections.barevm.kafka.plugins.module_utils.durability_record import body_crc, packer

RUN = "0123456789abcdef"
BODY = b"x" * 68
COUNT = 100


class Memory:
    """Two partitions of 100 records each, all of them acknowledged."""

    def __init__(self) -> None:
        pack = packer(RUN, 0)
        self.logs = {
            number: {n: pack(number, n, 0, BODY, body_crc(BODY)) for n in range(COUNT)} for number in (0, 1)
        }
        self.starts = {0: 0, 1: 0}
        self.marks = [{0: COUNT, 1: COUNT}]
        """The high watermarks of one question after the other; the last one stays."""
        self.hidden: set[tuple[int, int]] = set()
        """Records that the first reading does not show."""
        self.asked: list[tuple[Offsets, Offsets]] = []

    def watermarks(self, partitions: Collection[int]) -> tuple[Watermarks, list[str]]:
        marks = self.marks.pop(0) if len(self.marks) > 1 else self.marks[0]
        found = {number: (self.starts[number], marks[number]) for number in partitions if number in marks}
        return found, [f"partition {number} has none" for number in partitions if number not in marks]

    def batches(self, starts: Offsets, ends: Offsets) -> Iterator[Batch]:
        self.asked.append((starts, ends))
        for number, start in starts.items():
            there = [
                offset
                for offset in self.logs[number]
                if start <= offset < ends[number] and (number, offset) not in self.hidden
            ]
            yield Batch(number, there, [self.logs[number][at] for at in there])
        self.hidden = set()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path, 2)
    numbers = np.arange(COUNT)
    for partition in (0, 1):
        made.reserve(partition, COUNT)
        made.acked(partition, numbers, numbers)
    return made


def read(source: reading.Source, ledger: Ledger) -> ReadBack:
    return reading.read_back(source, Comparison(ledger, RUN), range(2), {}, print)


def test_all_is_there(ledger: Ledger) -> None:
    found = read(Memory(), ledger)
    assert (found.compared.records_read, found.compared.acked_lost, found.compared.unseen) == (200, 0, 0)
    assert not found.troubles


def test_a_record_that_the_reader_missed_is_looked_for_again(ledger: Ledger) -> None:
    source = Memory()
    source.hidden = {(0, 7), (1, 99)}
    found = read(source, ledger)
    assert (found.compared.acked_lost, found.compared.found_again) == (0, 2)
    assert source.asked[1] == ({0: 7, 1: 99}, {0: 8, 1: 100})


def test_a_record_that_is_gone_stays_lost(ledger: Ledger) -> None:
    source = Memory()
    del source.logs[0][7]
    found = read(source, ledger)
    assert found.compared.acked_lost == 1
    assert len(source.asked) == 2, "it was looked for again"
    assert not found.troubles


def test_a_watermark_that_lags_is_waited_for(ledger: Ledger) -> None:
    source = Memory()
    source.marks = [{0: 90, 1: COUNT}, {0: COUNT, 1: COUNT}]
    found = read(source, ledger)
    assert (found.compared.unseen, found.compared.records_read) == (0, 200)


def test_a_lost_tail_is_unseen(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SETTLE_S", 0.1)
    source = Memory()
    source.marks = [{0: 90, 1: COUNT}]
    found = read(source, ledger)
    assert (found.compared.unseen, found.compared.acked_lost) == (10, 0)
    assert not found.troubles


def test_a_log_that_begins_later_is_said_and_nothing_is_called_lost(ledger: Ledger) -> None:
    source = Memory()
    source.starts[1] = 30
    found = read(source, ledger)
    assert (found.compared.acked_lost, found.compared.deleted) == (0, 30)
    assert (
        "partition 1 begins at 30 and began at 0: records were deleted since the test began"
        in (found.troubles[0])
    )


def test_a_log_that_is_cut_while_it_is_read_is_said(ledger: Ledger) -> None:
    class Cut(Memory):
        def batches(self, starts: Offsets, ends: Offsets) -> Iterator[Batch]:
            yield from super().batches(starts, ends)
            self.starts[0] = 40

    assert "records were deleted while it was read" in read(Cut(), ledger).troubles[0]


def test_a_partition_without_a_watermark_is_said_and_the_other_one_judged(ledger: Ledger) -> None:
    source = Memory()
    source.marks = [{1: COUNT}]
    del source.logs[1][5]
    found = read(source, ledger)
    assert found.troubles == ["partition 0 has none"]
    assert (found.compared.acked_lost, found.compared.unread) == (1, COUNT)


def test_what_was_not_come_to_is_not_lost(ledger: Ledger) -> None:
    class Broken(Memory):
        def batches(self, starts: Offsets, ends: Offsets) -> Iterator[Batch]:
            for batch in super().batches(starts, ends):
                yield Batch(batch.partition, batch.offsets[:60], batch.values[:60])
            raise Unreadable("the broker went away")

    found = read(Broken(), ledger)
    assert found.troubles == ["the broker went away"]
    assert (found.compared.acked_lost, found.compared.unread) == (0, 80)


def test_missing_records_are_looked_for_in_few_ranges() -> None:
    assert list(reading.rounds([])) == []
    near = [(0, 5), (0, 6), (0, 5000), (1, 8)]
    assert list(reading.rounds(near)) == [({0: 5, 1: 8}, {0: 5001, 1: 9})]
    far = [(2, at * 50_000) for at in range(100)]
    turns = list(reading.rounds(far))
    assert len(turns) == reading.ROUNDS
    assert turns[0] == ({2: 0}, {2: 1})
    assert turns[-1] == ({2: 19 * 50_000}, {2: 99 * 50_000 + 1})
