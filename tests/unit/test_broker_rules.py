"""Settings of one broker that cannot work together: each rule with a bad broker, and its good neighbours."""

from __future__ import annotations

from typing import Any

import pytest

from tests import judged
from tests.described import listener, together

KEY = {"ssl.keystore.location": "/etc/kafka/key.p12"}


def every(properties: dict[str, Any], *listeners: dict[str, Any]) -> Any:
    """Three hosts that are alike."""
    own = {"kafka_listeners": list(listeners)} if listeners else {}
    return together(everywhere={**own, "kafka_properties": properties})


def one(properties: dict[str, Any] | None = None, *listeners: dict[str, Any], **variables: Any) -> Any:
    """Three hosts, of which n2 is different."""
    own = {**variables, "kafka_properties": properties or {}}
    everywhere = {"kafka_listeners": list(listeners)} if listeners else {}
    return together(everywhere=everywhere, n2=own)


CONTROL = (listener("IN", 9092), listener("OUT", 9093))
BAD: list[tuple[dict[str, Any], list[dict[str, Any]], str, Any, str]] = [
    (
        {"replica.fetch.wait.max.ms": 40000, "replica.lag.time.max.ms": 30000},
        [],
        "replica.lag.time.max.ms",
        30000,
        "so followers of quiet partitions would leave the in-sync replicas",
    ),
    (
        {"replica.socket.timeout.ms": 100},
        [],
        "replica.socket.timeout.ms",
        "100",
        "replica.socket.timeout.ms is below replica.fetch.wait.max.ms (500)",
    ),
    (
        {"remote.log.storage.system.enable": True, "log.local.retention.ms": 604800001},
        [],
        "log.local.retention.ms",
        604800001,
        "log.local.retention.ms is above log.retention.ms (604800000)",
    ),
    (
        {
            "remote.log.storage.system.enable": True,
            "log.retention.bytes": 5000,
            "log.local.retention.bytes": -1,
        },
        [],
        "log.local.retention.bytes",
        -1,
        "the broker would not start with tiered storage",
    ),
    (
        {"offsets.commit.required.acks": 4},
        [],
        "offsets.commit.required.acks",
        4,
        "offsets.commit.required.acks is above offsets.topic.replication.factor (3)",
    ),
    (
        {"group.max.session.timeout.ms": 5999},
        [],
        "group.max.session.timeout.ms",
        5999,
        "group.max.session.timeout.ms is below group.min.session.timeout.ms (6000)",
    ),
    ({"log.segment.bytes": 1000}, [], "log.segment.bytes", 1000, "largest batch would fit no segment"),
    ({"log.cleaner.threads": 0}, [], "log.cleaner.threads", 0, "is at least 1"),
    (
        {"log.cleaner.threads": 128},
        [],
        "log.cleaner.dedupe.buffer.size",
        "134217728",
        "gives each of 128 cleaner threads no more than 1 MiB",
    ),
    (
        {"connections.max.idle.ms": 100},
        [],
        "connections.max.idle.ms",
        100,
        "not above connection.failed.authentication.delay.ms (100)",
    ),
    (
        {"max.connections.per.ip.overrides": "192.0.2.7"},
        [],
        "max.connections.per.ip.overrides",
        "192.0.2.7",
        "which is no address and number",
    ),
    (
        {"inter.broker.protocol.version": "0.10.2", "log.message.format.version": "0.10.2"}
        | {"offsets.topic.compression.codec": 4},
        [],
        "offsets.topic.compression.codec",
        4,
        "zstd (4) needs inter.broker.protocol.version 2.1",
    ),
    (
        {"control.plane.listener.name": "NO"},
        [*CONTROL],
        "control.plane.listener.name",
        "NO",
        "there is no listener of this name",
    ),
    (
        {"control.plane.listener.name": "IN"},
        [*CONTROL],
        "control.plane.listener.name",
        "IN",
        "the controller's listener is the brokers' own too",
    ),
    (
        {"early.start.listeners": "IN,NO"},
        [*CONTROL],
        "early.start.listeners",
        "NO",
        "there is no listener of this name",
    ),
    (
        {"listener.name.typo.ssl.client.auth": "required"},
        [],
        "listener.name.typo.ssl.client.auth",
        "required",
        "there is no listener typo, so nothing would read it",
    ),
    ({"metrics.recording.level": "info"}, [], "metrics.recording.level", "info", "is one of INFO, DEBUG"),
    ({"log.roll.ms": 0}, [], "log.roll.ms", 0, "is at least 1"),
    ({"offsets.topic.compression.codec": 5}, [], "offsets.topic.compression.codec", 5, "is 0 (none)"),
    ({"replica.lag.time.max.ms": -1}, [], "replica.lag.time.max.ms", -1, "cannot be negative"),
    (
        {"remote.log.manager.copier.thread.pool.size": 0},
        [],
        "remote.log.manager.copier.thread.pool.size",
        0,
        "is at least 1, or -1",
    ),
]


@pytest.mark.parametrize(
    ("given", "listeners", "name", "value", "rule"), [pytest.param(*row, id=str(row[0])) for row in BAD]
)
def test_what_contradicts_itself_is_named(
    given: dict[str, Any], listeners: list[dict[str, Any]], name: str, value: Any, rule: str
) -> None:
    groups, hosts = one(given, *listeners)
    found = [
        finding
        for finding in judged.errors((groups, hosts))
        if finding.variable == f"kafka_properties[{name}]" and rule in finding.rule
    ]
    assert [(finding.host, str(finding.value)) for finding in found] == [("n2", str(value))]
    assert found[0].remedy


def test_a_listener_with_tls_needs_a_key() -> None:
    judged.refused(
        one({}, listener("A", 9092, protocol="SSL")),
        [
            (host, "kafka_listeners[A].protocol", "SSL", "a listener with TLS needs a key")
            for host in ("n1", "n2", "n3")
        ],
    )


GOOD: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    ({"replica.fetch.wait.max.ms": 30000}, []),
    ({"replica.socket.timeout.ms": 500}, []),
    ({"queued.max.request.bytes": 104857600}, []),
    ({"queued.max.request.bytes": -1}, []),
    ({"group.max.session.timeout.ms": 6000}, []),
    ({"log.segment.bytes": 1048588}, []),
    ({"log.local.retention.ms": 604800001}, []),
    ({"remote.log.storage.system.enable": True, "log.local.retention.ms": 604800000}, []),
    ({"remote.log.storage.system.enable": True, "log.retention.ms": -1, "log.local.retention.ms": 5}, []),
    ({"log.cleaner.threads": 127}, []),
    ({"connections.max.idle.ms": 101}, []),
    ({"connections.max.idle.ms": -1}, []),
    ({"max.connections.per.ip": 0, "max.connections.per.ip.overrides": "192.0.2.7:20,host.example: 1"}, []),
    (
        {
            "zookeeper.metadata.migration.enable": True,
            "controller.quorum.voters": "3000@c.example:9093",
            "controller.listener.names": "CONTROLLER",
            "metadata.log.dir": "/data/metadata",
        },
        [],
    ),
    ({"group.coordinator.rebalance.protocols": "classic"}, []),
    ({"inter.broker.protocol.version": "3.8"}, []),
    ({"control.plane.listener.name": "OUT", "early.start.listeners": "IN"}, [*CONTROL]),
    ({"sasl.enabled.mechanisms": "${file:/etc/kafka/secrets:mechanisms}"}, []),
    ({"connections.max.idle.ms": "${file:/etc/kafka/secrets:idle}"}, []),
    ({"log.cleanup.policy": ""}, []),
]


@pytest.mark.parametrize(("given", "listeners"), [pytest.param(*row, id=str(row[0])) for row in GOOD])
def test_what_fits_is_accepted(given: dict[str, Any], listeners: list[dict[str, Any]]) -> None:
    judged.accepted(every(given, *listeners))


def test_a_listener_may_have_mechanisms_and_keys_of_its_own() -> None:
    secured = {
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "listener.name.in.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.in.ssl.keystore.location": "/etc/kafka/key.p12",
    }
    everywhere = {
        "kafka_listeners": [listener("IN", 9092, protocol="SASL_SSL"), listener("OUT", 9093)],
        "kafka_properties": secured,
    }
    judged.accepted(together(everywhere=everywhere))


def test_what_works_badly_is_a_warning() -> None:
    for given, name in (
        ({"replica.lag.time.max.ms": 60000}, "replica.lag.time.max.ms"),
        ({"replica.fetch.response.max.bytes": 1048587}, "replica.fetch.response.max.bytes"),
        ({"log.cleaner.enable": False}, "log.cleaner.enable"),
        ({"offsets.commit.required.acks": 3}, "offsets.commit.required.acks"),
        ({"fetch.max.bytes": 1048587}, "fetch.max.bytes"),
    ):
        found = judged.warnings(every(given))
        assert {finding.variable for finding in found} == {f"kafka_properties[{name}]"}
        judged.refused(every(given), [])
