"""A producer's records have one running number, from which partition and sequence follow.

So what a delivery callback has to note of a record is one number, and numpy finds the rest in bulk. Numbers
go through the producer's partitions in turn, ``block`` of them to each: as many as fill a batch where a
producer sends as fast as it can, one where it keeps to a rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def partitions_of(producer: int, producers: int, partitions: int) -> list[int]:
    """The partitions that only this producer writes to."""
    return list(range(producer, partitions, producers))


@dataclass(frozen=True)
class Numbering:
    """Which partition and sequence a number is; sequences count from 0 in each partition."""

    owned: Sequence[int]
    """The producer's partitions."""
    block: int

    def place(self, number: int) -> tuple[int, int]:
        """The index in ``owned`` and the sequence of one number."""
        turn, within = divmod(number, self.block)
        rounds, index = divmod(turn, len(self.owned))
        return index, rounds * self.block + within

    def places(self, numbers: Numbers) -> tuple[Numbers, Numbers]:
        """The indexes in ``owned`` and the sequences of many numbers."""
        turns, within = np.divmod(numbers, self.block)
        rounds, indexes = np.divmod(turns, len(self.owned))
        return indexes, rounds * self.block + within

    def counts(self, numbers: int) -> list[int]:
        """How many of the first ``numbers`` fall to each of ``owned``."""
        turns, within = divmod(numbers, self.block)
        rounds, extra = divmod(turns, len(self.owned))
        return [
            (rounds + (index < extra)) * self.block + (within if index == extra else 0)
            for index in range(len(self.owned))
        ]
