"""What the static rules say of a described cluster, held to what is expected of them."""

from __future__ import annotations

from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import findings, inventory_rules
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

from tests.described import Groups, Hosts


def errors(described: tuple[Groups, Hosts]) -> list[Finding]:
    """What would refuse the cluster."""
    return findings.errors(inventory_rules.check(*described))


def warnings(described: tuple[Groups, Hosts]) -> list[Finding]:
    """What would be told and refuse nothing."""
    return findings.warnings(inventory_rules.check(*described))


def refused(described: tuple[Groups, Hosts], expected: list[tuple[str, str, Any, str]]) -> None:
    """Just these errors: host, variable, value, and words of the rule; each with a remedy."""
    found = errors(described)
    assert [(one.host, one.variable, one.value) for one in found] == [row[:3] for row in expected]
    for one, (*_where, rule) in zip(found, expected, strict=True):
        assert rule in one.rule
        assert one.remedy
        assert not one.remedy.endswith(".")


def warned(described: tuple[Groups, Hosts], expected: list[tuple[str, str, str]]) -> None:
    """Just these warnings, and no error: host, variable, and words of the rule."""
    found = inventory_rules.check(*described)
    assert [(one.severity, one.host, one.variable) for one in found] == [
        ("warning", host, variable) for host, variable, _rule in expected
    ]
    for one, (*_where, rule) in zip(found, expected, strict=True):
        assert rule in one.rule


def accepted(described: tuple[Groups, Hosts]) -> None:
    """No finding at all."""
    assert [str(one) for one in inventory_rules.check(*described)] == []
