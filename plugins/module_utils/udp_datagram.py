"""The numbered datagrams of a UDP test: valid syslog lines (RFC 5424) that tell run, step and number.

The numbers stand at the head, so that a line that was cut short on its way is still known, and its end
tells that it was not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LARGEST = 65507
"""Bytes of a UDP datagram over IPv4 at most: 65,535 less the headers of IP and UDP (RFC 768, RFC 791)."""

PRIORITY = 134
"""Facility local0, severity info (RFC 5424, section 6.2.1)."""

NAME = "barevm-udp-test"
END = b"~end"
NUMBERED = re.compile(rb"udp_test=([0-9a-f]{8})/(\d+)/(\d+)/")


@dataclass(frozen=True)
class Marked:
    """What a line says of itself; ``whole`` is whether it has its end."""

    run: str
    step: int
    number: int
    whole: bool


class Line:
    """The lines of one step, each of ``size`` bytes; raises ValueError where they do not fit in it."""

    def __init__(self, run: str, step: int, size: int, timestamp: str, host: str) -> None:
        head = f"<{PRIORITY}>1 {timestamp} {host} {NAME} - - - udp_test={run}/{step}/"
        self._head = head.encode("ascii")
        room = size - len(self._head) - len("000000000/") - len(END)
        if room < 0:
            raise ValueError(f"{size} bytes are too few for a line: it takes {size - room}")
        self._tail = b"/" + b"x" * room + END

    def numbered(self, number: int) -> bytes:
        """The line with this number."""
        return b"%b%09d%b" % (self._head, number, self._tail)


def smallest(run: str, host: str) -> int:
    """Bytes of the shortest line that such a test can send."""
    timestamp = "2026-01-01T00:00:00.000Z"
    head = f"<{PRIORITY}>1 {timestamp} {host} {NAME} - - - udp_test={run}/99/000000000/"
    return len(head) + len(END)


def read(value: bytes) -> Marked | None:
    """What a record's value says of itself; None where it is no line of a UDP test.

    Whatever a template has put around it, the line is found in it.
    """
    found = NUMBERED.search(value)
    if found is None:
        return None
    return Marked(found[1].decode(), int(found[2]), int(found[3]), END in value[found.end() :])


def fragments(size: int, mtu: int, ipv6: bool = False) -> int:
    """In how many packets a datagram travels; all but the last carry a multiple of 8 bytes.

    Sources: RFC 791; RFC 8200, section 4.5, where each fragment has a header of 8 bytes more.
    """
    header, fragment = (40, 8) if ipv6 else (20, 0)
    carried = size + 8
    if carried + header <= mtu:
        return 1
    each = (mtu - header - fragment) // 8 * 8
    return -(-carried // each)
