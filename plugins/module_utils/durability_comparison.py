"""What was read back beside the ledger: each kind of difference with its exact count.

Every record is judged by what the ledger says of that very record, never by its neighbours: so one record
that is gone makes no other one wrong, and a lost tail is seen although no sequence is missing before it.
Only the order is a matter of neighbours: it is that of the records' first occurrences.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ansible_collections.barevm.kafka.plugins.module_utils import durability_bits as bitmaps
from ansible_collections.barevm.kafka.plugins.module_utils import durability_record as records
from ansible_collections.barevm.kafka.plugins.module_utils.durability_bits import Bits, Flags, Numbers
from ansible_collections.barevm.kafka.plugins.module_utils.durability_ledger import NO_OFFSET, Ledger

EXAMPLES = 20
"""How many records of each kind are named."""
LOOK_AGAIN = 100_000
"""At most so many missing records are named by ``missing``."""
FAR = 1 << 62


@dataclass(frozen=True)
class Compared:
    """The counts. A record is missing as one of acked_lost, unseen, deleted or unread."""

    records_read: int
    acked_lost: int
    """Acknowledged at an offset that was read, and nowhere."""
    unseen: int
    """Acknowledged at or beyond the high watermark: the lost tail."""
    duplicates: int
    """Occurrences of a record after its first."""
    aborted_reads: int
    """Refused, and there."""
    nonmonotonic_sends: int
    """Records that lie behind one with a higher sequence, next to it: a swap of two neighbours is one."""
    inconsistent_offsets: int
    """Acknowledged, and there, but not at the offset that was acknowledged."""
    corrupt: int
    """With a wrong CRC or an impossible sequence. What was acknowledged at its offset is not lost too."""
    foreign: int
    """Of another run, of another partition, or of something else."""
    unknown_read: int
    """Neither acknowledged nor refused, and there: as it may be."""
    deleted: int
    """Acknowledged below the start of the log: retention or somebody deleted it."""
    unread: int
    """Acknowledged at an offset that the reading did not come to."""
    found_again: int
    """Missed by the first reading, and there when looked for again."""
    examples: Mapping[str, Sequence[str]]
    """By kind, "partition 3 sequence 17 offset 20"."""


class Comparison:
    """Takes batches as they are read, each partition's in the order of its log.

    ``ledger`` is that of a tester that has ended; its bitmaps are read once. Raises OSError where they
    cannot be, and ValueError for a run id that is none.
    """

    def __init__(self, ledger: Ledger, run_id: str) -> None:
        self._ledger = ledger
        self._run = records.run_bytes(run_id)
        self._number = records.run_number(run_id)
        self._partitions: dict[int, _Partition] = {}
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}
        self._bounds: tuple[Mapping[int, int], Mapping[int, int]] | None = None

    def read(self, partition: int, offsets: Sequence[int], values: Sequence[bytes | None]) -> None:
        """A batch of one partition, with the offsets that the broker says."""
        self._counts["records_read"] += len(values)
        known = self._partition(partition)
        sequences, at = self._ours(partition, offsets, values)
        fresh = known.fresh(sequences)
        new, new_at, again = sequences[fresh], at[fresh], sequences[~fresh]
        self._found(partition, new, new_at)
        behind = np.diff(new, prepend=known.last) < 0
        known.last = int(new[-1]) if len(new) else known.last
        self._count("nonmonotonic_sends", partition, new[behind], new_at[behind])
        self._count("duplicates", partition, again, at[~fresh])
        known.place_again(again, at[~fresh])

    def read_again(self, partition: int, offsets: Sequence[int], values: Sequence[bytes | None]) -> None:
        """Records at offsets of ``missing()``, or near them; what is there is missing no more.

        Neither their order nor what the first reading had too is counted again.
        """
        known = self._partition(partition)
        sequences, at = self._ours(partition, offsets, values, again=True)
        fresh = known.fresh(sequences)
        self._counts["found_again"] += int(bitmaps.has(known.acked, sequences[fresh]).sum())
        self._found(partition, sequences[fresh], at[fresh])

    def missing(self) -> list[tuple[int, int]]:
        """Where acknowledged records should lie that were not read: (partition, offset).

        After ``finish`` only what would be called lost.
        """
        found: list[tuple[int, int]] = []
        for partition in range(self._ledger.partitions):
            starts, ends = self._bounds or ({}, {})
            low, high = starts.get(partition, 0), ends.get(partition, 0 if self._bounds else FAR)
            for _, offsets in self._partition(partition).absent():
                found += [(partition, at) for at in offsets[(offsets >= low) & (offsets < high)].tolist()]
                if len(found) >= LOOK_AGAIN:
                    return found[:LOOK_AGAIN]
        return found

    def finish(
        self, starts: Mapping[int, int], ends: Mapping[int, int], reached: Mapping[int, int] | None = None
    ) -> Compared:
        """The counts; may be asked for again after ``read_again``.

        ``starts`` and ``ends`` are each partition's log start and high watermark, ``reached`` the position
        that the reading came to, where that is not always the end. A partition that is in ``ends`` or
        ``reached`` not, was not read.
        """
        reached = ends if reached is None else reached
        read = {p: min(ends[p], reached[p]) for p in ends if p in reached}
        self._bounds = starts, read
        counts, self._examples = self._counts, {**self._examples, "acked_lost": [], "unseen": []}
        for kind in ("acked_lost", "unseen", "deleted", "unread", "inconsistent_offsets"):
            counts[kind] = 0
        for partition in range(self._ledger.partitions):
            known = self._partition(partition)
            start, end = starts.get(partition, 0), ends.get(partition, FAR)
            for sequences, at in known.absent():
                deleted = at < start
                unseen = ~deleted & (at >= end)
                lost = ~deleted & (at < read.get(partition, 0))
                self._count("acked_lost", partition, sequences[lost], at[lost])
                self._count("unseen", partition, sequences[unseen], at[unseen])
                counts["deleted"] += int(deleted.sum())
                counts["unread"] += int((~deleted & ~unseen & ~lost).sum())
            if known.moved is not None:
                counts["inconsistent_offsets"] += bitmaps.ones(known.moved)
        self._examples["inconsistent_offsets"] = self._moved()
        names = [name for name in Compared.__dataclass_fields__ if name != "examples"]
        examples = {kind: tuple(found) for kind, found in self._examples.items() if found}
        return Compared(**{name: counts[name] for name in names}, examples=examples)

    def _found(self, partition: int, sequences: Numbers, at: Numbers) -> None:
        known = self._partition(partition)
        acked, refused = bitmaps.has(known.acked, sequences), bitmaps.has(known.failed, sequences)
        self._count("aborted_reads", partition, sequences[refused], at[refused])
        self._counts["unknown_read"] += int((~refused & ~acked).sum())
        known.place(sequences[acked], at[acked])

    def _moved(self) -> list[str]:
        found: list[str] = []
        for partition, known in sorted(self._partitions.items()):
            for sequences in bitmaps.sequences(known.moved) if known.moved is not None else ():
                offsets = known.offsets(sequences)[0]
                found += [
                    _named(partition, *pair) for pair in zip(sequences[:EXAMPLES].tolist(), offsets.tolist())
                ]
                if len(found) >= EXAMPLES:
                    return found[:EXAMPLES]
        return found

    def _partition(self, partition: int) -> _Partition:
        if partition not in self._partitions:
            self._partitions[partition] = _Partition(self._ledger, partition)
        return self._partitions[partition]

    def _ours(
        self,
        partition: int,
        offsets: Sequence[int],
        values: Sequence[bytes | None],
        again: bool = False,
    ) -> tuple[Numbers, Numbers]:
        """Sequences and offsets of the records that are what they should be; the others are counted."""
        at = np.array(offsets, dtype=np.int64)
        whole = [
            value if value is not None and len(value) >= records.HEAD_SIZE else _NONE for value in values
        ]
        crc32, unsealed, body = zlib.crc32, slice(0, records.HEAD_SIZE - 4), slice(records.HEAD_SIZE, None)
        crcs = [crc32(value[unsealed], crc32(value[body])) for value in whole]
        heads = np.frombuffer(b"".join(value[: records.HEAD_SIZE] for value in whole), dtype=records.HEADS)
        good = (
            (heads["run_id"] == self._number)
            & (heads["crc"] == np.array(crcs, dtype=np.uint32))
            & (heads["partition"] == partition)
            & (heads["sequence"] >= 0)
            & (heads["sequence"] < self._ledger.sent_count(partition))
        )
        for index in np.flatnonzero(~good).tolist():
            self._odd(partition, int(at[index]), values[index], again)
        return heads["sequence"][good].astype(np.int64), at[good]

    def _odd(self, partition: int, offset: int, value: bytes | None, again: bool) -> None:
        found = None if value is None else records.unpack(value)
        ours = value is not None and value.startswith(self._run)
        if found is not None:
            # Sealed, so whole: what some run wrote. Of this one, and never sent, it cannot be.
            kind = "corrupt" if ours and found.partition == partition else "foreign"
        elif value is not None and not ours and len(value) >= records.HEAD_SIZE:
            # A run id that alone is wrong: with the right one the CRC is, too.
            restored = self._run + value[len(self._run) :]
            kind = "corrupt" if records.sealed(restored) else "foreign"
        else:
            kind = "corrupt" if ours else "foreign"
        sequence, newly = self._partition(partition).spoil(offset) if kind == "corrupt" else (None, False)
        if again and not newly:
            return
        self._counts[kind] += 1
        self._example(kind, _named(partition, sequence, offset))

    def _count(self, kind: str, partition: int, sequences: Numbers, offsets: Numbers) -> None:
        self._counts[kind] += len(sequences)
        room = EXAMPLES - len(self._examples.get(kind, ()))
        for sequence, offset in zip(sequences[:room].tolist(), offsets[:room].tolist()):
            self._example(kind, _named(partition, sequence, offset))

    def _example(self, kind: str, named: str) -> None:
        examples = self._examples.setdefault(kind, [])
        if len(examples) < EXAMPLES:
            examples.append(named)


_NONE = bytes(records.HEAD_SIZE)
"""In place of a value that has no room for a head; its CRC is not 0."""


class _Partition:
    """What the ledger says of one partition's records, and what was read of them."""

    def __init__(self, ledger: Ledger, partition: int) -> None:
        acked, failed = ledger.bits(partition, "acked"), ledger.bits(partition, "failed")
        self._size = max(len(acked), len(failed))
        self.acked = bitmaps.resized(acked, self._size)
        self.failed = bitmaps.resized(failed, self._size)
        self._seen: Bits = np.zeros(self._size, dtype=np.uint8)
        self._spoilt: Bits | None = None
        self.moved: Bits | None = None
        self.last = -1
        self._starts, self._differences = ledger.differences(partition)
        said = np.flatnonzero(self._differences != NO_OFFSET)
        # Where the broker did not say an offset, the nearest one before it (or else after it) is the guess.
        nearest = np.maximum(np.searchsorted(said, np.arange(len(self._starts)), side="right") - 1, 0)
        self._guesses = self._differences[said[nearest]] if len(said) else None

    def fresh(self, sequences: Numbers) -> Flags:
        """Which occurrences are a record's first; from now on they are not."""
        fresh = ~bitmaps.has(self._seen, sequences)
        if (np.diff(sequences) <= 0).any():
            firsts = np.zeros(len(sequences), dtype=np.bool_)
            firsts[np.unique(sequences, return_index=True)[1]] = True
            fresh &= firsts
            bitmaps.put(self._seen, np.sort(sequences[fresh]))
        else:
            bitmaps.put(self._seen, sequences[fresh])
        return fresh

    def offsets(self, sequences: Numbers) -> tuple[Numbers, Flags]:
        """Where acknowledged records should lie, and whether the broker said so (else it is a guess)."""
        if self._guesses is None:
            return sequences, np.zeros(len(sequences), dtype=np.bool_)
        places = np.maximum(np.searchsorted(self._starts, sequences, side="right") - 1, 0)
        return sequences + self._guesses[places], self._differences[places] != NO_OFFSET

    def place(self, sequences: Numbers, at: Numbers) -> None:
        """Acknowledged records that were read for the first time."""
        expected, said = self.offsets(sequences)
        moved = sequences[said & (expected != at)]
        if len(moved):
            if self.moved is None:
                self.moved = np.zeros(self._size, dtype=np.uint8)
            bitmaps.put(self.moved, np.sort(moved))

    def place_again(self, sequences: Numbers, at: Numbers) -> None:
        """Records that were read before: one of the copies at the acknowledged offset is enough."""
        if self.moved is not None:
            bitmaps.put(self.moved, np.unique(sequences[self.offsets(sequences)[0] == at]), False)

    def spoil(self, offset: int) -> tuple[int | None, bool]:
        """What was acknowledged at this offset is there, and corrupt: its sequence, where there is one, and
        whether it was missing until now."""
        if self._guesses is None:
            return None, False
        sequences = offset - self._guesses
        ends = np.append(self._starts[1:], FAR)
        within = (sequences >= self._starts) & (sequences < np.minimum(ends, 8 * self._size))
        within &= self._differences != NO_OFFSET
        acked = sequences[within][bitmaps.has(self.acked, sequences[within])]
        if not len(acked):
            return None, False
        if self._spoilt is None:
            self._spoilt = np.zeros(self._size, dtype=np.uint8)
        last = acked[-1:]
        newly = not (bitmaps.has(self._seen, last) | bitmaps.has(self._spoilt, last)).any()
        bitmaps.put(self._spoilt, last)
        return int(acked[-1]), newly

    def missing(self) -> Bits:
        """Acknowledged, and neither read nor corrupt."""
        missing = self.acked & ~self._seen
        if self._spoilt is not None:
            missing &= ~self._spoilt
        return missing

    def absent(self) -> Iterator[tuple[Numbers, Numbers]]:
        """The same as sequences and where they should lie, some at a time."""
        for found in bitmaps.sequences(self.missing()):
            yield found, self.offsets(found)[0]


def _named(partition: int, sequence: int | None, offset: int) -> str:
    return (
        f"partition {partition} "
        + (f"sequence {sequence} " if sequence is not None else "")
        + f"offset {offset}"
    )
