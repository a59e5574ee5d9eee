"""Keeps asking every server of a ZooKeeper ensemble for its role and epoch, each in a thread of its own.

A server that is silent costs its own thread a time-out, and nobody else anything.
Source: ZooKeeper Administrator's Guide, "The Four Letter Words" (srvr, which every version allows unless
told otherwise); a zxid's upper 32 bits are the epoch (ZooKeeper Internals, "Atomic Broadcast").
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.ensemble import (
    NOT_ALLOWED,
    NOT_SERVING,
    four_letter_word,
)
from ansible_collections.barevm.kafka.plugins.module_utils.zookeeper import Server

POLL_S = 1.0
ELECTING_POLL_S = 0.2
"""How often without a quorum: an election takes a fraction of a second."""

DOWN = "down"
LOOKING = "looking"
"""The process answers and serves nobody: it sees no quorum."""
UNKNOWN = "unknown"
"""It answers, and is not allowed to say: srvr is not among its four-letter words."""


@dataclass(frozen=True)
class Role:
    """One server's answer; ``epoch`` is None where it serves nobody."""

    name: str
    epoch: int | None = None


def parse(answer: str) -> Role:
    """Read an answer to srvr."""
    if NOT_SERVING in answer:
        return Role(LOOKING)
    if NOT_ALLOWED in answer:
        return Role(UNKNOWN)
    mode = re.search(r"^Mode: (\w+)", answer, re.MULTILINE)
    zxid = re.search(r"^Zxid: 0x([0-9a-f]+)", answer, re.MULTILINE)
    if mode is None:
        return Role(DOWN)  # it closed the connection over the question, as one does that is stopping
    return Role(mode[1], int(zxid[1], 16) >> 32 if zxid else None)


def together(roles: Mapping[str, Role]) -> dict[str, Any]:
    """The line of an ensemble whose hosts have these roles; ``quorum`` is null where it cannot be told."""
    names = {host: role.name for host, role in roles.items()}
    voters = [name for name in names.values() if name != "observer"]
    serving = sum(name in ("leader", "follower") for name in voters)
    epochs = [role.epoch for role in roles.values() if role.epoch is not None]
    quorum: bool | None = "standalone" in voters or ("leader" in voters and serving >= len(voters) // 2 + 1)
    if not quorum and UNKNOWN in voters:
        quorum = None
    return {"servers": names, "quorum": quorum, "epoch": max(epochs, default=None)}


class Servers:
    """What each server last said."""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        self._servers = dict(servers)
        self._roles: dict[str, Role] = {}

    def start(self, stopping: threading.Event) -> None:
        """Begin to ask, until ``stopping``; the threads hold up no process that ends."""
        for host, server in self._servers.items():
            name = f"observer of ZooKeeper {server}"
            threading.Thread(target=self._ask, args=(host, server, stopping), name=name, daemon=True).start()

    def line(self) -> dict[str, Any] | None:
        """The ensemble as it is; None until every server was asked once."""
        roles = {host: self._roles[host] for host in self._servers if host in self._roles}
        return together(roles) if len(roles) == len(self._servers) else None

    def usable(self) -> list[Server]:
        """The servers that a client may try: those that serve, or all while that is not known."""
        useless = (DOWN, LOOKING)
        found = [
            server
            for host, server in self._servers.items()
            if self._roles.get(host, Role(UNKNOWN)).name not in useless
        ]
        return found or list(self._servers.values())

    def _ask(self, host: str, server: Server, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                self._roles[host] = parse(four_letter_word(server, "srvr"))
            except OSError:
                self._roles[host] = Role(DOWN)
            ensemble = self.line()
            electing = ensemble is None or ensemble["quorum"] is False
            stopping.wait(ELECTING_POLL_S if electing else POLL_S)
