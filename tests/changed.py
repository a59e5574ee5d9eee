"""A cluster that runs with one inventory, and is judged by the next one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import (
    change_rules,
    cluster_model,
    kafka_settings,
    properties,
    zookeeper_settings,
)

from tests.described import Groups, Hosts, together

Inventory = tuple[Groups, Hosts]
State = dict[str, Any]


def built(inventory: Inventory) -> dict[str, Any]:
    groups, hosts = inventory
    return {**cluster_model.build(groups, hosts), "hosts": hosts}


def started(inventory: Inventory) -> dict[str, State]:
    """What host_state answers of every host while the cluster runs with ``inventory``."""
    groups, hosts = inventory
    cluster = built(inventory)
    states: dict[str, State] = {}
    for host, variables in hosts.items():
        state: State = {
            "units": {},
            "applied": {},
            "resolved": {},
            "identities": {"myid": None, "meta_properties": {}},
        }
        if host in groups["kafka"]:
            settings = kafka_settings.broker_settings(variables, cluster["zookeeper"]["connect"])
            state["units"]["kafka.service"] = {"active_state": "active"}
            state["applied"]["kafka.service"] = {
                "settings": as_text(settings),
                "folders": {},
                "release": f"kafka_2.13-{variables['kafka_version']}",
            }
            meta = {path: {"broker.id": "1"} for path in variables["kafka_log_dirs"]}
            state["identities"]["meta_properties"] = meta
        if host in groups["zookeeper"]:
            settings = zookeeper_settings.server_settings(variables, cluster["zookeeper"]["servers"])
            state["units"]["zookeeper.service"] = {"active_state": "active"}
            folders = {
                variables["zookeeper_data_dir"]: held(snapshots=2, real=variables["zookeeper_data_dir"]),
                variables["zookeeper_txn_log_dir"]: held(logs=3, real=variables["zookeeper_txn_log_dir"]),
            }
            state["applied"]["zookeeper.service"] = {"settings": as_text(settings), "folders": folders}
        states[host] = state
    return states


def held(snapshots: int = 0, logs: int = 0, real: str = "") -> dict[str, Any]:
    return {"snapshots": snapshots, "logs": logs, "real": real}


def as_text(settings: Mapping[str, Any]) -> dict[str, str]:
    return {name: properties.text(value) for name, value in settings.items()}


def new_host() -> State:
    """A host where neither service was ever started."""
    return {
        "units": {f"{name}.service": {"active_state": "inactive"} for name in ("kafka", "zookeeper")},
        "applied": {"kafka.service": None, "zookeeper.service": None},
        "resolved": {},
        "identities": {"myid": None, "meta_properties": {"/var/lib/kafka": None}},
    }


def stopped(states: dict[str, State]) -> dict[str, State]:
    for state in states.values():
        for unit in state["units"].values():
            unit["active_state"] = "inactive"
    return states


def judged(wanted: Inventory, states: dict[str, State]) -> list[str]:
    return [str(one) for one in change_rules.check(built(wanted), states)]


def only(found: list[str], host: str, *words: str) -> None:
    """That finding for ``host``, with these words."""
    (one,) = (line for line in found if line.startswith(f"{host}: "))
    for word in words:
        assert word in one, one


def inventory(size: int = 3, **variables: Any) -> Inventory:
    described: Inventory = together(size, variables)
    return described
