"""Reads what has taken effect on a host: the limits of running processes, swap to come, the clock's state.

Runs on managed hosts, needs nothing but Python 3.9 and its library, and changes nothing.
"""

from __future__ import annotations

import ctypes
import glob
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import udp_sockets
from ansible_collections.barevm.kafka.plugins.module_utils.host_files import text

TIME_SERVICES = (
    "chrony.service",
    "chronyd.service",
    "ntp.service",
    "ntpd.service",
    "ntpsec.service",
    "openntpd.service",
    "systemd-timesyncd.service",
)

# These bring swap without a unit of type swap: Debian's packages zram-tools and dphys-swapfile.
_SWAP_SERVICES = ("zramswap.service", "dphys-swapfile.service")
_UNIT_FOLDERS = ("usr/lib/systemd/system", "run/systemd/generator*", "etc/systemd/system")

# The sizes that java(1) takes; a number alone is bytes.
_HEAP = re.compile(r"-(?:Xmx|XX:MaxHeapSize=)(\d+)([kmgt]?)", re.IGNORECASE)
_BYTES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}

_STA_UNSYNC = 0x0040


class _Timex(ctypes.Structure):
    """The head of struct timex, adjtimex(2), with room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def container() -> str:
    """The manager of the container that this host is, by systemd's note; empty where there is none."""
    return (text("/run/systemd/container") or "").strip()


def processes(units: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any] | None]:
    """What each unit's main process runs with; None without one. ``units`` as host_reading returns them."""
    return {name: process(unit["main_pid"]) for name, unit in units.items()}


def process(pid: int, proc: str = "/proc") -> dict[str, Any] | None:
    """The open files allowed (-1: any number), oom_score_adj, the largest heap in MiB (None if unsaid), and
    whether a signal has stopped it (proc(5), State T): it is up for systemd, and does nothing."""
    limits, score = text(f"{proc}/{pid}/limits"), text(f"{proc}/{pid}/oom_score_adj")
    if not pid or limits is None or score is None:
        return None
    allowed = re.search(r"^Max open files +(\S+)", limits, re.MULTILINE)
    state = re.search(r"^State:\s+(\S)", text(f"{proc}/{pid}/status") or "", re.MULTILINE)
    return {
        "stopped": bool(state and state[1] in "Tt"),
        "open_files": int(allowed[1]) if allowed and allowed[1].isdigit() else -1,
        "oom_score_adj": int(score),
        "heap_mb": largest_heap_mb((text(f"{proc}/{pid}/cmdline") or "").split("\0")),
    }


def largest_heap_mb(arguments: list[str]) -> int | None:
    """The heap of a JVM's command line in MiB; of several the last, which is the one that a JVM takes."""
    sizes = [found for one in arguments if (found := _HEAP.fullmatch(one))]
    return int(sizes[-1][1]) * _BYTES[sizes[-1][2].lower()] // 2**20 if sizes else None


def swap_units(root: Path = Path("/")) -> list[str]:
    """The units that bring swap with the next boot, those that systemd makes of fstab left out.

    fstab is read by itself: what was made of it at the last boot outlasts its lines.
    """
    found = set()
    for folder in _UNIT_FOLDERS:
        for link in glob.glob(str(root / folder / "*.*" / "*")):
            holder, name = os.path.basename(os.path.dirname(link)), os.path.basename(link)
            wanted = holder.endswith((".wants", ".requires"))
            if wanted and (name.endswith(".swap") or name in _SWAP_SERVICES):
                of_fstab = "SourcePath=/etc/fstab" in (text(link) or "")
                if not of_fstab and not _is_masked(root, name, link):
                    found.add(name)
    return sorted(found)


def _is_masked(root: Path, name: str, link: str) -> bool:
    own = root / "etc/systemd/system"
    return any(os.path.realpath(one) == "/dev/null" for one in (link, own / name, own / "swap.target"))


def receive_buffers(ports: Iterable[int]) -> dict[str, list[int]]:
    """The receive buffers of the sockets of each UDP port, in bytes as they were asked for.

    Raises OSError where they cannot be read.
    """
    return {str(port): [int(one["buffer_bytes"]) for one in udp_sockets.of_port(port)] for port in ports}


def time_state(shown: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Whether the clock is synchronised (None where the kernel does not tell), how far off at most, by what.

    ``shown`` is what systemd says of `TIME_SERVICES`; ``services`` are the active states of those installed.
    """
    clock = _Timex()
    try:
        known = ctypes.CDLL(None).adjtimex(ctypes.byref(clock)) != -1
    except (OSError, AttributeError):
        known = False
    # A second name of the same service, as chronyd is of chrony, is the same file.
    installed = {
        unit["fragment_path"]: (name, unit["active_state"])
        for name, unit in sorted(shown.items(), reverse=True)
        if unit["load_state"] == "loaded"
    }
    return {
        "synchronised": not clock.status & _STA_UNSYNC if known else None,
        "max_error_ms": clock.maxerror / 1000 if known else None,
        "services": dict(sorted(installed.values())),
    }
