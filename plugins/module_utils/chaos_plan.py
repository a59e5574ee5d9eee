"""What a chaos run will do on one cluster: which scenarios can run on it, with which steps and bounds.

Everything here is worked out before anything is struck.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import (
    chaos_bounds,
    chaos_scenarios,
    cluster_model,
    kafka_settings,
    zookeeper_settings,
)
from ansible_collections.barevm.kafka.plugins.module_utils.chaos_scenarios import Scenario

Cluster = Mapping[str, Any]
"""What preflight_inventory returned."""
States = Mapping[str, Mapping[str, Any]]
"""What module host_state answered, by host."""


def bounds(cluster: Cluster) -> dict[str, float]:
    """The cluster's own time-outs, which scenarios' bounds are made of, in seconds."""
    brokers = {
        one["host"]: kafka_settings.broker_settings(
            cluster["hosts"][one["host"]], cluster["zookeeper"]["connect"]
        )
        for one in cluster["kafka"]["brokers"]
    }
    servers = {
        one["host"]: zookeeper_settings.server_settings(
            cluster["hosts"][one["host"]], cluster["zookeeper"]["servers"]
        )
        for one in cluster["zookeeper"]["servers"]
    }
    return chaos_bounds.of_cluster(brokers, servers)


def plans(cluster: Cluster, states: States, asked: Sequence[str], power_off: bool) -> list[dict[str, Any]]:
    """What each scenario asked for comes to here; ``missing`` names what the cluster lacks for it.

    ``power_off`` is whether there is a command that ends a whole machine. Raises ValueError where a name or a
    file is wrong.
    """
    figures = bounds(cluster)
    return [
        _plan(chaos_scenarios.read(name), cluster, states, figures, power_off)
        for name in chaos_scenarios.chosen(asked)
    ]


def _plan(
    scenario: Scenario, cluster: Cluster, states: States, figures: Mapping[str, float], power_off: bool
) -> dict[str, Any]:
    needs = scenario.needs
    own_disks = with_own_disks(cluster, states, needs.get("log_dirs", 0))
    lacking = missing(needs, cluster, own_disks, power_off)
    brokers = [one["id"] for one in cluster["kafka"]["brokers"]]
    return {
        "name": scenario.name,
        "title": scenario.title,
        "missing": lacking,
        "steps": [] if lacking else chaos_scenarios.unrolled(scenario, brokers, figures, own_disks),
        "expect": chaos_scenarios.expected(scenario, figures),
        "test": chaos_scenarios.test_options(scenario, figures),
    }


def missing(needs: Mapping[str, Any], cluster: Cluster, own_disks: int | None, power_off: bool) -> list[str]:
    """What a cluster lacks for a scenario, in words."""
    found = []
    brokers, servers = len(cluster["kafka"]["brokers"]), len(cluster["zookeeper"]["servers"])
    if brokers < needs.get("brokers", 0):
        found.append(f"{needs['brokers']} brokers (there are {brokers})")
    if servers < needs.get("zookeeper_servers", 0):
        found.append(f"{needs['zookeeper_servers']} ZooKeeper servers (there are {servers})")
    if needs.get("log_dirs") and own_disks is None:
        wanted = (
            "one log directory, a file system"
            if needs["log_dirs"] == 1
            else "two log directories, file systems"
        )
        found.append(f"a broker with {wanted} of {'its' if needs['log_dirs'] == 1 else 'their'} own")
    if needs.get("power") and not power_off:
        found.append("chaos_power_off_command and chaos_power_on_command")
    return found


def with_own_disks(cluster: Cluster, states: States, count: int) -> int | None:
    """The first broker with so many log directories (1 is exactly one), each a file system of its own."""
    if not count:
        return None
    for broker in cluster["kafka"]["brokers"]:
        state = states.get(broker["host"], {})
        paths = cluster["hosts"][broker["host"]]["kafka_log_dirs"]
        right = len(paths) == 1 if count == 1 else len(paths) >= count
        if right and all(_alone(path, paths, cluster["hosts"][broker["host"]], state) for path in paths):
            return int(broker["id"])
    return None


def _alone(path: str, paths: Sequence[str], variables: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
    """Whether nothing of the host but this log directory is on its file system: filling it hurts no other."""
    disks = state.get("disks", {})
    point = disks.get(path, {}).get("mount_point", "/")
    servers = cluster_model.zookeeper_dirs(variables) if "zookeeper_data_dir" in variables else []
    others = [other for other in [*paths, *servers] if other != path]
    # Where a path leads may be a folder below the mount point; a system's own folders are not to be filled.
    return point not in ("/", "/var", "/usr", "/home", "/tmp") and not any(
        disks.get(other, {}).get("mount_point") == point for other in others
    )


def intention(plan: Mapping[str, Any]) -> list[str]:
    """What a scenario would do, in lines."""
    if plan["missing"]:
        return [f"{plan['name']}: not run: needs {', '.join(plan['missing'])}"]
    return [f"{plan['name']}: {plan['title']}", *(f"  {step['words']}" for step in plan["steps"])]
