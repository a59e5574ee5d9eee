"""What became of each record of a durability test: one bit a record and state, on disk at once.

``sent`` holds for each partition how many records may have been sent; it is raised before the sending, so
that a tester which is killed has sent nothing that its ledger does not know of. ``acked`` and ``failed``
are bitmaps (bit = sequence, little bit order). ``offsets`` holds where an acknowledged record lies, as base
and difference: a pair (sequence, offset) for each sequence from which on their difference is another one.

The bitmaps are written with pwrite: what was written outlives the process, a full disk is an OSError (a
mapped file would end the process with SIGBUS), and a partition costs no open file.
"""

from __future__ import annotations

import errno
import mmap
import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ansible_collections.barevm.kafka.plugins.module_utils import durability_bits as bitmaps
from ansible_collections.barevm.kafka.plugins.module_utils import durability_files as files
from ansible_collections.barevm.kafka.plugins.module_utils.durability_bits import Bits, Numbers

NO_OFFSET = np.iinfo(np.int64).min
"""The difference of records whose offset the broker did not say (a retried batch that it had already)."""


@dataclass(frozen=True)
class Totals:
    """Records of the whole test. ``unknown`` are those that may have been sent and were neither acknowledged
    nor refused; where the four do not add up, the ledger contradicts itself."""

    sent: int
    acked: int
    failed: int
    unknown: int


class Ledger:
    """The ledger in a folder, which must be there. Several processes may write it, each its own partitions.

    ``read_only`` leaves every file as it is, such as those of a tester that was killed. Every method that
    reads or writes raises OSError with the file's name.
    """

    def __init__(self, folder: Path, partitions: int, read_only: bool = False) -> None:
        self.folder = folder
        self.partitions = partitions
        self._differences: dict[int, _Differences] = {}
        path = folder / files.SENT
        size = 8 * partitions
        with _opened(path, os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT) as handle:
            if not read_only:
                os.posix_fallocate(handle, 0, size)
            elif os.fstat(handle).st_size < size:
                raise OSError(errno.EINVAL, f"shorter than {partitions} partitions need", str(path))
            self._map = mmap.mmap(handle, size, access=mmap.ACCESS_READ if read_only else mmap.ACCESS_WRITE)
        self._sent = memoryview(self._map).cast("q")

    def reserve(self, partition: int, upto: int) -> None:
        """From now on the sequences below ``upto`` may have been sent; to be said before they are."""
        if upto > self._sent[partition]:
            self._sent[partition] = upto

    def sent(self, partition: int, count: int) -> None:
        """Exactly ``count`` records were sent; said once, at the end."""
        self._sent[partition] = count

    def acked(self, partition: int, sequences: Numbers, offsets: Numbers) -> None:
        """These records were acknowledged, in any order; a negative offset is one the broker did not say."""
        if not len(sequences):
            return
        if partition not in self._differences:
            self._differences[partition] = _Differences(self, partition)
        if (np.diff(sequences) <= 0).any():
            order = np.argsort(sequences, kind="stable")
            sequences, offsets = sequences[order], offsets[order]
        # Offsets first: whoever reads the ledger of a killed tester finds one for each acknowledged record.
        self._differences[partition].add(sequences, offsets)
        self._set(partition, "acked", sequences)

    def failed(self, partition: int, sequences: Numbers) -> None:
        """These records were refused, for a reason that shows they were not written."""
        if len(sequences):
            self._set(partition, "failed", np.sort(sequences))

    def sent_count(self, partition: int) -> int:
        """How many records of a partition may have been sent."""
        return int(self._sent[partition])

    def bits(self, partition: int, kind: str) -> Bits:
        """The bitmap of ``acked`` or ``failed`` as it is now, as long as what may have been sent needs."""
        found = bitmaps.empty(self.sent_count(partition))
        try:
            written = np.fromfile(files.partition_file(self.folder, partition, kind), dtype=np.uint8)
        except FileNotFoundError:
            return found
        return bitmaps.resized(written, max(len(written), len(found)))

    def differences(self, partition: int) -> tuple[Numbers, Numbers]:
        """Sequences, ascending, and the difference (offset - sequence) that holds from each on.

        It says something of acknowledged records only; NO_OFFSET is a difference too.
        """
        path = files.partition_file(self.folder, partition, "offsets")
        try:
            # A pair that was cut off by the end of its process, or of the space, is not there yet.
            written = np.fromfile(path, dtype="<i8", count=path.stat().st_size // 16 * 2).reshape(-1, 2)
        except FileNotFoundError:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        # Of several pairs with the same sequence the last one holds.
        starts, last = np.unique(written[::-1, 0], return_index=True)
        return starts, _difference(starts, written[::-1, 1][last])

    def totals(self) -> Totals:
        """What the ledger says now."""
        sent = acked = failed = unknown = 0
        for partition in range(self.partitions):
            count = self.sent_count(partition)
            acks, refusals = self.bits(partition, "acked"), self.bits(partition, "failed")
            acked += bitmaps.ones(acks)
            failed += bitmaps.ones(refusals)
            unknown += count - bitmaps.ones(bitmaps.first(bitmaps.union(acks, refusals), count))
            sent += count
        return Totals(sent, acked, failed, unknown)

    def close(self) -> None:
        """Let go of the files; what was written is there without it."""
        self._sent.release()
        self._map.close()

    def _set(self, partition: int, kind: str, ascending: Numbers) -> None:
        begin, end = int(ascending[0]) >> 3, (int(ascending[-1]) >> 3) + 1
        path = files.partition_file(self.folder, partition, kind)
        with _opened(path, os.O_RDWR | os.O_CREAT) as handle:
            window = np.zeros(end - begin, dtype=np.uint8)
            there = np.frombuffer(os.pread(handle, end - begin, begin), dtype=np.uint8)
            window[: len(there)] = there
            bitmaps.put(window, ascending - 8 * begin)
            _write(handle, window.tobytes(), begin)


class _Differences:
    """Base and difference of one partition's acknowledged records, appended to its file as they change."""

    def __init__(self, ledger: Ledger, partition: int) -> None:
        self._path = files.partition_file(ledger.folder, partition, "offsets")
        starts, differences = ledger.differences(partition)
        self._starts: list[int] = starts.tolist()
        self._values: list[int] = differences.tolist()
        there = np.flatnonzero(ledger.bits(partition, "acked"))
        self._highest = (int(there[-1]) << 3) + 7 if len(there) else -1

    def add(self, ascending: Numbers, offsets: Numbers) -> None:
        differences = _difference(ascending, offsets)
        late = int(np.searchsorted(ascending, self._highest, side="right"))
        pairs = self._insert(ascending[:late], differences[:late]) if late else []
        if late < len(ascending):
            differences = differences[late:]
            # Nothing after the highest sequence is known, so that only where it changes must be said.
            before = self._values[-1] if self._values else None
            changed = np.flatnonzero(differences[1:] != differences[:-1]) + 1
            if before is None or before != differences[0]:
                changed = np.concatenate(([0], changed))
            for sequence, value in zip(ascending[late:][changed].tolist(), differences[changed].tolist()):
                pairs.append(self._put(sequence, value))
            self._highest = int(ascending[-1])
        if pairs:
            with _opened(self._path, os.O_WRONLY | os.O_CREAT) as handle:
                end = os.fstat(handle).st_size // 16 * 16
                _write(handle, np.array(pairs, dtype="<i8").tobytes(), end)

    def _insert(self, sequences: Numbers, differences: Numbers) -> list[tuple[int, int]]:
        """Acknowledged after a higher one (retries without idempotence): what holds after them must go on."""
        pairs = []
        edges = np.flatnonzero((np.diff(sequences) != 1) | (np.diff(differences) != 0)) + 1
        for begin, end in zip([0, *edges.tolist()], [*edges.tolist(), len(sequences)]):
            low, after, value = int(sequences[begin]), int(sequences[end - 1]) + 1, int(differences[begin])
            inside = range(bisect_right(self._starts, low), bisect_left(self._starts, after))
            if self._at(low) == value and all(self._values[index] == value for index in inside):
                continue
            behind = self._at(after)
            starts = [self._starts[index] for index in inside]
            pairs += [self._put(start, value) for start in (low, *starts)]
            if behind is not None:
                pairs.append(self._put(after, behind))
        return pairs

    def _at(self, sequence: int) -> int | None:
        index = bisect_right(self._starts, sequence) - 1
        return self._values[index] if index >= 0 else None

    def _put(self, sequence: int, value: int) -> tuple[int, int]:
        index = bisect_left(self._starts, sequence)
        if index < len(self._starts) and self._starts[index] == sequence:
            self._values[index] = value
        else:
            self._starts.insert(index, sequence)
            self._values.insert(index, value)
        return sequence, -1 if value == NO_OFFSET else sequence + value


def _difference(sequences: Numbers, offsets: Numbers) -> Numbers:
    return np.where(offsets < 0, NO_OFFSET, offsets - sequences)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    """An open file whose errors name it: those of pread, pwrite and posix_fallocate do not."""
    handle = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        yield handle
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        os.close(handle)


def _write(handle: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(handle, view, offset)
        view, offset = view[written:], offset + written
