"""Which settings may change live: our list, held to Kafka's own definitions."""

from __future__ import annotations

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import live_rules
from ansible_collections.barevm.kafka.plugins.module_utils import setting_definitions as definitions

LINES = ("2.6.0", "3.9.2")


def classify(name: str, running: str | None, wanted: str | None, version: str = "3.9.2") -> tuple[bool, str]:
    return live_rules.classify(name, running, wanted, definitions.find(name, version), version)


@pytest.mark.parametrize(
    ("name", "running", "wanted"),
    [
        ("log.retention.ms", "604800000", "3600000"),
        ("log.retention.ms", None, "3600000"),
        ("log.retention.bytes", "1000", None),  # Kafka's default, -1
        ("log.cleaner.backoff.ms", "1", None),  # printed as 15000 (15 seconds)
        ("max.connections.per.ip.overrides", "192.0.2.9:5", None),  # an empty text
        ("min.insync.replicas", "2", "1"),
        ("message.max.bytes", "1048588", "2000000"),
        ("compression.type", "producer", "lz4"),
        ("num.io.threads", "8", "16"),
        ("num.io.threads", "8", "4"),
        ("num.network.threads", "3", "1"),
        ("num.replica.fetchers", "1", "2"),
        # Nothing changes for the broker, so nothing has to be restarted for it.
        ("queued.max.requests", "500", "500"),
        ("queued.max.requests", "500", None),
        ("log.flush.scheduler.interval.ms", "9223372036854775807", "+9223372036854775807"),
        ("auto.create.topics.enable", "true", "TRUE"),
    ],
)
def test_taken_live(name: str, running: str | None, wanted: str | None) -> None:
    assert classify(name, running, wanted)[0], classify(name, running, wanted)[1]


@pytest.mark.parametrize(
    ("name", "running", "wanted", "why"),
    [
        ("num.io.threads", "8", "17", "a pool of 8 may only become one of 4 to 16 live"),
        ("num.io.threads", "8", "3", "a pool of 8 may only become one of 4 to 16 live"),
        ("num.network.threads", "1", "0", "a pool of 1 may only become one of 1 to 2 live"),
        ("num.io.threads", None, "9", "the size that runs is not known"),
        ("log.retention.hours", "168", "24", "Kafka reads it at its start only"),
        ("queued.max.requests", "500", "900", "Kafka reads it at its start only"),
        (
            "log.retention.ms",
            "1000",
            None,
            "its default depends on other settings, which Kafka looks at when it starts",
        ),
        ("listeners", "PLAINTEXT://:9092", "PLAINTEXT://:9093", "what concerns connections"),
        ("advertised.listeners", "A://a:1", "A://b:1", "what concerns connections"),
        ("listener.security.protocol.map", "A:SSL", "A:PLAINTEXT", "what concerns connections"),
        ("ssl.keystore.location", "/a", "/b", "what concerns connections"),
        ("sasl.enabled.mechanisms", "GSSAPI", "PLAIN", "what concerns connections"),
        ("listener.name.client.ssl.keystore.location", "/a", "/b", "what concerns connections"),
        ("unclean.leader.election.enable", "false", "true", "not among the settings"),
        ("log.cleanup.policy", "delete", "compact", "not among the settings"),
        ("log.segment.bytes", "1000", "${file:/x:segment}", "a configuration provider"),
        ("no.such.setting", "1", "2", "Kafka's definition of this version does not have it"),
    ],
)
def test_waits_for_a_restart(name: str, running: str | None, wanted: str | None, why: str) -> None:
    live, told = classify(name, running, wanted)
    assert not live
    assert why in told


def test_what_older_versions_do_wrong_waits_there() -> None:
    assert classify("num.replica.fetchers", "2", "3", "2.6.0") == (
        False,
        "before Kafka 3.3 partitions stay with the wrong fetcher (KAFKA-13772)",
    )
    assert classify("log.cleaner.threads", "2", "3", "3.7.1")[0] is False
    assert classify("log.cleaner.threads", "2", "3", "3.8.0")[0] is True
    _, known = definitions.load("3.9.2")
    assert live_rules.classify("num.replica.fetchers", "2", "3", known["num.replica.fetchers"])[0] is False


@pytest.mark.parametrize("version", LINES)
def test_kafka_itself_takes_everything_on_the_list_live(version: str) -> None:
    _, known = definitions.load(version)
    there = {name for name in live_rules.LIVE if name in known}
    assert {name for name in there if known[name].update_mode == "read-only"} == set()
    # What only the newer line knows.
    missing = set(live_rules.LIVE) - there
    assert missing <= (
        {"max.connection.creation.rate", "producer.id.expiration.ms"} if version == "2.6.0" else set()
    )


@pytest.mark.parametrize(
    ("one", "other", "kind", "alike"),
    [
        ("0.5", "0.50", "double", True),
        ("1.7976931348623157E308", "1.7976931348623157e308", "double", True),
        ("9223372036854775807", "9223372036854775806", "long", False),
        ("08", "8", "int", True),
        ("true", "True", "boolean", True),
        ("a, b", "a,b", "list", True),
        ("b,a", "a,b", "list", False),
        ("3.1", "3.10", "string", False),
        (" lz4", "lz4", "string", True),
        ("", None, "string", False),
        (None, None, "string", True),
        ("12", "12.0", "", True),
        ("x", "1", "", False),
    ],
)
def test_values_that_kafka_reads_alike(one: str | None, other: str | None, kind: str, alike: bool) -> None:
    assert live_rules.same(one, other, kind) is alike
    assert live_rules.same(other, one, kind) is alike
