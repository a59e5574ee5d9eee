"""The modules as Ansible runs them: arguments, check mode, failures, progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.integration.cluster import Kafka, free_ports
from tests.integration.conftest import AnsibleRun

Ansible = Callable[..., AnsibleRun]


def tasks(kafka: Kafka, **more: Any) -> dict[str, dict[str, Any]]:
    """Every module against the cluster, with what preflight would hand over."""
    brokers = {"brokers": kafka.expected()}
    servers = [
        {
            "host": f"zkkafka{i}",
            "id": i,
            "address": server.address,
            "client_port": server.client_port,
            "peer_port": 2888,
            "election_port": 3888,
        }
        for i, server in enumerate(kafka.zookeeper.servers, 1)
    ]
    return {
        "zookeeper_ensemble": {"servers": servers, **more},
        "broker_registration": {"zookeeper_connect": kafka.connect, **brokers, **more},
        "record_roundtrip": brokers,
        "topic_health": {
            **brokers,
            "internal_topics": {"__consumer_offsets": {"replication_factor": 3, "min_insync_replicas": 2}},
            **more,
        },
    }


def test_every_module_passes_and_reports_no_change(kafka: Kafka, ansible: Ansible) -> None:
    for options in ((), ("--check",)):
        done = ansible(tasks(kafka, timeout_s=30), *options)
        assert done.status == 0, done.output
        for name, result in done.results.items():
            assert not result.get("failed"), result
            assert result["changed"] is False, name
        assert bool(done.results["record_roundtrip"]["probes"]) is (options == ())


def test_every_module_fails_with_its_figures(kafka: Kafka, ansible: Ansible) -> None:
    kafka.stop(3)
    try:
        wanted = tasks(kafka)
        wanted["zookeeper_ensemble"]["servers"][0]["client_port"] = free_ports(1)[0]
        done = ansible(wanted)
    finally:
        kafka.start(3)
    assert all(result["failed"] for result in done.results.values()), done.output
    assert "does not answer: connection refused" in done.results["zookeeper_ensemble"]["msg"]
    assert done.results["zookeeper_ensemble"]["serving"] == 2
    assert "broker 3 (zkkafka3) is not registered" in done.results["broker_registration"]["msg"]
    assert done.results["broker_registration"]["missing"] == [3]
    assert "broker 3 (zkkafka3): the cluster does not name it" in done.results["record_roundtrip"]["msg"]
    assert len(done.results["record_roundtrip"]["probes"]) == 4
    assert "under-replicated" in done.results["topic_health"]["msg"]


def test_waiting_is_shown(kafka: Kafka, ansible: Ansible) -> None:
    expected = kafka.expected()
    expected.append({**expected[0], "id": 4, "host": "zkkafka4"})
    arguments = {"zookeeper_connect": kafka.connect, "brokers": expected, "timeout_s": 7}
    done = ansible({"broker_registration": arguments})
    assert "broker_registration: waiting for broker 4 (zkkafka4)," in done.output
    assert done.results["broker_registration"]["missing"] == [4]


def test_arguments_that_cannot_be_understood(kafka: Kafka, ansible: Ansible) -> None:
    wanted = tasks(kafka, timeout_s="soon")
    wanted["broker_registration"] = {"zookeeper_connect": "a:b/kafka", "brokers": kafka.expected()}
    done = ansible(wanted)
    assert "'a:b' in the ZooKeeper connect string 'a:b/kafka' is not host:port" in done.output
    assert "timeout_s" in done.results["topic_health"]["msg"]
