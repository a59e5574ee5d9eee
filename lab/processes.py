"""Processes of hosts, found by what their command lines say.

Looked up, never kept in a file: a number in a file may by now be somebody else's process, and the host's
folder in a command line says for sure whose it is.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from lab.errors import LabError
from lab.shell import wait_until

KILL_LIMIT_S = 30


def processes(what: str) -> Iterator[tuple[int, list[bytes]]]:
    """Each process of the machine with its arguments ("cmdline") or variables ("environ")."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), (entry / what).read_bytes().split(b"\0")
            except OSError:
                continue


def with_argument(argument: str) -> int | None:
    """The process that has this very argument; None where there is none."""
    wanted = os.fsencode(argument)
    return next((pid for pid, arguments in processes("cmdline") if wanted in arguments), None)


def arguments_below(start: str) -> set[Path]:
    """The paths that arguments of any process hold after `start`.

    Args:
        start: what the arguments start with, a folder and '/' at its end.
    """
    wanted = os.fsencode(start)
    return {
        Path(os.fsdecode(argument[len(wanted) :]))
        for _, arguments in processes("cmdline")
        for argument in arguments
        if argument.startswith(wanted)
    }


def start(command: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a host's process in its folder, in the background for good, what it says into its console.

    A session of its own and no descriptor of the caller's, or `make lab | tee log` would wait for the
    hosts to end.
    """
    with (folder / "console.log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def kill_all(names: Sequence[str], of: Callable[[str], set[int]]) -> None:
    """Kill all processes of hosts, and wait until they have ended.

    Args:
        names: the hosts.
        of: a host's processes, as they are now.

    Raises:
        LabError: one is still there.
    """

    def left_of_them() -> list[str]:
        # Killed anew at each look: a host that was still starting may have forked meanwhile.
        found = {name: of(name) for name in names}
        for pid in set().union(*found.values()):
            # It may have ended with one that was killed before it.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return [name for name, pids in found.items() if pids]

    left = wait_until(lambda left: f"{left} to end", left_of_them, KILL_LIMIT_S)
    if left:
        raise LabError(
            f"{', '.join(left)}: killed, and still there after {KILL_LIMIT_S} s; see `dmesg` for the reason"
        )
