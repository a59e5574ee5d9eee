"""The lock of a cluster's roll: an ephemeral znode, held by a process for as long as the run lasts.

ZooKeeper programmer's guide, "Ephemeral Nodes": the znode goes with the session, so a run that was killed
leaves no lock behind. The process holds the session, since a run's tasks are processes of their own; it ends
with the run (pidfd_open(2)), or when it is told to.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import child
from ansible_collections.barevm.kafka.plugins.module_utils.zookeeper import (
    ZooKeeperUnreachable,
    connected,
    parse_connect,
)

PATH = "/barevm.kafka/roll"
"""Below the cluster's chroot, where Kafka looks at none but its own."""
CONNECT_S = 10.0
RELEASE_S = 10.0
POLL_S = 0.5
MODULE = f"{child.PACKAGE}.roll_lock"


class NotHeld(Exception):
    """The lock is another run's, or cannot be had; the text says whose or why."""


class Unreachable(NotHeld):
    """There is no route from here to ZooKeeper."""


def take(connect: str, holder: Mapping[str, Any], owner_pid: int) -> int:
    """Hold the lock until the process ``owner_pid`` ends; the id of the process that does.

    ``holder`` is what a refusal tells others. Raises NotHeld.
    """
    keeper = subprocess.Popen(
        child.command("roll_lock"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child.environment(),
        start_new_session=True,
        text=True,
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    keeper.stdin.write(json.dumps({"connect": connect, "holder": dict(holder), "owner": owner_pid}))
    keeper.stdin.close()
    said = keeper.stdout.readline()
    answer = json.loads(said) if said else {"error": "the process that holds it ended at once"}
    if "error" in answer:
        keeper.wait()
        raise (Unreachable if "unreachable" in answer else NotHeld)(answer["error"])
    return keeper.pid


def is_held(keeper: int) -> bool:
    """Whether the process ``keeper`` is one of ours and lives: it ends with its session."""
    try:
        words = Path(f"/proc/{keeper}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return MODULE.encode() in words


def release(keeper: int) -> None:
    """Give the lock back; raises NotHeld where the process that holds it does not end."""
    deadline = time.monotonic() + RELEASE_S
    with contextlib.suppress(ProcessLookupError):
        if is_held(keeper):
            os.kill(keeper, signal.SIGTERM)
    while is_held(keeper):
        if time.monotonic() > deadline:
            raise NotHeld(f"process {keeper}, which holds the lock, does not end")
        time.sleep(0.02)


def told(found: bytes) -> str:
    """Who holds a lock, by what stands in it."""
    try:
        holder = json.loads(found)
        return f"{holder['user']} on {holder['host']} (process {holder['pid']}, since {holder['since']})"
    except (ValueError, KeyError, TypeError):
        return f"a run that left no name ({found[:80]!r})"


def keep(request: Mapping[str, Any]) -> None:
    """Take the lock, say so on standard output, and hold it while the owner lives and the session lasts."""
    from kazoo.client import KazooState
    from kazoo.exceptions import KazooException, NodeExistsError, NoNodeError

    where = parse_connect(request["connect"])
    path = f"{where.chroot}{PATH}"
    owner = os.pidfd_open(request["owner"])
    lost = threading.Event()
    try:
        with connected(where.servers, CONNECT_S) as client:
            client.add_listener(lambda state: lost.set() if state == KazooState.LOST else None)
            try:
                client.create(path, json.dumps(request["holder"]).encode(), ephemeral=True, makepath=True)
            except NodeExistsError:
                try:
                    holder = told(client.get(path)[0])
                except NoNodeError:
                    holder = "a run that has just ended"
                say({"error": f"another run is at work on this cluster: {holder}. Wait for its end ({path})"})
                return
            # Also where someone removes it by hand.
            client.DataWatch(path, lambda _data, stat: lost.set() if stat is None else None)
            say({"held": path})
            while not lost.is_set() and not select.select([owner], [], [], POLL_S)[0]:
                pass
    except ZooKeeperUnreachable as error:
        say({"error": f"no lock without ZooKeeper: {error}", "unreachable": True})
    except KazooException as error:
        say({"error": f"ZooKeeper refused it: {type(error).__name__} {error}".rstrip()})


def say(event: Mapping[str, Any]) -> None:
    """One line to whoever started this process, and nothing after it."""
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(event), flush=True)


def main() -> None:
    """The process that holds the lock."""
    signal.signal(signal.SIGTERM, lambda _signum, _frame: sys.exit(0))
    try:
        keep(json.loads(sys.stdin.read()))
    except ImportError as error:
        say({"error": f"the Python library {error.name} is missing on the controller"})


if __name__ == "__main__":
    main()
