"""Whose data the hosts' folders hold, and which empty folder may be filled.

A disk that is not mounted looks like a new one, and a service that fills an empty folder in its place
forgets what it had acknowledged. So a folder without data may be filled only if nothing says that it
held data before: no file of the host, and not ZooKeeper.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from posixpath import join, normpath
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import disk_reading
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

Variables = Mapping[str, Any]
State = Mapping[str, Any]
States = Mapping[str, State]
Cluster = Mapping[str, Any]
"""What preflight_inventory returned."""
Identity = Mapping[str, Any]
"""What module cluster_identity answered; empty where it was not asked."""

MARKER = "The service may start on this folder although it is empty. See docs/disks.md.\n"


def check(cluster: Cluster, states: States, identity: Identity) -> list[Finding]:
    """Every finding about the folders of all hosts that were read."""
    found: list[Finding] = []
    for host in states:
        found += server_folders(host, cluster, states, identity)
        found += log_dirs(host, cluster, states)
        found += foreign_folders(host, states)
        found += linked_folders(host, states)
        found += rebuilt(host, cluster, states, identity)
        found += registered_elsewhere(host, cluster, states, identity)
    return [*found, *cluster_ids(cluster, states, identity), *lost_ensemble(cluster, states, identity)]


def question(cluster: Cluster, states: States) -> dict[str, Any]:
    """Whether the running cluster must be asked, and for which brokers' replicas.

    Hosts that were all read and are all empty are a new cluster, which nobody can be asked about.
    """
    data = any(_holds_data(state) for state in states.values())
    return {
        "needed": data or len(states) < len(cluster["hosts"]),
        "replicas_of": [
            one["id"] for one in cluster["kafka"]["brokers"] if _is_empty_broker(one["host"], cluster, states)
        ],
    }


def markers(cluster: Cluster, states: States, identity: Identity) -> dict[str, dict[str, list[str]]]:
    """The files that tell the services on each host which empty folders they may fill.

    Only for hosts without a finding. A ZooKeeper server of an ensemble that has data gets another file
    than ZooKeeper's own: it must not vote before it has the others' data (ZOOKEEPER-261).
    """
    new = not identity.get("reachable") and not any(any(_data(state).values()) for state in states.values())
    name = disk_reading.NEW if new else disk_reading.JOINS
    found = {}
    for host, state in states.items():
        marked = _marked(state)
        servers = {path: has for path, has in _data(state).items() if not has and path not in marked}
        logs = {path: meta for path, meta in state["identities"]["meta_properties"].items() if meta is None}
        found[host] = {
            "zookeeper": [join(path, name) for path in servers],
            "kafka": [join(path, disk_reading.NEW) for path in logs],
        }
    return found


def server_folders(host: str, cluster: Cluster, states: States, identity: Identity) -> Iterator[Finding]:
    """A ZooKeeper server without its folders' data: it would vote for what it has forgotten."""
    state, variables = states[host], cluster["hosts"][host]
    data = _data(state)
    if not data:
        return
    allowed = variables["zookeeper_initialize"]
    if all(data.values()):
        if allowed:
            yield Finding(
                host,
                "zookeeper_initialize",
                True,
                "its folders hold a database, so this would only let the server start without its disk later",
                "Take it out of the inventory",
                "warning",
            )
        return
    variable_of = {
        variables["zookeeper_txn_log_dir"]: "zookeeper_txn_log_dir",
        variables["zookeeper_data_dir"]: "zookeeper_data_dir",
    }
    marked = _marked(state)
    for path in (path for path, has in data.items() if not has and path not in marked):
        others = [other for other, has in data.items() if has]
        if others:
            yield Finding(
                host,
                variable_of[path],
                path,
                f"it has no database ({_where(state, path)}), while {others[0]} has one: without both the "
                "server would forget what it has acknowledged",
                f"Mount its disk; if its data is gone, move {others[0]}/version-2 away as well and set "
                "zookeeper_initialize for this host once, so that it takes all from the other servers",
            )
        elif _recorded(state, path) and not allowed:
            yield Finding(
                host,
                variable_of[path],
                path,
                f"a server ran with it, and it has no database ({_where(state, path)})",
                "Mount its disk; if its data is gone, set zookeeper_initialize for this host once, so that "
                "it takes all from the other servers",
            )
        elif _cannot_tell(cluster, states, identity) and not allowed:
            yield Finding(
                host,
                variable_of[path],
                path,
                "it has no database, and whether the ensemble is new cannot be told without a look at "
                f"{', '.join(_unread_servers(cluster, states))}: it does not answer",
                "Run without --limit, or start the other servers first",
            )


def log_dirs(host: str, cluster: Cluster, states: States) -> Iterator[Finding]:
    """Log directories that held partitions, and are empty now."""
    state = states[host]
    meta = state["identities"]["meta_properties"]
    if not meta:
        return
    allowed = _paths(cluster["hosts"][host]["kafka_initialize_log_dirs"])
    for path, found in meta.items():
        if found is not None and normpath(path) in allowed:
            yield Finding(
                host,
                "kafka_initialize_log_dirs",
                path,
                "it has its meta.properties, so this would only let the broker start without its disk later",
                "Take it out of the inventory",
                "warning",
            )
        empty = found is None and path not in _marked(state)
        if empty and _recorded(state, path) and normpath(path) not in allowed:
            yield Finding(
                host,
                "kafka_log_dirs",
                path,
                f"a broker ran with it, and it has no meta.properties ({_where(state, path)})",
                "Mount its disk; if its data is gone and the broker shall take it from the other replicas, "
                f'run once with -e \'{{"kafka_initialize_log_dirs": ["{path}"]}}\' --limit {host}',
            )


def foreign_folders(host: str, states: States) -> Iterator[Finding]:
    """What a broker would end over at its next start, however long it has run."""
    for path, names in states[host]["identities"].get("foreign", {}).items():
        yield Finding(
            host,
            "kafka_log_dirs",
            path,
            f"it holds {', '.join(names)}: Kafka takes every folder there for a partition, and does not "
            "start over one that is none",
            "Move that away; where it is lost+found, in a disk's own top folder, name a folder below instead",
        )


def linked_folders(host: str, states: States) -> Iterator[Finding]:
    """A log directory that a symbolic link leads to other data; the inventory alone does not show it."""
    identities = states[host]["identities"]
    linked = identities.get("linked", {})
    logs = [*identities["meta_properties"]]
    for position, path in enumerate(logs):
        for other in [*_data(states[host]), *logs[:position]]:
            if not {path, other} & linked.keys():
                continue
            one, two = (f"{normpath(linked.get(each, each))}/" for each in (path, other))
            if one.startswith(two) or two.startswith(one):
                yield Finding(
                    host,
                    "kafka_log_dirs",
                    path,
                    f"by a symbolic link it is the same as, or nested with, {other} ({two[:-1]})",
                    "Give each its own folder",
                )


def rebuilt(host: str, cluster: Cluster, states: States, identity: Identity) -> Iterator[Finding]:
    """A broker with nothing on its disks, whose id is not known to be new."""
    if not _is_empty_broker(host, cluster, states):
        return
    broker = next(one for one in cluster["kafka"]["brokers"] if one["host"] == host)
    paths = [*states[host]["identities"]["meta_properties"]]
    told = ", ".join(f"{path} ({_where(states[host], path)})" for path in paths)
    way_out = f"kafka_initialize_log_dirs: [{', '.join(paths)}] for this host once"
    held = [one for one in identity.get("replicas", []) if one["id"] == broker["id"]]
    if held:
        count, names = held[0]["partitions"], [*held[0]["examples"]]
        names += ["…"] if count > len(names) else []
        yield Finding(
            host,
            "kafka_broker_id",
            broker["id"],
            f"ZooKeeper says that it holds {count} partitions ({', '.join(names)}), and its log "
            f"directories are empty: {told}",
            "Mount the disks; if the host was rebuilt and the broker shall take all from the other replicas, "
            f"set {way_out}; if it is a new broker, give it an id of its own",
        )
    elif not identity.get("reachable") and _may_have_brokers(cluster, states):
        yield Finding(
            host,
            "kafka_broker_id",
            broker["id"],
            f"its log directories are empty: {told}; the cluster is not new, and ZooKeeper does not answer, "
            "so nobody can say whether the broker held partitions",
            f"Start ZooKeeper first, mount the disks, or set {way_out}",
        )


def registered_elsewhere(
    host: str, cluster: Cluster, states: States, identity: Identity
) -> Iterator[Finding]:
    """A second broker with this one's id, at work on another host."""
    unit = states[host]["units"].get("kafka.service")
    if unit is None or unit["main_pid"]:
        return
    own = next(one for one in cluster["kafka"]["brokers"] if one["host"] == host)
    addresses = {one["advertised_address"].lower().strip("[]") for one in own["listeners"]}
    for one in identity.get("registered", []):
        endpoints = [endpoint.partition("://")[2] for endpoint in one["endpoints"].values()]
        if one["id"] == own["id"] and not addresses & {_address(endpoint) for endpoint in endpoints}:
            yield Finding(
                host,
                "kafka_broker_id",
                own["id"],
                f"a broker of that id is at work at {', '.join(endpoints)}, and does not run here",
                "Give this host an id of its own, or stop the other broker first",
            )


def cluster_ids(cluster: Cluster, states: States, identity: Identity) -> Iterator[Finding]:
    """Log directories of another cluster (contract 2): a broker that finds another id ends at once.

    ZooKeeper says which cluster it is; where it does not answer, most of the directories do.
    """
    places: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for host, state in states.items():
        for path, meta in state["identities"]["meta_properties"].items():
            if found := (meta or {}).get("cluster.id"):
                places[found].append((host, path))
    usual = identity.get("cluster_id", "")
    if places and identity.get("reachable") and not usual:
        hosts = list(dict.fromkeys(host for where in places.values() for host, _path in where))
        yield Finding(
            ", ".join(hosts),
            "kafka_chroot",
            cluster["zookeeper"]["chroot"],
            f"ZooKeeper {cluster['zookeeper']['connect']} knows no cluster there, while the log directories "
            f"belong to cluster {', '.join(sorted(places))}",
            "Set kafka_chroot and the group zookeeper to where that cluster is; a ZooKeeper that has lost "
            "its data needs its disks, or a copy, back",
        )
        return
    says = f"ZooKeeper {cluster['zookeeper']['connect']} says"
    if places and not usual:
        usual = max(places, key=lambda one: len(places[one]))
        count = len(places[usual])
        says = f"{count} others say" if count > 1 else f"{':'.join(places[usual][0])} says"
    for found in sorted(set(places) - {usual}):
        for host, path in places[found]:
            yield Finding(
                host,
                "kafka_log_dirs",
                path,
                f"its meta.properties says cluster.id {found}, {says} {usual}: "
                "the partitions there belong to another cluster",
                "Give the disk back to its cluster, or move the folder away if its data is not wanted",
            )


def lost_ensemble(cluster: Cluster, states: States, identity: Identity) -> Iterator[Finding]:
    """Brokers with data and a ZooKeeper without any: a new one would not know their topics."""
    servers = [one["host"] for one in cluster["zookeeper"]["servers"]]
    if identity.get("reachable") or _unread_servers(cluster, states):
        return
    if any(any(_data(states[host]).values()) for host in servers):
        return
    brokers = [host for host, state in states.items() if _cluster_ids(state)]
    if brokers:
        known = sorted({one for host in brokers for one in _cluster_ids(states[host])})
        yield Finding(
            ", ".join(servers),
            "zookeeper_data_dir",
            cluster["hosts"][servers[0]]["zookeeper_data_dir"],
            f"no server has a database, while there are partitions of cluster {', '.join(known)} on "
            f"{', '.join(brokers)}, whose topics only ZooKeeper knows",
            "Mount the servers' disks, or bring back a copy of their folders; for a new cluster move the "
            "brokers' log directories away",
        )


def _data(state: State) -> Mapping[str, bool]:
    found: Mapping[str, bool] = state["identities"].get("zookeeper_data", {})
    return found


def _marked(state: State) -> list[str]:
    return list(state["identities"].get("marked", []))


def _recorded(state: State, path: str) -> bool:
    return normpath(path) in state["identities"].get("recorded", [])


def _cluster_ids(state: State) -> set[str]:
    found = state["identities"]["meta_properties"].values()
    return {meta["cluster.id"] for meta in found if meta and "cluster.id" in meta}


def _paths(given: list[str]) -> set[str]:
    return {normpath(path) for path in given}


def _where(state: State, path: str) -> str:
    """What tells an operator whether the right disk is there."""
    disk = state.get("disks", {}).get(path)
    if disk is None:
        return "empty"
    return f"{'empty' if disk.get('exists', True) else 'absent'}, on the file system of {disk['mount_point']}"


def _address(endpoint: str) -> str:
    return endpoint.rpartition(":")[0].strip("[]").lower()


def _holds_data(state: State) -> bool:
    return any(_data(state).values()) or any(
        meta is not None for meta in state["identities"]["meta_properties"].values()
    )


def _is_empty_broker(host: str, cluster: Cluster, states: States) -> bool:
    """Whether a broker that was read has no data, nothing that tells of any, and no leave to begin anew."""
    if host not in states:
        return False
    state = states[host]
    meta = state["identities"]["meta_properties"]
    if not meta or any(found is not None for found in meta.values()):
        return False
    known = any(_recorded(state, path) or path in _marked(state) for path in meta)
    return not known and not _paths([*meta]) <= _paths(cluster["hosts"][host]["kafka_initialize_log_dirs"])


def _may_have_brokers(cluster: Cluster, states: States) -> bool:
    """Whether a broker has data, or was not looked at."""
    unread = any(one["host"] not in states for one in cluster["kafka"]["brokers"])
    return unread or any(
        meta is not None
        for state in states.values()
        for meta in state["identities"]["meta_properties"].values()
    )


def _unread_servers(cluster: Cluster, states: States) -> list[str]:
    return [one["host"] for one in cluster["zookeeper"]["servers"] if one["host"] not in states]


def _cannot_tell(cluster: Cluster, states: States, identity: Identity) -> bool:
    """Whether an ensemble may have data although none was seen."""
    seen = identity.get("reachable") or any(any(_data(state).values()) for state in states.values())
    return not seen and bool(_unread_servers(cluster, states))
