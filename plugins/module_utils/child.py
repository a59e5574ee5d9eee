"""The working half of a long action: read one request, report progress, answer once.

An action plugin can print but does not get to clean up after Ctrl-C; a process of its own can.
So the action supervises (``plugin_utils/supervised.py``) and the work runs as
``python -m ansible_collections.barevm.kafka.plugins.module_utils.X``, where X ends with::

    if __name__ == "__main__":
        serve(main)

Request and events are JSON, one document a line: the request on standard input, then
``{"progress": "text"}`` any number of times and ``{"result": {…}}`` once on standard output.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PACKAGE = "ansible_collections.barevm.kafka.plugins.module_utils"
COLLECTIONS_ROOT = Path(__file__).absolute().parents[5]

Progress = Callable[[str], None]
Main = Callable[[dict[str, Any], Progress], Mapping[str, Any]]


def command(module: str) -> list[str]:
    """What runs ``module_utils/<module>.py`` as a process of its own, in ``environment()``."""
    return [sys.executable, "-m", f"{PACKAGE}.{module}"]


def environment() -> dict[str, str]:
    """This process's environment, in which Python finds the collection."""
    return os.environ | {"PYTHONPATH": str(COLLECTIONS_ROOT)}


def serve(main: Main) -> None:
    """Run ``main(request, progress)`` and send what it returns to the supervising action.

    When the supervisor stops this process, or is itself gone (its end of standard input closes),
    SystemExit is raised in ``main``: its ``finally`` blocks run and clean up.
    """
    # Whatever a library prints goes to standard error: standard output carries events only.
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def send(event: Mapping[str, Any]) -> None:
        # A supervisor that is gone reads no progress; the watch below stops the work.
        with contextlib.suppress(BrokenPipeError):
            events.write(json.dumps(event) + "\n")
            events.flush()

    def stop(signum: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second signal must not cut the clean-up short
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, stop)
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_stop_with_supervisor, daemon=True).start()
    send({"result": dict(main(request, lambda text: send({"progress": text})))})


def _stop_with_supervisor() -> None:
    sys.stdin.read()
    # The session is this child's own (the supervisor saw to that), and nobody is left to end the rest of it.
    os.killpg(0, signal.SIGTERM)
