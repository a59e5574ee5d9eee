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
# Settings that a later line has no more, and what took their place.
_BY_LISTENERS = "Use kafka_listeners and kafka_advertised_address instead"
_BY_QUOTAS = "Set default quotas with kafka-configs.sh --entity-type clients --entity-default instead"
SUCCESSORS = {
    "advertised.host.name": _BY_LISTENERS,
    "advertised.port": _BY_LISTENERS,
    "host.name": _BY_LISTENERS,
    "port": _BY_LISTENERS,
    "quota.consumer.default": _BY_QUOTAS,
    "quota.producer.default": _BY_QUOTAS,
    "zookeeper.sync.time.ms": "Leave it out; nothing read it",
}
# Settings that are still taken: since when they should not be, why, and what to do.
DEPRECATED = {
    **{
        name: ("0.10", "", remedy)
        for name, remedy in SUCCESSORS.items()
        if remedy in (_BY_LISTENERS, _BY_QUOTAS)
    },
    "auto.include.jmx.reporter": (
        "3.4",
        "KIP-830",
        "Name org.apache.kafka.common.metrics.JmxReporter in metric.reporters instead",
    ),
    "delegation.token.master.key": ("2.8", "KIP-681", "Write delegation.token.secret.key instead"),
    "log.message.format.version": (
        "3.0",
        "it is ignored from inter.broker.protocol.version 3.0 on (KIP-724)",
        "Leave it out once the protocol version is raised",
    ),
    "log.message.timestamp.difference.max.ms": (
        "3.6",
        "KIP-937",
        "Write log.message.timestamp.before.max.ms and log.message.timestamp.after.max.ms instead",
    ),
    "offsets.commit.required.acks": ("3.8", "KIP-1041", "Leave it out; -1 is the only value with a future"),
    "remote.log.manager.thread.pool.size": (
        "3.9",
        "",
        "Write remote.log.manager.copier.thread.pool.size and …expiration.thread.pool.size instead",
    ),
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
            definition = setting_definitions.find(name, variables["kafka_version"])
            if definition is not None:
                yield from _value(host, f"kafka_properties[{name}]", name, value, definition)
                yield from _deprecated(host, name, value, variables["kafka_version"])
            elif not setting_definitions.OPEN.match(name) and not setting_definitions.allowed(
                name, variables["kafka_allow_unknown_properties"]
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


def _deprecated(host: str, name: str, value: Any, version: str) -> Iterator[Finding]:
    since, why, remedy = DEPRECATED.get(name, ("", "", ""))
    if since and setting_definitions.version_key(since) <= setting_definitions.version_key(version):
        rule = f"{name} is deprecated since Kafka {since}" + (f": {why}" if why else "")
        yield Finding(host, f"kafka_properties[{name}]", value, rule, remedy, "warning")


def _unknown(
    host: str, name: str, value: Any, version: str, definitions: dict[str, setting_definitions.Definition]
) -> Finding:
    of_listener = setting_definitions.OF_LISTENER.fullmatch(name)
    other = setting_definitions.elsewhere(name, version)
    if of_listener and of_listener[1] in definitions:
        rule = f"{of_listener[1]} holds for the whole broker, and no listener has its own"
        remedy = f"Write {of_listener[1]}"
    elif other and setting_definitions.version_key(other) < setting_definitions.version_key(version):
        rule = f"Kafka {version} no longer has this setting ({other} had)"
        remedy = SUCCESSORS.get(name, "Leave it out")
    elif other:
        rule = f"Kafka {version} does not have this setting yet ({other} has)"
        remedy = "Leave it out, or raise kafka_version"
    else:
        near = _near(name, definitions)
        meant = f"Write {near} if that was meant; if" if near else "If"
        rule = f"Kafka {version} has no such setting"
        remedy = f"{meant} a plugin reads it, add its name to kafka_allow_unknown_properties"
    return Finding(host, f"kafka_properties[{name}]", value, rule, remedy)


def _near(name: str, definitions: dict[str, setting_definitions.Definition]) -> str:
    """The name that was meant, of a listener's setting by what follows the listener; empty where none is."""
    of_listener = setting_definitions.OF_LISTENER.fullmatch(name)
    if of_listener is None:
        return next(iter(difflib.get_close_matches(name, definitions, n=1, cutoff=0.7)), "")
    own = [one for one in definitions if setting_definitions.LISTENERS_OWN.fullmatch(one)]
    # Between the two may stand a SASL mechanism, as in setting_definitions.find.
    mechanism = re.match(r"([^.]+\.(?=sasl\.))?", of_listener[1])
    begins = name[: of_listener.start(1)] + (mechanism[0] if mechanism else "")
    near = difflib.get_close_matches(name.removeprefix(begins), own, n=1, cutoff=0.8)
    return f"{begins}{near[0]}" if near else ""
