"""Settings that must fit each other: each rule with a bad inventory, and its good neighbours."""

from __future__ import annotations

from typing import Any

import pytest

from tests import judged
from tests.described import together

BAD: list[tuple[str, Any, list[tuple[str, str, Any, str]]]] = [
    (
        "replication factors of three on one broker",
        together(1, {"kafka_min_insync_replicas": 1, "kafka_transaction_state_log_min_isr": 1}),
        [
            ("n1", f"kafka_{name}_replication_factor", 3, "more replicas than there are brokers (1)")
            for name in ("default", "offsets_topic", "transaction_state_log")
        ],
    ),
    (
        "min ISR above it on one host, by properties",
        together(n3={"kafka_properties": {"transaction.state.log.min.isr": "4"}}),
        [
            ("n3", "kafka_properties[transaction.state.log.min.isr]", 4, "so acks=all could never be given"),
            ("group kafka", "kafka_properties[transaction.state.log.min.isr]", ["2", "4"], "'4' on n3"),
        ],
    ),
    (
        "replication factor 0",
        together(
            everywhere={"kafka_properties": {"default.replication.factor": 0}, "kafka_min_insync_replicas": 0}
        ),
        [
            (host, variable, 0, "is at least 1")
            for host in ("n1", "n2", "n3")
            for variable in ("kafka_properties[default.replication.factor]", "kafka_min_insync_replicas")
        ],
    ),
    (
        "replication factor in words",
        together(everywhere={"kafka_properties": {"default.replication.factor": "three"}}),
        [
            (host, "kafka_properties[default.replication.factor]", "three", "is a whole number")
            for host in ("n1", "n2", "n3")
        ],
    ),
    (
        "largest message above the largest request, by properties",
        together(
            everywhere={
                "kafka_properties": {"message.max.bytes": 104857601, "replica.fetch.max.bytes": 104857601}
            }
        ),
        [
            (
                "group kafka",
                "kafka_socket_request_max_bytes",
                104857600,
                "is below message.max.bytes (104857601)",
            )
        ],
    ),
    (
        "heap in words",
        together(n1={"kafka_heap_size": "4 GB", "zookeeper_heap_size": "lots"}),
        [
            ("n1", "kafka_heap_size", "4 GB", "a heap size is a whole number and k, m or g"),
            ("n1", "zookeeper_heap_size", "lots", "a heap size is a whole number and k, m or g"),
        ],
    ),
    (
        "session that ZooKeeper would stretch, by properties",
        together(n1={"kafka_properties": {"zookeeper.session.timeout.ms": 1000}}),
        [("n1", "kafka_properties[zookeeper.session.timeout.ms]", 1000, "ZooKeeper grants sessions of 4000")],
    ),
]

WARNED: list[tuple[str, Any, list[tuple[str, str, str]]]] = [
    (
        "min ISR equals the replication factor",
        together(everywhere={"kafka_transaction_state_log_min_isr": 3}),
        [
            (
                "group kafka",
                "kafka_transaction_state_log_min_isr",
                "so no broker can stop without refusing acks=all",
            )
        ],
    ),
]

GOOD: list[tuple[str, Any]] = [
    ("replication factor as many as brokers", together(3, {"kafka_default_replication_factor": 3})),
    (
        "replication factor as text",
        together(everywhere={"kafka_properties": {"default.replication.factor": "3"}}),
    ),
    ("larger messages, the others follow", together(everywhere={"kafka_message_max_bytes": 1000})),
    ("heaps", together(everywhere={"kafka_heap_size": "4G", "zookeeper_heap_size": "512m"})),
    (
        "a longer session of longer ticks",
        together(everywhere={"kafka_zookeeper_session_timeout_ms": 60000, "zookeeper_tick_time_ms": 3000}),
    ),
    (
        "a longer session that ZooKeeper is told to grant",
        together(
            everywhere={
                "kafka_zookeeper_session_timeout_ms": 60000,
                "zookeeper_properties": {"maxSessionTimeout": 120000},
            }
        ),
    ),
]


@pytest.mark.parametrize(("described", "expected"), [pytest.param(*row[1:], id=row[0]) for row in BAD])
def test_what_is_wrong_is_named_and_nothing_else(described: Any, expected: Any) -> None:
    judged.refused(described, expected)


@pytest.mark.parametrize(("described", "expected"), [pytest.param(*row[1:], id=row[0]) for row in WARNED])
def test_what_is_unwise_is_a_warning(described: Any, expected: Any) -> None:
    judged.warned(described, expected)


@pytest.mark.parametrize("described", [pytest.param(described, id=name) for name, described in GOOD])
def test_what_is_right_is_accepted(described: Any) -> None:
    judged.accepted(described)


def test_sizes_that_follow_a_variable_do_not_follow_kafka_properties() -> None:
    found = judged.errors(together(everywhere={"kafka_properties": {"message.max.bytes": 10485760}}))
    assert [(one.variable, one.value) for one in found] == [("kafka_replica_fetch_max_bytes", 1048588)]
    assert found[0].remedy.endswith(
        "write kafka_message_max_bytes in the place of kafka_properties[message.max.bytes]: it follows that"
    )
