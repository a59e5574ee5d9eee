"""A broker's settings, computed from its variables."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import kafka_settings, properties

from tests.described import broker, listener

CONNECT = "192.0.2.1:2181/kafka"


def settings(**variables: Any) -> dict[str, Any]:
    return kafka_settings.broker_settings(broker(2, "192.0.2.2", **variables), CONNECT)


def test_the_defaults_are_the_safe_ones() -> None:
    found = settings()
    assert found == {
        "auto.create.topics.enable": False,
        "broker.id": 2,
        "default.replication.factor": 3,
        "delete.topic.enable": True,
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": ["PLAINTEXT://:9092"],
        "advertised.listeners": ["PLAINTEXT://192.0.2.2:9092"],
        "listener.security.protocol.map": ["PLAINTEXT:PLAINTEXT"],
        "log.cleaner.enable": True,
        "log.dirs": ["/var/lib/kafka"],
        "log.retention.bytes": -1,
        "log.retention.check.interval.ms": 60000,
        "log.retention.ms": 604800000,
        "log.segment.bytes": 536870912,
        "message.max.bytes": 1048588,
        "min.insync.replicas": 2,
        "num.io.threads": 8,
        "num.network.threads": 3,
        "num.partitions": 5,
        "num.recovery.threads.per.data.dir": 1,
        "num.replica.fetchers": 1,
        "offsets.topic.replication.factor": 3,
        "replica.fetch.max.bytes": 1048588,
        "socket.receive.buffer.bytes": 1048576,
        "socket.request.max.bytes": 104857600,
        "socket.send.buffer.bytes": 1048576,
        "transaction.state.log.min.isr": 2,
        "transaction.state.log.replication.factor": 3,
        "unclean.leader.election.enable": False,
        "zookeeper.connect": CONNECT,
        "zookeeper.connection.timeout.ms": 18000,
        "zookeeper.session.timeout.ms": 18000,
    }


def test_listeners_are_written_as_kafka_writes_them() -> None:
    found = settings(
        kafka_advertised_address="2001:db8::2",
        kafka_inter_broker_listener="INTERNAL",
        kafka_listeners=[
            listener(
                "CLIENTS",
                9092,
                protocol="SASL_SSL",
                advertised_address="kafka.example.com",
                advertised_port=443,
            ),
            listener("INTERNAL", 9093, address="2001:db8::2"),
        ],
    )
    line = properties.render_line
    assert line("l", found["listeners"]) == "l=CLIENTS://:9092,INTERNAL://[2001:db8::2]:9093"
    assert (
        line("a", found["advertised.listeners"])
        == "a=CLIENTS://kafka.example.com:443,INTERNAL://[2001:db8::2]:9093"
    )
    assert line("m", found["listener.security.protocol.map"]) == "m=CLIENTS:SASL_SSL,INTERNAL:PLAINTEXT"
    assert found["inter.broker.listener.name"] == "INTERNAL"


def test_properties_are_merged_last() -> None:
    found = settings(kafka_properties={"num.io.threads": 16, "compression.type": "lz4"})
    assert (found["num.io.threads"], found["compression.type"]) == (16, "lz4")


@pytest.mark.parametrize("name", ["log.retention.ms", "log.retention.minutes", "log.retention.hours"])
def test_a_retention_in_properties_is_the_only_one(name: str) -> None:
    found = settings(kafka_properties={name: 5})
    assert {key: value for key, value in found.items() if key in kafka_settings._RETENTION} == {name: 5}


@pytest.mark.parametrize(("hours", "ms"), [(1, 3600000), (0, 0), (-1, -1)])
def test_retention_is_written_in_milliseconds(hours: int, ms: int) -> None:
    assert settings(kafka_log_retention_hours=hours)["log.retention.ms"] == ms


def test_a_rack_is_written_where_there_is_one() -> None:
    assert "broker.rack" not in settings()
    assert settings(kafka_rack="zone-a")["broker.rack"] == "zone-a"


def test_every_owned_setting_has_the_variable_that_it_names() -> None:
    known = broker(1, "192.0.2.1")
    for setting, variable in kafka_settings.OWNED.items():
        assert variable in known or setting == "zookeeper.connect"
    for setting in kafka_settings.NAMED:
        assert kafka_settings.variable(setting) in known
