"""Runs a command as a child in a session of its own, and ends it in order whatever ends this process.

The working half of action ``operation``: Ctrl-C kills an action's process before it can clean up, while this
one outlives it for as long as the command needs to end (``child.py``).
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.child import Progress, serve

GRACE_S = 8.0
"""How long it may take to end in order; shorter than what the supervisor waits before it kills this one."""
POLL_S = 0.25
KEPT_LINES = 400
LONGEST_WORDS = 400
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
CHANGED = re.compile(r"\bok=\d+\s+changed=(\d+)\s")


def main(request: dict[str, Any], progress: Progress) -> Mapping[str, Any]:
    """Run ``command`` in ``folder``, a line of progress for each of its lines, and say how it ended.

    ``rc`` is its status, that of a signal as a negative number; ``timed_out`` that ``timeout_s`` were over.
    """
    began_ns = time.monotonic_ns()
    said: deque[str] = deque(maxlen=KEPT_LINES)
    secrets: str = request["secrets"]
    child = subprocess.Popen(
        request["command"],
        cwd=request["folder"],
        env={**os.environ, **request["environment"]},
        stdin=subprocess.PIPE if secrets else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        if child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(secrets.encode())
                child.stdin.close()
        timed_out = not _relayed(child, request, progress, said)
    finally:
        _ended(child)
    ended_ns = time.monotonic_ns()
    return {
        "rc": child.returncode,
        "timed_out": timed_out,
        "seconds": round((ended_ns - began_ns) / 1e9, 3),
        "began_ns": began_ns,
        "ended_ns": ended_ns,
        "last_words": last_words("\n".join(said)),
        "changed": changed("\n".join(said)),
    }


def last_words(output: str) -> str:
    """What a playbook's output says of its failure; its last line where it says nothing."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    failures = [number for number, line in enumerate(lines) if line.startswith(("fatal: ", "failed: "))]
    if failures:
        after = lines[failures[-1] :]
        messages = [line for line in after if re.match(r'"?msg"?: ', line)]
        host = re.search(r"\[([^\]]+)\]", after[0])
        words = re.sub(r'^"?msg"?: ', "", messages[0]).strip("'\", ") if messages else after[0]
        return f"{host[1] if host else ''}: {words}"[:LONGEST_WORDS]
    errors = [line for line in lines if re.match(r"(\[ERROR\]|ERROR!)", line)]
    return (errors or lines or ["it said nothing"])[-1][:LONGEST_WORDS]


def changed(output: str) -> bool:
    """Whether a host's recap tells of a change, or there is none to tell by."""
    counts = CHANGED.findall(output)
    return not counts or any(int(count) for count in counts)


def _relayed(
    child: subprocess.Popen[bytes], request: Mapping[str, Any], progress: Progress, said: deque[str]
) -> bool:
    """Pass on what the child says until it has ended; False where its time was over before."""
    assert child.stdout is not None
    deadline, rest = time.monotonic() + request["timeout_s"], b""

    def tell(line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        said.append(COLOURS.sub("", text))
        progress(f"{request['prefix']}{text}")

    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if selector.select(POLL_S):
                chunk = os.read(child.stdout.fileno(), 1 << 16)
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    tell(line)
                if chunk:
                    continue
            # Something that it left running may hold its output open.
            elif child.poll() is None:
                continue
            if rest:
                tell(rest)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
                return True
        return False


def _ended(child: subprocess.Popen[bytes]) -> None:
    """Interrupt the child as Ctrl-C does, wait for its end, and kill what is left of it."""
    with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGINT)
            child.wait(GRACE_S)
    # Before it is killed: its workers have sessions of their own, and nobody would know whose they were.
    left = _descendants(child.pid) if child.poll() is None else []
    for kill, process in ((os.killpg, child.pid), *((os.kill, process) for process in left)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(process, signal.SIGKILL)
    child.wait()
    assert child.stdout is not None
    child.stdout.close()


def _descendants(process: int) -> list[int]:
    """The processes below one, by the parents that /proc tells (proc_pid_stat(5))."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found, new = [], [process]
    while new:
        new = [each for each, parent in parents.items() if parent in new]
        found += new
    return found


if __name__ == "__main__":
    serve(main)
