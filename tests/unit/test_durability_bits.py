"""Bitmaps of sequences against sets of numbers."""

from __future__ import annotations

import numpy as np
from ansible_collections.barevm.kafka.plugins.module_utils import durability_bits as bitmaps
from hypothesis import given
from hypothesis import strategies as st

COUNT = 50
SEQUENCES = st.sets(st.integers(0, COUNT - 1))


def made(numbers: set[int], count: int = COUNT) -> bitmaps.Bits:
    bits = bitmaps.empty(count)
    bitmaps.put(bits, ascending(numbers))
    return bits


def ascending(numbers: set[int]) -> bitmaps.Numbers:
    return np.array(sorted(numbers), dtype=np.int64)


def said(bits: bitmaps.Bits) -> set[int]:
    return {int(number) for chunk in bitmaps.sequences(bits) for number in chunk}


@given(SEQUENCES, SEQUENCES, st.integers(0, COUNT + 9))
def test_bitmaps_are_sets(one: set[int], other: set[int], count: int) -> None:
    bits = made(one)
    assert said(bits) == one
    assert bitmaps.ones(bits) == len(one)
    asked = np.arange(COUNT)
    assert bitmaps.has(bits, asked).tolist() == [number in one for number in range(COUNT)]
    assert said(bitmaps.first(bits, count)) == {number for number in one if number < count}
    assert said(bits) == one, "first() must not change what it was given"
    longer = made(other, COUNT + 20)
    assert said(bitmaps.union(bits, longer)) == said(bitmaps.union(longer, bits)) == one | other
    bitmaps.put(bits, ascending(other), False)
    assert said(bits) == one - other


def test_many_sequences_come_some_at_a_time() -> None:
    numbers = {0, 8 * bitmaps.CHUNK - 1, 8 * bitmaps.CHUNK, 40 * bitmaps.CHUNK + 3}
    chunks = list(bitmaps.sequences(made(numbers, 48 * bitmaps.CHUNK)))
    assert [chunk.tolist() for chunk in chunks] == [
        [0, 8 * bitmaps.CHUNK - 1],
        [8 * bitmaps.CHUNK],
        [40 * bitmaps.CHUNK + 3],
    ]
