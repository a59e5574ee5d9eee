"""The topic that record probes go to: every broker leads a partition of it.

One small topic serves all runs: its records expire within the hour, and nobody else reads it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.barevm.kafka.plugins.module_utils.cluster_findings import ClusterFinding
from ansible_collections.barevm.kafka.plugins.module_utils.connection import (
    Broker,
    admin_client,
    broker_name,
)

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient, ClusterMetadata

TOPIC = "barevm-verify"
REPLICATION_FACTOR = 3
TOPIC_CONFIG = {
    "cleanup.policy": "delete",
    "retention.ms": str(3_600_000),
    "segment.ms": str(3_600_000),
    "segment.bytes": str(1 << 20),
}
POLL_S = 0.05
"""How often the cluster is asked again while leaders are elected."""


@dataclass(frozen=True)
class Partition:
    """One partition of the topic; ``leader`` is -1 where it has none."""

    leader: int
    replicas: tuple[int, ...]
    isr: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """What has to happen to the topic before every broker leads a partition of it."""

    add: list[list[int]] = field(default_factory=list)
    """Replicas of each partition to add, preferred leader first."""
    elect: list[int] = field(default_factory=list)
    """Partitions to give back to their preferred leader, which leads nothing yet."""
    idle: list[int] = field(default_factory=list)
    """Brokers that lead no partition of the topic."""
    blocked: list[int] = field(default_factory=list)
    """Those of them that no partition can be added for: too few brokers for its replicas."""


def plan(alive: Sequence[int], partitions: Mapping[int, Partition], replicas: int) -> Plan:
    """Decide how every broker of ``alive`` comes to lead a partition.

    Partitions to add have ``replicas`` replicas; none are added where ``alive`` has fewer brokers.
    """
    leaders = {partition.leader for partition in partitions.values()}
    preferred = {partition.replicas[0]: number for number, partition in partitions.items()}
    ring = sorted(alive)
    found = Plan(idle=[broker for broker in ring if broker not in leaders])
    for broker in found.idle:
        if broker not in preferred:
            at = ring.index(broker)
            if len(ring) >= replicas:
                found.add.append((ring[at:] + ring[:at])[:replicas])
            else:
                found.blocked.append(broker)
        elif broker in partitions[preferred[broker]].isr:
            found.elect.append(preferred[broker])
    return found


def _partitions(metadata: ClusterMetadata) -> dict[int, Partition]:
    topic = metadata.topics.get(TOPIC)
    if topic is None:
        return {}
    return {
        number: Partition(each.leader, tuple(each.replicas), tuple(each.isrs))
        for number, each in topic.partitions.items()
    }


def _apply(admin: AdminClient, wanted: Plan, existing: int, timeout_s: float) -> str:
    """Carry the plan out; returns the broker's reason where it refuses, for the next try or the finding."""
    from confluent_kafka import ElectionType, KafkaException, TopicPartition
    from confluent_kafka.admin import NewPartitions, NewTopic

    try:
        if wanted.add and not existing:
            config = TOPIC_CONFIG | {"min.insync.replicas": str(max(1, len(wanted.add[0]) - 1))}
            topic = NewTopic(TOPIC, len(wanted.add), replica_assignment=wanted.add, config=config)
            admin.create_topics([topic], request_timeout=timeout_s)[TOPIC].result()
        elif wanted.add:
            grown = NewPartitions(TOPIC, existing + len(wanted.add), replica_assignment=wanted.add)
            admin.create_partitions([grown], request_timeout=timeout_s)[TOPIC].result()
        if wanted.elect:
            partitions = [TopicPartition(TOPIC, number) for number in wanted.elect]
            # confluent-kafka 2.16 refuses every keyword here: its own list of them is one short.
            admin.elect_leaders(ElectionType.PREFERRED, partitions).result(timeout_s)
    except KafkaException as error:
        return str(error.args[0].str())
    except TimeoutError:
        return f"no election within {timeout_s:.0f} s"
    return ""


def lead(
    config: Mapping[str, Any],
    expected: Sequence[Broker],
    timeout_s: float,
    check_mode: bool,
    down: Sequence[str] = (),
) -> tuple[dict[int, int], list[ClusterFinding]]:
    """Bring the topic to where every broker leads a partition of it; returns broker id to partition.

    What could not be had after ``timeout_s`` seconds is a finding; a broker on one of the hosts ``down`` is
    not waited for. Under check mode the topic is taken as it is.

    Raises KafkaException where no broker answers.
    """
    ids = {broker["id"] for broker in expected}
    # One that has just registered is unknown to the other brokers for a moment.
    awaited = {broker["id"] for broker in expected if broker["host"] not in down}
    deadline = time.monotonic() + timeout_s
    refusal = ""
    admin, metadata = admin_client(config, timeout_s)
    while True:
        alive = sorted(ids & set(metadata.brokers))
        partitions = _partitions(metadata)
        replicas = len(partitions[0].replicas) if partitions else min(REPLICATION_FACTOR, len(ids))
        wanted = plan(alive, partitions, replicas)
        left = deadline - time.monotonic()
        settled = awaited <= set(alive) and wanted.idle == wanted.blocked
        if settled or check_mode or left <= 0:
            break
        refusal = _apply(admin, wanted, len(partitions), left)
        time.sleep(POLL_S)
        metadata = admin.list_topics(timeout=timeout_s)
    leaders = {each.leader: number for number, each in partitions.items() if each.leader in ids}
    return leaders, [] if check_mode else _missing_leaders(expected, alive, wanted, replicas, refusal)


def _missing_leaders(
    expected: Sequence[Broker],
    alive: Sequence[int],
    wanted: Plan,
    replicas: int,
    refusal: str,
) -> list[ClusterFinding]:
    findings = []
    for broker in expected:
        if broker["id"] not in alive:
            what = "the cluster does not name it among its brokers, so no record was tried"
            remedy = "See `systemctl status kafka` and `journalctl -u kafka` on its host"
        elif broker["id"] in wanted.idle:
            what = f"it leads no partition of {TOPIC}"
            if refusal:
                what += f": {refusal}"
            elif broker["id"] in wanted.blocked:
                what += f": partitions of {replicas} replicas take {replicas} brokers, {len(alive)} are there"
            remedy = "Start the brokers that are missing; one that has just started is in sync within seconds"
        else:
            continue
        findings.append(ClusterFinding(what=what, where=broker_name(broker), remedy=remedy))
    return findings
