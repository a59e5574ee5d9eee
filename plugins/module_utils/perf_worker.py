"""How the coordinator of a perf test and its workers talk: JSON lines, one command at a time.

The coordinator writes the request, and later ``go`` (with the common start time on the monotonic
clock, which all processes of a machine share) and ``drain``; the worker writes ``ready``, its
``seconds`` as they end, and ``done``. A worker whose standard input closes has lost its coordinator
and ends at once, unless it has something to bring to an end first.
"""

from __future__ import annotations

import json
import os
import queue
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import child

Document = dict[str, Any]
Errors = dict[str, dict[str, Any]]
"""How many records each kind of error hit, with one error's words as an example."""

GO_AHEAD_NS = 200_000_000
"""How long before the common start the workers are told of it."""


def count_error(errors: Errors, kind: str, example: str, records: int = 1) -> None:
    """Count ``records`` more for this kind of error."""
    errors.setdefault(kind, {"records": 0, "example": example})["records"] += records


def cpu_s() -> float:
    """User and system CPU seconds this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Channel:
    """A worker's end: commands from standard input, events to standard output.

    When the coordinator is gone the worker is ended, or gets ``last`` as its last command.
    """

    def __init__(self, last: Document | None = None) -> None:
        self._commands: queue.Queue[Document] = queue.Queue()
        self._last = last
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            self._commands.put(json.loads(line))
        if self._last is None:
            os._exit(1)
        self._commands.put(self._last)

    def wait(self) -> Document:
        """Block until the next command."""
        return self._commands.get()

    def pending(self) -> bool:
        """Whether a command is waiting."""
        return not self._commands.empty()

    def send(self, event: str, **fields: Any) -> None:
        """Write one event."""
        sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
        sys.stdout.flush()


class Worker:
    """The coordinator's end: a child process whose events go into a common queue as ``(worker, event)``.

    When the process ends, an event ``ended`` with its status and last words follows.
    """

    def __init__(
        self,
        module: str,
        name: str,
        request: Mapping[str, Any],
        events: queue.Queue[tuple[Worker, Document]],
    ) -> None:
        self.name = name
        self._events = events
        self._process = subprocess.Popen(
            child.command(module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._said: list[str] = []
        self._readers = [
            threading.Thread(target=self._read_errors, daemon=True),
            threading.Thread(target=self._read_events, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        self.tell(request)

    def tell(self, command: Mapping[str, Any]) -> None:
        """Send a command; one that is already gone is reported by its ``ended`` event instead."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass

    def end(self) -> None:
        """Make sure that the process is gone."""
        self._process.kill()
        self._process.wait()

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self._said.extend(self._process.stderr)
        del self._said[:-20]

    def _read_events(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._events.put((self, json.loads(line)))
        status = self._process.wait()
        self._readers[0].join()
        self._events.put((self, {"event": "ended", "status": status, "said": "".join(self._said).strip()}))


def run(main: Callable[[Document, Channel], None]) -> None:
    """A worker module's entry: read the request and work."""
    channel = Channel()
    main(channel.wait(), channel)
