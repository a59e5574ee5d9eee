"""The observed checks: what reading a host shows to be wrong, before it is changed."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import (
    address_rules,
    cluster_model,
    heap,
    java_matrix,
    syslog_rules,
)
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding
from ansible_collections.barevm.kafka.plugins.module_utils.releases import Release, is_installed

Variables = Mapping[str, Any]
State = Mapping[str, Any]

# Page cache and the kernel want the rest; two JVMs that take more end in the OOM killer.
MOST_OF_MEMORY = 0.75


def check(host: str, variables: Variables, state: State, reads: Mapping[str, Any]) -> list[Finding]:
    """Every finding of one host; ``state`` is what module host_state answered to ``reads``."""
    products = [service["unit"].removesuffix(".service") for service in reads["services"]]
    rules = (identity, ports, disks, memory, names, java, releases)
    found = [finding for rule in rules for finding in rule(host, variables, state, products)]
    return [*found, *syslog_rules.host(host, variables, state)]


def identity(host: str, variables: Variables, state: State, products: list[str]) -> Iterator[Finding]:
    """Ids in the inventory against the ids on disk (contract 2)."""
    myid = state["identities"]["myid"]
    if "zookeeper" in products and myid is not None and myid != str(variables["zookeeper_id"]):
        yield Finding(
            host,
            "zookeeper_id",
            variables["zookeeper_id"],
            f"{variables['zookeeper_data_dir']}/myid says {myid}",
            f"Set zookeeper_id to {myid}, or move the folder away if its data is not wanted",
        )
    if "kafka" not in products:
        return
    for path, meta in state["identities"]["meta_properties"].items():
        found = (meta or {}).get("broker.id", (meta or {}).get("node.id"))
        if found is not None and found != str(variables["kafka_broker_id"]):
            yield Finding(
                host,
                "kafka_broker_id",
                variables["kafka_broker_id"],
                f"{path}/meta.properties says {found}: the partitions there belong to that broker",
                f"Set kafka_broker_id to {found}, or move the folder away if its data is not wanted",
            )


def ports(host: str, variables: Variables, state: State, products: list[str]) -> Iterator[Finding]:
    """Ports that another process holds."""
    wanted: list[tuple[str, str, int]] = []
    if "zookeeper" in products:
        for kind in ("client", "peer", "election"):
            name = f"zookeeper_{kind}_port"
            wanted.append(("zookeeper", name, variables[name]))
    if "kafka" in products:
        for listener in variables["kafka_listeners"]:
            wanted.append(("kafka", f"kafka_listeners[{listener['name']}].port", listener["port"]))
    for product, variable, port in wanted:
        holder = state["ports"].get(str(port))
        if holder and holder["pid"] != state["units"][f"{product}.service"]["main_pid"]:
            yield Finding(
                host,
                variable,
                port,
                f"the port is in use by {holder['process']} (pid {holder['pid']}), "
                f"which is not {product}.service",
                "Stop that process, or choose another port",
            )


def disks(host: str, variables: Variables, state: State, products: list[str]) -> Iterator[Finding]:
    """Log directories without enough space, or read-only."""
    if "kafka" not in products:
        return
    least = variables["kafka_log_dir_min_free_mb"]
    for path in variables["kafka_log_dirs"]:
        disk = state["disks"][path]
        free = disk["free_bytes"] // 2**20
        if free < least:
            yield Finding(
                host,
                "kafka_log_dirs",
                path,
                f"{disk['mount_point']} has {free} MiB free, less than kafka_log_dir_min_free_mb ({least})",
                "Free some space, mount a larger disk, or lower that limit",
            )
        if "ro" in disk["options"]:
            yield Finding(
                host,
                "kafka_log_dirs",
                path,
                f"{disk['mount_point']} is mounted read-only",
                "Mount it read-write; a disk that turned read-only by itself has errors",
            )


def memory(host: str, variables: Variables, state: State, products: list[str]) -> Iterator[Finding]:
    """Heaps that leave the page cache less than a quarter of the RAM."""
    total = state["memory_total_mb"]
    heaps = {
        product: heap.megabytes(heap.size(product, total, variables[f"{product}_heap_size"]))
        for product in products
    }
    if sum(heaps.values()) > total * MOST_OF_MEMORY:
        told = " and ".join(f"{product} {size} MiB" for product, size in heaps.items())
        yield Finding(
            host,
            " + ".join(f"{product}_heap_size" for product in products),
            told,
            f"the heaps take more than three quarters of the host's {total} MiB",
            "Lower them, or give the host more memory",
        )


def names(host: str, variables: Variables, state: State, products: list[str]) -> Iterator[Finding]:
    """A server's own address that the host resolves to nothing, or to loopback."""
    if "zookeeper" not in products:
        return
    name = variables["zookeeper_address"]
    found = state["resolved"].get(name, [])
    loopback = [address for address in found if ipaddress.ip_address(address.split("%")[0]).is_loopback]
    if not found:
        yield Finding(
            host,
            "zookeeper_address",
            name,
            "the host cannot resolve it",
            "Add it to the DNS, or give an IP address",
        )
    elif loopback and not address_rules.is_loopback(name):
        yield Finding(
            host,
            "zookeeper_address",
            name,
            f"on the host itself it means {', '.join(loopback)}, so the server would listen for no other",
            "Remove the line from the host's /etc/hosts (Debian's installer writes one), "
            "or give an IP address",
        )


def peers(cluster: Mapping[str, Any], states: Mapping[str, State]) -> Iterator[Finding]:
    """Names that hosts do not know although others are reached by them; `names` judges a server's own."""
    told = [(one["host"], "zookeeper_address", one["address"]) for one in cluster["zookeeper"]["servers"]]
    told += [
        (host, "kafka_advertised_address", address)
        for host, address in cluster_model.inter_broker_addresses(cluster)
    ]
    for owner, variable, name in told:
        lost = [
            host
            for host, state in states.items()
            if state["resolved"].get(name) == [] and (host != owner or variable != "zookeeper_address")
        ]
        if lost:
            yield Finding(
                ", ".join(lost),
                variable,
                name,
                f"that is how {owner} is reached, and the name is not known there",
                "Add it to the DNS or to /etc/hosts of these hosts, or give an IP address",
            )


def java(host: str, variables: Variables, state: State, products: list[str]) -> Iterator[Finding]:
    """A JAVA_HOME without a Java, and a Java that the release does not run on."""
    home = variables["java_runtime_home"]
    present = state["java"][home]
    if present is None:
        if home:
            yield Finding(
                host,
                "java_runtime_home",
                home,
                f"there is no {home}/bin/java",
                "Install a JRE there, or leave it empty for the distribution's package",
            )
        return
    for product in products:
        yield from java_matrix.check(host, product, variables[f"{product}_version"], present)


def releases(host: str, variables: Variables, state: State, products: list[str]) -> Iterator[Finding]:
    """A folder that a service runs from cannot be replaced: what it has not loaded yet would be gone."""
    for product in products:
        wanted = cluster_model.release(product, variables)
        manifest = state["releases"][wanted["path"]]
        running = state["units"][f"{product}.service"]["active_state"] not in ("inactive", "failed")
        if manifest is None or not running or is_installed(Release.from_dict(wanted), manifest):
            continue
        yield Finding(
            host,
            f"{product}_release_source",
            wanted["source"],
            f"{wanted['path']} holds another release (source {manifest.get('source')}), "
            f"and {product}.service runs from it",
            f"Stop {product}.service on this host first, or give the release another {product}_install_root",
        )
