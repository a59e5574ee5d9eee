"""The lock of a host in a UDP test: who has it, who takes it over, and how a dead run is known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import udp_lock
from ansible_collections.barevm.kafka.plugins.module_utils.udp_lock import Lock

WORDS = {"user": "ann", "host": "desk", "since": "2026-01-01T00:00:00+00:00"}


def holder(run: str, pid: int | None = None) -> udp_lock.Holder:
    return udp_lock.holder(run, os.getpid() if pid is None else pid, **WORDS)


@pytest.fixture
def lock(tmp_path: Path) -> Lock:
    return Lock(tmp_path / "lock")


def test_one_run_at_a_time(lock: Lock) -> None:
    assert lock.holder() == {}
    assert lock.take(holder("one"), 60) == {}
    held = lock.take(holder("two"), 60)
    assert held["run"] == "one"
    assert udp_lock.told(held) == f"ann on desk (process {os.getpid()}, since 2026-01-01T00:00:00+00:00)"
    assert not udp_lock.has_ended(held)
    assert lock.release("two") == {}, "it is not its own"
    assert lock.release("one")["run"] == "one"
    assert lock.take(holder("two"), 60) == {}
    assert [path.name for path in lock.path.parent.iterdir()] == ["lock"]


def test_its_own_run_takes_it_again(lock: Lock) -> None:
    assert lock.take(holder("one"), 60) == lock.take(holder("one"), 60) == {}


def test_it_is_void_once_the_run_has_taken_too_long(lock: Lock) -> None:
    lock.take(holder("one"), -1)
    assert lock.holder() == {}
    assert lock.take(holder("two"), 60) == {}
    assert lock.holder()["run"] == "two"


@pytest.mark.parametrize("left", ["", "{", "[]", "{}", '{"until": "x"}'])
def test_what_is_no_lock_holds_nobody_up(lock: Lock, left: str) -> None:
    lock.path.write_text(left)
    assert lock.take(holder("one"), 60) == {}


def test_a_run_that_has_ended_gives_way_to_the_one_that_saw_it(lock: Lock) -> None:
    run = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lock.take(holder("one", run.pid), 60)
    assert not udp_lock.has_ended(lock.holder())
    run.communicate()
    held = lock.take(holder("two"), 60)
    assert udp_lock.has_ended(held)
    assert lock.take(holder("two"), 60, instead_of=held["run"]) == {}
    assert lock.take(holder("three"), 60, instead_of="one")["run"] == "two", "that one has it no more"


@pytest.mark.parametrize("change", [{"place": "another machine"}, {"place": None}])
def test_another_machines_run_is_not_seen_to_end(change: dict[str, str]) -> None:
    assert not udp_lock.has_ended({**holder("one"), "started": "1", **change})
    assert udp_lock.has_ended({**holder("one"), "started": "1"}), "the id is another process's now"


def test_a_lock_is_given_back_whoever_has_it(lock: Lock) -> None:
    assert lock.release() == {}
    lock.take(holder("one"), 60)
    assert lock.release()["run"] == "one"
    lock.path.write_text(json.dumps("x"))
    assert lock.release() == {}
    assert not lock.path.exists()
