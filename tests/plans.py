"""Hand-made answers of hosts, roles and gate, and the plan that comes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.plan import Plan, build

HOSTS = ("k1", "k2", "k3")
PROPERTIES = "/etc/kafka/server.properties"
UNIT = "/etc/systemd/system/kafka.service"
RELEASES = {
    "kafka": "/opt/kafka/kafka_2.13-3.9.2",
    "zookeeper": "/opt/zookeeper/apache-zookeeper-3.9.5-bin",
}
UNCHANGED: dict[str, Any] = {"changes": [], "pending": [], "pending_values": {}}
RAN = dict.fromkeys(("host_tuning", "zookeeper", "kafka"), UNCHANGED)
DEFAULTS = {"queued.max.requests": "500"}


def variables(number: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "java_runtime_home": "",
        "java_runtime_package": "",
        "host_tuning_sysctl": {"vm.swappiness": 1},
        "host_tuning_transparent_hugepages": "madvise",
        "host_tuning_swap_off": True,
        "kafka_broker_id": number,
        "kafka_scala_version": "2.13",
        "kafka_version": "3.9.2",
        "zookeeper_version": "3.9.5",
    }
    for product in ("kafka", "zookeeper"):
        found |= {
            f"{product}_user": product,
            f"{product}_group": product,
            f"{product}_install_root": f"/opt/{product}",
            f"{product}_release_source": "maven",
            f"{product}_release_url": "",
            f"{product}_release_sha512": "",
            f"{product}_release_dir": "",
        }
    return found


def services(host: str) -> dict[str, Any]:
    assert host in HOSTS
    return {
        "services": [
            {
                "unit": "zookeeper.service",
                "unit_path": "/etc/systemd/system/zookeeper.service",
                "files": ["/etc/zookeeper/zoo.cfg"],
            },
            {"unit": "kafka.service", "unit_path": UNIT, "files": [PROPERTIES, "/etc/kafka/kafka.env"]},
        ]
    }


CLUSTER: dict[str, Any] = {
    "name": "lab",
    "hosts": {host: variables(number) for number, host in enumerate(HOSTS, 1)},
    "reads": {host: services(host) for host in HOSTS},
    "zookeeper": {"servers": [{"host": host, "id": number} for number, host in enumerate(HOSTS, 1)]},
    "kafka": {"version": "3.9.2", "brokers": [{"host": host, "id": n} for n, host in enumerate(HOSTS, 1)]},
}


def unit(active: str = "active", sub: str = "running", enabled: str = "enabled") -> dict[str, Any]:
    return {"active_state": active, "sub_state": sub, "unit_file_state": enabled}


def state(**changes: Any) -> dict[str, Any]:
    """A host with everything on it that it should have."""
    account = {"group": "kafka", "shell": "/usr/sbin/nologin"}
    return {
        "java": {"": {"version": "17", "major": 17}},
        "os": {"version_codename": "bookworm"},
        "sysctls": {"vm.swappiness": "1"},
        "fixed_settings": [],
        "transparent_hugepages": "madvise",
        "swaps": [],
        "fstab_swaps": [],
        "users": {"kafka": account, "zookeeper": {**account, "group": "zookeeper"}},
        "releases": {
            RELEASES["kafka"]: {
                "product": "kafka",
                "version": "3.9.2",
                "scala_version": "2.13",
                "source": "maven",
            },
            RELEASES["zookeeper"]: {
                "product": "zookeeper",
                "version": "3.9.5",
                "scala_version": "",
                "source": "maven",
            },
        },
        "units": {
            "zookeeper.service": unit(),
            "kafka.service": unit(),
            "transparent-huge-pages.service": unit(),
        },
        **changes,
    }


def waiting(*items: str, **values: tuple[str | None, str | None]) -> dict[str, Any]:
    """What rendered_files answers where ``items`` wait; ``values`` by setting, underscores for dots."""
    named = {name.replace("_", "."): value for name, value in values.items()}
    return {
        "changes": [{"path": PROPERTIES, "what": ["content"], "values": both(named)}] if named else [],
        "pending": [*items, *(f"{PROPERTIES}: {name}" for name in named)],
        "pending_values": {f"{PROPERTIES}: {name}": value for name, value in both(named).items()},
    }


def both(values: Mapping[str, tuple[str | None, str | None]]) -> dict[str, dict[str, str | None]]:
    return {name: {"before": old, "after": new} for name, (old, new) in values.items()}


def plan_of(
    kafka: Mapping[str, Mapping[str, Any]] | None = None,
    states: Mapping[str, Mapping[str, Any]] | None = None,
    decisions: Sequence[Mapping[str, Any]] = (),
    gate: Mapping[str, Any] | None = None,
    validated: Mapping[str, Any] | None = None,
) -> Plan:
    """The plan where ``kafka`` is what the broker's role would do on some hosts."""
    changed = kafka or {}
    candidates = [
        {"host": host, "id": HOSTS.index(host) + 1, "running": True, "pending": answer["pending"]}
        for host, answer in changed.items()
        if answer["pending"]
    ]
    return build(
        CLUSTER,
        {host: state() for host in HOSTS} if states is None else states,
        {host: {**RAN, **({"kafka": changed[host]} if host in changed else {})} for host in HOSTS},
        {"kafka": candidates},
        decisions,
        {} if gate is None else {"kafka": gate},
        validated or {},
    )


def gate(*order: str, **blocked: Sequence[str]) -> dict[str, Any]:
    return {
        "order": [
            {"host": host, "id": HOSTS.index(host) + 1, "reason": f"reason of {host}"} for host in order
        ],
        "gate": {host: {"passes": host not in blocked, "blocked": blocked.get(host, [])} for host in order},
    }


def decision(host: str, live: bool, *told: str) -> dict[str, Any]:
    return {"host": host, "id": HOSTS.index(host) + 1, "live": live, "told": list(told)}
