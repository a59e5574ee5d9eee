"""The rules between a broker's settings that its definition does not print.

Most live in the constructor of Kafka's own configuration (``KafkaConfig.validateValues``), where a broker
would find them at its start; the others are of settings that Kafka takes and that cannot work together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.barevm.kafka.plugins.module_utils import (
    cluster_model,
    effective_settings,
    setting_definitions,
)
from ansible_collections.barevm.kafka.plugins.module_utils.cluster_model import Groups, Hosts
from ansible_collections.barevm.kafka.plugins.module_utils.effective_settings import Effective
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding, Severity


@dataclass(frozen=True)
class Order:
    """``low`` may not be above ``high``; ``why`` ends the sentence."""

    low: str
    high: str
    why: str
    severity: Severity = "error"


ORDERS = (
    Order(
        "replica.fetch.wait.max.ms",
        "replica.socket.timeout.ms",
        "so a fetch that waits for data would time out",
    ),
    Order(
        "replica.fetch.wait.max.ms",
        "replica.lag.time.max.ms",
        "so followers of quiet partitions would leave the in-sync replicas",
    ),
    Order(
        "offsets.commit.required.acks",
        "offsets.topic.replication.factor",
        "so no commit of an offset could be acknowledged",
    ),
    Order(
        "socket.request.max.bytes",
        "queued.max.request.bytes",
        "so a request that is allowed would never leave the queue",
    ),
    Order("group.min.session.timeout.ms", "group.max.session.timeout.ms", "so no consumer could join"),
    Order(
        "message.max.bytes",
        "log.segment.bytes",
        "so the largest batch would fit no segment and be refused",
    ),
    Order(
        "message.max.bytes",
        "replica.fetch.response.max.bytes",
        "so a largest batch takes a response of its own, beyond that limit",
        "warning",
    ),
    Order(
        "message.max.bytes",
        "fetch.max.bytes",
        "so a largest batch takes a response of its own, beyond that limit",
        "warning",
    ),
    Order(
        "replica.fetch.max.bytes",
        "replica.fetch.response.max.bytes",
        "so the part of one partition can never be used up",
        "warning",
    ),
)
# What a value up to this means: there is no limit.
NO_LIMIT_UP_TO = {"queued.max.request.bytes": 0}
# Producers' own default of request.timeout.ms; Kafka wants it above replica.lag.time.max.ms.
PRODUCERS_WAIT_MS = 30_000
MEBIBYTE = 1024 * 1024
WITHOUT_ZOOKEEPER = re.compile(
    r"(process\.roles|controller\.(quorum\.|listener\.names)|metadata\.log\."
    r"|group\.(consumer|share)\.)"
)
SECURE_KEYS = ("ssl.keystore.location", "ssl.keystore.key", "ssl.engine.factory.class")


def contradictions(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Settings of one broker that cannot work together."""
    for broker in effective_settings.brokers(groups, hosts):
        for rule in (
            _orders,
            _cleaner,
            _idle,
            _connections,
            _mode,
            _formats,
            _listeners,
            _compaction,
            _tiered,
        ):
            yield from rule(broker)


def _orders(broker: Effective) -> Iterator[Finding]:
    for order in ORDERS:
        if not (broker.knows(order.low) and broker.knows(order.high)):
            continue
        low, high = broker.number(order.low), broker.number(order.high)
        if low is None or high is None or low <= high:
            continue
        if _told_elsewhere(order, high) or high <= NO_LIMIT_UP_TO.get(order.high, high - 1):
            continue
        # The one that kafka_properties says is the one to correct; of two, the one that is too low.
        said = broker.variables["kafka_properties"]
        blamed = order.low if order.low in said and order.high not in said else order.high
        other, side = (order.low, "below") if blamed == order.high else (order.high, "above")
        yield Finding(
            broker.host,
            broker.where(blamed),
            broker.value(blamed),
            f"{blamed} is {side} {other} ({broker.number(other)}), {order.why}",
            f"Set {order.high} to {low} or more, or {order.low} to {high} or less",
            order.severity,
        )


def _told_elsewhere(order: Order, high: int) -> bool:
    """Whether ``high`` is refused by itself, as a negative amount or no replica at all."""
    return high < 0 or (order.high == "offsets.topic.replication.factor" and high < 1)


def _cleaner(broker: Effective) -> Iterator[Finding]:
    threads = broker.number("log.cleaner.threads")
    buffer = broker.number("log.cleaner.dedupe.buffer.size")
    if threads is None or buffer is None:
        return
    if threads < 1:
        yield Finding(
            broker.host,
            broker.where("log.cleaner.threads"),
            broker.value("log.cleaner.threads"),
            "log.cleaner.threads is at least 1; Kafka divides by it when it starts",
            "Set it to 1 or more; log.cleaner.enable turns the cleaner off",
        )
    elif buffer // threads <= MEBIBYTE:
        yield Finding(
            broker.host,
            broker.where("log.cleaner.dedupe.buffer.size"),
            broker.value("log.cleaner.dedupe.buffer.size"),
            f"log.cleaner.dedupe.buffer.size gives each of {threads} cleaner threads no more than 1 MiB",
            f"Set it above {(MEBIBYTE + 1) * threads - 1}, or log.cleaner.threads lower",
        )


def _idle(broker: Effective) -> Iterator[Finding]:
    delay, idle = (
        broker.number(name)
        for name in ("connection.failed.authentication.delay.ms", "connections.max.idle.ms")
    )
    if delay is not None and idle is not None and 0 <= idle <= delay:
        yield Finding(
            broker.host,
            broker.where("connections.max.idle.ms"),
            broker.value("connections.max.idle.ms"),
            f"connections.max.idle.ms is not above connection.failed.authentication.delay.ms ({delay}), "
            "so who fails to authenticate would never be told",
            f"Set it to {delay + 1} or more",
        )
    lag = broker.number("replica.lag.time.max.ms")
    if lag is not None and lag > PRODUCERS_WAIT_MS:
        yield Finding(
            broker.host,
            broker.where("replica.lag.time.max.ms"),
            broker.value("replica.lag.time.max.ms"),
            f"replica.lag.time.max.ms is above {PRODUCERS_WAIT_MS} ms, the time that producers wait for an "
            "answer by default: a follower that hangs makes them send again",
            f"Set it to {PRODUCERS_WAIT_MS} or less, or request.timeout.ms of all producers above it",
            "warning",
        )


def _connections(broker: Effective) -> Iterator[Finding]:
    most, overrides = "max.connections.per.ip", "max.connections.per.ip.overrides"
    if broker.number(most) == 0 and not broker.text(overrides):
        yield Finding(
            broker.host,
            broker.where(most),
            broker.value(most),
            f"{most} is 0 and {overrides} is empty, so nobody could connect",
            f"Name those who may in {overrides}, or set it to 1 or more",
        )
    for item in [] if broker.provided(overrides) else broker.items(overrides):
        if not re.fullmatch(r"[0-9A-Za-z._:%-]+:\s*[-+]?\d+", item):
            yield Finding(
                broker.host,
                broker.where(overrides),
                broker.value(overrides),
                f"{overrides} has {item!r}, which is no address and number",
                "Write it like 192.0.2.7:20,client.example:100",
            )


def _mode(broker: Effective) -> Iterator[Finding]:
    """What belongs to a cluster without ZooKeeper: nothing reads it here, or Kafka refuses it."""
    migrating = broker.says("zookeeper.metadata.migration.enable")
    for name in broker.variables["kafka_properties"]:
        of_migration = migrating and name.startswith(("controller.", "metadata.log."))
        if WITHOUT_ZOOKEEPER.match(name) and not of_migration:
            yield Finding(
                broker.host,
                broker.where(name),
                broker.value(name),
                f"{name} belongs to a cluster without ZooKeeper, and nothing here would read it",
                "Leave it out; this collection runs brokers with ZooKeeper",
            )
    quorum = broker.text("controller.quorum.voters") or broker.text("controller.quorum.bootstrap.servers")
    if migrating and not (quorum and broker.text("controller.listener.names")):
        yield Finding(
            broker.host,
            broker.where("zookeeper.metadata.migration.enable"),
            broker.value("zookeeper.metadata.migration.enable"),
            "a broker that is to leave ZooKeeper must know the controllers that it goes to (KIP-866)",
            "Give controller.quorum.voters and controller.listener.names, or leave it out",
        )
    protocols = broker.items("group.coordinator.rebalance.protocols")
    told = broker.given("group.coordinator.rebalance.protocols")
    if told and ("classic" not in protocols or {"consumer", "share"} & set(protocols)):
        yield Finding(
            broker.host,
            broker.where("group.coordinator.rebalance.protocols"),
            broker.value("group.coordinator.rebalance.protocols"),
            "with ZooKeeper there is the classic rebalance protocol alone (KIP-848)",
            "Set it to classic, or leave it out",
        )


def _numbered(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("-")[0])[:2])


def _record_format(version: str) -> int:
    """The newest record format of a protocol version (KIP-31, KIP-98)."""
    numbered = _numbered(version)
    return 0 if numbered < (0, 10) else 1 if numbered < (0, 11) else 2


def _formats(broker: Effective) -> Iterator[Finding]:
    spoken = broker.text("inter.broker.protocol.version")
    written = broker.text("log.message.format.version")
    codec = broker.number("offsets.topic.compression.codec")
    if not re.match(r"\d+\.\d+", spoken):
        return
    # From protocol 3.0 on, Kafka ignores the message format that is set (KIP-724).
    if (
        re.match(r"\d+\.\d+", written)
        and _numbered(spoken) < (3, 0)
        and _record_format(written) > _record_format(spoken)
    ):
        yield Finding(
            broker.host,
            broker.where("inter.broker.protocol.version"),
            broker.value("inter.broker.protocol.version"),
            f"inter.broker.protocol.version cannot carry log.message.format.version ({written})",
            "Raise it, or lower log.message.format.version to it",
        )
    if codec == 4 and _record_format(spoken) < 2:
        yield Finding(
            broker.host,
            broker.where("offsets.topic.compression.codec"),
            broker.value("offsets.topic.compression.codec"),
            f"zstd (4) needs inter.broker.protocol.version 2.1 or newer, and it is {spoken}",
            "Choose another codec, or raise the protocol version",
        )


def _listeners(broker: Effective) -> Iterator[Finding]:
    listeners = {one["name"]: one["protocol"] for one in cluster_model.listeners(broker.variables)}
    chosen = cluster_model.inter_broker_listener(broker.variables)
    control = broker.text("control.plane.listener.name")
    for setting in ("control.plane.listener.name", "early.start.listeners"):
        for name in [] if broker.provided(setting) else broker.items(setting):
            if name not in listeners:
                yield Finding(
                    broker.host,
                    broker.where(setting),
                    name,
                    "there is no listener of this name",
                    f"Name one of {', '.join(listeners)}",
                )
    if control == chosen:
        yield Finding(
            broker.host,
            broker.where("control.plane.listener.name"),
            control,
            "the controller's listener is the brokers' own too, which Kafka refuses (KIP-291)",
            "Give it a listener of its own",
        )
    if listeners.get(chosen, "").startswith("SASL_"):
        yield from _brokers_login(broker, chosen)
    for name, protocol in listeners.items():
        if protocol.endswith("SSL") and not any(_of_listener(broker, name, key)[1] for key in SECURE_KEYS):
            yield Finding(
                broker.host,
                f"kafka_listeners[{name}].protocol",
                protocol,
                "a listener with TLS needs a key, and none is given",
                f"Set ssl.keystore.location, or listener.name.{name.lower()}.ssl.keystore.location, "
                "in kafka_properties",
            )
    yield from _prefixes(broker, [name.lower() for name in listeners])


def _prefixes(broker: Effective, listeners: list[str]) -> Iterator[Finding]:
    """What is set for a listener that is not there: what was meant to be secured is not."""
    for name in broker.variables["kafka_properties"]:
        found = re.match(r"listener\.name\.([^.]+)\.", name)
        if (
            found
            and found[1] not in listeners
            and not setting_definitions.allowed(name, broker.variables["kafka_allow_unknown_properties"])
        ):
            yield Finding(
                broker.host,
                broker.where(name),
                broker.value(name),
                f"there is no listener {found[1]}, so nothing would read it",
                f"Name one of {', '.join(listeners)}, in small letters",
            )


def _brokers_login(broker: Effective, listener: str) -> Iterator[Finding]:
    used = broker.text("sasl.mechanism.inter.broker.protocol")
    where, enabled = _of_listener(broker, listener, "sasl.enabled.mechanisms")
    offered = [item.strip() for item in enabled.split(",")]
    if "${" not in used + enabled and used not in offered:
        yield Finding(
            broker.host,
            broker.where(where),
            broker.value(where),
            f"brokers log in by sasl.mechanism.inter.broker.protocol ({used}), which is not offered",
            f"Add {used} to {where}, or set sasl.mechanism.inter.broker.protocol to one of them",
        )


def _of_listener(broker: Effective, listener: str, name: str) -> tuple[str, str]:
    """A setting as one listener has it: its own, or the broker's. The name that says it, and the value."""
    own = f"listener.name.{listener.lower()}.{name}"
    return (own, broker.text(own)) if broker.given(own) else (name, broker.text(name))


def _tiered(broker: Effective) -> Iterator[Finding]:
    """What LogConfig.validateBrokerLogConfigValues holds a broker with tiered storage to at its start."""
    if not broker.says("remote.log.storage.system.enable"):
        return
    for local in ("log.local.retention.ms", "log.local.retention.bytes"):
        whole = local.replace("local.", "")
        kept, most = broker.number(local), broker.number(whole)
        # -2 is as the whole, -1 no limit.
        if kept is not None and most is not None and most >= 0 and (kept == -1 or kept > most):
            yield Finding(
                broker.host,
                broker.where(local),
                broker.value(local),
                f"{local} is above {whole} ({most}), and the broker would not start with tiered storage",
                f"Set it to {most} or less, or to -2: as {whole}",
            )


def _compaction(broker: Effective) -> Iterator[Finding]:
    least, most = "log.cleaner.min.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"
    low, high = broker.number(least), broker.number(most)
    if low is not None and high is not None and low > high:
        yield Finding(
            broker.host,
            broker.where(most),
            broker.value(most),
            f"{most} is below {least} ({low})",
            f"Set it to {low} or more",
        )
    if not broker.says("log.cleaner.enable") and broker.given("log.cleaner.enable"):
        yield Finding(
            broker.host,
            broker.where("log.cleaner.enable"),
            broker.value("log.cleaner.enable"),
            "without the log cleaner __consumer_offsets grows until the disk is full",
            "Leave it on",
            "warning",
        )
