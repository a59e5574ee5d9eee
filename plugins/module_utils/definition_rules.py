"""The rules that Kafka's own definition of its settings makes: names, types, ranges, choices."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import kafka_settings, setting_definitions
from ansible_collections.barevm.kafka.plugins.module_utils.cluster_model import Groups, Hosts
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

# Where Kafka takes numbers that no broker should have: it would delete at once, or have no replica at all.
_Rule = tuple[Callable[[int], bool], str]
_OR_NO_LIMIT: _Rule = (lambda number: number >= 1 or number == -1, "is 1 or more, or -1 for no limit")
STRICTER: dict[str, _Rule] = {
    "default.replication.factor": (lambda number: number >= 1, "is at least 1"),
    "log.retention.bytes": _OR_NO_LIMIT,
    "log.retention.hours": _OR_NO_LIMIT,
    "log.retention.minutes": _OR_NO_LIMIT,
    "log.retention.ms": _OR_NO_LIMIT,
}


def settings(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Every setting of every broker, as far as Kafka defines it."""
    for host in groups["kafka"]:
        variables = hosts[host]
        version, definitions = setting_definitions.load(variables["kafka_version"])
        for name, value in variables["kafka_properties"].items():
            definition = setting_definitions.find(name, definitions)
            if definition is not None:
                yield from _value(host, f"kafka_properties[{name}]", name, value, definition)
            elif (
                not setting_definitions.OPEN.match(name)
                and name not in variables["kafka_allow_unknown_properties"]
            ):
                yield _unknown(host, name, value, version, definitions)
        hours = variables["kafka_log_retention_hours"]
        yield from _value(
            host,
            "kafka_log_retention_hours",
            "log.retention.hours",
            hours,
            definitions["log.retention.hours"],
        )
        for name in kafka_settings.NAMED:
            # What kafka_properties says of a setting outranks its variable, and was judged above.
            if name not in variables["kafka_properties"]:
                variable = kafka_settings.variable(name)
                yield from _value(host, variable, name, variables[variable], definitions[name])


def _value(
    host: str, variable: str, name: str, value: Any, definition: setting_definitions.Definition
) -> Iterator[Finding]:
    problem = definition.problem(value)
    if not problem and name in STRICTER:
        allows, words = STRICTER[name]
        # A provider's placeholder passed above and is no number to judge here.
        problem = "" if not str(value).lstrip("+-").isdigit() or allows(int(value)) else words
    if problem:
        default = f"Kafka's default is {definition.default}" if definition.default else "Kafka has no default"
        yield Finding(host, variable, value, f"{name} {problem}", f"Correct it; {default}")


def _unknown(
    host: str, name: str, value: Any, version: str, definitions: dict[str, setting_definitions.Definition]
) -> Finding:
    near = difflib.get_close_matches(name, definitions, n=1, cutoff=0.7)
    meant = f"Write {near[0]} if that was meant; if" if near else "If"
    return Finding(
        host,
        f"kafka_properties[{name}]",
        value,
        f"Kafka {version} has no such setting",
        f"{meant} a plugin reads it, add its name to kafka_allow_unknown_properties",
    )
