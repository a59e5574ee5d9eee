"""Findings: how they are told, merged, and kept from telling secrets."""

from __future__ import annotations

from ansible_collections.barevm.kafka.plugins.module_utils import findings
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

GROUPS = {"zookeeper": ["a", "b"], "kafka": ["a", "b", "c"]}


def finding(
    host: str, variable: str = "kafka_rack", value: object = 1, severity: findings.Severity = "error"
) -> Finding:
    return Finding(host, variable, value, "it is wrong", "Change it", severity)


def test_a_finding_names_host_variable_value_rule_and_remedy() -> None:
    assert str(finding("a", value="x")) == "a: kafka_rack = 'x': it is wrong. Change it."


def test_a_message_counts_and_numbers_them() -> None:
    one = findings.message("The hosts are not right", [finding("a")])
    assert one.splitlines() == [
        "The hosts are not right: 1 finding; no host was changed.",
        "  1. a: kafka_rack = 1: it is wrong. Change it.",
    ]
    assert findings.message("Stage", [finding("a"), finding("b")]).splitlines()[2].startswith("  2. b: ")


def test_errors_and_warnings_are_told_apart() -> None:
    both = [finding("a"), finding("b", severity="warning")]
    assert findings.errors(both) == both[:1]
    assert findings.warnings(both) == both[1:]


def test_secrets_are_hidden_wherever_they_are() -> None:
    for variable, value in (
        ("kafka_properties[ssl.key.password]", "hunter2"),
        ("kafka_properties", {"ssl.key.password": "hunter2", "broker.id": 1}),
        ("kafka_properties", [{"sasl.jaas.config": "hunter2"}]),
        ("kafka_properties", {"nested": {"client_secret": ["hunter2"]}}),
    ):
        one = finding("a", variable, value)
        assert "hunter2" not in str(one)
        assert "hunter2" not in str(one.as_dict())
        assert "<hidden>" in str(one)
    assert finding("a", "kafka_properties", {"broker.id": 1}).as_dict()["value"] == {"broker.id": 1}


def test_what_is_the_same_of_several_hosts_is_told_once() -> None:
    assert findings.merged([finding("a"), finding("c")], GROUPS) == [finding("a, c")]
    assert findings.merged([finding("a"), finding("b"), finding("c")], GROUPS) == [finding("group kafka")]
    assert findings.merged([finding("a"), finding("b")], GROUPS) == [finding("group zookeeper")]
    different = [finding("a"), finding("b", value=2), finding("c", severity="warning")]
    assert findings.merged(different, GROUPS) == different


def test_of_two_groups_of_the_same_hosts_the_variable_tells_which() -> None:
    groups = {"zookeeper": ["a", "b"], "kafka": ["a", "b"]}
    assert findings.merged([finding("a"), finding("b")], groups) == [finding("group kafka")]
    one_host = {"zookeeper": ["a"], "kafka": ["a"]}
    assert findings.merged([finding("a")], one_host) == [finding("a")]
