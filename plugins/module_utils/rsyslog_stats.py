"""rsyslog's own counters, as its impstats writes them to a file. Runs on managed hosts."""

from __future__ import annotations

import json
import os
import re
import time
from typing import Any

POLL_S = 0.1

Key = tuple[str, str]
Lines = dict[Key, dict[str, Any]]
"""What the last whole set of lines said, by origin and name."""


def parse(text: str) -> list[tuple[Key, dict[str, Any]]]:
    """Lines as (origin, name) and their counters; what is no such line is left out.

    A line is the object that impstats writes, behind a date or within an object that has it as ``stats``.
    """
    found = []
    for line in text.splitlines():
        _, brace, rest = line.partition("{")
        try:
            document = json.loads(brace + rest)
        except ValueError:
            continue
        if isinstance(document, dict) and isinstance(document.get("stats"), dict):
            document = document["stats"]
        if isinstance(document, dict) and "name" in document and "origin" in document:
            found.append(((str(document["origin"]), str(document["name"])), document))
    return found


class StatsFile:
    """The end of a statistics file, which may be rotated while it is read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._known = self._last_set()

    def fresh(self, limit_s: float) -> Lines:
        """The first whole set of lines that is written after this call.

        Raises OSError where there is none within ``limit_s`` seconds.
        """
        inode, offset = self._end()
        seen: Lines = {}
        rest = ""
        whole: Lines = {}
        deadline = time.monotonic() + limit_s
        quiet_since = time.monotonic()
        while not whole:
            now = time.monotonic()
            if now > deadline:
                raise OSError(
                    f"{self.path} has had no new line for {limit_s:g} s; see that rsyslog runs, and that its "
                    "impstats writes there"
                )
            if self._end()[0] != inode:
                inode, offset, rest = self._end()[0], 0, ""
            text, offset = self._from(offset)
            lines, newline, tail = (rest + text).rpartition("\n")
            rest = tail
            for key, document in parse(lines + newline):
                # The next set has begun where one comes again.
                if key in seen and not whole:
                    whole = dict(seen)
                seen[key] = document
            if text:
                quiet_since = now
            # A set is written at once: it is whole when nothing more comes, and all of the last one came
            # again.
            elif seen and now - quiet_since > 3 * POLL_S and set(self._known) <= set(seen):
                whole = seen
            time.sleep(POLL_S)
        self._known = whole
        return whole

    def _end(self) -> tuple[int, int]:
        try:
            now = os.stat(self.path)
        except FileNotFoundError:
            return 0, 0
        return now.st_ino, now.st_size

    def _from(self, offset: int) -> tuple[str, int]:
        try:
            with open(self.path, "rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                stream.seek(offset if offset <= size else 0)
                text = stream.read()
                return text.decode(errors="replace"), stream.tell()
        except FileNotFoundError:
            return "", 0

    def _last_set(self) -> Lines:
        """About the last set of lines there is."""
        _, size = self._end()
        text, _ = self._from(max(0, size - (1 << 14)))
        return dict(parse(text.partition("\n")[2]))


def counters(lines: Lines, port: int, queues: list[str], action: str) -> dict[str, int | None]:
    """What a UDP test counts of rsyslog; None is what this rsyslog does not tell.

    ``received`` is of all UDP ports of imudp, ``submitted`` and ``disallowed`` of ``port``, ``other_inputs``
    what other inputs from the network submitted. ``queues`` are the names of the queues on the way, the last
    of which is that before Kafka; the disk part of one has a name of its own. ``acked``, ``too_large`` and
    ``kafka_…`` are of the Kafka action of that name, or of all together where it has none of its own.
    """
    imudp = [one for (origin, _), one in lines.items() if origin == "imudp"]
    listeners = [one for one in imudp if "submitted" in one and _port(one["name"]) == port]
    kafka = lines.get(("omkafka", action), lines.get(("omkafka", "omkafka"), {}))
    network = [
        one
        for (origin, _), one in lines.items()
        if origin in ("imtcp", "imptcp", "imrelp", "tcpsrv") and "submitted" in one
    ]
    found = {
        "received": _sum(imudp, "msgs.received"),
        "submitted": _sum(listeners, "submitted"),
        "disallowed": _sum(listeners, "disallowed"),
        "other_inputs": _sum(network, "submitted") or 0,
        "queue_size": 0,
        "kafka_submitted": kafka.get("submitted"),
        "kafka_failures": kafka.get("failures"),
        "acked": kafka.get("acked"),
        "too_large": kafka.get("failures_msg_too_large"),
    }
    for number, queue in enumerate(queues):
        own = [one for name in (queue, f"{queue}[DA]") if (one := lines.get(("core.queue", name)))]
        before = "" if number == len(queues) - 1 else "parse_"
        found[f"{before}enqueued"] = _sum(own[:1], "enqueued")
        found[f"{before}discarded_full"] = _sum(own, "discarded.full")
        found[f"{before}discarded_nearly_full"] = _sum(own, "discarded.nf")
        found["queue_size"] = (found["queue_size"] or 0) + (_sum(own, "size") or 0)
    return found


def _port(name: str) -> int:
    """The port of a listener's name, such as imudp(*/514/IPv4) or imudp(*:514); 0 where it has none."""
    found = re.search(r"[/:](\d+)(/IPv\d)?\)$", name)
    return int(found[1]) if found else 0


def _sum(lines: list[dict[str, Any]], name: str) -> int | None:
    values = [int(one[name]) for one in lines if name in one]
    return sum(values) if values else None
