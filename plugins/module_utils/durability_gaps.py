"""Times in which one partition acknowledged nothing although records of it were outstanding or due."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

LEAST_NS = 200_000_000
"""A shorter time without an acknowledgement is no gap."""

Times = NDArray[np.int64]


class Gaps:
    """The gaps of one partition; times on the monotonic clock, in nanoseconds.

    A gap ends with an acknowledgement. It began with the one before, or when the oldest record that waits was
    meant to be sent, whichever is later: a partition that is given nothing has no gap.
    """

    def __init__(self) -> None:
        self._last_ns = 0
        self._given_up_ns: int | None = None

    def acked(self, meant_ns: Times, acked_ns: Times) -> Iterator[tuple[int, int]]:
        """The gaps that end with these acknowledgements, in the order in which they came."""
        if not len(acked_ns):
            return
        before = np.concatenate((np.array([self._last_ns], dtype=np.int64), acked_ns[:-1]))
        since = meant_ns
        if self._given_up_ns is not None:
            since = meant_ns.copy()
            since[0] = min(int(since[0]), self._given_up_ns)
        began = np.maximum(before, since)
        for index in np.flatnonzero(acked_ns - began >= LEAST_NS).tolist():
            yield int(began[index]), int(acked_ns[index])
        self._last_ns = int(acked_ns[-1])
        self._given_up_ns = None

    def given_up(self, meant_ns: int) -> None:
        """A record that was meant to be sent then will not be acknowledged any more."""
        if self._given_up_ns is None or meant_ns < self._given_up_ns:
            self._given_up_ns = meant_ns

    def ended(self, ended_ns: int) -> Iterator[tuple[int, int]]:
        """The gap that the end of the test cuts short."""
        if self._given_up_ns is not None:
            began_ns = max(self._last_ns, self._given_up_ns)
            if ended_ns - began_ns >= LEAST_NS:
                yield began_ns, ended_ns
