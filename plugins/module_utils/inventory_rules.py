"""The static checks: what the inventory alone shows to be wrong. No connection is opened.

Every rule yields findings instead of stopping, so that one run tells all. Replication and quorum are
judged on the whole inventory, whatever --limit says.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import (
    address_rules,
    broker_rules,
    definition_rules,
    folder_rules,
    host_tuning,
    kafka_settings,
    properties,
    sameness_rules,
    setting_rules,
    syslog_rules,
    zookeeper_rules,
    zookeeper_settings,
)
from ansible_collections.barevm.kafka.plugins.module_utils.cluster_model import Groups, Hosts
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

RESERVED_BROKER_MAX_ID = 1000


def check(groups: Groups, hosts: Hosts) -> list[Finding]:
    """Every finding of the inventory; ``hosts`` are each host's resolved variables.

    The variables have passed their specs: types hold here, required ones may still be missing.
    """
    rules = (
        ensemble,
        ids,
        address_rules.addresses,
        address_rules.ports,
        address_rules.listeners,
        definition_rules.settings,
        setting_rules.replication,
        setting_rules.sizes,
        setting_rules.heaps,
        setting_rules.session,
        broker_rules.contradictions,
        zookeeper_rules.settings,
        limits,
        service,
        forced,
        folder_rules.folders,
        releases,
        sameness_rules.variables,
        sameness_rules.listeners,
        sameness_rules.settings,
        sameness_rules.servers,
        sameness_rules.racks,
        owned,
        host_tuning.rules,
        syslog_rules.settings,
    )
    return [finding for rule in rules for finding in rule(groups, hosts)]


def ensemble(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Groups without a host, and an even number of ZooKeeper servers."""
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
    """Ids that are missing, impossible, or given twice."""
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
            ceiling = most if most is not None else _broker_max_id(hosts[host])
            if not least <= value <= ceiling:
                taken = _taken(groups[group], hosts, variable)
                remedy = f"Choose a free id in that range (taken: {taken})"
                if most is None and value > ceiling:
                    remedy += (
                        "; for a broker that already has this id, set broker.id.generation.enable: false "
                        "in kafka_properties"
                    )
                yield Finding(
                    host,
                    variable,
                    value,
                    f"the id must be from {least} to {ceiling}",
                    remedy,
                )
            owners[value].append(host)
        for value, sharing in owners.items():
            if len(sharing) > 1:
                yield Finding(
                    ", ".join(sharing),
                    variable,
                    value,
                    f"{len(sharing)} hosts have one id",
                    f"Give each its own; the one whose disk says {value} keeps it",
                )


def _broker_max_id(variables: Mapping[str, Any]) -> int:
    # Kafka documentation, "reserved.broker.max.id": ids above it are generated ones, unless none is.
    given = variables["kafka_properties"]
    if properties.text(given.get("broker.id.generation.enable", True)).lower() == "false":
        return 2**31 - 1
    try:
        return int(given.get("reserved.broker.max.id", RESERVED_BROKER_MAX_ID))
    except (TypeError, ValueError):
        return RESERVED_BROKER_MAX_ID


def _taken(members: Iterable[str], hosts: Hosts, variable: str) -> str:
    return ", ".join(f"{host} {hosts[host].get(variable)}" for host in members)


LIMITS = {
    "limit_nofile": (1024, 2**30, "each connection and segment is an open file, and the kernel allows 2^30"),
    "oom_score_adjust": (-1000, 1000, "the kernel takes no other (proc(5))"),
}
"""Of each service; systemd ignores a line of a unit that it cannot use, and starts the service without it."""


def limits(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    for group in ("zookeeper", "kafka"):
        for host in groups[group]:
            for name, (least, most, why) in LIMITS.items():
                variable = f"{group}_{name}"
                value = hosts[host][variable]
                if not least <= value <= most:
                    yield Finding(
                        host,
                        variable,
                        value,
                        f"it takes {least} to {most}: {why}",
                        "Choose a number in that range",
                    )


def service(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """A time to stop that would kill a broker with much data, and chroots that are none."""
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


def forced(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """An override that names nobody would be met by the gate that it was to override."""
    for name in sorted({hosts[host]["kafka_roll_force"] for host in groups["kafka"]} - {""}):
        if name not in groups["kafka"]:
            yield Finding(
                "group kafka",
                "kafka_roll_force",
                name,
                "no host of the group kafka has this name",
                f"Name one of {', '.join(groups['kafka'])}",
            )


def releases(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Versions that cannot be deployed here, and sources of releases that lack what they need."""
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


def owned(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Settings given by name that have a variable of their own."""
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
