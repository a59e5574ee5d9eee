"""Every record has a partition and a sequence, and every sequence of every partition is one record's."""

from __future__ import annotations

import numpy as np
from ansible_collections.barevm.kafka.plugins.module_utils.durability_numbering import (
    Numbering,
    partitions_of,
)
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(1, 7), st.integers(1, 9), st.integers(0, 500))
def test_numbers_fill_each_partition_from_zero_without_a_hole(owned: int, block: int, numbers: int) -> None:
    numbering = Numbering(list(range(owned)), block)
    indexes, sequences = numbering.places(np.arange(numbers))
    assert list(zip(indexes.tolist(), sequences.tolist(), strict=True)) == [
        numbering.place(number) for number in range(numbers)
    ]
    for index, count in enumerate(numbering.counts(numbers)):
        assert sequences[indexes == index].tolist() == list(range(count))


def test_a_block_stays_in_its_partition() -> None:
    numbering = Numbering([4, 9], 3)
    assert [numbering.place(number) for number in range(8)] == [
        (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (0, 4),
    ]  # fmt: skip


@given(st.integers(1, 20), st.integers(1, 30))
def test_each_partition_has_one_producer(producers: int, partitions: int) -> None:
    owned = [each for number in range(producers) for each in partitions_of(number, producers, partitions)]
    assert sorted(owned) == list(range(partitions))
