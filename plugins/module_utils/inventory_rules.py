"""The static checks: what the inventory alone shows to be wrong. No connection is opened.

Every rule yields findings instead of stopping, so that one run tells all. Replication and quorum are
judged on the whole inventory, whatever --limit says.
"""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import (
    cluster_model,
    heap,
    kafka_settings,
    zookeeper_settings,
)
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

Groups = Mapping[str, Sequence[str]]
Hosts = Mapping[str, Mapping[str, Any]]

SAME_EVERYWHERE = {
    "kafka": (
        "kafka_cluster_name",
        "kafka_chroot",
        "kafka_version",
        "kafka_scala_version",
        "kafka_inter_broker_listener",
    ),
    "zookeeper": ("zookeeper_version", "zookeeper_tick_time_ms"),
}
RESERVED_BROKER_MAX_ID = 1000


def check(groups: Groups, hosts: Hosts) -> list[Finding]:
    """Every finding of the inventory; ``hosts`` are each host's resolved variables.

    The variables have passed their specs: types hold here, required ones may still be missing.
    """
    rules = (
        ensemble,
        ids,
        addresses,
        ports,
        listeners,
        replication,
        sizes,
        folders,
        releases,
        timing,
        sameness,
        owned,
    )
    return [finding for rule in rules for finding in rule(groups, hosts)]


def ensemble(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    for group, what in (("zookeeper", "servers"), ("kafka", "brokers")):
        if not groups[group]:
            yield Finding(
                f"group {group}",
                group,
                [],
                f"there are no {what}",
                f"Put at least one host into the group {group}",
            )
    size = len(groups["zookeeper"])
    if size and size % 2 == 0:
        yield Finding(
            "group zookeeper",
            "zookeeper",
            list(groups["zookeeper"]),
            f"{size} servers bear the loss of no more servers than {size - 1} do",
            f"Use {size - 1} or {size + 1} servers",
            "warning",
        )


def ids(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    for group, variable, least, most in (
        ("zookeeper", "zookeeper_id", 1, 255),
        ("kafka", "kafka_broker_id", 0, None),
    ):
        owners: dict[int, list[str]] = defaultdict(list)
        for host in groups[group]:
            value = hosts[host].get(variable)
            if value is None:
                yield Finding(
                    host,
                    variable,
                    None,
                    f"every host of the group {group} states its own id",
                    f"Set {variable} for {host} to a number no other host has, and never change it",
                )
                continue
            ceiling = most if most is not None else _reserved_max_id(hosts[host])
            if not least <= value <= ceiling:
                yield Finding(
                    host,
                    variable,
                    value,
                    f"the id must be from {least} to {ceiling}",
                    f"Choose a free id in that range (taken: {_taken(groups[group], hosts, variable)})",
                )
            owners[value].append(host)
        for value, sharing in owners.items():
            if len(sharing) > 1:
                yield Finding(
                    ", ".join(sharing),
                    variable,
                    value,
                    "two hosts have one id",
                    f"Give each its own; the one whose disk says {value} keeps it",
                )


def _reserved_max_id(variables: Mapping[str, Any]) -> int:
    # Kafka documentation, "reserved.broker.max.id": ids above it are generated ones.
    return int(variables.get("kafka_properties", {}).get("reserved.broker.max.id", RESERVED_BROKER_MAX_ID))


def _taken(members: Iterable[str], hosts: Hosts, variable: str) -> str:
    return ", ".join(f"{host} {hosts[host].get(variable)}" for host in members)


def _advertised(variables: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Variable, address and port of everything a broker advertises."""
    for position, listener in enumerate(variables["kafka_listeners"]):
        own = bool(listener.get("advertised_address"))
        filled = cluster_model.listeners(variables)[position]
        name = (
            f"kafka_listeners[{listener['name']}].advertised_address" if own else "kafka_advertised_address"
        )
        yield name, filled["advertised_address"], filled["advertised_port"]


def _wrong_address(address: str) -> tuple[str, str] | None:
    """Rule and remedy for an address at which nobody else can reach a host."""
    if not address or re.search(r"[\s/,]", address):
        return "this is no address", "Give an IP address or a host name"
    if address.lower() in ("localhost", "localhost.localdomain"):
        return _LOOPBACK
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        if re.fullmatch(r"[\d.]+", address):
            return "this is no IP address", "Give all four parts, each 0 to 255"
        return None
    if parsed.is_loopback:
        return _LOOPBACK
    if parsed.is_unspecified:
        return (
            "this means every interface and leads nowhere",
            "Give the address at which others reach the host; "
            "to bind to all interfaces leave a listener's address empty",
        )
    if parsed.is_multicast:
        return "this is a multicast address", "Give the host's own address"
    return None


_LOOPBACK = (
    "a loopback address leads every other host to itself "
    "(Debian's installer writes 127.0.1.1 into /etc/hosts)",
    "Give the address at which the other hosts reach it",
)


def addresses(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    owners: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for host in groups["zookeeper"]:
        address = hosts[host]["zookeeper_address"]
        owners["zookeeper_address", address][host] = None
        wrong = _wrong_address(address)
        if wrong and len(groups["zookeeper"]) + len(groups["kafka"]) > 1:
            yield Finding(host, "zookeeper_address", address, *wrong)
    for host in groups["kafka"]:
        reported = set()
        for variable, address, port in _advertised(hosts[host]):
            kind = "kafka_advertised_address" if variable == "kafka_advertised_address" else "kafka_listeners"
            owners[kind, f"{address}:{port}" if kind == "kafka_listeners" else address][host] = None
            wrong = _wrong_address(address)
            if wrong and (variable, address) not in reported:
                reported.add((variable, address))
                yield Finding(host, variable, address, *wrong)
    for (variable, address), sharing in owners.items():
        if len(sharing) > 1:
            yield Finding(
                ", ".join(sharing),
                variable,
                address,
                "two hosts have one address (VirtualBox gives every machine 10.0.2.15 on its first card)",
                "Give each host the address of the interface that the others reach",
            )


def ports(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    for host in dict.fromkeys([*groups["zookeeper"], *groups["kafka"]]):
        variables = hosts[host]
        used: dict[int, str] = {}
        wanted = []
        if host in groups["zookeeper"]:
            wanted += [
                (f"zookeeper_{kind}_port", variables[f"zookeeper_{kind}_port"])
                for kind in ("client", "peer", "election")
            ]
        if host in groups["kafka"]:
            for listener in variables["kafka_listeners"]:
                wanted.append((f"kafka_listeners[{listener['name']}].port", listener["port"]))
        for variable, port in wanted:
            if not 1 <= port <= 65535:
                yield Finding(host, variable, port, "a port is a number from 1 to 65535", "Choose another")
            elif port in used:
                yield Finding(
                    host, variable, port, f"{used[port]} has this port too", "Choose another for one of them"
                )
            used.setdefault(port, variable)


def listeners(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    for host in groups["kafka"]:
        variables = hosts[host]
        names = [listener["name"] for listener in variables["kafka_listeners"]]
        if not names:
            yield Finding(
                host,
                "kafka_listeners",
                [],
                "a broker without listeners serves nobody",
                "Give at least one listener",
            )
            continue
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Finding(host, "kafka_listeners", name, "two listeners have one name", "Rename one of them")
        for name in names:
            if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
                yield Finding(
                    host,
                    "kafka_listeners",
                    name,
                    "a listener's name is made of capitals, digits and underscores",
                    f"Write {re.sub(r'[^A-Z0-9_]', '_', name.upper())}",
                )
        chosen = variables["kafka_inter_broker_listener"]
        if chosen and chosen not in names:
            yield Finding(
                host,
                "kafka_inter_broker_listener",
                chosen,
                "there is no listener of this name",
                f"Name one of {', '.join(names)}",
            )


def replication(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    brokers = len(groups["kafka"])
    pairs = (
        ("default.replication.factor", "min.insync.replicas"),
        ("offsets.topic.replication.factor", "min.insync.replicas"),
        ("transaction.state.log.replication.factor", "transaction.state.log.min.isr"),
    )
    for host, settings in _distinct_settings(groups, hosts, [name for pair in pairs for name in pair]):
        for name, value in settings.items():
            if value < 1:
                yield Finding(
                    host, _where(hosts, host, name), value, f"{name} is at least 1", "Choose 1 or more"
                )
        for factor_name, least_name in pairs:
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


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _distinct_settings(
    groups: Groups, hosts: Hosts, names: Iterable[str]
) -> Iterator[tuple[str, dict[str, int]]]:
    """The numbers each broker has for ``names``, once for all the brokers that agree."""
    agreeing: dict[tuple[tuple[str, int], ...], list[str]] = defaultdict(list)
    wanted = list(dict.fromkeys(names))
    for host in groups["kafka"]:
        variables = hosts[host]
        given = variables["kafka_properties"]
        numbers = tuple(
            (name, _number(given.get(name, variables.get(kafka_settings.variable(name))))) for name in wanted
        )
        agreeing[numbers].append(host)
    for numbers, sharing in agreeing.items():
        everyone = len(sharing) == len(groups["kafka"]) > 1
        yield "group kafka" if everyone else ", ".join(sharing), dict(numbers)


def _where(hosts: Hosts, host: str, setting: str) -> str:
    """The variable to blame for a setting: kafka_properties where it is given there."""
    members = hosts.values() if host == "group kafka" else [hosts[name] for name in host.split(", ")]
    if any(setting in variables.get("kafka_properties", {}) for variables in members):
        return f"kafka_properties[{setting}]"
    return kafka_settings.variable(setting)


def sizes(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    names = ("message.max.bytes", "replica.fetch.max.bytes", "socket.request.max.bytes")
    for host, settings in _distinct_settings(groups, hosts, names):
        largest = settings["message.max.bytes"]
        for name in names[1:]:
            if settings[name] < largest:
                yield Finding(
                    host,
                    _where(hosts, host, name),
                    settings[name],
                    f"{name} is below message.max.bytes ({largest}), so the largest batch could not pass",
                    f"Set it to {largest} or more, or leave it out to have it follow",
                )
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


def folders(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    for host in groups["kafka"]:
        variables = hosts[host]
        given = variables["kafka_log_dirs"]
        if not given:
            yield Finding(
                host, "kafka_log_dirs", [], "a broker needs a log directory", "Name at least one folder"
            )
        others = {
            "kafka_app_log_dir": variables["kafka_app_log_dir"],
            "kafka_conf_dir": variables["kafka_conf_dir"],
        }
        if host in groups["zookeeper"]:
            others["zookeeper_data_dir"] = variables["zookeeper_data_dir"]
            others["zookeeper_txn_log_dir"] = variables["zookeeper_txn_log_dir"]
        for position, path in enumerate(given):
            if not path.startswith("/"):
                yield Finding(
                    host, "kafka_log_dirs", path, "a log directory is an absolute path", "Begin it with /"
                )
                continue
            for other in given[:position]:
                if _nested(path, other):
                    yield Finding(
                        host,
                        "kafka_log_dirs",
                        path,
                        f"it is the same as, or nested with, the log directory {other}",
                        "Give each its own folder",
                    )
            for variable, other in others.items():
                if _nested(path, other):
                    yield Finding(
                        host,
                        "kafka_log_dirs",
                        path,
                        f"it is the same as, or nested with, {variable} ({other})",
                        "Kafka wants its log directories to itself; choose another folder",
                    )


def _nested(one: str, other: str) -> bool:
    first, second = one.rstrip("/") + "/", other.rstrip("/") + "/"
    return first.startswith(second) or second.startswith(first)


def releases(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    for product in ("zookeeper", "kafka"):
        for host in groups[product]:
            variables = hosts[host]
            version = variables[f"{product}_version"]
            if not re.fullmatch(r"\d+\.\d+\.\d+", version):
                yield Finding(
                    host,
                    f"{product}_version",
                    version,
                    "a version has three numbers",
                    "Write it like 3.9.2, in quotes",
                )
            elif product == "kafka" and int(version.split(".")[0]) >= 4:
                yield Finding(
                    host,
                    "kafka_version",
                    version,
                    "Kafka 4 no longer runs with ZooKeeper (KIP-833)",
                    "Use 3.9.x, the last line that does",
                )
            source = variables[f"{product}_release_source"]
            needed = {"archive": "url", "local": "dir"}.get(source)
            if needed and not variables[f"{product}_release_{needed}"]:
                yield Finding(
                    host,
                    f"{product}_release_{needed}",
                    "",
                    f"the source {source} needs it",
                    f"Set it, or choose another {product}_release_source",
                )


def timing(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    if not groups["zookeeper"]:
        return
    tick = hosts[groups["zookeeper"][0]]["zookeeper_tick_time_ms"]
    for host, settings in _distinct_settings(groups, hosts, ["zookeeper.session.timeout.ms"]):
        asked = settings["zookeeper.session.timeout.ms"]
        if not 2 * tick <= asked <= 20 * tick:
            yield Finding(
                host,
                "kafka_zookeeper_session_timeout_ms",
                asked,
                f"ZooKeeper grants sessions of 2 to 20 ticks, {2 * tick} to {20 * tick} ms",
                "Choose a time in that range, or change zookeeper_tick_time_ms",
            )
    for host in groups["kafka"]:
        if hosts[host]["kafka_stop_timeout_s"] < 300:
            yield Finding(
                host,
                "kafka_stop_timeout_s",
                hosts[host]["kafka_stop_timeout_s"],
                "a broker with much data needs minutes to stop, and one that is killed must recover its logs",
                "Set it to 300 or more",
            )
        chroot = hosts[host]["kafka_chroot"]
        if chroot and not re.fullmatch(r"(/[^/,\s]+)+", chroot):
            yield Finding(
                host,
                "kafka_chroot",
                chroot,
                "a chroot begins with / and does not end with it",
                "Write it like /kafka, or leave it empty for none",
            )


def sameness(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    for group, names in SAME_EVERYWHERE.items():
        for name in names:
            values: dict[Any, list[str]] = defaultdict(list)
            for host in groups[group]:
                values[hosts[host][name]].append(host)
            if len(values) > 1:
                told = "; ".join(f"{value!r} on {', '.join(sharing)}" for value, sharing in values.items())
                yield Finding(
                    f"group {group}",
                    name,
                    list(values),
                    f"it differs between hosts: {told}",
                    "Set it once for the group",
                )


def owned(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    for product, settings in (("kafka", kafka_settings.OWNED), ("zookeeper", zookeeper_settings.OWNED)):
        for host in groups[product]:
            for name in hosts[host][f"{product}_properties"]:
                if name in settings:
                    yield Finding(
                        host,
                        f"{product}_properties[{name}]",
                        hosts[host][f"{product}_properties"][name],
                        "the checks and the proof must know this setting, which they do by its variable",
                        f"Use {settings[name]} instead",
                    )
