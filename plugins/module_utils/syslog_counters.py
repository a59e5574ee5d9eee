"""What waits in a syslog ingest, and what it dropped, by rsyslog's own counters. Runs on managed hosts."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import rsyslog_stats

TAIL_BYTES = 1 << 16
# In the order in which a line passes them: the parsers' queue, and the action's in memory and on the disk.
QUEUES = ("syslog_ingest", "kafka queue", "kafka queue[DA]")


def last(text: str) -> dict[str, Any]:
    """The last counters in ``text``, the end of a file of counters.

    Returns:
        When they were written as ``at``, empty where there are none, the lines that were ``waiting``, and the
        lines ``dropped`` since the service started because a queue was full.
    """
    lines = text.splitlines()
    known = dict(rsyslog_stats.parse(text))
    queues = [known.get(("core.queue", name), {}) for name in QUEUES]
    return {
        "at": next((at for at in map(_written, reversed(lines)) if at), ""),
        "waiting": sum(int(one.get("size", 0)) for one in queues),
        "dropped": sum(int(one.get("discarded.full", 0)) + int(one.get("discarded.nf", 0)) for one in queues),
    }


def read(path: str) -> dict[str, Any]:
    """`last` of a file, which may not be there yet."""
    try:
        with open(path, "rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - TAIL_BYTES))
            return last(stream.read().decode(errors="replace"))
    except FileNotFoundError:
        return last("")


def _written(line: str) -> str:
    try:
        document = json.loads(line)
    except ValueError:
        return ""
    return str(document.get("at", "")) if isinstance(document, dict) else ""
