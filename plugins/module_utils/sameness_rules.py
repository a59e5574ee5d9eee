"""The rules of what must be the same on every host of a cluster."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import (
    cluster_model,
    effective_settings,
    properties,
    zookeeper_rules,
)
from ansible_collections.barevm.kafka.plugins.module_utils.cluster_model import Groups, Hosts
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding
from ansible_collections.barevm.kafka.plugins.module_utils.wording import some

SAME_EVERYWHERE = {
    "kafka": (
        "kafka_cluster_name",
        "kafka_chroot",
        "kafka_version",
        "kafka_scala_version",
        "kafka_inter_broker_listener",
        # One roll is for all hosts, so one of them does not have its own way.
        "kafka_roll_allow_unavailable",
        "kafka_roll_force",
        "kafka_roll_timeout_s",
        "kafka_roll_stall_timeout_s",
    ),
    "zookeeper": ("zookeeper_version", "zookeeper_tick_time_ms", "zookeeper_roll_allow_outage"),
}
# Which broker leads a partition, coordinates a group or makes a topic changes at any time: where these
# differ, so does what clients are promised.
SAME_SETTINGS = (
    "allow.everyone.if.no.acl.found",
    "authorizer.class.name",
    "auto.create.topics.enable",
    "compression.type",
    "default.replication.factor",
    "delegation.token.master.key",
    "delegation.token.secret.key",
    "delete.topic.enable",
    "group.max.session.timeout.ms",
    "group.min.session.timeout.ms",
    "inter.broker.protocol.version",
    "log.cleanup.policy",
    "log.message.format.version",
    "log.message.timestamp.type",
    "message.max.bytes",
    "min.insync.replicas",
    "num.partitions",
    "offsets.topic.num.partitions",
    "offsets.topic.replication.factor",
    "replica.lag.time.max.ms",
    "sasl.mechanism.inter.broker.protocol",
    "super.users",
    "transaction.state.log.min.isr",
    "transaction.state.log.num.partitions",
    "transaction.state.log.replication.factor",
    "unclean.leader.election.enable",
    "zookeeper.set.acl",
)
SAME_OF_SERVERS = (
    "initLimit",
    "syncLimit",
    "minSessionTimeout",
    "maxSessionTimeout",
    "digest.enabled",
    "localSessionsEnabled",
    "sslQuorum",
)


def variables(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Variables that describe the cluster and not a host."""
    for group, names in SAME_EVERYWHERE.items():
        for name in names:
            values: dict[Any, list[str]] = defaultdict(list)
            for host in groups[group]:
                value = hosts[host][name]
                values[tuple(value) if isinstance(value, list) else value].append(host)
            if len(values) > 1:
                shown = {key: list(key) if isinstance(key, tuple) else key for key in values}
                told = "; ".join(f"{shown[value]!r} on {some(sharing)}" for value, sharing in values.items())
                yield Finding(
                    f"group {group}",
                    name,
                    list(shown.values()),
                    f"it differs between hosts: {told}",
                    "Set it once for the group",
                )


def listeners(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Brokers reach each other through listeners of one name."""
    chosen = {
        host: cluster_model.inter_broker_listener(hosts[host])
        for host in groups["kafka"]
        if hosts[host]["kafka_listeners"]
    }
    if (
        len(set(chosen.values())) > 1
        and len({hosts[host]["kafka_inter_broker_listener"] for host in chosen}) == 1
    ):
        told = ", ".join(f"{host} {name}" for host, name in chosen.items())
        yield Finding(
            "group kafka",
            "kafka_listeners",
            list(dict.fromkeys(chosen.values())),
            f"brokers would reach each other through listeners of different names: {told}",
            "Give every broker the same first listener, or name one in kafka_inter_broker_listener",
        )


def settings(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Settings that each broker answers for all of them, judged by what holds, defaults included."""
    brokers = list(effective_settings.brokers(groups, hosts))
    for name in SAME_SETTINGS:
        if not any(broker.given(name) for broker in brokers):
            continue
        held = [(broker.host, broker.text(name)) for broker in brokers]
        # Of several hosts, the one that says it most plainly tells which variable it is.
        where = next(
            (broker.where(name) for broker in brokers if name in broker.variables["kafka_properties"]),
            brokers[0].where(name) if brokers else name,
        )
        yield from _differing("kafka", where, name, held)


def servers(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Settings that the leader applies for all of the ensemble."""
    ensemble = [zookeeper_rules.Server(host, hosts[host]) for host in groups["zookeeper"]]
    for name in SAME_OF_SERVERS:
        held = [(server.host, server.text(name).lower()) for server in ensemble]
        where = next(
            (f"zookeeper_properties[{name}]" for server in ensemble if name in server.properties),
            f"zookeeper_{'init' if name == 'initLimit' else 'sync'}_limit",
        )
        yield from _differing("zookeeper", where, name, held)


def _differing(group: str, where: str, name: str, held: Sequence[tuple[str, str]]) -> Iterator[Finding]:
    values: dict[str, list[str]] = defaultdict(list)
    for host, value in held:
        values[value].append(host)
    if len(values) > 1:
        shown = (lambda value: "<hidden>") if properties.is_secret(name) else repr
        told = "; ".join(f"{shown(value)} on {some(sharing)}" for value, sharing in values.items())
        yield Finding(
            f"group {group}",
            where,
            list(values),
            f"{name} must be the same everywhere, and differs: {told}",
            "Set it once for the group",
        )


def racks(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Kafka refuses to place replicas where some brokers name a rack and others do not (KIP-36)."""
    without = [host for host in groups["kafka"] if not hosts[host]["kafka_rack"]]
    if without and len(without) < len(groups["kafka"]):
        yield Finding(
            ", ".join(without),
            "kafka_rack",
            "",
            "other brokers name a rack, and Kafka makes no topic while any broker names none",
            "Give every broker its rack, or none",
        )
