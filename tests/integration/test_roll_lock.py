"""The lock of a roll on a real ensemble: one holder at a time, and gone with the run that held it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import roll_lock
from kazoo.client import KazooClient

from tests.integration.cluster import ZooKeeper, wait_until

HOLDER = {"user": "ann", "host": "desk", "pid": 42, "since": "2026-01-01T00:00:00+00:00"}


@pytest.fixture
def run() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands for a run of ansible-playbook."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.fixture
def connect(zookeeper: ZooKeeper) -> str:
    return ",".join(map(str, zookeeper.servers)) + "/locked"


def is_there(zookeeper: ZooKeeper) -> bool:
    client = KazooClient(hosts=",".join(map(str, zookeeper.servers)))
    client.start(30)
    try:
        # A follower may be behind the server that the lock was given back to.
        client.sync("/")
        return client.exists(f"/locked{roll_lock.PATH}") is not None
    finally:
        client.stop()
        client.close()


def wait_for_end(keeper: int) -> None:
    wait_until("it ends with what it was for", lambda: not roll_lock.is_held(keeper))


def test_a_second_run_is_refused_by_the_name_of_the_first(
    zookeeper: ZooKeeper, connect: str, run: subprocess.Popen[bytes]
) -> None:
    keeper = roll_lock.take(connect, HOLDER, run.pid)
    assert roll_lock.is_held(keeper)
    with pytest.raises(roll_lock.NotHeld, match=r"ann on desk \(process 42, since 2026"):
        roll_lock.take(connect, HOLDER, run.pid)
    roll_lock.release(keeper)
    assert not roll_lock.is_held(keeper)
    assert not is_there(zookeeper), "gone at once, not when a session ends"
    roll_lock.release(roll_lock.take(connect, HOLDER, run.pid))


def test_a_run_that_is_killed_leaves_no_lock(
    zookeeper: ZooKeeper, connect: str, run: subprocess.Popen[bytes]
) -> None:
    keeper = roll_lock.take(connect, HOLDER, run.pid)
    run.send_signal(signal.SIGKILL)
    run.wait()
    wait_for_end(keeper)
    assert not is_there(zookeeper)


def test_a_lock_that_is_taken_away_is_not_thought_held(
    zookeeper: ZooKeeper, connect: str, run: subprocess.Popen[bytes]
) -> None:
    keeper = roll_lock.take(connect, HOLDER, run.pid)
    client = KazooClient(hosts=",".join(map(str, zookeeper.servers)))
    client.start()
    client.delete(f"/locked{roll_lock.PATH}")
    client.stop()
    client.close()
    wait_for_end(keeper)


def test_no_ensemble(run: subprocess.Popen[bytes]) -> None:
    with pytest.raises(roll_lock.Unreachable, match=r"no lock without ZooKeeper: .*127.0.0.1:1 "):
        roll_lock.take("127.0.0.1:1/kafka", HOLDER, run.pid)
