"""The rules that Kafka's own definition of its settings makes: names, types, ranges, choices."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import (
    kafka_settings,
    properties,
    setting_definitions,
)
from ansible_collections.barevm.kafka.plugins.module_utils.cluster_model import Groups, Hosts
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

# Where Kafka takes numbers that no broker should have: it would delete at once, or have no replica at all.
_Rule = tuple[Callable[[int], bool], str]
_OR_NO_LIMIT: _Rule = (lambda number: number >= 1 or number == -1, "is 1 or more, or -1 for no limit")
_AT_LEAST_ONE: _Rule = (lambda number: number >= 1, "is at least 1")
STRICTER: dict[str, _Rule] = {
    "default.replication.factor": _AT_LEAST_ONE,
    "leader.imbalance.per.broker.percentage": (lambda number: 0 <= number <= 100, "is from 0 to 100"),
    "log.retention.bytes": _OR_NO_LIMIT,
    "log.retention.hours": _OR_NO_LIMIT,
    "log.retention.minutes": _OR_NO_LIMIT,
    "log.retention.ms": _OR_NO_LIMIT,
    # These Kafka's constructor holds to it too.
    "log.roll.jitter.ms": (lambda number: number >= 0, "is at least 0"),
    "log.roll.ms": _AT_LEAST_ONE,
    "offsets.commit.required.acks": (lambda number: number >= -1, "is at least -1"),
    "offsets.topic.compression.codec": (
        lambda number: 0 <= number <= 4,
        "is 0 (none), 1 (gzip), 2 (snappy), 3 (lz4) or 4 (zstd)",
    ),
}
# Texts whose choices the definition does not print, in 2.6 or at all.
CHOICES = {
    "compression.type": ("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
    "metrics.recording.level": ("INFO", "DEBUG", "TRACE"),
}
# A time, size or number that is negative means nothing, but for the -1 of those that have no limit.
AMOUNT = re.compile(r"\.(ms|seconds|minutes|hours|bytes|size|requests|threads|fetchers|retries)$")
MINUS_ONE = {
    "connections.max.idle.ms",
    "queued.max.request.bytes",
    "replica.socket.receive.buffer.bytes",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
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
    problem = definition.problem(value) or _stricter(name, properties.text(value).strip(), definition)
    if problem:
        default = f"Kafka's default is {definition.default}" if definition.default else "Kafka has no default"
        yield Finding(host, variable, value, f"{name} {problem}", f"Correct it; {default}")


def _stricter(name: str, given: str, definition: setting_definitions.Definition) -> str:
    """What no broker should have although the definition allows it, as the end of a sentence."""
    if name in CHOICES and given not in CHOICES[name] and not setting_definitions.PROVIDED.fullmatch(given):
        return f"is one of {', '.join(CHOICES[name])}"
    # A provider's placeholder passed before, and is no number to judge here.
    if definition.type in ("string", "double", "boolean") or not re.fullmatch(r"[-+]?\d+", given):
        return ""
    number = int(given)
    if name in STRICTER:
        allows, words = STRICTER[name]
        return "" if allows(number) else words
    if number >= 0 or definition.valid or not AMOUNT.search(name) or (number == -1 and name in MINUS_ONE):
        return ""
    return "cannot be negative" + (", but for -1: no limit of its own" if name in MINUS_ONE else "")


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
