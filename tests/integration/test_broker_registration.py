"""Registrations of real brokers, right and wrong in every way that verify has to name."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import cluster_findings, registration
from ansible_collections.barevm.kafka.plugins.module_utils.zookeeper import connected, parse_connect

from tests.integration.cluster import LOOPBACK, Kafka, ZooKeeper, free_ports, wait_until


def observe(kafka: Kafka, expected: Any = None, connect: str = "", timeout_s: float = 0) -> dict[str, Any]:
    wanted = kafka.expected() if expected is None else expected
    return registration.observe(parse_connect(connect or kafka.connect), wanted, timeout_s, 5).as_dict()


@contextmanager
def restarted(kafka: Kafka, broker_id: int, **settings: str) -> Iterator[None]:
    """The broker runs with other settings meanwhile."""
    kafka.stop(broker_id)
    kafka.start(broker_id, settings={name.replace("_", "."): value for name, value in settings.items()})
    try:
        yield
    finally:
        kafka.stop(broker_id)
        kafka.start(broker_id)


@contextmanager
def znode(zookeeper: ZooKeeper, path: str, address: str, ephemeral: bool = True) -> Iterator[str]:
    """A registration made by the test; yields the owning session as the report shows it.

    The controller connects to ``address``: it has to be one where nothing answers.
    """
    document = {
        "version": 5,
        "endpoints": [f"PLAINTEXT://{address}"],
        "listener_security_protocol_map": {"PLAINTEXT": "PLAINTEXT"},
        "host": address.partition(":")[0],
        "port": int(address.partition(":")[2]),
        "jmx_port": -1,
        "timestamp": "0",
    }
    with connected(zookeeper.servers, 10) as client:
        client.create(path, json.dumps(document).encode(), ephemeral=ephemeral)
        try:
            yield hex(client.client_id[0]) if ephemeral else "0x0"
        finally:
            client.delete(path)


def only(report: dict[str, Any]) -> str:
    (finding,) = report["findings"]
    return cluster_findings.sentence(finding)


def test_all_as_expected(kafka: Kafka) -> None:
    report = observe(kafka)
    assert report["findings"] == report["waiting_for"] == report["missing"] == report["unexpected"] == []
    assert [each["id"] for each in report["registered"]] == [1, 2, 3]
    assert [each["rack"] for each in report["registered"]] == ["rack1", "rack2", "rack3"]
    assert all(int(each["session"], 16) for each in report["registered"])
    assert report["controller"]["id"] in (1, 2, 3)
    assert report["controller"]["epoch"] >= 1
    assert len(report["cluster_id"]) == 22
    assert report["elapsed_ms"] > 0
    assert report["connect_ms"] > 0


def test_a_stopped_broker_is_missing_and_waited_for(kafka: Kafka) -> None:
    kafka.stop(2)
    try:
        report = observe(kafka)
        assert report["missing"] == [2]
        assert report["waiting_for"] == ["broker 2 (zkkafka2)"]
        assert "broker 2 (zkkafka2) is not registered" in only(report)
        assert "journalctl -u kafka" in only(report)
        given_up = registration.observe(parse_connect(kafka.connect), kafka.expected(), 30, 5, ["zkkafka2"])
        assert given_up.missing == [2]
        assert given_up.waiting_for == []
    finally:
        kafka.java[2].start((kafka.java[2].folder / "config").read_text())
    began = time.monotonic()
    limit_s = 600
    try:
        assert observe(kafka, timeout_s=limit_s)["findings"] == []
        assert time.monotonic() - began < limit_s / 2, "it waits no longer than it takes"
    finally:
        # Registered is not started, and the next test may stop it.
        wait_until("broker 2 starts", lambda: kafka.java[2].said("] started"))


def test_a_foreign_broker_is_named_with_its_address(kafka: Kafka) -> None:
    with znode(kafka.zookeeper, "/kafka/brokers/ids/9", "127.0.9.9:9092") as session:
        report = observe(kafka)
    assert [each["id"] for each in report["unexpected"]] == [9]
    assert report["waiting_for"] == []
    said = only(report)
    assert f"broker 9 is registered (PLAINTEXT PLAINTEXT://127.0.9.9:9092, session {session}" in said
    assert "No broker of the inventory has its address" in said


def test_a_former_id_of_a_known_host_is_told_from_a_foreign_one(kafka: Kafka) -> None:
    with znode(kafka.zookeeper, "/kafka/brokers/ids/9", f"{LOOPBACK}:9092"):
        assert "It has the address of broker" in only(observe(kafka))


def test_a_registration_that_no_session_owns(kafka: Kafka) -> None:
    with znode(kafka.zookeeper, "/kafka/brokers/ids/9", "127.0.9.9:9092", ephemeral=False):
        assert "no session owns the znode" in only(observe(kafka))


def test_a_wrong_advertised_port(kafka: Kafka) -> None:
    (wrong,) = free_ports(1)
    first, right = kafka.ports[3]
    listeners = f"PLAINTEXT://{LOOPBACK}:{first},CLIENT://{LOOPBACK}:{wrong}"
    with restarted(kafka, 3, advertised_listeners=listeners):
        report = observe(kafka)
    assert report["mismatched"] == [
        {
            "id": 3,
            "host": "zkkafka3",
            "endpoints": [
                {
                    "listener": "CLIENT",
                    "expected": f"PLAINTEXT://{LOOPBACK}:{right}",
                    "found": f"PLAINTEXT://{LOOPBACK}:{wrong}",
                }
            ],
            "rack": None,
        }
    ]
    assert (
        f"broker 3 (zkkafka3) has listener CLIENT registered as PLAINTEXT://{LOOPBACK}:{wrong}, "
        f"the inventory says PLAINTEXT://{LOOPBACK}:{right}"
    ) in only(report)


def test_a_wrong_rack(kafka: Kafka) -> None:
    with restarted(kafka, 1, broker_rack="cellar"):
        report = observe(kafka)
    assert report["mismatched"][0]["rack"] == {"expected": "rack1", "found": "cellar"}
    assert "registered in rack 'cellar', the inventory says 'rack1'" in only(report)


def test_a_listener_that_the_inventory_does_not_know(kafka: Kafka) -> None:
    expected = kafka.expected()
    del expected[0]["listeners"][1]
    report = observe(kafka, expected)
    assert report["mismatched"][0]["endpoints"][0]["expected"] is None
    assert "the inventory says nothing" in only(report)


def test_the_address_of_another_host(kafka: Kafka) -> None:
    expected = kafka.expected()
    for broker, address in zip(expected, ("10.0.0.1", "10.0.0.2", LOOPBACK), strict=True):
        for listener in broker["listeners"]:
            listener["advertised_address"] = address
    said = cluster_findings.message(observe(kafka, expected)["findings"])
    assert "That is the address of broker 3 (zkkafka3): its process carries id 1" in said


def test_a_wrong_chroot_names_the_right_one(kafka: Kafka) -> None:
    for wrong, named in (("", "the root"), ("/kafak", "/kafak")):
        said = only(observe(kafka, connect=kafka.zookeeper.hosts + wrong))
        assert f"nothing under {named}, but /kafka/brokers/ids exists with 1, 2, 3" in said
        assert "broker 1 (zkkafka1), broker 2 (zkkafka2), broker 3 (zkkafka3)" in said


def test_a_chroot_where_the_brokers_are_at_the_root(classic: Kafka) -> None:
    said = only(observe(classic, connect=f"{classic.zookeeper.hosts}/kafka"))
    assert "nothing under /kafka, but /brokers/ids exists at the root with 1" in said


def test_no_server_in_reach_names_each(kafka: Kafka) -> None:
    first, second = free_ports(2)
    report = observe(kafka, connect=f"{LOOPBACK}:{first},{LOOPBACK}:{second}/kafka")
    assert report["missing"] == [1, 2, 3]
    assert report["waiting_for"] == ["ZooKeeper"]
    assert f"{LOOPBACK}:{first} (connection refused), {LOOPBACK}:{second} (connection refused)" in only(
        report
    )


def test_one_server_in_reach_is_enough(kafka: Kafka) -> None:
    (closed,) = free_ports(1)
    report = observe(kafka, connect=f"{LOOPBACK}:{closed},{kafka.connect}")
    assert report["findings"] == []


def test_the_oldest_supported_release(classic: Kafka) -> None:
    report = observe(classic)
    assert report["findings"] == []
    assert report["registered"][0]["endpoints"].keys() == {"PLAINTEXT", "CLIENT"}
