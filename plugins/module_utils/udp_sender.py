"""Sends the datagrams of one step at a steady rate, and counts what the kernel took.

Started by the action ``udp_burst`` as a child process of its own (``child.py``).
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import udp_books, udp_datagram, udp_path
from ansible_collections.barevm.kafka.plugins.module_utils.child import Progress, serve

PACE_S = 0.001
"""How long the sender sleeps between two groups of datagrams."""
LATE_S = 0.02
"""What a sender that was kept waiting does not make up for: a burst at wire speed would be another test."""
PROGRESS_S = 5.0
LAST_S = 1.0
"""How long after the others the last datagram is sent: rsyslog's omkafka notes acknowledgements only when it
sends the next record, and what is not noted can never be proven lost."""
AFTER_S = 0.2
"""How long after the last datagram the port to the host is read: what waits in it has left by then."""
SEND_BUFFER = 4 << 20


@dataclass
class Sent:
    """What came of a burst. ``held_up_s`` is what it was late in all, and did not make up for."""

    sent: int = 0
    duration_s: float = 0.0
    held_up_s: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)


def main(request: dict[str, Any], progress: Progress) -> Mapping[str, Any]:
    """Send one burst as ``request`` (the options of ``udp_burst``) says.

    Returns ``sent``, ``duration_s``, ``rate_per_s``, ``way`` and ``controller`` (what this machine's counters
    rose by); or ``error``, and then nothing was sent.
    """
    try:
        found = udp_path.way(request["address"])
        line = udp_datagram.Line(
            request["run"],
            request["step"],
            request["size"],
            datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            _hostname(),
        )
    except (OSError, ValueError) as error:
        return {"error": str(error)}
    before = udp_path.counters(found)
    done = send(
        line,
        (request["address"], request["port"]),
        request["rate_per_s"],
        round(request["rate_per_s"] * request["duration_s"]),
        progress,
        request["name"],
    )
    time.sleep(AFTER_S)
    after = udp_path.counters(found)
    return {
        "sent": done.sent,
        "duration_s": round(done.duration_s, 3),
        "rate_per_s": round(done.sent / done.duration_s, 1) if done.duration_s else 0.0,
        "held_up_s": round(done.held_up_s, 3),
        "errors": done.errors,
        "way": asdict(found),
        "controller": udp_books.rises(before, after),
    }


def send(
    line: udp_datagram.Line,
    target: tuple[str, int],
    rate_per_s: float,
    count: int,
    progress: Progress,
    name: str,
) -> Sent:
    """Send ``count`` datagrams, ``rate_per_s`` of them a second, and count those that the kernel took.

    Each has its place in a schedule. One that the machine kept from its place by more than 20 ms moves the
    schedule: what was missed is not sent in one go. The last one follows `LAST_S` later. What the kernel
    refuses is counted by its error and has no number of its own: the numbers that were sent are 0 to ``sent``
    less 1.
    """
    result = Sent()
    family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as out:
        out.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        begin = schedule = time.monotonic()
        told = begin
        tried = 0
        # A single one is not held back.
        steadily = max(1, count - 1)
        while tried < steadily:
            now = time.monotonic()
            late = now - (schedule + tried / rate_per_s)
            if late > LATE_S:
                schedule += late
                result.held_up_s += late
            due = min(steadily, int((now - schedule) * rate_per_s) + 1)
            while tried < due:
                _one(out, line, target, result)
                tried += 1
            if now - told >= PROGRESS_S:
                told = now
                progress(f"udp_test: {name}: {result.sent:,} of {count:,} datagrams sent")
            time.sleep(PACE_S)
        # The last datagram's place is one interval before the step's end.
        result.duration_s = max(time.monotonic() - begin, count / rate_per_s)
        if tried < count:
            time.sleep(LAST_S)
            _one(out, line, target, result)
    return result


def _one(out: socket.socket, line: udp_datagram.Line, target: tuple[str, int], result: Sent) -> None:
    """Send the next datagram, and count it as sent or by its error."""
    try:
        out.sendto(line.numbered(result.sent), target)
        result.sent += 1
    except OSError as refused:
        kind = errno.errorcode.get(refused.errno or 0, str(refused.errno))
        result.errors[kind] = result.errors.get(kind, 0) + 1


def _hostname() -> str:
    """This machine's name as RFC 5424 wants it: printable ASCII without spaces."""
    name = socket.gethostname()[:64]
    return name if name.isascii() and name.isprintable() and " " not in name and name else "-"


if __name__ == "__main__":
    serve(main)
