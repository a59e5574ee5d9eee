"""The ledger of a durability test: bulk acknowledgements in any order, and what a crash leaves."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from ansible_collections.barevm.kafka.plugins.module_utils.durability_ledger import (
    NO_OFFSET,
    Ledger,
    Totals,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PARTITION = 1


def numbers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def said(ledger: Ledger, kind: str) -> list[int]:
    """The sequences whose bit is set."""
    return np.flatnonzero(np.unpackbits(ledger.bits(PARTITION, kind), bitorder="little")).tolist()


def offset(ledger: Ledger, sequence: int) -> int | None:
    """Where the ledger says that an acknowledged record lies."""
    starts, differences = ledger.differences(PARTITION)
    difference = int(differences[np.searchsorted(starts, sequence, side="right") - 1])
    return None if difference == NO_OFFSET else sequence + difference


def test_a_new_ledger_says_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, 3)
    assert ledger.totals() == Totals(0, 0, 0, 0)
    assert ledger.differences(PARTITION)[0].tolist() == []
    ledger.close()
    assert (tmp_path / "sent").stat().st_size == 24


def test_what_was_reserved_and_never_reported_is_unknown(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, 3)
    ledger.reserve(PARTITION, 20)
    ledger.reserve(PARTITION, 10)
    ledger.acked(PARTITION, numbers(0, 1, 5), numbers(100, 101, 105))
    ledger.failed(PARTITION, numbers(3, 2))
    assert ledger.totals() == Totals(20, 3, 2, 15)
    ledger.sent(PARTITION, 7)
    assert ledger.totals() == Totals(7, 3, 2, 2)
    assert (said(ledger, "acked"), said(ledger, "failed")) == ([0, 1, 5], [2, 3])


@pytest.mark.parametrize("acked", [(0, 1, 2, 9), (0, 1, 2, 500)])
def test_totals_do_not_add_up_where_the_ledger_contradicts_itself(
    tmp_path: Path, acked: tuple[int, ...]
) -> None:
    """Acknowledged and refused, or acknowledged and never sent."""
    ledger = Ledger(tmp_path, 2)
    ledger.reserve(PARTITION, 10)
    ledger.acked(PARTITION, numbers(*acked), numbers(*acked))
    ledger.failed(PARTITION, numbers(9))
    totals = ledger.totals()
    assert totals.sent != totals.acked + totals.failed + totals.unknown


def test_offsets_take_a_pair_where_their_difference_changes(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, 2)
    ledger.reserve(PARTITION, 10_000)
    for begin in range(0, 5000, 100):
        ledger.acked(PARTITION, np.arange(begin, begin + 100), np.arange(begin, begin + 100) + 7)
    ledger.acked(PARTITION, np.arange(5010, 6000), np.arange(5000, 5990) + 7)
    assert (tmp_path / "p00001.offsets").stat().st_size == 2 * 16
    assert [offset(ledger, s) for s in (0, 4999, 5010, 5999)] == [7, 5006, 5007, 5996]


def test_an_offset_that_the_broker_did_not_say(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, 2)
    ledger.acked(PARTITION, numbers(0, 1, 2, 3), numbers(0, -1, -1001, 3))
    assert [offset(ledger, s) for s in range(4)] == [0, None, None, 3]


ACKS = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.integers(1, 12),
        st.integers(-1, 3),
        st.booleans(),
    ),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=ACKS, reopened=st.booleans())
def test_every_acknowledgement_in_any_order_keeps_its_offset(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[int, int, int, bool]], reopened: bool
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    ledger = Ledger(folder, 2)
    expected: dict[int, int | None] = {}
    for begin, count, difference, backwards in calls:
        sequences = [s for s in range(begin, begin + count) if s not in expected]
        if backwards:
            sequences.reverse()
        offsets = [s + 10 * difference if difference >= 0 else -1 for s in sequences]
        expected |= {s: None if o < 0 else o for s, o in zip(sequences, offsets, strict=True)}
        ledger.acked(PARTITION, numbers(*sequences), numbers(*offsets))
        if reopened:
            ledger.close()
            ledger = Ledger(folder, 2)
    assert said(ledger, "acked") == sorted(expected)
    assert {s: offset(ledger, s) for s in expected} == expected
    ledger.close()


def _die(folder: Path) -> None:
    ledger = Ledger(folder, 2)
    ledger.reserve(PARTITION, 1000)
    ledger.acked(PARTITION, np.arange(900), np.arange(900))
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_tester_wrote_is_there(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_die, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with (tmp_path / "p00001.offsets").open("ab") as stream:
        stream.write(b"half a pair"[:9])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    ledger = Ledger(tmp_path, 2, read_only=True)
    assert ledger.totals() == Totals(1000, 900, 0, 100)
    assert offset(ledger, 899) == 899
    ledger.close()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_pair_goes_over_half_a_pair(tmp_path: Path) -> None:
    (tmp_path / "p00001.offsets").write_bytes(b"half")
    ledger = Ledger(tmp_path, 2)
    ledger.acked(PARTITION, numbers(4), numbers(5))
    assert offset(ledger, 4) == 5


def test_read_only_needs_a_whole_ledger(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="sent"):
        Ledger(tmp_path, 2, read_only=True)
    (tmp_path / "sent").write_bytes(b"")
    with pytest.raises(OSError, match=r"2 partitions.*sent"):
        Ledger(tmp_path, 2, read_only=True)


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path, 2)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match=r"No space left.*p00001\.offsets"):
        ledger.acked(PARTITION, numbers(1), numbers(1))
    with pytest.raises(OSError, match=r"No space left.*p00001\.failed"):
        ledger.failed(PARTITION, numbers(1))
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=r"No space left.*sent"):
        Ledger(tmp_path, 2)
