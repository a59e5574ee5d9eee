"""Hand-made lines of a durability test's ledger: a cluster of three brokers, a topic of three partitions."""

from __future__ import annotations

from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.durability_files import Started

SECOND = 1_000_000_000
BEGAN = 1000 * SECOND
HOSTS = {1: "zkkafka1", 2: "zkkafka2", 3: "zkkafka3"}
ALL = {1: "0xa1", 2: "0xa2", 3: "0xa3"}
FULL = ([1, 2, 3], [1, 2, 3], [1, 2, 3])

TEST = Started(
    run_id="0123456789abcdef",
    name="durability",
    topic="t",
    own_topic=True,
    partitions=3,
    replication_factor=3,
    min_insync_replicas=2,
    producers=1,
    record_size=100,
    payload_file="",
    acks="all",
    idempotence=True,
    compression="none",
    records_per_s=100.0,
    delivery_timeout_s=60.0,
    bootstrap_servers=["127.0.0.1:1"],
    zookeeper_connect="127.0.0.1:1",
    zookeeper_servers=[],
    brokers=[{"id": broker, "host": host} for broker, host in HOSTS.items()],
    reader=False,
    group_members=0,
    probe=True,
    started="2026-01-01T00:00:00+00:00",
    started_ns=BEGAN,
    wall_ns=0,
    boot_id="",
)


def line(second: float, kind: str, **more: Any) -> dict[str, Any]:
    return {"at_ns": BEGAN + int(second * SECOND), "kind": kind, **more}


def brokers(second: float, registered: dict[int, str]) -> dict[str, Any]:
    return line(
        second, "brokers", registered={str(broker): session for broker, session in registered.items()}
    )


def partitions(second: float, leaders: tuple[int, ...], isr: tuple[list[int], ...] = FULL) -> dict[str, Any]:
    return line(
        second,
        "partitions",
        leaders={str(number): leader for number, leader in enumerate(leaders)},
        isr={str(number): members for number, members in enumerate(isr)},
        epochs={},
    )


def cluster(second: float, under: int = 0, below: int | None = 0, offline: int = 0) -> dict[str, Any]:
    return line(second, "cluster", under_replicated=under, under_min_isr=below, offline=offline)


def ensemble(second: float, *roles: str, quorum: bool | None = True) -> dict[str, Any]:
    servers = dict(zip(HOSTS.values(), roles, strict=True))
    return line(second, "ensemble", servers=servers, quorum=quorum, epoch=1)


def unreachable(second: float) -> dict[str, Any]:
    return line(second, "zookeeper", reachable=False, why="no session within 2 s")


def reachable(second: float) -> dict[str, Any]:
    return line(second, "zookeeper", reachable=True)


START = [
    reachable(0.1),
    brokers(0.1, ALL),
    line(0.1, "controller", id=2),
    partitions(0.1, (1, 2, 3)),
    cluster(0.1),
    ensemble(0.3, "follower", "leader", "follower"),
]

KILLED = [
    *START,
    brokers(15.0, {1: "0xa1", 3: "0xa3"}),
    line(15.0, "controller", id=3),
    partitions(15.2, (1, 3, 3), ([1, 3], [1, 3], [1, 3])),
    cluster(16.0, under=3),
    brokers(24.0, {**ALL, 2: "0xb2"}),
    partitions(26.5, (1, 3, 3)),
    cluster(27.0),
]
"""Broker 2, the controller, is killed at 10 and healed at 20."""
