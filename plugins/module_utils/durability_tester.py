"""The tester: a process of its own that keeps a durability test running until it is told to stop.

Tasks of a play are processes of their own, and a test runs through many of them: so this one is detached, and
everything that it and its workers know is in one folder, the ledger (``durability_files``). It ends when the
file ``stop`` appears there, when the process that owns it is gone (pidfd_open(2)), when its time or its
records are over, and when it cannot do its part; it then waits until every record is reported on and writes
final.json.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import child

START_S = 240.0
"""How long a start may take in all: making the topic, its replicas in sync, first acknowledgements."""

Say = Callable[[str], None]


class NotStarted(Exception):
    """The test was not begun; the text says why."""


def start(options: Mapping[str, Any], owner: int, say: Say) -> dict[str, Any]:
    """Start a test that ends with the process ``owner``; returns once each partition acknowledged a record.

    ``options`` are those of ``durability_test``. Returns ``ledger`` (its folder) and ``test`` (test.json).
    Raises NotStarted, and then nothing is left of it.
    """
    with tempfile.TemporaryFile("w+") as errors:
        tester = subprocess.Popen(
            child.command("durability_tester"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=child.environment(),
            start_new_session=True,
            text=True,
        )
        assert tester.stdin is not None
        assert tester.stdout is not None
        late = threading.Timer(START_S, tester.terminate)
        late.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                json.dump({**options, "owner": owner}, tester.stdin)
                tester.stdin.close()
            for line in tester.stdout:
                answer: dict[str, Any] = json.loads(line)
                if "progress" in answer:
                    say(answer["progress"])
                elif "error" in answer:
                    tester.wait()
                    raise NotStarted(answer["error"])
                else:
                    return answer
        finally:
            late.cancel()
            tester.stdout.close()
        status = tester.wait()
        errors.seek(0)
        raise NotStarted(
            f"the tester ended with status {status}: {errors.read().strip()[-2000:] or 'no words'}"
        )


def main() -> None:
    """The process that tests."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(**fields: Any) -> None:
        # Nobody may be left to hear it.
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(fields), file=answers, flush=True)

    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: told.set())
    options = json.loads(sys.stdin.read())
    try:
        from ansible_collections.barevm.kafka.plugins.module_utils import durability_beginning
    except ImportError as error:
        answer(error=f"the Python library {error.name} is missing on the controller")
        return
    durability_beginning.run(options, told, answer)
    # Not the interpreter's end: client libraries would wait for brokers that may be down.
    os._exit(0)


if __name__ == "__main__":
    main()
