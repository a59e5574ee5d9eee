"""A record of a durability test: a head that says which record it is, and a body.

The head is 32 bytes, little endian: run id (8 bytes), producer (2), partition (2), sequence (8), intended
send time in nanoseconds of the controller's monotonic clock (8), CRC-32 (4). The sequence counts for each
partition from 0. The CRC is over the body and then the head without its CRC: so a body's own CRC is
computed once, and each record costs that of 28 bytes only.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

HEAD = struct.Struct("<8sHHqqI")
HEAD_SIZE = HEAD.size
LEAST_SIZE = 100
LARGEST_SIZE = 1_000_000
"""Bytes of a record's value, head included: what a test may ask for."""

HEADS = np.dtype(
    [
        ("run_id", "<u8"),
        ("producer", "<u2"),
        ("partition", "<u2"),
        ("sequence", "<i8"),
        ("meant_ns", "<i8"),
        ("crc", "<u4"),
    ]
)
"""The same head for many records at once; the run id is that number, see ``run_number``."""

_UNSEALED = struct.Struct("<8sHHqq")
_CRC = struct.Struct("<I")


class Record(NamedTuple):
    """What a head says."""

    run_id: str
    producer: int
    partition: int
    sequence: int
    meant_ns: int


Packer = Callable[[int, int, int, bytes, int], bytes]
"""``pack(partition, sequence, meant_ns, body, body_crc)`` is the record's value."""


def body_crc(body: bytes) -> int:
    """What ``pack`` wants of a body; once for each body."""
    return zlib.crc32(body)


def packer(run_id: str, producer: int) -> Packer:
    """What makes one producer's records; raises ValueError where the run id is not 16 hexadecimal digits."""
    run, pack_unsealed, pack_crc, crc32 = run_bytes(run_id), _UNSEALED.pack, _CRC.pack, zlib.crc32

    def pack(partition: int, sequence: int, meant_ns: int, body: bytes, body_crc: int) -> bytes:
        unsealed = pack_unsealed(run, producer, partition, sequence, meant_ns)
        return unsealed + pack_crc(crc32(unsealed, body_crc)) + body

    return pack


def unpack(value: bytes) -> Record | None:
    """What a value's head says; None where it has none, or where its CRC is not that of the value."""
    if len(value) < HEAD_SIZE or not sealed(value):
        return None
    run, producer, partition, sequence, meant_ns, _ = HEAD.unpack_from(value)
    return Record(run.hex(), producer, partition, sequence, meant_ns)


def sealed(value: bytes) -> bool:
    """Whether the CRC of a value of at least a head's length is right."""
    crc: int = _CRC.unpack_from(value, _UNSEALED.size)[0]
    return seal(value[: _UNSEALED.size], value) == crc


def seal(unsealed: bytes, value: bytes) -> int:
    """The CRC that ``unsealed``, a head without its CRC, has with the body of ``value``."""
    return zlib.crc32(unsealed, zlib.crc32(memoryview(value)[HEAD_SIZE:]))


def run_bytes(run_id: str) -> bytes:
    """A run id as the head carries it; raises ValueError where it is not 16 hexadecimal digits."""
    run = bytes.fromhex(run_id)
    if len(run) != 8:
        raise ValueError(f"a run id has 16 hexadecimal digits, not {run_id!r}")
    return run


def run_number(run_id: str) -> int:
    """A run id as it is found in HEADS; raises ValueError as run_bytes."""
    return int.from_bytes(run_bytes(run_id), "little")
