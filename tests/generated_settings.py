"""Broker configurations to be judged twice, by us and by Kafka itself: drawn from Kafka's own definitions.

Each is what an inventory would say: kafka_properties, and sometimes kafka_listeners. The draw is seeded, so
that every run judges the same.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import (
    broker_rules,
    kafka_settings,
    setting_definitions,
)
from ansible_collections.barevm.kafka.plugins.module_utils.setting_definitions import Definition

from tests.described import listener

SEED = 39
MIXED = 300
LARGEST = {"short": 2**15 - 1, "int": 2**31 - 1, "long": 2**63 - 1}
WORDS = {
    "boolean": ["true", "FALSE", "yes", "1", ""],
    "double": ["0.5", "1", "1e3", "half", ""],
    "class": ["java.lang.String", "no.such.Class"],
    "list": ["", "a,b", "a, b"],
    "string": ["x"],
    "password": ["secret # = value"],
}


@dataclass(frozen=True)
class Configuration:
    """What one inventory says of its brokers."""

    properties: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)


def configurations(version: str) -> list[Configuration]:
    """Every configuration for the release, in an order that does not change."""
    definitions = setting_definitions.load(version)[1]
    names = sorted(set(definitions) - set(kafka_settings.OWNED))
    chance = random.Random(SEED)
    single = [
        Configuration({name: value}) for name in names for value in dict.fromkeys(values(definitions[name]))
    ]
    return [*single, *_pairs(definitions), *_secured(), *_mixed(names, definitions, chance)]


def values(definition: Definition) -> Iterator[str]:
    """For one setting: its default, both sides of each bound, what is no value of its type."""
    if definition.unset:
        yield definition.unset
    if definition.type in LARGEST:
        yield from _numbers(definition)
    elif definition.type == "double":
        yield from WORDS["double"]
        if definition.valid:
            yield from ("-0.1", "1.1")
    elif _choices(definition):
        yield from _choices(definition)
        yield _choices(definition)[0].swapcase()
        yield from ("nonsense", "")
        if definition.type == "list":
            yield ",".join(_choices(definition))
    else:
        yield from WORDS[definition.type]


def _numbers(definition: Definition) -> Iterator[str]:
    bounds = [int(one) for one in re.findall(r"-?\d+", definition.valid)] if "[" in definition.valid else []
    for bound in bounds:
        yield from (str(bound - 1), str(bound), str(bound + 1))
    largest = LARGEST[definition.type]
    yield from ("-7", "-1", "0", "1", "2.5", "many", "", "+9", " 10 ", str(largest), str(largest + 1))


def _choices(definition: Definition) -> list[str]:
    bracketed = re.fullmatch(r"\[([^\[\]]*)\]", definition.valid)
    return bracketed[1].split(", ") if bracketed and "..." not in definition.valid else []


def _pairs(definitions: dict[str, Definition]) -> Iterator[Configuration]:
    """Settings that are held to each other, on both sides of what fits."""
    orders = [(order.low, order.high) for order in broker_rules.ORDERS]
    orders += [
        ("connection.failed.authentication.delay.ms", "connections.max.idle.ms"),
        ("log.cleaner.min.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"),
        ("message.max.bytes", "replica.fetch.max.bytes"),
        ("message.max.bytes", "socket.request.max.bytes"),
        ("transaction.state.log.min.isr", "transaction.state.log.replication.factor"),
        ("min.insync.replicas", "default.replication.factor"),
    ]
    for low, high in orders:
        if low not in definitions or high not in definitions:
            continue
        for middle in (3, 20_000, 10_000_000):
            for step in (-1, 0, 1):
                yield Configuration({low: str(middle), high: str(middle + step)})
    for threads in (0, 1, 2, 128):
        for buffer in (1024 * 1024, 1024 * 1024 + 1, 128 * 1024 * 1024):
            yield Configuration(
                {"log.cleaner.threads": str(threads), "log.cleaner.dedupe.buffer.size": str(buffer)}
            )
    for spoken in ("0.9.0", "0.10.2", "0.11.0", "2.0", "2.1", "2.6"):
        for written in ("0.9.0", "0.10.1-IV2", "1.0", "2.6-IV0"):
            for codec in ("0", "4"):
                yield Configuration(
                    {
                        "inter.broker.protocol.version": spoken,
                        "log.message.format.version": written,
                        "offsets.topic.compression.codec": codec,
                    }
                )
    for most in ("0", "1"):
        for overrides in (
            "",
            "192.0.2.7:20",
            "h:1,i:2",
            "nobody",
            "h:many",
            "a b:1",
            "[2001:db8::1]:5",
            "h:-1",
        ):
            yield Configuration(
                {"max.connections.per.ip": most, "max.connections.per.ip.overrides": overrides}
            )
    for roles in ("broker", "controller", "broker,controller"):
        yield Configuration({"process.roles": roles, "node.id": "1"})
    yield from (Configuration({"reserved.broker.max.id": str(number)}) for number in (0, 1, 2))
    yield Configuration({"broker.id.generation.enable": "false", "reserved.broker.max.id": "0"})
    yield Configuration({"remote.log.storage.system.enable": "true"}, {"kafka_log_dirs": ["/a", "/b"]})


def _secured() -> Iterator[Configuration]:
    """Listeners, mechanisms and the controller's own listener."""
    key = {"ssl.keystore.location": "/etc/kafka/key.p12"}
    for protocol in ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"):
        for chosen in ("", "INSIDE", "OUTSIDE", "NOWHERE"):
            for control in (
                {},
                {"control.plane.listener.name": "INSIDE"},
                {"control.plane.listener.name": "NO"},
            ):
                for mechanisms in (
                    {},
                    {"sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512"},
                    {
                        "listener.name.inside.sasl.enabled.mechanisms": "PLAIN",
                        "sasl.mechanism.inter.broker.protocol": "PLAIN",
                    },
                ):
                    yield Configuration(
                        {**key, **control, **mechanisms},
                        {
                            "kafka_listeners": [
                                listener("OUTSIDE", 9092),
                                listener("INSIDE", 9093, protocol=protocol),
                            ],
                            "kafka_inter_broker_listener": chosen,
                        },
                    )
    yield Configuration({}, {"kafka_listeners": [listener("A", 9092), listener("A", 9093)]})
    yield Configuration({}, {"kafka_listeners": [listener("A", 9092), listener("B", 9092)]})
    yield Configuration({}, {"kafka_listeners": []})
    yield Configuration({}, {"kafka_listeners": [listener("A", 0)]})
    yield Configuration({}, {"kafka_listeners": [listener("A", 65536)]})
    yield Configuration({}, {"kafka_listeners": [listener("A", 9092, advertised_address="0.0.0.0")]})
    yield Configuration({}, {"kafka_listeners": [listener("A", 9092, address="0.0.0.0")]})
    yield Configuration({}, {"kafka_listeners": [listener("in.side", 9092)]})


def _mixed(
    names: list[str], definitions: dict[str, Definition], chance: random.Random
) -> Iterator[Configuration]:
    for _ in range(MIXED):
        chosen = chance.sample(names, chance.randrange(2, 9))
        yield Configuration({name: chance.choice(list(values(definitions[name]))) for name in chosen})
