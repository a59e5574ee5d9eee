"""Clusters described as preflight resolves them: every variable of every host, role defaults included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).parents[1] / "roles"
# What the defaults leave to a template, as it comes out for a host at ``address``.
COMPUTED = {
    "kafka_replica_fetch_max_bytes": 1048588,
    "kafka_socket_request_max_bytes": 104857600,
    "kafka_reports_dir": "reports/kafka",
}

UNREPLICATED = {
    "kafka_default_replication_factor": 1,
    "kafka_min_insync_replicas": 1,
    "kafka_offsets_topic_replication_factor": 1,
    "kafka_transaction_state_log_replication_factor": 1,
    "kafka_transaction_state_log_min_isr": 1,
}

Groups = dict[str, list[str]]
Hosts = dict[str, dict[str, Any]]


@cache
def _defaults(role: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text(encoding="utf-8")))


def broker(number: int, address: str, **variables: Any) -> dict[str, Any]:
    """The variables of a broker."""
    own = {"kafka_broker_id": number, "kafka_advertised_address": address}
    return {**_defaults("kafka"), **COMPUTED, **own, **_common(), **variables}


def server(number: int, address: str, **variables: Any) -> dict[str, Any]:
    """The variables of a ZooKeeper server."""
    own = {"zookeeper_id": number, "zookeeper_address": address}
    return {**_defaults("zookeeper"), **own, **_common(), **variables}


def _common() -> dict[str, Any]:
    return {"java_runtime_home": "", "host_tuning_sysctl": {"vm.swappiness": "1"}}


def together(size: int = 3, everywhere: Mapping[str, Any] | None = None, **of_host: Mapping[str, Any]) -> Any:
    """``size`` hosts n1, n2, … at 192.0.2.1 and up with a server and a broker each, as groups and hosts."""
    names = [f"n{number}" for number in range(1, size + 1)]
    hosts = {
        name: {
            **server(number, f"192.0.2.{number}"),
            **broker(number, f"192.0.2.{number}"),
            **(everywhere or {}),
            **of_host.get(name, {}),
        }
        for number, name in enumerate(names, 1)
    }
    return {"zookeeper": names, "kafka": list(names)}, hosts


def apart(servers: Sequence[str], brokers: Sequence[str]) -> tuple[Groups, Hosts]:
    """A server at each of ``servers`` (z1, z2, …) and a broker at each of ``brokers`` (k1, k2, …)."""
    hosts = {f"z{number}": server(number, address) for number, address in enumerate(servers, 1)}
    hosts |= {f"k{number}": broker(number, address) for number, address in enumerate(brokers, 1)}
    groups = {
        "zookeeper": [host for host in hosts if host.startswith("z")],
        "kafka": [host for host in hosts if host.startswith("k")],
    }
    return groups, hosts


def of_one(**variables: Any) -> tuple[Groups, Hosts]:
    """A cluster of one host, which can replicate nothing."""
    described: tuple[Groups, Hosts] = together(1, {**UNREPLICATED, **variables})
    return described


def listener(name: str, port: int, **more: Any) -> dict[str, Any]:
    """One of kafka_listeners."""
    return {"name": name, "protocol": "PLAINTEXT", "port": port, **more}
