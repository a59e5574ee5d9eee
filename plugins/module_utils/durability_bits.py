"""Bitmaps of sequences: one bit each, little bit order, as numpy arrays of bytes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Bits = NDArray[np.uint8]
Flags = NDArray[np.bool_]

CHUNK = 1 << 16
"""Bytes of a bitmap that are looked at together: half a million sequences, 4 MB of them as numbers."""


def empty(count: int) -> Bits:
    """Room for so many sequences; what is never written takes no memory."""
    return np.zeros((count + 7) // 8, dtype=np.uint8)


def ones(bits: Bits) -> int:
    """How many are set."""
    return int(np.bitwise_count(bits).sum(dtype=np.int64))


def first(bits: Bits, count: int) -> Bits:
    """The bitmap without what lies at or beyond ``count``."""
    found = bits[: (count + 7) // 8]
    if count % 8 and len(found) == (count + 7) // 8:
        found = found.copy()
        found[-1] &= (1 << count % 8) - 1
    return found


def resized(bits: Bits, size: int) -> Bits:
    """The bitmap with so many bytes."""
    if len(bits) >= size:
        return bits[:size]
    found = np.zeros(size, dtype=np.uint8)
    found[: len(bits)] = bits
    return found


def union(one: Bits, other: Bits) -> Bits:
    """What is set in either; they may be of different lengths."""
    size = max(len(one), len(other))
    return resized(one, size) | resized(other, size)


def put(bits: Bits, ascending: Numbers, value: bool = True) -> None:
    """Set (or clear) sequences, in ascending order, for which there must be room."""
    if not len(ascending):
        return
    places = ascending >> 3
    changes = np.flatnonzero(np.diff(places, prepend=-1))
    masks = np.bitwise_or.reduceat(np.left_shift(1, ascending & 7).astype(np.uint8), changes)
    if value:
        bits[places[changes]] |= masks
    else:
        bits[places[changes]] &= ~masks


def has(bits: Bits, sequences: Numbers) -> Flags:
    """Which of the sequences are set; all must lie in the bitmap."""
    flags: Flags = (bits[sequences >> 3] >> (sequences & 7).astype(np.uint8)) & 1 == 1
    return flags


def sequences(bits: Bits) -> Iterator[Numbers]:
    """The sequences that are set, ascending, some at a time: as numbers they take 64 times the room."""
    for begin in range(0, len(bits), CHUNK):
        chunk = bits[begin : begin + CHUNK]
        if chunk.any():
            yield np.flatnonzero(np.unpackbits(chunk, bitorder="little")) + 8 * begin
