"""What ZooKeeper holds of a Kafka cluster, read all at once.

Source: Kafka's znode layout (kafka.zk.ZkData; KIP-103 for listener names, KIP-866 for the migration
to KRaft): /brokers/ids/N, /controller, /controller_epoch, /cluster/id, /migration.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kazoo.client import KazooClient


@dataclass(frozen=True)
class Registered:
    """One /brokers/ids/N. ``endpoints`` maps a listener name to ``protocol://address:port``."""

    id: int
    endpoints: dict[str, str]
    rack: str
    session: str
    """The owning ZooKeeper session as ZooKeeper prints it; "0x0" for a znode that no session owns."""
    registered_since: str
    """When the znode was created, ISO 8601 in UTC, by ZooKeeper's clock."""


@dataclass(frozen=True)
class Snapshot:
    """What ZooKeeper holds under one chroot."""

    exists: bool
    """Whether /brokers/ids is there at all."""
    brokers: dict[int, Registered]
    controller: int | None
    controller_since: str
    controller_epoch: int | None
    cluster_id: str
    migrating: bool
    """Whether a move to KRaft has begun: brokers that have moved register with its controllers."""


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def parse_broker(broker_id: int, data: bytes, created_ms: int, owner: int) -> Registered:
    """Read a registration; raises ValueError for data that no broker writes.

    Version 1 (before KIP-103) has endpoints named after their protocol and no map.
    """
    document = json.loads(data)
    protocols = document.get("listener_security_protocol_map", {})
    endpoints = {}
    for endpoint in document["endpoints"]:
        name, _, address = endpoint.partition("://")
        endpoints[name] = f"{protocols.get(name, name)}://{address}"
    return Registered(broker_id, endpoints, document.get("rack") or "", hex(owner), _time(created_ms))


def read(client: KazooClient, chroot: str, timeout_s: float | None = None) -> Snapshot:
    """Read the cluster's znodes, all at once; raises kazoo's errors and ValueError for unreadable data.

    ``timeout_s`` bounds the wait for each answer: while the client reconnects, there is none.
    """
    from kazoo.exceptions import NoNodeError

    # A follower may be behind the leader; requests of one session keep their order, so no wait here.
    client.sync_async(chroot or "/")
    ids = client.get_children_async(f"{chroot}/brokers/ids")
    paths = ("controller", "controller_epoch", "cluster/id", "migration")
    waiting = {path: client.get_async(f"{chroot}/{path}") for path in paths}

    def data(path: str) -> tuple[bytes, int]:
        try:
            value, stat = waiting[path].get(timeout=timeout_s)
        except NoNodeError:
            return b"", 0
        return value or b"", stat.ctime

    try:
        children, exists = ids.get(timeout=timeout_s), True
    except NoNodeError:
        children, exists = [], False
    registrations = {int(child): client.get_async(f"{chroot}/brokers/ids/{child}") for child in children}
    brokers = {}
    for broker_id, pending in sorted(registrations.items()):
        try:
            value, stat = pending.get(timeout=timeout_s)
        except NoNodeError:
            continue  # gone between the two reads: not registered
        try:
            brokers[broker_id] = parse_broker(broker_id, value, stat.ctime, stat.ephemeralOwner)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{chroot}/brokers/ids/{broker_id} holds no broker registration: {error}"
            ) from None
    controller, since = data("controller")
    epoch = data("controller_epoch")[0]
    cluster_id = data("cluster/id")[0]
    return Snapshot(
        exists=exists,
        brokers=brokers,
        controller=json.loads(controller)["brokerid"] if controller else None,
        controller_since=_time(since) if controller else "",
        controller_epoch=int(epoch) if epoch else None,
        cluster_id=json.loads(cluster_id)["id"] if cluster_id else "",
        migrating=bool(data("migration")[0]),
    )


def brokers_elsewhere(client: KazooClient, chroot: str) -> dict[str, list[str]]:
    """Chroots, other than the one given, that hold registered brokers: the root and each of its children."""
    from kazoo.exceptions import NoNodeError

    candidates = [c for c in ("", *(f"/{child}" for child in client.get_children("/"))) if c != chroot]
    asked = {c: client.get_children_async(f"{c}/brokers/ids") for c in candidates}
    found = {}
    for candidate, pending in asked.items():
        try:
            if ids := pending.get():
                found[candidate] = sorted(ids)
        except NoNodeError:
            continue
    return found
