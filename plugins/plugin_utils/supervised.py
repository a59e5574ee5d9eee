"""The printing half of a long action: start a child that works, show its progress, end it surely."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.utils.display import Display
from ansible_collections.barevm.kafka.plugins.module_utils.child import command, environment

STOP_GRACE_S = 10.0
"""How long a child that was told to stop may clean up before it is killed."""


def run_child(display: Display, module: str, request: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
    """Run ``module_utils/<module>.py`` as a child process (see ``module_utils/child.py``).

    Progress lines are displayed as they come; the child's result is returned. Raises AnsibleError
    when the child ends without a result or is not done after ``timeout_s`` seconds. However this
    returns, the child and whatever it started in its session are gone.
    """
    deadline = time.monotonic() + timeout_s
    with (
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(
            command(module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment(),
            start_new_session=True,
            bufsize=0,
        ) as child,
    ):
        try:
            assert child.stdin is not None
            # Standard input stays open: its end tells the child that its supervisor is gone. A child
            # that died at once is told apart below, by what it left on standard error.
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(json.dumps(request).encode() + b"\n")
            for line in _lines(child, deadline):
                event = json.loads(line)
                if "result" in event:
                    result: dict[str, Any] = event["result"]
                    return result
                display.display(event["progress"])
            if time.monotonic() >= deadline:
                raise AnsibleError(f"{module} was not done after {timeout_s:g} s and was stopped.")
            status = child.wait(STOP_GRACE_S)
            stderr.seek(0)
            said = stderr.read().decode(errors="replace").strip() or "it said nothing"
            raise AnsibleError(f"{module} ended with status {status} and no result: {said}")
        finally:
            _stop(child)


def _lines(child: subprocess.Popen[bytes], deadline: float) -> Iterator[bytes]:
    """Yield whole lines of the child's output until it closes it or the deadline has passed."""
    assert child.stdout is not None
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            chunk = os.read(child.stdout.fileno(), 1 << 16)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Ask the child to end, wait for its clean-up, then kill what is left of its session."""
    try:
        child.terminate()
        child.wait(STOP_GRACE_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
