"""Changes that one roll cannot make: what a running cluster would not survive while half of it has changed.

Judged before anything changes, from what each service was started with (`started_settings`). Every finding
says the sequence that gets there. A service that has never held data may change freely.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import (
    cluster_model,
    effective_settings,
    kafka_settings,
    properties,
    setting_definitions,
)
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

Cluster = Mapping[str, Any]
States = Mapping[str, Mapping[str, Any]]
"""What module host_state answered, by host; of hosts outside --limit there is none."""

KAFKA, ZOOKEEPER = "kafka.service", "zookeeper.service"
PROTOCOL = "inter.broker.protocol.version"

# What a change looks like to those who look for lost disks and foreign clusters.
ECHOES = {
    "kafka_chroot": "kafka_chroot",
    "kafka_log_dirs": "kafka_broker_id",
    "zookeeper_data_dir": "zookeeper_data_dir",
    "zookeeper_txn_log_dir": "zookeeper_txn_log_dir",
}


def check(cluster: Cluster, states: States) -> list[Finding]:
    """Every change that is refused."""
    of_kafka = (
        protocol_version,
        inter_broker_listener,
        inter_broker_mechanism,
        chroot,
        client_ports,
        log_dirs,
    )
    of_zookeeper = (members, endpoints, data_dirs)
    return [finding for rule in (*of_kafka, *of_zookeeper) for finding in rule(cluster, states)]


def without_echoes(refused: Iterable[Finding], others: Iterable[Finding]) -> list[Finding]:
    """``others`` less those that tell of a refused change that a disk were missing: it would lead astray."""
    told = {(one.host, ECHOES[one.variable]) for one in refused if one.variable in ECHOES}
    return [one for one in others if not all((host, one.variable) in told for host in one.host.split(", "))]


def _runs(states: States, host: str, unit: str) -> bool:
    """Whether it runs, as far as is known: a host outside --limit is taken to."""
    return host not in states or states[host]["units"][unit]["active_state"] not in ("inactive", "failed")


def _applied(states: States, host: str, unit: str) -> dict[str, Any] | None:
    """What a service that runs, or has held data, was started with; None for a new one."""
    state = states.get(host, {})
    found: dict[str, Any] | None = (state.get("applied") or {}).get(unit)
    if found is None or _runs(states, host, unit):
        return found
    if unit == KAFKA:
        recorded = any(state["identities"]["meta_properties"].values())
        recorded = recorded or any(one["recorded"] for one in found["folders"].values())
    else:
        recorded = any(one["snapshots"] or one["logs"] for one in found["folders"].values())
    return found if recorded else None


def _brokers(cluster: Cluster, states: States) -> Iterator[tuple[str, dict[str, str]]]:
    """Each broker that is not new, with the settings it was started with."""
    for broker in cluster["kafka"]["brokers"]:
        applied = _applied(states, broker["host"], KAFKA)
        if applied is not None:
            yield broker["host"], applied["settings"]


def _serves(cluster: Cluster, states: States) -> bool:
    """Whether brokers have others to talk to: those that are all stopped start together, with one mind."""
    hosts = [broker["host"] for broker in cluster["kafka"]["brokers"]]
    return len(hosts) > 1 and any(_runs(states, host, KAFKA) for host in hosts)


def _protocols(settings: Mapping[str, str]) -> dict[str, str]:
    """The protocol of each listener that a broker has."""
    known = dict(
        one.strip().split(":", 1)
        for one in settings.get("listener.security.protocol.map", "").split(",")
        if ":" in one
    )
    names = [one.split("://", 1)[0].strip() for one in settings.get("listeners", "").split(",") if one]
    return {name: known.get(name, name) for name in names}


def _talks(settings: Mapping[str, str]) -> tuple[str, str]:
    """The listener that a broker uses to reach others, and its protocol."""
    name = settings.get("inter.broker.listener.name", "")
    return name, _protocols(settings).get(name, name)


def inter_broker_listener(cluster: Cluster, states: States) -> Iterator[Finding]:
    """A broker asks another for its own inter-broker listener by name, and speaks its own protocol there."""
    if not _serves(cluster, states):
        return
    brokers = dict(_brokers(cluster, states))
    hosts = [broker["host"] for broker in cluster["kafka"]["brokers"]]
    unread = [host for host in hosts if host not in states]
    for host, settings in brokers.items():
        variables = cluster["hosts"][host]
        wanted = {one["name"]: one["protocol"] for one in cluster_model.listeners(variables)}
        new = cluster_model.inter_broker_listener(variables)
        old, protocol = _talks(settings)
        if (new, wanted[new]) == (old, protocol):
            continue
        both = wanted.get(old) == protocol and all(
            _protocols(one).get(new) == wanted[new] for one in brokers.values()
        )
        if new != old and both and not unread:
            continue
        other = f"a listener {new} ({wanted[new]})" if new != old else f"another listener with {wanted[new]}"
        yield Finding(
            host,
            "kafka_inter_broker_listener",
            new,
            f"brokers reach each other by {old} ({protocol}) now; while they restart one by one, those on "
            f"{new} ({wanted[new]}) and the others could not replicate",
            f"In three runs, each for all brokers: (1) put back {old} ({protocol}) and "
            f"kafka_inter_broker_listener: {old}, and add {other} to every broker; (2) name that one in "
            f"kafka_inter_broker_listener, {old} still there; (3) remove {old}",
        )


def protocol_version(cluster: Cluster, states: States) -> Iterator[Finding]:
    """No release speaks a protocol version newer than itself (Kafka documentation, "Upgrading")."""
    for broker in cluster["kafka"]["brokers"]:
        host = broker["host"]
        applied = _applied(states, host, KAFKA) or {}
        ran = re.search(r"-(\d+)\.(\d+)\.\d+$", applied.get("release", ""))
        variables = cluster["hosts"][host]
        wanted = variables["kafka_version"]
        if ran is None or setting_definitions.line(wanted) == f"{ran[1]}.{ran[2]}":
            continue
        old = f"{ran[1]}.{ran[2]}"
        speaks = applied["settings"].get(PROTOCOL, old)
        will_speak = effective_settings.Effective(host, variables).text(PROTOCOL)
        if _numbers(will_speak) > _numbers(old) and _serves(cluster, states):
            yield Finding(
                host,
                "kafka_version",
                wanted,
                f"the broker would speak {PROTOCOL} {will_speak}, which those that still run {old} do not "
                "understand",
                f"In two runs, each for all brokers: (1) with {PROTOCOL}: "
                f"'{setting_definitions.line(speaks)}' in kafka_properties, (2) without it, once every "
                f"broker runs {wanted}",
            )
        elif _numbers(speaks) > _numbers(wanted):
            yield Finding(
                host,
                "kafka_version",
                wanted,
                f"the broker speaks {PROTOCOL} {speaks} and has written data so, which {wanted} cannot read",
                f"Stay with {old} or newer; Kafka does not go back",
            )


def _numbers(version: str) -> tuple[int, ...]:
    """The line of a version, or of a protocol version such as 3.9-IV0."""
    return setting_definitions.version_key(version.partition("-")[0])[:2]


def inter_broker_mechanism(cluster: Cluster, states: States) -> Iterator[Finding]:
    """SASL between brokers: each side must still take what the other one speaks."""
    if not _serves(cluster, states):
        return
    brokers = dict(_brokers(cluster, states))
    for host, settings in brokers.items():
        variables = cluster["hosts"][host]
        wanted = {
            name: properties.text(value)
            for name, value in kafka_settings.broker_settings(
                variables, cluster["zookeeper"]["connect"]
            ).items()
        }
        old, new = (one.get("sasl.mechanism.inter.broker.protocol", "GSSAPI") for one in (settings, wanted))
        talks, protocol = _talks(wanted)
        if old == new or not protocol.startswith("SASL") or not _talks(settings)[1].startswith("SASL"):
            continue
        if old in _mechanisms(wanted, talks) and all(
            new in _mechanisms(one, talks) for one in brokers.values()
        ):
            continue
        yield Finding(
            host,
            "kafka_properties[sasl.mechanism.inter.broker.protocol]",
            new,
            f"brokers log in to each other with {old} now; while they restart one by one, not all would take "
            "both mechanisms",
            f"In three runs, each for all brokers: (1) put back {old}, and have sasl.enabled.mechanisms list "
            f"{old} and {new}; (2) set {new}, both still listed; (3) remove {old} from the list",
        )


def _mechanisms(settings: Mapping[str, str], listener: str) -> list[str]:
    everywhere = settings.get("sasl.enabled.mechanisms", "GSSAPI")
    listed = settings.get(f"listener.name.{listener.lower()}.sasl.enabled.mechanisms", everywhere)
    return [one.strip() for one in listed.split(",")]


def _chroot(connect: str) -> str:
    return connect[connect.index("/") :].rstrip("/") if "/" in connect else ""


def chroot(cluster: Cluster, states: States) -> Iterator[Finding]:
    """Below the chroot are the cluster's id and all its topics: elsewhere the data belongs to nobody."""
    wanted = cluster["zookeeper"]["chroot"].rstrip("/")
    for host, settings in _brokers(cluster, states):
        old = _chroot(settings.get("zookeeper.connect", ""))
        if old != wanted:
            yield Finding(
                host,
                "kafka_chroot",
                wanted or "/",
                f"the cluster is registered below {old or '/'}; below another chroot its brokers would find "
                "another cluster, or none, and end",
                f"Put back kafka_chroot: {old or '/'}; to move the cluster: (1) stop all brokers, (2) copy "
                f"everything below {old or '/'} to the new place, (3) write the new zookeeper.connect into "
                "server.properties on every broker, (4) run site.yml with the new kafka_chroot",
            )


def client_ports(cluster: Cluster, states: States) -> Iterator[Finding]:
    """A broker knows ZooKeeper's servers until its restart: one of them must stay where it was."""
    for host, settings in _brokers(cluster, states):
        if not _runs(states, host, KAFKA):
            continue
        known = settings.get("zookeeper.connect", "").split("/", 1)[0]
        resolved = states[host].get("resolved", {})
        stay = {
            cluster_model.address_port(address, server["client_port"])
            for server in cluster["zookeeper"]["servers"]
            for address in (server["address"], *resolved.get(server["address"], []))
        }
        if known and not stay & {one.strip() for one in known.split(",")}:
            yield Finding(
                host,
                "zookeeper_client_port, zookeeper_address",
                cluster["zookeeper"]["hosts"],
                f"brokers reach ZooKeeper at {known} until they restart, and no server would be left there",
                "One server after the other: (1) set the new value for one host of the group zookeeper, (2) "
                "run site.yml until no restart is pending, brokers included, (3) go on with the next",
            )


def log_dirs(cluster: Cluster, states: States) -> Iterator[Finding]:
    """A log directory that is no longer named takes its replicas with it."""
    for broker in cluster["kafka"]["brokers"]:
        host = broker["host"]
        applied = _applied(states, host, KAFKA)
        for path, held in (applied["folders"] if applied else {}).items():
            if not held["partitions"]:
                continue
            more = ", …" if held["partitions"] > len(held["some"]) else ""
            yield Finding(
                host,
                "kafka_log_dirs",
                cluster["hosts"][host]["kafka_log_dirs"],
                f"{path} is no longer among them and still holds {held['partitions']} partitions "
                f"({', '.join(held['some'])}{more})",
                f"(1) Put {path} back, (2) move what it holds to the broker's other log directories, or to "
                "other brokers, with kafka-reassign-partitions.sh, (3) see with kafka-log-dirs.sh --describe "
                "that it is empty, (4) remove it",
            )


def _servers(cluster: Cluster, states: States) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each ZooKeeper server that is not new, with what it was started with."""
    for server in cluster["zookeeper"]["servers"]:
        applied = _applied(states, server["host"], ZOOKEEPER)
        if applied is not None:
            yield server["host"], applied


def _members(settings: Mapping[str, str], alone: int) -> dict[int, str]:
    """Each member's endpoint by its id; a server without a list is the only member."""
    listed = {int(name[7:]): value for name, value in settings.items() if name.startswith("server.")}
    return {number: value.split(";")[0].strip() for number, value in listed.items()} or {alone: ""}


def members(cluster: Cluster, states: States) -> Iterator[Finding]:
    """Any majority of the old ensemble must meet any of the new one, or two could rule at a time."""
    new = {server["id"] for server in cluster["zookeeper"]["servers"]}
    for host, applied in _servers(cluster, states):
        old = set(_members(applied["settings"], cluster["hosts"][host]["zookeeper_id"]))
        if _is_alone(applied["settings"]) and len(new) > 1:
            others = [one["host"] for one in cluster["zookeeper"]["servers"] if one["host"] != host]
            if _runs(states, host, ZOOKEEPER) or not all(_has_database(states, one) for one in others):
                yield _no_longer_alone(host, new)
            continue
        if old == new or len(old) // 2 + len(new) // 2 + 2 > len(old | new):
            continue
        yield Finding(
            host,
            "the group zookeeper",
            sorted(new),
            f"the ensemble has the servers {', '.join(map(str, sorted(old)))} now; with so many added or "
            "removed at once, servers of the old and of the new list could form two majorities, and what one "
            "of them acknowledged would be lost",
            "Add or remove one server, run site.yml until no restart is pending, then the next",
        )


def _is_alone(settings: Mapping[str, str]) -> bool:
    return not any(name.startswith("server.") for name in settings)


def _has_database(states: States, host: str) -> bool:
    data = states.get(host, {}).get("identities", {}).get("zookeeper_data", {})
    return bool(data) and all(data.values())


def _no_longer_alone(host: str, new: set[int]) -> Finding:
    """A server without a list speaks to no other, and new ones must not vote without data."""
    return Finding(
        host,
        "the group zookeeper",
        sorted(new),
        "the server stands alone now: others cannot join it while it runs, and without its data they must "
        "not elect a leader",
        "(1) Stop zookeeper.service on this host, (2) copy version-2 of zookeeper_data_dir and of "
        "zookeeper_txn_log_dir to every new server, owned by zookeeper_user, (3) run site.yml at once, which "
        "starts all of them together",
    )


def endpoints(cluster: Cluster, states: States) -> Iterator[Finding]:
    """Servers look for each other where their own list says: until all have restarted, in two places."""
    servers = cluster["zookeeper"]["servers"]
    if len(servers) < 2 or not any(_runs(states, one["host"], ZOOKEEPER) for one in servers):
        return
    for host, applied in _servers(cluster, states):
        old = _members(applied["settings"], -1)
        resolved = states[host].get("resolved", {})
        moved = [
            server
            for server in servers
            if server["id"] in old
            and old[server["id"]] not in _places(server, resolved)
            # One that has no data yet replaces another; it can be anywhere.
            and (server["host"] not in states or _applied(states, server["host"], ZOOKEEPER))
        ]
        if moved:
            told = ", ".join(f"server {one['id']} is at {old[one['id']]}" for one in moved)
            yield Finding(
                host,
                "zookeeper_address, zookeeper_peer_port, zookeeper_election_port",
                [_places(one, {})[0] for one in moved],
                f"{told} for the others until they restart; a server that has moved would be out of the "
                "ensemble meanwhile",
                "Put the old values back; to move them: (1) stop zookeeper.service on all servers, (2) run "
                "site.yml with the new values at once, which starts all of them together; brokers wait for "
                "ZooKeeper meanwhile and lead on, but no failed one is replaced",
            )


def _places(server: Mapping[str, Any], resolved: Mapping[str, list[str]]) -> list[str]:
    """Where a server will be, as its name and as each address of that name."""
    ports = f"{server['peer_port']}:{server['election_port']}"
    names = (server["address"], *resolved.get(server["address"], []))
    return [f"[{name}]:{ports}" if ":" in name else f"{name}:{ports}" for name in names]


def data_dirs(cluster: Cluster, states: States) -> Iterator[Finding]:
    """A server that finds nothing in its new folders has forgotten what it acknowledged."""
    for host, applied in _servers(cluster, states):
        settings, variables = applied["settings"], cluster["hosts"][host]
        for setting, variable, kind in (
            ("dataDir", "zookeeper_data_dir", "snapshots"),
            ("dataLogDir", "zookeeper_txn_log_dir", "logs"),
        ):
            path = settings.get(setting) or settings.get("dataDir", "")
            old = applied["folders"].get(path, {kind: 0, "real": path})
            new = applied["folders"].get(variables[variable], {kind: 0, "real": variables[variable]})
            if old["real"] == new["real"] or not old[kind] or new[kind]:
                continue
            yield Finding(
                host,
                variable,
                variables[variable],
                f"the server's {kind} are in {path}, and the new folder has none",
                f"One server after the other: (1) stop zookeeper.service, (2) copy {path}/version-2 into the "
                "new folder, owner and modes included, (3) run site.yml with the new value for this host",
            )
