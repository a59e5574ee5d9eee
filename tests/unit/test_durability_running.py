"""What a tester notices while it waits for its end."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import durability_files as files
from ansible_collections.barevm.kafka.plugins.module_utils.durability_running import Running

from tests.unit.durability_lines import TEST


@pytest.fixture
def owner() -> Iterator[int]:
    handle = os.pidfd_open(os.getpid())
    yield handle
    os.close(handle)


@pytest.mark.parametrize(
    ("moved_s", "said"),
    [
        (0.0, []),
        (0.4, []),
        (3600.0, ["the controller's clock was moved by +3600.0 s"]),
        (-2.0, ["the controller's clock was moved by -2.0 s"]),
    ],
)
def test_a_clock_that_is_moved_is_an_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: int, moved_s: float, said: list[str]
) -> None:
    kept = time.time_ns
    test = replace(TEST, wall_ns=kept() - time.monotonic_ns())
    running = Running({"duration_s": 0.0, "limit_s": 60.0}, test, tmp_path, owner, brokers=3)
    told = threading.Event()
    told.set()
    monkeypatch.setattr(time, "time_ns", lambda: kept() + int(moved_s * 1e9))
    assert running.keep(told).why == "signal"
    assert running.keep(told).why == "signal"
    # Once for each step, however long the test goes on with the new time.
    assert [line["what"] for line in files.lines(tmp_path / files.EVENTS) if line["kind"] == "clock"] == said
