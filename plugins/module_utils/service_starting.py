"""Starts a service on its own host and watches it come up: what it recovers, where it listens, how it dies.

Runs on managed hosts, needs nothing but Python 3.9 and its library.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterable
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import host_reading, started_with

POLL_S = 0.1
JOURNAL_LINES = 12

# Kafka's LogManager, "Completed load of … (3/40 completed in /var/lib/kafka)"; 2.6 logs no count.
_LOADED = re.compile(r"Completed load of .*\((\d+)/(\d+) completed in ([^)]+)\)")
_LOADED_UNCOUNTED = "Completed load of "


def begin(unit: str) -> bool:
    """Start ``unit``; False where it was running already.

    Raises OSError with systemd's words where it does not start. A unit that failed before, or waits between
    two attempts, starts anew: its attempts are forgotten, and what systemd has not read yet, it reads.
    """
    state = host_reading.units([unit])[unit]
    if state["need_daemon_reload"] or started_with.unread(unit, state["drop_in_paths"]):
        _systemctl("daemon-reload")
    if state["active_state"] == "active":
        return False
    if state["active_state"] == "activating" and state["sub_state"] == "auto-restart":
        _systemctl("stop", unit)
    _systemctl("reset-failed", unit)
    _systemctl("start", unit)
    return True


def _systemctl(*words: str) -> None:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise OSError(f"systemctl {' '.join(words)}: {said[0]}")


def watch(unit: str, wanted: Iterable[int], log: str, since: int, wait_s: float) -> dict[str, Any]:
    """Look until ``unit`` listens on every port of ``wanted``, has died, or ``wait_s`` seconds have passed.

    ``log`` is the service's own log, read from byte ``since`` on for the recovery of Kafka's logs.
    """
    numbers = list(wanted)
    deadline = time.monotonic() + wait_s
    while True:
        state = host_reading.units([unit])[unit]
        alive = state["active_state"] == "active"
        holders = host_reading.ports(numbers) if alive else {}
        listening = alive and all(
            holder is not None and holder["pid"] == state["main_pid"] for holder in holders.values()
        )
        dead = not alive and state["sub_state"] not in ("start", "start-pre")
        if listening or dead or time.monotonic() >= deadline:
            return {
                "listening": listening,
                "dead": dead,
                "active_state": state["active_state"],
                "sub_state": state["sub_state"],
                "main_pid": state["main_pid"],
                "recovery": recovery(log, since),
                "journal": journal(unit) if dead else [],
            }
        time.sleep(POLL_S)


def log_size(log: str) -> int:
    """Where the service's log ends now; 0 where there is none."""
    try:
        return os.stat(log).st_size
    except OSError:
        return 0


def recovery(log: str, since: int) -> dict[str, int | None] | None:
    """How many of Kafka's logs are loaded, and of how many as far as it says; None before the first is."""
    if not log:
        return None
    try:
        with open(log, encoding="utf-8", errors="replace") as stream:
            # A log that was rotated is shorter than it was.
            stream.seek(since if since <= log_size(log) else 0)
            lines = [line for line in stream if _LOADED_UNCOUNTED in line]
    except OSError:
        return None
    counted: dict[str, tuple[int, int]] = {}
    for line in lines:
        if found := _LOADED.search(line):
            counted[found[3]] = (int(found[1]), int(found[2]))
    if counted:
        return {
            "completed": sum(done for done, _all in counted.values()),
            "total": sum(everything for _done, everything in counted.values()),
        }
    return {"completed": len(lines), "total": None} if lines else None


def journal(unit: str) -> list[str]:
    """What the unit and systemd said last of it."""
    done = subprocess.run(
        [
            "journalctl",
            "--unit",
            unit,
            "--lines",
            str(JOURNAL_LINES),
            "--output",
            "cat",
            "--no-pager",
            "--quiet",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip().splitlines()
