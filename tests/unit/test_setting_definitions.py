"""Kafka's own definition of its settings: read, kept, and held against values."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import setting_definitions
from ansible_collections.barevm.kafka.plugins.module_utils.setting_definitions import Definition

from tests import judged
from tests.described import together

OLD_SHAPE = """<ul class="config-list"><li>
<h4><a id="log.cleanup.policy" href="#log.cleanup.policy">log.cleanup.policy</a></h4>
<p>One or both.</p><table><tbody>
<tr><th>Type:</th><td>list</td></tr>
<tr><th>Default:</th><td>delete</td></tr>
<tr><th>Valid Values:</th><td>[compact, delete]</td></tr>
<tr><th>Importance:</th><td>medium</td></tr>
<tr><th>Update Mode:</th><td>cluster-wide</td></tr></tbody></table></li></ul>"""
NEW_SHAPE = OLD_SHAPE.replace(
    '<a id="log.cleanup.policy" href="#log.cleanup.policy">',
    '<a id="log.cleanup.policy"></a><a id="brokerconfigs_x" href="#brokerconfigs_x">',
)


@pytest.mark.parametrize("printed", [OLD_SHAPE, NEW_SHAPE])
def test_both_shapes_are_read(printed: str) -> None:
    expected = Definition("list", "delete", "[compact, delete]", "cluster-wide")
    assert setting_definitions.parse(printed) == {"log.cleanup.policy": expected}


@pytest.mark.parametrize(
    "printed", ["", "<h4>of a third shape</h4>", OLD_SHAPE.replace("Update Mode", "Mode")]
)
def test_another_shape_is_refused(printed: str) -> None:
    with pytest.raises(ValueError, match="KafkaConfig print"):
        setting_definitions.parse(printed)


@pytest.mark.parametrize(
    ("version", "taken_from"),
    [("3.9.1", "3.9.2"), ("3.9.2", "3.9.2"), ("2.6.0", "2.6.0"), ("3.1.0", "2.6.0"), ("2.4.1", "2.6.0")],
)
def test_a_version_is_judged_by_its_line_or_the_newest_older_one(version: str, taken_from: str) -> None:
    assert setting_definitions.load(version)[0] == taken_from


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("num.io.threads", 8, ""),
        ("num.io.threads", "8", ""),
        ("num.io.threads", 0, "is at least 1"),
        ("num.io.threads", "eight", "is a whole number"),
        ("num.io.threads", 8.5, "is a whole number"),
        ("num.io.threads", 2**31, "is at most 2147483647"),
        ("log.flush.interval.messages", 2**62, ""),
        ("compression.gzip.level", -1, ""),
        ("compression.gzip.level", 9, ""),
        ("compression.gzip.level", 0, "is at least 1, or -1"),
        ("compression.gzip.level", 10, "is at most 9, or -1"),
        ("compression.zstd.level", -131072, ""),
        ("compression.type", "zstd", ""),
        ("compression.type", "brotli", "is one of uncompressed, zstd, lz4, snappy, gzip, producer"),
        ("log.cleanup.policy", "compact,delete", ""),
        ("log.cleanup.policy", ["compact", "delete"], ""),
        ("log.cleanup.policy", "compact,remove", "is one of compact, delete"),
        ("log.preallocate", True, ""),
        ("log.preallocate", "TRUE", ""),
        ("log.preallocate", "yes", "is true or false"),
        ("log.cleaner.min.cleanable.ratio", "0.5", ""),
        ("log.cleaner.min.cleanable.ratio", "half", "is a number"),
        ("inter.broker.protocol.version", "3.9", ""),
        ("inter.broker.protocol.version", "2.6-IV0", ""),
        ("inter.broker.protocol.version", "2.8.1", ""),
        ("inter.broker.protocol.version", "3.9-IV9", "is one of"),
        ("inter.broker.protocol.version", "9.9", "is one of"),
        ("ssl.keystore.password", "a,b=c #", ""),
        ("num.io.threads", "${file:/etc/kafka/secret:threads}", ""),
        ("listener.name.external.ssl.client.auth", "wanted", "is one of required, requested, none"),
        ("listener.name.x.plain.sasl.jaas.config", "anything", ""),
    ],
)
def test_a_value_is_held_to_its_definition(name: str, value: Any, words: str) -> None:
    definition = setting_definitions.find(name, "3.9.2")
    assert definition is not None
    problem = definition.problem(value)
    assert problem.startswith(words) if words else problem == ""


BAD: list[tuple[dict[str, Any], str, Any, str]] = [
    ({"num.io.thread": 8}, "num.io.thread", 8, "Kafka 3.9.2 has no such setting"),
    (
        {"listener.name.plaintext.ssl.client.aut": "none"},
        "listener.name.plaintext.ssl.client.aut",
        "none",
        "no such setting",
    ),
    ({"log.retention.hours": -7}, "log.retention.hours", -7, "1 or more, or -1 for no limit"),
    ({"log.retention.ms": 0}, "log.retention.ms", 0, "1 or more, or -1 for no limit"),
    ({"background.threads": 0}, "background.threads", 0, "background.threads is at least 1"),
]


@pytest.mark.parametrize(("given", "name", "value", "rule"), BAD)
def test_a_wrong_property_is_named_and_nothing_else(
    given: dict[str, Any], name: str, value: Any, rule: str
) -> None:
    judged.refused(
        together(n2={"kafka_properties": given}), [("n2", f"kafka_properties[{name}]", value, rule)]
    )


@pytest.mark.parametrize(
    "given",
    [
        {"num.io.threads": 16},
        {"log.retention.hours": -1},
        {"super.users": "User:admin"},
        {"config.providers": "file", "config.providers.file.class": "x.FileConfigProvider"},
        {"listener.name.plaintext.ssl.client.auth": "required"},
        {"rsm.config.chunk.size": 1},
    ],
)
def test_what_kafka_takes_is_accepted(given: dict[str, Any]) -> None:
    judged.accepted(together(everywhere={"kafka_properties": given}))


def test_a_named_variable_is_held_to_the_definition_too() -> None:
    judged.refused(
        together(n2={"kafka_num_io_threads": 0, "kafka_log_retention_hours": 0}),
        [
            ("n2", "kafka_log_retention_hours", 0, "1 or more, or -1"),
            ("n2", "kafka_num_io_threads", 0, "num.io.threads is at least 1"),
        ],
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ssl.client.auht", "ssl.client.auth"),
        ("scram-sha-512.sasl.jaas.confg", "scram-sha-512.sasl.jaas.config"),
        ("sasl.enabled.mechanism", "sasl.enabled.mechanisms"),
        ("foo.bar", ""),
    ],
)
def test_the_nearest_name_of_a_listeners_own_setting(written: str, meant: str) -> None:
    name = f"listener.name.plaintext.{written}"
    described = together(n2={"kafka_properties": {name: "x"}})
    (finding,) = [one for one in judged.errors(described) if one.variable == f"kafka_properties[{name}]"]
    begins = f"Write listener.name.plaintext.{meant} if that was meant; if" if meant else "If a plugin"
    assert finding.remedy.startswith(begins)


def test_the_nearest_name_and_the_way_out_are_told() -> None:
    from ansible_collections.barevm.kafka.plugins.module_utils import inventory_rules

    described = together(n2={"kafka_properties": {"num.io.thread": 8}})
    (finding,) = inventory_rules.check(*described)
    assert finding.remedy == (
        "Write num.io.threads if that was meant; if a plugin reads it, "
        "add its name to kafka_allow_unknown_properties"
    )
    judged.accepted(
        together(
            n2={
                "kafka_properties": {"my.plugin.key": 8},
                "kafka_allow_unknown_properties": ["my.plugin.key"],
            }
        )
    )


@pytest.mark.parametrize(
    ("name", "version", "rule", "remedy"),
    [
        ("advertised.port", "3.9.2", "Kafka 3.9.2 no longer has this setting (2.6.0 had)", "kafka_listeners"),
        ("quota.producer.default", "3.9.1", "no longer has this setting", "kafka-configs.sh"),
        ("zookeeper.sync.time.ms", "3.9.2", "no longer has this setting", "nothing read it"),
        (
            "remote.log.storage.system.enable",
            "2.6.0",
            "Kafka 2.6.0 does not have this setting yet (3.9.2 has)",
            "raise kafka_version",
        ),
        (
            "listener.name.plaintext.num.io.threads",
            "3.9.2",
            "num.io.threads holds for the whole broker",
            "Write num.io.threads",
        ),
    ],
)
def test_what_another_line_has_is_no_unknown_name(name: str, version: str, rule: str, remedy: str) -> None:
    found = judged.errors(together(everywhere={"kafka_version": version, "kafka_properties": {name: "1"}}))
    assert {one.variable for one in found} == {f"kafka_properties[{name}]"}
    assert rule in found[0].rule
    assert remedy in found[0].remedy


@pytest.mark.parametrize(
    ("name", "value", "version", "successor"),
    [
        ("log.message.format.version", "3.0", "3.9.2", "once the protocol version is raised"),
        ("log.message.timestamp.difference.max.ms", "1000", "3.9.2", "before.max.ms"),
        ("auto.include.jmx.reporter", "true", "3.9.2", "metric.reporters"),
        ("delegation.token.master.key", "secret", "3.9.2", "delegation.token.secret.key"),
        ("remote.log.manager.thread.pool.size", "5", "3.9.2", "copier"),
        ("advertised.port", "9092", "2.6.0", "kafka_listeners"),
    ],
)
def test_what_goes_out_of_use_is_a_warning(name: str, value: str, version: str, successor: str) -> None:
    described = together(everywhere={"kafka_version": version, "kafka_properties": {name: value}})
    judged.refused(described, [])
    warned = judged.warnings(described)
    assert {one.variable for one in warned} == {f"kafka_properties[{name}]"}
    assert "is deprecated since Kafka" in warned[0].rule
    assert successor in warned[0].remedy
    # Where it is not yet deprecated, it is no matter.
    if name == "log.message.format.version":
        judged.accepted(together(everywhere={"kafka_version": "2.6.0", "kafka_properties": {name: "2.6"}}))


def test_what_kafka_keeps_to_itself_is_known_and_typed() -> None:
    judged.accepted(
        together(
            everywhere={
                "kafka_properties": {
                    "authorizer.class.name": "kafka.security.authorizer.AclAuthorizer",
                    "super.users": "User:admin;User:kafka",
                    "allow.everyone.if.no.acl.found": False,
                    "unclean.leader.election.interval.ms": 60000,
                }
            }
        )
    )
    judged.refused(
        together(n1={"kafka_properties": {"authorizer.zookeeper.session.timeout.ms": "soon"}}),
        [("n1", "kafka_properties[authorizer.zookeeper.session.timeout.ms]", "soon", "is a whole number")],
    )
    judged.refused(
        together(
            n1={
                "kafka_version": "2.6.0",
                "kafka_properties": {"unclean.leader.election.interval.ms": 60000},
            }
        ),
        [
            (
                "n1",
                "kafka_properties[unclean.leader.election.interval.ms]",
                60000,
                "Kafka 2.6.0 has no such setting",
            ),
            ("group kafka", "kafka_version", ["2.6.0", "3.9.2"], "it differs between hosts"),
        ],
    )


def test_a_plugins_names_are_allowed_by_their_beginning() -> None:
    plugin = {"cruise.control.metrics.reporter.topic": "x", "cruise.control.metrics.topic.auto.create": True}
    allowed = {"kafka_properties": plugin, "kafka_allow_unknown_properties": ["cruise.control."]}
    judged.accepted(together(everywhere=allowed))
    judged.refused(
        together(n1={**allowed, "kafka_allow_unknown_properties": ["cruise.control"]}),
        [("n1", f"kafka_properties[{name}]", value, "has no such setting") for name, value in plugin.items()],
    )
