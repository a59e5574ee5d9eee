"""The rules of settings that must fit each other, or the number of brokers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import heap, kafka_settings
from ansible_collections.barevm.kafka.plugins.module_utils.cluster_model import Groups, Hosts
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

PAIRS = (
    ("default.replication.factor", "min.insync.replicas"),
    ("offsets.topic.replication.factor", "min.insync.replicas"),
    ("transaction.state.log.replication.factor", "transaction.state.log.min.isr"),
)
REPLICATION = tuple(dict.fromkeys(name for pair in PAIRS for name in pair))
SIZES = ("message.max.bytes", "replica.fetch.max.bytes", "socket.request.max.bytes")
SESSION = "zookeeper.session.timeout.ms"


def replication(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Replication factors above the number of brokers, or not above min.insync.replicas."""
    brokers = len(groups["kafka"])
    for host, settings in _distinct(groups, hosts, REPLICATION):
        for factor_name, least_name in PAIRS:
            factor, least = settings[factor_name], settings[least_name]
            variable = _where(hosts, host, factor_name)
            if factor > brokers > 0:
                yield Finding(
                    host,
                    variable,
                    factor,
                    f"{factor_name} asks for more replicas than there are brokers ({brokers})",
                    f"Add brokers to the group kafka, or set {variable} to {brokers} or less",
                )
            if least > factor:
                yield Finding(
                    host,
                    _where(hosts, host, least_name),
                    least,
                    f"{least_name} is above {factor_name} ({factor}), so acks=all could never be given",
                    f"Set it to {max(1, factor - 1)} or less",
                )
            elif least == factor and factor > 1:
                yield Finding(
                    host,
                    _where(hosts, host, least_name),
                    least,
                    f"{least_name} equals {factor_name}, so no broker can stop without refusing acks=all",
                    f"Set it to {factor - 1}",
                    "warning",
                )


def sizes(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Limits of followers and sockets below the largest message."""
    for host, settings in _distinct(groups, hosts, SIZES):
        largest = settings["message.max.bytes"]
        for name in SIZES[1:]:
            if settings[name] < largest:
                where, source = _where(hosts, host, name), _where(hosts, host, SIZES[0])
                followed = kafka_settings.variable(SIZES[0])
                follow = "leave it out to have it follow"
                if source != followed and where == kafka_settings.variable(name):
                    # What is not given follows the variable alone.
                    follow = f"write {followed} in the place of {source}: it follows that"
                yield Finding(
                    host,
                    where,
                    settings[name],
                    f"{name} is below message.max.bytes ({largest}), so the largest batch could not pass",
                    f"Set it to {largest} or more, or {follow}",
                )


def heaps(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Heap sizes that a JVM would not understand."""
    for product in ("kafka", "zookeeper"):
        for host in groups[product]:
            asked = hosts[host][f"{product}_heap_size"]
            if asked and not heap.PATTERN.fullmatch(asked):
                yield Finding(
                    host,
                    f"{product}_heap_size",
                    asked,
                    "a heap size is a whole number and k, m or g",
                    "Write 512m or 6g, or leave it empty for the rule",
                )


def session(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Session time-outs that ZooKeeper would not grant."""
    for server in groups["zookeeper"][:1]:
        tick, given = hosts[server]["zookeeper_tick_time_ms"], hosts[server]["zookeeper_properties"]
        # ZooKeeper administrator's guide, minSessionTimeout and maxSessionTimeout: -1 is the default.
        least, most = (
            bound if (bound := _number(given.get(name, -1)) or -1) != -1 else ticks * tick
            for name, ticks in (("minSessionTimeout", 2), ("maxSessionTimeout", 20))
        )
        # Where the least is above the greatest, a rule of its own tells.
        for host, settings in _distinct(groups, hosts, [SESSION]) if least <= most else ():
            if not least <= settings[SESSION] <= most:
                yield Finding(
                    host,
                    _where(hosts, host, SESSION),
                    settings[SESSION],
                    f"ZooKeeper grants sessions of {least} to {most} ms (2 to 20 ticks, or as told)",
                    "Choose a time in that range, or change zookeeper_tick_time_ms",
                )


def _distinct(groups: Groups, hosts: Hosts, names: Iterable[str]) -> Iterator[tuple[str, dict[str, int]]]:
    """The numbers each broker has for ``names``, once for all the brokers that agree.

    A broker with a value that is no whole number is left out: rule ``numbers`` tells of it.
    """
    agreeing: dict[tuple[tuple[str, int], ...], list[str]] = defaultdict(list)
    for host in groups["kafka"]:
        numbers = {name: _number(_given(hosts[host], name)) for name in names}
        if None not in numbers.values():
            agreeing[tuple((name, number or 0) for name, number in numbers.items())].append(host)
    for pairs, sharing in agreeing.items():
        everyone = len(sharing) == len(groups["kafka"]) > 1
        yield "group kafka" if everyone else ", ".join(sharing), dict(pairs)


def _given(variables: Mapping[str, Any], setting: str) -> Any:
    """What the broker will be told: kafka_properties outranks the variable."""
    return variables["kafka_properties"].get(setting, variables.get(kafka_settings.variable(setting)))


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _where(hosts: Hosts, host: str, setting: str) -> str:
    """The variable to blame for a setting: kafka_properties where it is given there."""
    members = hosts.values() if host == "group kafka" else [hosts[name] for name in host.split(", ")]
    if any(setting in variables.get("kafka_properties", {}) for variables in members):
        return f"kafka_properties[{setting}]"
    return kafka_settings.variable(setting)
