"""Running the machine's own commands, and saying what goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from lab.errors import LabError

PROGRESS_EVERY_S = 5.0


def say(text: str) -> None:
    """A line for the person who waits; one who stopped listening (`| head`) stops nothing, undoing least."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(*command: str, stdin: str | None = None, may_fail: bool = False) -> str:
    """Run a command to its end.

    Returns:
        What it wrote to stdout; "" where it failed and `may_fail`.

    Raises:
        LabError: it failed; the message carries the command and its last words.
    """
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout
    if may_fail:
        return ""
    words = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-5:]
    raise LabError(f"`{' '.join(command)}` failed ({done.returncode}): " + "\n  ".join(words))


def wait_until(
    what: Callable[[str], str], pending: Callable[[], Sequence[str]], limit_s: float, poll_s: float = 0.1
) -> Sequence[str]:
    """Wait until nothing is pending, with a line now and then.

    Args:
        what: makes the progress line's text of the names still awaited.
        pending: names what is still awaited; an empty answer ends the wait.
        limit_s: seconds to wait at most.
        poll_s: seconds between two looks.

    Returns:
        What was still pending when the time was up; empty when all is there.
    """
    start = time.monotonic()
    said = start
    while left := pending():
        now = time.monotonic()
        if now - start > limit_s:
            return left
        if now - said >= PROGRESS_EVERY_S:
            said = now
            say(f"  waiting for {what(', '.join(left))}: {now - start:.0f} s, {limit_s:.0f} s at most")
        time.sleep(poll_s)
    return ()


def fail(error: LabError) -> int:
    """Print an error the way every verb does.

    Returns:
        The exit code to end with.
    """
    print(f"lab: {error}", file=sys.stderr, flush=True)
    return 1
