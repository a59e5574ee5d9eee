"""The rules of a syslog ingest: in the inventory, and against what its host says."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import (
    cluster_model,
    effective_settings,
    folder_rules,
    syslog_config,
    syslog_syntax,
)
from ansible_collections.barevm.kafka.plugins.module_utils.cluster_model import Groups, Hosts
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

RMEM_MAX = "net.core.rmem_max"
BUFFER = "syslog_ingest_receive_buffer_bytes"
# kafka.common.internals.Topic: legal characters, and 249 of them at most.
TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
# Folders whose parts are all the system's own; of /var those are that lie in it.
SYSTEM = ("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "proc", "sbin", "sys", "usr")
# A record is a batch of one at least; JSON writes one byte as up to six.
ENVELOPE_BYTES = 4096
ESCAPED = 6
LEAST = {
    "syslog_ingest_udp_threads": (1, 32, "imudp takes 1 to 32"),
    "syslog_ingest_max_message_bytes": (
        480,
        131072,
        "RFC 5424 wants 480, and librdkafka's default ends at 1 MB",
    ),
    "syslog_ingest_partitions": (1, 10_000, "a topic has one at least"),
    "syslog_ingest_replication_factor": (1, 1000, "a partition has one at least"),
    "syslog_ingest_min_insync_replicas": (1, 1000, "one replica at least is in sync"),
    "syslog_ingest_message_timeout_ms": (1000, 2**31 - 1, "below 1 s a leader's election would time out"),
    "syslog_ingest_client_queue_messages": (
        1000,
        10_000_000,
        "below 1000 the client would refuse lines in bursts",
    ),
    "syslog_ingest_queue_messages": (1000, 10_000_000, "below 1000 bursts would be dropped"),
    "syslog_ingest_queue_memory_messages": (100, 10_000_000, "the disk takes over from 100 on"),
    "syslog_ingest_queue_max_disk_mb": (32, 2**31 - 1, "its files have 16 MiB each"),
    "syslog_ingest_worker_threads": (1, 64, "there is one at least"),
    "syslog_ingest_stats_interval_s": (1, 86_400, "rsyslog counts in seconds"),
    "syslog_ingest_stats_max_mb": (1, 2**20, "below 1 MiB there would be nothing to read"),
    "syslog_ingest_proof_timeout_s": (1, 3600, "a line takes some milliseconds at least"),
}


def settings(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Everything that the inventory alone shows to be wrong with the hosts of group syslog_ingest."""
    for host in groups.get("syslog_ingest", []):
        variables = hosts[host]
        yield from _numbers(host, variables)
        yield from _ports(host, variables, host in groups["zookeeper"], host in groups["kafka"])
        yield from _buffer(host, variables)
        yield from _record(host, variables)
        yield from _topic(host, variables, groups, hosts)
        yield from _client(host, variables, groups, hosts)
        products = [product for product in ("zookeeper", "kafka") if host in groups[product]]
        yield from _account(host, variables, products)
        yield from _folders(host, variables, products)


def _numbers(host: str, variables: Mapping[str, Any]) -> Iterator[Finding]:
    for name, (least, most, why) in LEAST.items():
        if not least <= variables[name] <= most:
            yield Finding(
                host,
                name,
                variables[name],
                f"it takes {least} to {most}: {why}",
                "Choose a number in that range",
            )


def _ports(host: str, variables: Mapping[str, Any], in_zookeeper: bool, in_kafka: bool) -> Iterator[Finding]:
    udp, tcp = variables["syslog_ingest_udp_port"], variables["syslog_ingest_tcp_port"]
    for name, port in (("syslog_ingest_udp_port", udp), ("syslog_ingest_tcp_port", tcp)):
        if not 0 <= port <= 65535:
            yield Finding(
                host, name, port, "a port is a number from 1 to 65535, and 0 is none", "Choose another"
            )
    if not udp and not tcp:
        yield Finding(
            host,
            "syslog_ingest_udp_port",
            0,
            "syslog_ingest_tcp_port is 0 too, so no line could come in",
            "Give at least one of them",
        )
    taken: dict[int, str] = {}
    if in_zookeeper:
        for kind in ("client", "peer", "election"):
            taken[variables[f"zookeeper_{kind}_port"]] = f"zookeeper_{kind}_port"
    if in_kafka:
        for listener in cluster_model.listeners(variables):
            taken[listener["port"]] = f"kafka_listeners[{listener['name']}].port"
    if tcp in taken:
        yield Finding(
            host,
            "syslog_ingest_tcp_port",
            tcp,
            f"{taken[tcp]} has this port too",
            "Choose another for one of them",
        )


def _buffer(host: str, variables: Mapping[str, Any]) -> Iterator[Finding]:
    asked = variables[BUFFER]
    if asked and not 4096 <= asked <= 2**30:
        yield Finding(
            host, BUFFER, asked, "it takes 4096 to 1073741824", "Choose a number in that range, or 0"
        )
        return
    most = variables["host_tuning_sysctl"].get(RMEM_MAX)
    if most is not None and str(most).isdigit() and asked > int(most):
        yield Finding(
            host,
            BUFFER,
            asked,
            f"host_tuning_sysctl asks for {RMEM_MAX} = {most}, to which the kernel would cut it",
            f"Raise {RMEM_MAX} in host_tuning_sysctl to {asked}, or lower the buffer",
        )


def _record(host: str, variables: Mapping[str, Any]) -> Iterator[Finding]:
    template = variables["syslog_ingest_template"]
    if not template or "\n" in template or "\\n" in template:
        yield Finding(
            host,
            "syslog_ingest_template",
            template,
            "a record has something in it and no line end but the one that is always added",
            "Write it in one line, such as %rawmsg%",
        )
    elif wrong := syslog_syntax.template(template):
        yield Finding(
            host,
            "syslog_ingest_template",
            template,
            wrong,
            "Write properties of rsyslog between percent signs, such as %rawmsg% or %hostname% %msg%",
        )


def _topic(host: str, variables: Mapping[str, Any], groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    topic = variables["syslog_ingest_topic"]
    if not TOPIC.fullmatch(topic) or topic in (".", "..") or topic.startswith("__"):
        yield Finding(
            host,
            "syslog_ingest_topic",
            topic,
            "it takes 1 to 249 letters, digits, dots, underscores and hyphens, and not __ at the beginning",
            "Choose another name",
        )
    factor, least = (
        variables["syslog_ingest_replication_factor"],
        variables["syslog_ingest_min_insync_replicas"],
    )
    brokers = len(groups["kafka"])
    if factor > brokers > 0:
        yield Finding(
            host,
            "syslog_ingest_replication_factor",
            factor,
            f"it asks for more replicas than there are brokers ({brokers})",
            f"Add brokers to the group kafka, or set it to {brokers} or less",
        )
    if least > factor:
        yield Finding(
            host,
            "syslog_ingest_min_insync_replicas",
            least,
            f"it is above syslog_ingest_replication_factor ({factor}), so acks=all could never be given",
            f"Set it to {max(1, factor - 1)} or less",
        )
    elif least == factor and factor > 1:
        yield Finding(
            host,
            "syslog_ingest_min_insync_replicas",
            least,
            "it equals syslog_ingest_replication_factor, so no broker can stop without lines waiting here",
            f"Set it to {factor - 1}",
            "warning",
        )
    longest = ESCAPED * variables["syslog_ingest_max_message_bytes"] + ENVELOPE_BYTES
    for broker in effective_settings.brokers(groups, hosts):
        most = broker.number("message.max.bytes")
        if most is not None and longest > most:
            yield Finding(
                host,
                "syslog_ingest_max_message_bytes",
                variables["syslog_ingest_max_message_bytes"],
                f"a record of it may have {longest} bytes, and {broker.host} takes {most} "
                f"({broker.where('message.max.bytes')}): omkafka would hand it over for ever",
                f"Lower it to {(most - ENVELOPE_BYTES) // ESCAPED}, or raise message.max.bytes",
            )
            break


def _client(host: str, variables: Mapping[str, Any], groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    given = variables["syslog_ingest_client_properties"]
    for name in sorted(given):
        owner = syslog_config.OWNED.get(name)
        if owner is not None:
            yield Finding(
                host,
                f"syslog_ingest_client_properties[{name}]",
                given[name],
                "the role sets it, since what is lost depends on it",
                f"Use {owner} instead" if owner else "Leave it out",
            )
        elif not re.fullmatch(r"[a-z][a-z0-9._]*", str(name)):
            yield Finding(
                host,
                f"syslog_ingest_client_properties[{name}]",
                given[name],
                "librdkafka's properties have lower case letters, digits, dots and underscores",
                "Write it as librdkafka's CONFIGURATION.md does",
            )
        else:
            wrong, near = syslog_syntax.client_property(str(name), syslog_config.text(given[name]))
            if wrong:
                yield Finding(
                    host,
                    f"syslog_ingest_client_properties[{name}]",
                    given[name],
                    f"librdkafka says: {wrong}",
                    f"Write {near}" if near else "Write it as librdkafka's CONFIGURATION.md does",
                )
    wanted, speaks = variables["syslog_ingest_listener"], str(given.get("security.protocol", "PLAINTEXT"))
    for broker in groups["kafka"]:
        listeners = {one["name"]: one for one in cluster_model.listeners(hosts[broker])}
        if not listeners:
            continue
        name = wanted or cluster_model.inter_broker_listener(hosts[broker])
        if name not in listeners:
            yield Finding(
                host,
                "syslog_ingest_listener",
                wanted,
                f"{broker} has no listener of that name",
                f"Name one of {', '.join(listeners)}, or leave it empty",
            )
        elif listeners[name]["protocol"] != speaks.upper():
            yield Finding(
                host,
                "syslog_ingest_client_properties",
                given,
                f"listener {name} of {broker} speaks {listeners[name]['protocol']}, and security.protocol is "
                f"{speaks}",
                f"Set security.protocol to {listeners[name]['protocol']}, with what it needs",
            )
        else:
            continue
        break


def _account(host: str, variables: Mapping[str, Any], products: Iterable[str]) -> Iterator[Finding]:
    user = variables["syslog_ingest_user"]
    for product in products:
        if variables[f"{product}_user"] == user:
            yield Finding(
                host,
                "syslog_ingest_user",
                user,
                f"{product}_user is this account too, and would get the ingest's group and home",
                "Give the ingest an account of its own",
            )


def _folders(host: str, variables: Mapping[str, Any], products: Sequence[str]) -> Iterator[Finding]:
    """The two folders that the service's account is given: they must be nobody else's."""
    queue, stats = variables["syslog_ingest_queue_dir"], variables["syslog_ingest_stats_file"]
    others = folder_rules.named(variables, products)
    if "kafka" in products:
        others += [("kafka_log_dirs", path) for path in variables["kafka_log_dirs"]]
    for name, path, folder in (
        ("syslog_ingest_queue_dir", queue, queue),
        ("syslog_ingest_stats_file", stats, posixpath.dirname(stats)),
    ):
        own = PurePosixPath(folder)
        if (
            not re.fullmatch(r"(/[\w.-]+){2,}", path)
            or {".", ".."} & {*PurePosixPath(path).parts}
            or path.startswith(("/home/", "/root/", "/run/", "/tmp/"))
        ):
            yield Finding(
                host,
                name,
                path,
                "it takes a path of letters, digits, dots and hyphens, two names or more, and not below "
                "/home, /root, /run or /tmp, which the service does not see or which a boot empties",
                "Choose one below /var, or on a mount of its own",
            )
        elif len(own.parts) < 3 or own.parts[1] in SYSTEM or own.parent == PurePosixPath("/var"):
            yield Finding(
                host,
                name,
                path,
                f"{folder} would be given to syslog_ingest_user, and it is the system's",
                "Choose a folder of its own, such as one in /var/spool or /var/log",
            )
        elif taken := [
            variable
            for variable, other in others
            if folder_rules.within(folder, other) or folder_rules.within(other, folder)
        ]:
            yield Finding(
                host,
                name,
                path,
                f"{folder} would be given to syslog_ingest_user, and it is, holds, or lies in "
                f"{' and '.join(taken)}",
                "Choose a folder of its own",
            )
    if PurePosixPath(queue) == PurePosixPath(stats).parent:
        yield Finding(
            host,
            "syslog_ingest_stats_file",
            stats,
            "it is in syslog_ingest_queue_dir, which nobody but the service may read",
            "Choose a folder of its own, such as one in /var/log",
        )


def host(name: str, variables: Mapping[str, Any], state: Mapping[str, Any]) -> Iterator[Finding]:
    """What reading a host of group syslog_ingest shows to be wrong, before it is changed."""
    unit = state["units"].get(cluster_model.SYSLOG_UNIT)
    if unit is None:
        return
    account = state["users"][variables["syslog_ingest_user"]]
    if account and not account["shell"].endswith(("/nologin", "/false")):
        yield Finding(
            name,
            "syslog_ingest_user",
            variables["syslog_ingest_user"],
            f"its shell is {account['shell']}: who logs in by it would be kept out",
            "Name an account that only this service has; it is made where it is missing",
        )
    for kind, ports in (("tcp", state["ports"]), ("udp", state["udp_ports"])):
        port = variables[f"syslog_ingest_{kind}_port"]
        holder = ports.get(str(port))
        if port and holder and holder["pid"] != unit["main_pid"]:
            yield Finding(
                name,
                f"syslog_ingest_{kind}_port",
                port,
                f"the {kind.upper()} port is in use by {holder['process']} (pid {holder['pid']}), "
                f"which is not {cluster_model.SYSLOG_UNIT}",
                "Stop that process, or choose another port; the host's own rsyslog must not listen on it",
            )
    asked = variables[BUFFER]
    most = state["sysctls"].get(RMEM_MAX)
    # What can be written is raised by role host_tuning.
    if most is not None and asked > int(most) and RMEM_MAX in state["fixed_settings"]:
        yield Finding(
            name,
            BUFFER,
            asked,
            f"{RMEM_MAX} is {most} and cannot be written here, as in a container, so the kernel would cut it",
            f"Raise it on the machine around this host, or set {BUFFER} to {most} or to 0",
        )
    disk = state["disks"][variables["syslog_ingest_queue_dir"]]
    free, own = disk["free_bytes"] // 2**20, disk["files_bytes"] // 2**20
    if free + own < variables["syslog_ingest_queue_max_disk_mb"]:
        yield Finding(
            name,
            "syslog_ingest_queue_max_disk_mb",
            variables["syslog_ingest_queue_max_disk_mb"],
            f"{disk['mount_point']} has {free} MiB free"
            + (f", and the queue has {own} MiB of it already" if own else ""),
            "Free some space, lower it, or give the queue a disk of its own by syslog_ingest_queue_dir",
        )
