"""UDP sockets as the kernel has them: their effective receive buffer, and what they dropped.

Runs on managed hosts, on Python 3.9 and its library. Source: ss(8), "--memory".
"""

from __future__ import annotations

import re

from ansible_collections.barevm.kafka.plugins.module_utils import commands

LIMIT_S = 30
# The kernel doubles what was asked for, for its own book-keeping (socket(7), SO_RCVBUF).
BOOKKEEPING = 2
_MEMORY = re.compile(r"skmem:\(r(\d+),rb(\d+),.*?\bd(\d+)\)")


def parsed(shown: str, port: int) -> list[dict[str, int | str]]:
    """The sockets of ``port`` in what ``ss -u -a -m -n`` printed.

    Returns:
        For each its ``local`` address, ``buffer_bytes`` as it was asked for, half of what the kernel set,
        ``waiting_bytes`` in it now, and the datagrams ``dropped`` since it was opened.
    """
    found: list[dict[str, int | str]] = []
    local = ""
    for line in shown.splitlines():
        fields = line.split()
        if len(fields) >= 4 and not line[0].isspace():
            # State, Recv-Q, Send-Q, local address, peer.
            local = fields[3] if fields[3].endswith(f":{port}") else ""
        memory = _MEMORY.search(line)
        if memory and local:
            found.append(
                {
                    "local": local,
                    "buffer_bytes": int(memory.group(2)) // BOOKKEEPING,
                    "waiting_bytes": int(memory.group(1)),
                    "dropped": int(memory.group(3)),
                }
            )
            local = ""
    return found


def of_port(port: int) -> list[dict[str, int | str]]:
    """The UDP sockets of ``port`` on this host. Raises OSError where they cannot be read."""
    return parsed(commands.said("ss", "-u", "-a", "-m", "-n", limit_s=LIMIT_S), port)
