"""The lock of a host that receives a UDP test: a file that names the run that has it. Runs on managed hosts.

It stands below /run, for a host that was booted is in no test any more. A run that was killed leaves it: it
is void once the run has taken longer than it may, or where the controller sees that its process is gone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PATH = Path("/run/barevm-udp-test.lock")
BOOT = Path("/proc/sys/kernel/random/boot_id")
PROC = Path("/proc")

Holder = dict[str, Any]
"""Who has a lock: ``run``, for the reader ``user``, ``host``, ``pid`` and ``since``, and for `has_ended`
``place`` and ``started``. The host adds ``until``, in seconds of its own clock."""


class Lock:
    """The lock of this host; ``path`` is its file."""

    def __init__(self, path: Path = PATH) -> None:
        self.path = path

    def holder(self) -> Holder:
        """Who has it, empty where nobody has, or had it for longer than the run may take."""
        try:
            found: Holder = json.loads(self.path.read_text())
            return found if found["until"] > time.time() else {}
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return {}

    def take(self, holder: Mapping[str, Any], lasts_s: float, instead_of: str = "") -> Holder:
        """Take it for ``holder``; who has it instead, empty where it was taken.

        ``instead_of`` is a run that has it and is known to have ended. Raises OSError.
        """
        beside = self.path.with_name(f"{self.path.name}.{holder['run']}")
        # A link either has the whole text or is not made: nobody reads half a holder.
        beside.write_text(json.dumps({**holder, "until": time.time() + lasts_s}))
        try:
            while True:
                try:
                    os.link(beside, self.path)
                    return {}
                except FileExistsError:
                    held = self.holder()
                    if held and held["run"] not in (holder["run"], instead_of):
                        return held
                    self.path.unlink(missing_ok=True)
        finally:
            beside.unlink()

    def release(self, run: str = "") -> Holder:
        """Give it back where ``run`` has it, or whoever does where that is empty; who had it.

        Raises OSError.
        """
        held = self.holder()
        if run and held.get("run") != run:
            return {}
        self.path.unlink(missing_ok=True)
        return held


def holder(run: str, pid: int, **words: str) -> Holder:
    """Who takes a lock: the process ``pid`` of this machine, with words for the reader."""
    return {"run": run, **words, "pid": pid, "place": place(), "started": started(pid)}


def place() -> str:
    """Where ids of processes mean the same as here: the machine since its boot, and the container on it."""
    return f"{BOOT.read_text().strip()} {os.readlink(PROC / 'self/ns/pid')}"


def started(pid: int) -> str:
    """When a process began, in ticks since the boot (proc(5), field 22 of stat); empty without one."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def has_ended(held: Mapping[str, Any]) -> bool:
    """Whether the run that has a lock is seen from here to be gone; another machine's is not seen."""
    return held.get("place") == place() and started(int(held["pid"])) != held.get("started")


def told(held: Mapping[str, Any]) -> str:
    """Who has a lock, in words."""
    return f"{held.get('user')} on {held.get('host')} (process {held.get('pid')}, since {held.get('since')})"
