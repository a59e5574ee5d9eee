"""A record of a durability test: what its head says, and what makes it wrong."""

from __future__ import annotations

import numpy as np
import pytest
from ansible_collections.barevm.kafka.plugins.module_utils.durability_record import (
    HEAD_SIZE,
    HEADS,
    Record,
    body_crc,
    packer,
    run_number,
    unpack,
)
from hypothesis import given
from hypothesis import strategies as st

RUN = "00ff0123456789ab"


def made(body: bytes = b"body", producer: int = 7) -> bytes:
    return packer(RUN, producer)(3, 12345678901, 987654321, body, body_crc(body))


def test_a_record_is_what_was_packed() -> None:
    value = made()
    assert len(value) == HEAD_SIZE + 4 == 36
    assert value.endswith(b"body")
    assert unpack(value) == Record(RUN, 7, 3, 12345678901, 987654321)


def test_many_heads_are_read_at_once() -> None:
    assert HEADS.itemsize == HEAD_SIZE
    heads = np.frombuffer(b"".join(made(producer=n)[:HEAD_SIZE] for n in range(3)), dtype=HEADS)
    assert heads["producer"].tolist() == [0, 1, 2]
    assert heads["sequence"].tolist() == [12345678901] * 3
    assert heads["run_id"].tolist() == [run_number(RUN)] * 3


@given(st.binary(max_size=200), st.data())
def test_one_changed_bit_anywhere_is_seen(body: bytes, data: st.DataObject) -> None:
    value = bytearray(made(body))
    value[data.draw(st.integers(0, len(value) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert unpack(bytes(value)) is None


@pytest.mark.parametrize("value", [b"", b"short", made()[: HEAD_SIZE - 1], made()[:-1]])
def test_what_was_cut_off_is_no_record(value: bytes) -> None:
    assert unpack(value) is None


@pytest.mark.parametrize("run_id", ["", "00ff", "x" * 16, RUN + "00"])
def test_a_run_id_has_16_hexadecimal_digits(run_id: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        packer(run_id, 0)
