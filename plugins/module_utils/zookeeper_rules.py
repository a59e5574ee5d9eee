"""The rules of zoo.cfg: names, types and ranges by our definition, and what contradicts itself."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import (
    properties,
    setting_definitions,
    zookeeper_definitions,
    zookeeper_settings,
)
from ansible_collections.barevm.kafka.plugins.module_utils.cluster_model import Groups, Hosts
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding, Severity

# What would take from preflight what it must know of the ensemble, or rewrite the file behind its back.
REFUSED = {
    re.compile(r"server\.\d+"): ("the list of servers is made from the group zookeeper", "Leave it out"),
    re.compile(r"dynamicConfigFile"): (
        "the list of servers would come from that file, not from the group zookeeper",
        "Leave it out",
    ),
}
# Where a value that ZooKeeper takes makes it lose data, rewrite its file or talk to nobody.
UNWISE: dict[tuple[str, str], tuple[str, str, Severity]] = {
    ("reconfigEnabled", "true"): (
        "ZooKeeper would rewrite zoo.cfg when it is reconfigured",
        "Leave it out; change the group zookeeper instead",
        "error",
    ),
    ("peerType", "observer"): (
        "every server of the group zookeeper votes",
        "Leave it out; observers are not something that this collection makes",
        "error",
    ),
    ("forceSync", "no"): (
        "what was acknowledged is lost when the machine loses power",
        "Leave it out",
        "warning",
    ),
    ("skipACL", "yes"): ("everybody could read and change everything", "Leave it out", "warning"),
    ("autopurge.purgeInterval", "0"): (
        "snapshots and transaction logs would never be removed, until the disk is full",
        "Set it to 1 or more hours",
        "warning",
    ),
    ("snapshot.trust.empty", "true"): (
        "a server that lost its snapshots would take its empty state for the truth",
        "Take it out again once the upgrade from 3.4 is done",
        "warning",
    ),
}
NETTY = "org.apache.zookeeper.server.NettyServerCnxnFactory"
# The commands that the proof asks with.
ASKED = ("srvr", "mntr")
AUTH = "quorum.auth."


class Server:
    """One server's settings by ZooKeeper's names."""

    def __init__(self, host: str, variables: Mapping[str, Any]) -> None:
        self.host = host
        self.variables = variables
        self.properties: Mapping[str, Any] = variables["zookeeper_properties"]
        self.settings = zookeeper_settings.server_settings(variables, [])

    def text(self, name: str) -> str:
        """The value as ZooKeeper reads it; empty where none is given."""
        return properties.text(self.settings.get(name)).strip()

    def number(self, name: str) -> int | None:
        """The whole number, where there is one."""
        text = self.text(name)
        return int(text) if re.fullmatch(r"[-+]?\d+", text) else None

    def finding(self, name: str, rule: str, remedy: str, severity: Severity = "error") -> Finding:
        """What is wrong with a setting, at the variable that says it."""
        if name in self.properties or name not in zookeeper_settings.NAMED:
            where, value = f"zookeeper_properties[{name}]", self.properties.get(name)
        else:
            where = zookeeper_settings.NAMED[name]
            value = self.variables[where]
        return Finding(self.host, where, value, rule, remedy, severity)


def settings(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Every setting of every server, alone and beside the others."""
    for host in groups["zookeeper"]:
        server = Server(host, hosts[host])
        for rule in (_names, _values, _unwise, _times, _ports, _tls, _quorum_auth, _commands):
            yield from rule(server)


def _names(server: Server) -> Iterator[Finding]:
    version = server.variables["zookeeper_version"]
    known, later = zookeeper_definitions.load(version)
    for name in server.properties:
        refused = next((words for pattern, words in REFUSED.items() if pattern.fullmatch(name)), None)
        if refused:
            yield server.finding(name, *refused)
        elif (
            name in known
            or zookeeper_definitions.OPEN.match(name)
            or setting_definitions.allowed(name, server.variables["zookeeper_allow_unknown_properties"])
        ):
            continue
        elif name in later:
            yield server.finding(
                name,
                f"ZooKeeper {version} does not have it; {later[name]} is the first that does",
                "Leave it out, or raise zookeeper_version",
            )
        elif zookeeper_definitions.SYSTEM_ONLY.match(name):
            yield server.finding(
                name,
                "ZooKeeper reads it as a system property alone, and zoo.cfg would name another",
                f"Write -D{name}=… into zookeeper_extra_opts",
            )
        else:
            plain = name.removeprefix("zookeeper.")
            near = [plain] if plain in known else difflib.get_close_matches(name, known, n=1, cutoff=0.7)
            meant = f"Write {near[0]} if that was meant; if" if near else "If"
            yield server.finding(
                name,
                f"ZooKeeper {version} has no such setting",
                f"{meant} something reads it, add its name to zookeeper_allow_unknown_properties",
            )


def _values(server: Server) -> Iterator[Finding]:
    known, _later = zookeeper_definitions.load(server.variables["zookeeper_version"])
    for name in server.settings:
        definition = known.get(name)
        problem = definition.problem(server.settings[name]) if definition else ""
        if problem:
            yield server.finding(name, f"{name} {problem}", "Correct it")


def _unwise(server: Server) -> Iterator[Finding]:
    for (name, value), (rule, remedy, severity) in UNWISE.items():
        if server.text(name).lower() == value:
            yield server.finding(name, rule, remedy, severity)


def _times(server: Server) -> Iterator[Finding]:
    initial, synced = server.number("initLimit"), server.number("syncLimit")
    if initial is not None and synced is not None and synced > initial:
        yield server.finding(
            "syncLimit",
            f"syncLimit is above initLimit ({initial}): who may join so slowly could not stay",
            f"Set it to {initial} or less, or initLimit to {synced} or more",
        )
    tick = server.number("tickTime") or 0
    least, most = (
        ticks * tick if (given := server.number(name)) in (None, -1) else given
        for name, ticks in (("minSessionTimeout", 2), ("maxSessionTimeout", 20))
    )
    if least is not None and most is not None and least > most:
        blamed = "minSessionTimeout" if "minSessionTimeout" in server.properties else "maxSessionTimeout"
        yield server.finding(
            blamed,
            f"the least session time-out ({least}) is above the greatest ({most}): ZooKeeper would not start",
            "Correct one of them, in ms",
        )


def _ports(server: Server) -> Iterator[Finding]:
    taken = {
        server.variables[f"zookeeper_{kind}_port"]: f"zookeeper_{kind}_port"
        for kind in ("client", "peer", "election")
    }
    others = ["secureClientPort", "observerMasterPort"]
    if server.text("admin.enableServer").lower() == "true":
        others.append("admin.serverPort")
    for name in others:
        port = server.number(name)
        if name == "admin.serverPort" and port is None:
            continue
        if port in taken:
            yield server.finding(name, f"{taken[port]} has this port too", "Choose another for one of them")
        elif port is not None:
            taken[port] = name


def _tls(server: Server) -> Iterator[Finding]:
    if server.text("secureClientPort"):
        if server.text("serverCnxnFactory") != NETTY:
            yield server.finding(
                "secureClientPort",
                "TLS needs ZooKeeper's Netty connections, and serverCnxnFactory does not name them",
                f"Set serverCnxnFactory to {NETTY}",
            )
        if not server.text("ssl.keyStore.location"):
            yield server.finding(
                "secureClientPort",
                "a port with TLS needs a key, and none is given",
                "Set ssl.keyStore.location",
            )
    if server.text("sslQuorum").lower() == "true" and not server.text("ssl.quorum.keyStore.location"):
        yield server.finding(
            "sslQuorum",
            "servers that speak TLS to each other need a key, and none is given",
            "Set ssl.quorum.keyStore.location",
        )


def _quorum_auth(server: Server) -> Iterator[Finding]:
    enabled, by_server, by_learner = (
        server.text(AUTH + name).lower() == "true"
        for name in ("enableSasl", "serverRequireSasl", "learnerRequireSasl")
    )
    if by_server and not by_learner:
        yield server.finding(
            f"{AUTH}serverRequireSasl",
            f"servers would ask for what {AUTH}learnerRequireSasl does not have them give",
            f"Set {AUTH}learnerRequireSasl to true as well",
        )
    if (by_server or by_learner) and not enabled:
        yield server.finding(
            f"{AUTH}{'serverRequireSasl' if by_server else 'learnerRequireSasl'}",
            f"{AUTH}enableSasl is off, so ZooKeeper would not start",
            f"Set {AUTH}enableSasl to true",
        )


def _commands(server: Server) -> Iterator[Finding]:
    name = "4lw.commands.whitelist"
    allowed = [word.strip() for word in server.text(name).split(",")]
    missing = [word for word in ASKED if word not in allowed and "*" not in allowed]
    if missing:
        yield server.finding(
            name,
            f"the proof asks by {' and '.join(ASKED)}, and {' and '.join(missing)} would not be answered",
            f"Add {', '.join(missing)}",
        )
