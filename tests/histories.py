"""Hand-made histories of a durability test: a ledger, and the log that is read back beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ansible_collections.barevm.kafka.plugins.module_utils.durability_comparison import Compared, Comparison
from ansible_collections.barevm.kafka.plugins.module_utils.durability_ledger import Ledger
from ansible_collections.barevm.kafka.plugins.module_utils.durability_record import body_crc, packer

RUN = "0123456789abcdef"
OTHER_RUN = "fedcba9876543210"
BODY = b"what a shipper sends" * 4
DEFECTS = (
    "acked_lost",
    "unseen",
    "duplicates",
    "aborted_reads",
    "nonmonotonic_sends",
    "inconsistent_offsets",
    "corrupt",
    "foreign",
)


def value(sequence: int, partition: int = 0, run_id: str = RUN, producer: int = 0) -> bytes:
    """A record as the tester sends it."""
    return packer(run_id, producer)(partition, sequence, 1_000_000 * sequence, BODY, body_crc(BODY))


@dataclass
class History:
    """One partition: what the ledger is told, and what its log holds from offset 0 on.

    A hole in the log (None) is an offset at which nothing is found.
    """

    acked: dict[int, int] = field(default_factory=dict)
    """Offset as acknowledged, by sequence; -1 where the broker did not say it."""
    failed: set[int] = field(default_factory=set)
    sent: int = 0
    log: list[bytes | None] = field(default_factory=list)
    partition: int = 0

    def send(self, count: int = 1, ack: bool = True) -> None:
        """Records that are written at the log's end, and acknowledged (or not: unknown)."""
        for _ in range(count):
            if ack:
                self.acked[self.sent] = len(self.log)
            self.log.append(value(self.sent, self.partition))
            self.sent += 1

    def write(self, folder: Path, partitions: int = 2) -> Ledger:
        """The ledger as the tester leaves it."""
        ledger = Ledger(folder, partitions)
        ledger.reserve(self.partition, self.sent)
        sequences = np.array(list(self.acked), dtype=np.int64)
        ledger.acked(self.partition, sequences, np.array(list(self.acked.values()), dtype=np.int64))
        ledger.failed(self.partition, np.array(sorted(self.failed), dtype=np.int64))
        return ledger

    def there(self) -> list[tuple[int, bytes]]:
        """Offset and value of what the log holds."""
        return [(offset, found) for offset, found in enumerate(self.log) if found is not None]

    def compared(
        self,
        folder: Path,
        sizes: Sequence[int] = (3,),
        start: int = 0,
        end: int | None = None,
    ) -> Compared:
        """Read from ``start`` to ``end`` (the high watermark) in batches of ``sizes``, and compare."""
        end = len(self.log) if end is None else end
        comparison = Comparison(self.write(folder), RUN)
        for batch in batches([pair for pair in self.there() if start <= pair[0] < end], sizes):
            comparison.read(self.partition, [offset for offset, _ in batch], [found for _, found in batch])
        others = dict.fromkeys(range(2), 0)
        return comparison.finish({**others, self.partition: start}, {**others, self.partition: end})


def batches(pairs: Sequence[tuple[int, bytes]], sizes: Sequence[int]) -> Iterator[list[tuple[int, bytes]]]:
    """The pairs in order, so many at a time."""
    done = turn = 0
    while done < len(pairs):
        size = sizes[turn % len(sizes)]
        yield list(pairs[done : done + size])
        done, turn = done + size, turn + 1


def defects(compared: Compared) -> dict[str, int]:
    """The kinds that are not zero."""
    return {kind: count for kind in DEFECTS if (count := getattr(compared, kind))}
