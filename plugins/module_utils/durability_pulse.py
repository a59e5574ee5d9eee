"""When each partition last acknowledged a record: one mapped file, for whoever waits for acknowledgements.

int64[partitions], nanoseconds of the monotonic clock; 0 where a partition has acknowledged nothing yet.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

from ansible_collections.barevm.kafka.plugins.module_utils.durability_files import PULSE


class Pulse:
    """The file in a ledger's folder; several processes may write it, each its own partitions.

    Raises OSError.
    """

    def __init__(self, folder: Path, partitions: int) -> None:
        size = 8 * partitions
        handle = os.open(folder / PULSE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            # A mapped page that the disk has no room for would end the process.
            os.posix_fallocate(handle, 0, size)
            self._times = memoryview(mmap.mmap(handle, size)).cast("q")
        finally:
            os.close(handle)

    def beat(self, partition: int, at_ns: int) -> None:
        """The partition's newest acknowledgement came then."""
        self._times[partition] = at_ns
