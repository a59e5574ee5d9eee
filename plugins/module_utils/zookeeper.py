"""Reach a ZooKeeper ensemble, and say of each server why not."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.barevm.kafka.plugins.module_utils.cluster_model import address_port

if TYPE_CHECKING:
    from kazoo.client import KazooClient

PROBE_TIMEOUT_S = 2.0
"""A server in reach accepts a connection within milliseconds; this bounds the wait for a silent one."""


class ZooKeeperUnreachable(Exception):
    """No server of the ensemble can be used; the text names each that was tried."""


@dataclass(frozen=True, order=True)
class Server:
    """One server of a connect string."""

    address: str
    client_port: int

    def __str__(self) -> str:
        return address_port(self.address, self.client_port)


@dataclass(frozen=True)
class ConnectString:
    """``host:port,host:port/chroot``, taken apart; ``chroot`` is "" or begins with a slash."""

    servers: tuple[Server, ...]
    chroot: str


def parse_connect(text: str) -> ConnectString:
    """Take a connect string apart as Kafka's zookeeper.connect does: one chroot, after the last server.

    Raises ValueError naming the part that cannot be understood.
    """
    hosts, slash, chroot = text.partition("/")
    servers = []
    for part in hosts.split(","):
        address, colon, port = part.strip().rpartition(":")
        if not colon:
            address, port = part.strip(), "2181"
        if not address or not port.isdigit():
            raise ValueError(f"'{part}' in the ZooKeeper connect string '{text}' is not host:port")
        servers.append(Server(address.strip("[]"), int(port)))
    if "," in chroot:
        raise ValueError(f"the chroot in '{text}' stands once, after the last server")
    chroot = chroot.rstrip("/")
    return ConnectString(tuple(servers), f"{slash}{chroot}" if chroot else "")


def why_not(error: OSError) -> str:
    """The operating system's word for a failed connection, without its number."""
    return "timed out" if isinstance(error, TimeoutError) else (error.strerror or str(error)).lower()


def reachable(servers: Sequence[Server]) -> dict[Server, str]:
    """Open a TCP connection to every server at once; "" for one that accepts, else the reason."""

    def probe(server: Server) -> str:
        try:
            socket.create_connection((server.address, server.client_port), PROBE_TIMEOUT_S).close()
        except OSError as error:
            return why_not(error)
        return ""

    with ThreadPoolExecutor(max_workers=min(32, len(servers))) as pool:
        return dict(zip(servers, pool.map(probe, servers), strict=True))


@contextmanager
def connected(servers: Sequence[Server], timeout_s: float) -> Iterator[KazooClient]:
    """A started client without chroot, connected to a server that serves; stopped at the end.

    Servers that do not accept a connection are left out, so that a silent one costs no time-out
    within the client. Raises ZooKeeperUnreachable after ``timeout_s`` seconds at the latest.
    """
    from kazoo.client import KazooClient
    from kazoo.handlers.threading import KazooTimeoutError

    # Without a handler the client's retries would go to standard error, as if they were results.
    logging.getLogger("kazoo").addHandler(logging.NullHandler())
    state = reachable(servers)
    usable = [server for server, reason in state.items() if not reason]
    tried = ", ".join(f"{server} ({reason})" for server, reason in state.items() if reason)
    if not usable:
        raise ZooKeeperUnreachable(f"no ZooKeeper server accepts a connection: {tried}")
    client = KazooClient(hosts=",".join(map(str, usable)), read_only=False)
    try:
        client.start(timeout_s)
    except KazooTimeoutError:
        names = ", ".join(map(str, usable))
        raise ZooKeeperUnreachable(
            f"{names} accept(s) connections but opened no session within {timeout_s:g} s, "
            f"as servers without a quorum do{'; not reached: ' + tried if tried else ''}"
        ) from None
    else:
        yield client
    finally:
        client.stop()
        client.close()
