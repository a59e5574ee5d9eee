"""The cluster as the inventory describes it: what every role and verb is given to work with.

Built once a run from every host's resolved variables, whatever --limit says, so that no role has to
ask another and a limited run still knows the whole cluster.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import udp_profile
from ansible_collections.barevm.kafka.plugins.module_utils.releases import Release

Variables = Mapping[str, Any]
Groups = Mapping[str, Sequence[str]]
"""The groups zookeeper and kafka with their hosts."""
Hosts = Mapping[str, Variables]
"""Each host's variables, resolved."""


SYSLOG_UNIT = "syslog-ingest.service"
SYSLOG_FILES = ("/usr/sbin/rsyslogd", "/usr/lib*/*/rsyslog/omkafka.so", "/usr/lib*/rsyslog/omkafka.so")
"""What the packages rsyslog and rsyslog-kafka bring, the second in one of two places."""
UDP_TEST_LEFT = str(udp_profile.SCRIPT)
"""Is there where a UDP test was interrupted: its host puts back by itself what it had, in minutes."""


def connect_string(servers: Sequence[Mapping[str, Any]]) -> str:
    """The ``host:port,…`` list of a ZooKeeper client, without a chroot."""
    return ",".join(address_port(server["address"], server["client_port"]) for server in servers)


def address_port(address: str, port: int) -> str:
    """``address:port``, an IPv6 address in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def endpoint(name: str, address: str, port: int) -> str:
    """``NAME://address:port`` as Kafka writes a listener."""
    return f"{name}://{address_port(address, port)}"


def listeners(variables: Variables) -> list[dict[str, Any]]:
    """A broker's listeners with every default filled in: advertised address and port, bind address."""
    return [
        {
            "name": listener["name"],
            "protocol": listener.get("protocol") or "PLAINTEXT",
            "address": listener.get("address") or "",
            "port": listener["port"],
            "advertised_address": listener.get("advertised_address") or variables["kafka_advertised_address"],
            "advertised_port": listener.get("advertised_port") or listener["port"],
        }
        for listener in variables["kafka_listeners"]
    ]


def server(host: str, variables: Variables) -> dict[str, Any]:
    """One member of the ensemble."""
    return {
        "host": host,
        "id": variables["zookeeper_id"],
        "address": variables["zookeeper_address"],
        "client_port": variables["zookeeper_client_port"],
        "peer_port": variables["zookeeper_peer_port"],
        "election_port": variables["zookeeper_election_port"],
    }


def broker(host: str, variables: Variables) -> dict[str, Any]:
    """One broker."""
    return {
        "host": host,
        "id": variables["kafka_broker_id"],
        "rack": variables["kafka_rack"],
        "address": variables["kafka_advertised_address"],
        "listeners": listeners(variables),
    }


def release(product: str, variables: Variables) -> dict[str, Any]:
    """The release of ``product`` (kafka or zookeeper) that a host is to have, and where it will be."""
    version = variables[f"{product}_version"]
    scala = variables["kafka_scala_version"] if product == "kafka" else ""
    wanted = {
        "product": product,
        "version": version,
        "scala_version": scala,
        "source": variables[f"{product}_release_source"],
        "url": variables[f"{product}_release_url"],
        "sha512": variables[f"{product}_release_sha512"],
        "dir": variables[f"{product}_release_dir"],
        "path": "",
    }
    folder = Release.from_dict(wanted).folder
    return {**wanted, "path": f"{variables[f'{product}_install_root']}/{folder}"}


def build(groups: Mapping[str, Sequence[str]], hosts: Mapping[str, Variables]) -> dict[str, Any]:
    """The whole cluster from the two groups and every host's variables, which must be valid.

    Servers and brokers are sorted by id, so that what is rendered does not depend on the inventory's order.
    """
    servers = sorted((server(host, hosts[host]) for host in groups["zookeeper"]), key=lambda one: one["id"])
    brokers = sorted((broker(host, hosts[host]) for host in groups["kafka"]), key=lambda one: one["id"])
    first = hosts[brokers[0]["host"]]
    releases: list[dict[str, Any]] = []
    for product in ("zookeeper", "kafka"):
        for host in groups[product]:
            wanted = release(product, hosts[host])
            if wanted not in releases:
                releases.append(wanted)
    return {
        "name": first["kafka_cluster_name"],
        "zookeeper": {
            "servers": servers,
            "hosts": connect_string(servers),
            "connect": connect_string(servers) + first["kafka_chroot"],
            "chroot": first["kafka_chroot"],
        },
        "kafka": {
            "version": first["kafka_version"],
            "brokers": brokers,
            "inter_broker_listener": inter_broker_listener(first),
        },
        "releases": releases,
    }


def bootstrap_servers(kafka: Mapping[str, Any], listener: str = "") -> list[str]:
    """``address:port`` of each broker's listener of that name, or of the inter-broker one for "".

    ``kafka`` is ``preflight_cluster.kafka``. Where no broker has such a listener there is none.
    """
    wanted = listener or kafka["inter_broker_listener"]
    return [
        address_port(one["advertised_address"], one["advertised_port"])
        for broker in kafka["brokers"]
        for one in broker["listeners"]
        if one["name"] == wanted
    ]


def listener_refusal(kafka: Mapping[str, Any], variable: str, listener: str) -> str:
    """Why a verb's clients cannot use the listener that its ``variable`` names; "" where they can."""
    if bootstrap_servers(kafka, listener):
        return ""
    names = dict.fromkeys(one["name"] for broker in kafka["brokers"] for one in broker["listeners"])
    return (
        f"{variable} is {listener}, and no broker has a listener of that name. The brokers have "
        f"{', '.join(names)}; name one of them, or leave {variable} empty for "
        f"{kafka['inter_broker_listener']}."
    )


def inter_broker_listener(variables: Variables) -> str:
    """The listener brokers use among themselves: the one named, or the first."""
    return variables["kafka_inter_broker_listener"] or str(variables["kafka_listeners"][0]["name"])


def services(variables: Variables, in_zookeeper: bool, in_kafka: bool) -> list[dict[str, Any]]:
    """The services of one host, with the files whose copies they run from."""
    found = []
    if in_zookeeper:
        logging = (
            "log4j.properties" if zookeeper_uses_log4j(variables["zookeeper_version"]) else "logback.xml"
        )
        found.append(
            _service("zookeeper", variables["zookeeper_conf_dir"], ("zoo.cfg", "zookeeper.env", logging))
        )
    if in_kafka:
        files = ("server.properties", "kafka.env", "log4j.properties")
        found.append(_service("kafka", variables["kafka_conf_dir"], files))
    return found


def _service(name: str, conf_dir: str, files: Sequence[str]) -> dict[str, Any]:
    return {
        "unit": f"{name}.service",
        "unit_path": f"/etc/systemd/system/{name}.service",
        "started_dir": f"/run/{name}",
        "files": [f"{conf_dir}/{file}" for file in files],
    }


def zookeeper_uses_log4j(version: str) -> bool:
    """Whether this ZooKeeper logs through log4j; 3.8 moved to logback (ZOOKEEPER-4427)."""
    major, minor = (int(part) for part in version.split(".")[:2])
    return (major, minor) < (3, 8)


def peer_names(cluster: Mapping[str, Any], in_cluster: bool, to_brokers: bool) -> list[str]:
    """The names that a host must resolve to reach the others of ``cluster``, as `build` made it.

    Everybody in the cluster talks to ZooKeeper; ``to_brokers``, as they fetch from each other, asks for what
    the inter-broker listener advertises too.
    """
    wanted = [server["address"] for server in cluster["zookeeper"]["servers"]] if in_cluster else []
    if to_brokers:
        wanted += [address for _host, address in inter_broker_addresses(cluster)]
    return [one for one in dict.fromkeys(wanted) if not _is_ip_address(one)]


@cache
def _is_ip_address(address: str) -> bool:
    try:
        ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return False
    return True


def inter_broker_addresses(cluster: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each broker's host, and the address that it tells other brokers."""
    return [
        (broker["host"], listener["advertised_address"])
        for broker in cluster["kafka"]["brokers"]
        for listener in broker["listeners"]
        if listener["name"] == cluster["kafka"]["inter_broker_listener"]
    ]


def zookeeper_dirs(variables: Variables) -> list[str]:
    """A server's folders of data: that of the snapshots and myid, and that of the transaction log."""
    return list(dict.fromkeys([variables["zookeeper_data_dir"], variables["zookeeper_txn_log_dir"]]))


def reads(
    variables: Variables,
    in_zookeeper: bool,
    in_kafka: bool,
    names: Sequence[str] = (),
    in_syslog_ingest: bool = False,
) -> dict[str, Any]:
    """What module host_state has to read on one host: its arguments. ``names`` are those of other hosts."""
    wanted: dict[str, Any] = {
        "users": [],
        "units": ["transparent-huge-pages.service"],
        "java_homes": [variables["java_runtime_home"]],
        "releases": [],
        "sysctls": sorted(variables["host_tuning_sysctl"]),
        "disks": [],
        "ports": [],
        "udp_ports": [],
        "files": [],
        "resolve": list(names),
        "zookeeper_dirs": [],
        "kafka_log_dirs": [],
        "services": services(variables, in_zookeeper, in_kafka),
        "overrides": f"{variables['kafka_conf_dir']}/overrides.json" if in_kafka else "",
    }
    wanted["units"] += [one["unit"] for one in wanted["services"]]
    if in_zookeeper:
        wanted["users"].append(variables["zookeeper_user"])
        wanted["releases"].append(release("zookeeper", variables)["path"])
        wanted["disks"] += zookeeper_dirs(variables)
        wanted["ports"] += [variables[f"zookeeper_{kind}_port"] for kind in ("client", "peer", "election")]
        if variables["zookeeper_address"] not in wanted["resolve"]:
            wanted["resolve"].append(variables["zookeeper_address"])
        wanted["zookeeper_dirs"] = zookeeper_dirs(variables)
    if in_kafka:
        wanted["users"].append(variables["kafka_user"])
        wanted["releases"].append(release("kafka", variables)["path"])
        wanted["disks"] += variables["kafka_log_dirs"]
        wanted["ports"] += [listener["port"] for listener in variables["kafka_listeners"]]
        wanted["kafka_log_dirs"] = variables["kafka_log_dirs"]
    if in_syslog_ingest:
        wanted["users"].append(variables["syslog_ingest_user"])
        wanted["units"].append(SYSLOG_UNIT)
        wanted["disks"].append(variables["syslog_ingest_queue_dir"])
        wanted["ports"] += [port for port in [variables["syslog_ingest_tcp_port"]] if port]
        wanted["udp_ports"] += [port for port in [variables["syslog_ingest_udp_port"]] if port]
        wanted["files"] += [*SYSLOG_FILES, UDP_TEST_LEFT]
        if "net.core.rmem_max" not in wanted["sysctls"]:
            wanted["sysctls"].append("net.core.rmem_max")
    return wanted
