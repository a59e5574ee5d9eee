"""Records through real brokers, and what the cluster says of its topics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import cluster_findings, roundtrip, topic_health
from ansible_collections.barevm.kafka.plugins.module_utils.roundtrip_topic import TOPIC
from confluent_kafka.admin import AdminClient

from tests.integration.cluster import LOOPBACK, Kafka, free_ports, wait_until

SAFE: dict[str, topic_health.Wanted] = {
    "__consumer_offsets": {"replication_factor": 3, "min_insync_replicas": 2},
    "__transaction_state": {"replication_factor": 3, "min_insync_replicas": 2},
}


def run(kafka: Kafka, *ids: int, timeout_s: float = 60, **options: Any) -> dict[str, Any]:
    return roundtrip.run(
        kafka.expected(*ids), options.pop("listener_config", {}), timeout_s, **options
    ).as_dict()


def health(kafka: Kafka, timeout_s: float = 0, wanted: Any = SAFE) -> dict[str, Any]:
    return topic_health.observe(kafka.expected(), {}, wanted, timeout_s, 5).as_dict()


def topics(kafka: Kafka) -> dict[str, Any]:
    admin = AdminClient({"bootstrap.servers": f"{LOOPBACK}:{kafka.ports[1][0]}"})
    return dict(admin.list_topics(timeout=30).topics)


def test_a_record_through_each_listener_of_each_broker(kafka: Kafka) -> None:
    report = run(kafka)
    assert report["findings"] == report["skipped_listeners"] == []
    proven = {(probe["broker"], probe["listener"]) for probe in report["probes"]}
    assert proven == {(i, name) for i in (1, 2, 3) for name in ("PLAINTEXT", "CLIENT")}
    assert all(probe["produce_ms"] > 0 and probe["read_ms"] > 0 for probe in report["probes"])
    assert {len(each.replicas) for each in topics(kafka)[TOPIC].partitions.values()} == {3}


def test_a_healthy_cluster(kafka: Kafka) -> None:
    run(kafka)
    wait_until("the first consumer's topic", lambda: "__consumer_offsets" in topics(kafka))
    report = health(kafka, 120)
    assert report["findings"] == []
    assert report["partitions"] >= 3
    assert report["internal_topics"] == {
        "__consumer_offsets": {"partitions": 3, "replication_factor": 3, "min_insync_replicas": 2},
        "__transaction_state": None,
    }
    assert len(set(report["controllers"].values())) == 1
    assert set(report["controllers"]) == {"1", "2", "3"}


def test_internal_topics_below_what_is_asked(kafka: Kafka) -> None:
    run(kafka)
    wanted = {"__consumer_offsets": {"replication_factor": 5, "min_insync_replicas": 3}}
    said = cluster_findings.message(health(kafka, 120, wanted)["findings"])
    assert "__consumer_offsets has replication factor 3, the inventory asks for 5" in said
    assert "fixed when the topic was created" in said
    assert "min.insync.replicas 2, the inventory asks for 3" in said
    assert "--add-config min.insync.replicas=3" in said


def test_a_stopped_broker_and_its_return(kafka: Kafka) -> None:
    run(kafka)
    kafka.stop(2)
    try:
        report = run(kafka)
        assert {probe["broker"] for probe in report["probes"]} == {1, 3}
        (finding,) = report["findings"]
        assert finding["where"] == "broker 2 (zkkafka2)"
        assert "the cluster does not name it among its brokers" in finding["what"]

        report = health(kafka)
        assert report["waiting_for"] == []
        assert "partitions are under-replicated: __consumer_offsets-0" in report["findings"][0]["what"]
        assert report["controllers"].keys() == {"1", "3"}
    finally:
        kafka.start(2)
    # Its leadership comes back by an election that the probe asks for: the cluster's own is off here.
    assert run(kafka)["findings"] == []
    assert health(kafka, 120)["findings"] == []


def test_a_listener_that_leads_nowhere(kafka: Kafka) -> None:
    (wrong,) = free_ports(1)
    first, _ = kafka.ports[3]
    kafka.stop(3)
    kafka.start(
        3,
        settings={"advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{first},CLIENT://{LOOPBACK}:{wrong}"},
    )
    try:
        report = run(kafka, timeout_s=15)
        (finding,) = report["findings"]
        assert finding["where"].startswith("broker 3 (zkkafka3), listener CLIENT")
        assert "could not be written" in finding["what"]
    finally:
        kafka.stop(3)
        kafka.start(3)


def test_a_listener_without_client_properties_is_skipped_by_name(kafka: Kafka) -> None:
    expected = kafka.expected()
    for broker in expected:
        broker["listeners"][1]["protocol"] = "SASL_SSL"
    report = roundtrip.run(expected, {}, 60).as_dict()
    assert {probe["listener"] for probe in report["probes"]} == {"PLAINTEXT"}
    assert [each["listener"] for each in report["skipped_listeners"]] == ["CLIENT"] * 3
    assert "no client properties for this SASL_SSL listener" in report["skipped_listeners"][0]["reason"]


def test_a_cluster_that_grows(kafka: Kafka, tmp_path: Path) -> None:
    growing = Kafka(kafka.release, tmp_path, kafka.zookeeper, "/growing")
    try:
        growing.start(1)
        assert run(growing, check_mode=True)["findings"] == []
        assert topics(growing) == {}
        assert run(growing)["findings"] == []
        growing.start(2)
        report = run(growing)
        assert report["findings"] == []
        assert {probe["broker"] for probe in report["probes"]} == {1, 2}
    finally:
        growing.stop(hard=True)


def test_nobody_answers(kafka: Kafka) -> None:
    expected = kafka.expected(1)
    (closed,) = free_ports(1)
    for listener in expected[0]["listeners"]:
        listener["advertised_port"] = closed
    for report in (
        roundtrip.run(expected, {}, 2).as_dict(),
        topic_health.observe(expected, {}, {}, 0, 2).as_dict(),
    ):
        (finding,) = report["findings"]
        assert "no broker answers on listener PLAINTEXT" in finding["what"]
        assert "Connection refused" in finding["what"]


def test_the_oldest_supported_release(classic: Kafka) -> None:
    assert run(classic)["findings"] == []
    wait_until("the first consumer's topic", lambda: "__consumer_offsets" in topics(classic))
    (finding,) = health(classic)["findings"]
    assert "__consumer_offsets has replication factor 1, the inventory asks for 3" in finding["what"]
