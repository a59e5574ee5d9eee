"""A broker's settings, computed from its variables: what server.properties will say.

Source of names and precedence: Kafka documentation, "Broker Configs".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import cluster_model

# Variables that carry a setting's own name: kafka_ and the name with underscores.
NAMED = (
    "auto.create.topics.enable",
    "default.replication.factor",
    "delete.topic.enable",
    "log.cleaner.enable",
    "log.retention.bytes",
    "log.retention.check.interval.ms",
    "log.segment.bytes",
    "message.max.bytes",
    "min.insync.replicas",
    "num.io.threads",
    "num.network.threads",
    "num.partitions",
    "num.recovery.threads.per.data.dir",
    "num.replica.fetchers",
    "offsets.topic.replication.factor",
    "replica.fetch.max.bytes",
    "socket.receive.buffer.bytes",
    "socket.request.max.bytes",
    "socket.send.buffer.bytes",
    "transaction.state.log.min.isr",
    "transaction.state.log.replication.factor",
    "unclean.leader.election.enable",
    "zookeeper.connection.timeout.ms",
    "zookeeper.session.timeout.ms",
)

# Settings that preflight must know as variables: in kafka_properties they would hide the truth from it.
OWNED = {
    "broker.id": "kafka_broker_id",
    "node.id": "kafka_broker_id",
    "broker.rack": "kafka_rack",
    "listeners": "kafka_listeners",
    "advertised.listeners": "kafka_listeners",
    "listener.security.protocol.map": "kafka_listeners",
    "inter.broker.listener.name": "kafka_inter_broker_listener",
    "security.inter.broker.protocol": "kafka_inter_broker_listener",
    "log.dir": "kafka_log_dirs",
    "log.dirs": "kafka_log_dirs",
    "zookeeper.connect": "the group zookeeper and kafka_chroot",
}

# The finer unit wins in Kafka, so a coarser one in kafka_properties must push ours out.
_RETENTION = {"log.retention.ms", "log.retention.minutes", "log.retention.hours"}


def variable(setting: str) -> str:
    """The variable that carries ``setting``."""
    return "kafka_" + setting.replace(".", "_")


def broker_settings(variables: Mapping[str, Any], zookeeper_connect: str) -> dict[str, Any]:
    """Every setting of one broker by Kafka's own name.

    ``variables`` are the broker's, resolved and valid; ``zookeeper_connect`` carries the chroot.
    """
    listeners = cluster_model.listeners(variables)
    hours = int(variables["kafka_log_retention_hours"])
    settings: dict[str, Any] = {name: variables[variable(name)] for name in NAMED}
    settings.update(
        {
            "broker.id": variables["kafka_broker_id"],
            "zookeeper.connect": zookeeper_connect,
            "listeners": [
                cluster_model.endpoint(one["name"], one["address"], one["port"]) for one in listeners
            ],
            "advertised.listeners": [
                cluster_model.endpoint(one["name"], one["advertised_address"], one["advertised_port"])
                for one in listeners
            ],
            "listener.security.protocol.map": [f"{one['name']}:{one['protocol']}" for one in listeners],
            "inter.broker.listener.name": cluster_model.inter_broker_listener(variables),
            "log.dirs": variables["kafka_log_dirs"],
            "log.retention.ms": hours * 3_600_000 if hours >= 0 else -1,
        }
    )
    if variables["kafka_rack"]:
        settings["broker.rack"] = variables["kafka_rack"]
    given = variables["kafka_properties"]
    if _RETENTION & set(given):
        settings.pop("log.retention.ms")
    return {**settings, **given}
