"""One step of a chaos scenario while it runs: whom it strikes, with which options, what it awaits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import cluster_model

Cluster = Mapping[str, Any]
"""What preflight_inventory returned."""
Step = Mapping[str, Any]
"""One of `chaos_scenarios.unrolled`."""
Struck = Mapping[str, Any]
"""What was struck: host, unit, fault, and broker where it is one's."""
Targets = Mapping[str, Any]
"""What module durability_target answered."""

SINCE_NOW = frozenset({"acknowledged", "silent"})
"""Conditions that are about what comes from now on, not about the fault that was struck before."""


class NoTargetError(ValueError):
    """Nobody is what the step strikes; the text says whom it looked for."""


def target(step: Step, targets: Targets, struck: Sequence[Struck], cluster: Cluster) -> dict[str, Any]:
    """The host to strike now; raises NoTargetError. As a follower, what is struck is not chosen again."""
    whom = step["of"]
    down = {one["broker"] for one in struck if one["unit"] == "kafka"}
    down_servers = {one["host"] for one in struck if one["unit"] == "zookeeper"}
    found = {"unit": step["unit"], "fault": step["fault"], "words": step["words"]}
    if whom.startswith("zookeeper_"):
        hosts = (
            [targets["zookeeper_leader"]]
            if whom == "zookeeper_leader"
            else list(targets["zookeeper_followers"])
        )
        hosts = [host for host in hosts if host and host not in down_servers]
        if not hosts:
            raise NoTargetError(f"there is no {whom} to strike")
        return {**found, "host": hosts[0], "broker": None}
    if whom.startswith("broker "):
        number: Any = int(whom[7:])
    elif whom == "follower":
        # Of those that lead least, and not the controller where another one will do.
        controller = (targets.get("controller") or {}).get("id")
        up = [one["id"] for one in reversed(targets["brokers"]) if one["id"] not in down]
        number = next((one for one in up if one != controller), up[0] if up else None)
    else:
        number = (targets.get(whom) or {}).get("id")
    hosts = [one["host"] for one in cluster["kafka"]["brokers"] if one["id"] == number]
    if not hosts:
        raise NoTargetError(f"there is no {whom} to strike")
    return {**found, "host": hosts[0], "broker": number}


def fault_options(step: Step, host: str, cluster: Cluster) -> dict[str, Any]:
    """What module fault is given to strike it on ``host``, beside kind, unit and time."""
    found: dict[str, Any] = {
        "peers": [],
        "local_ports": [],
        "user": cluster["hosts"][host]["kafka_user"] if step["fault"] == "cut" else "kafka",
        "ports": sorted(_broker_ports(host, cluster)) if step["fault"] == "loss" else [],
        "percent": step.get("percent", 10) if step["fault"] == "loss" else 0,
        "folder": cluster["hosts"][host]["kafka_log_dirs"][0] if step["fault"] == "fill" else "",
    }
    return {**found, **_cut(step["from"], host, cluster)} if step["fault"] == "cut" else found


def _cut(sides: Sequence[str], host: str, cluster: Cluster) -> dict[str, Any]:
    """Peers by port, so that a ZooKeeper server on the same host is cut off from nobody but the broker."""
    peers: list[dict[str, Any]] = []
    local: list[int] = []
    if "brokers" in sides:
        addresses = dict(cluster_model.inter_broker_addresses(cluster))
        peers += [
            {
                "address": address,
                "ports": sorted({*_broker_ports(other, cluster), *_broker_ports(host, cluster)}),
            }
            for other, address in addresses.items()
            if other != host
        ]
    if "zookeeper" in sides:
        for server in cluster["zookeeper"]["servers"]:
            if server["host"] == host:
                local.append(server["client_port"])
            else:
                peers.append(
                    {
                        "address": server["address"],
                        "ports": [server["client_port"]],
                        "connections": "outgoing",
                    }
                )
    return {"peers": peers, "local_ports": local}


def _broker_ports(host: str, cluster: Cluster) -> list[int]:
    """The ports on which a host's broker listens for other brokers; clients' own listeners stay open."""
    return [
        listener["port"]
        for broker in cluster["kafka"]["brokers"]
        if broker["host"] == host
        for listener in broker["listeners"]
        if listener["name"] == cluster["kafka"]["inter_broker_listener"]
    ]


def await_options(step: Step, struck: Sequence[Struck], since: int, now: int) -> dict[str, Any]:
    """What module durability_await is asked: of the broker named, else of the last one struck.

    ``since`` and ``now`` are monotonic nanoseconds: of the last strike or healing, and of this moment.
    """
    brokers = [one["broker"] for one in struck if one["broker"] is not None]
    if step["of"].startswith("broker "):
        brokers = [int(step["of"][7:])]
    return {
        "condition": step["condition"],
        "brokers": brokers[-1:],
        "since": now if step["condition"] in SINCE_NOW else since,
        "for_s": step.get("for_s", 0.0) if step["kind"] == "await" else 0.0,
        "timeout_s": step["within_s"] if step["kind"] == "await" else step["for_s"],
    }


def to_heal(step: Step, struck: Sequence[Struck]) -> list[dict[str, Any]]:
    """What a heal step takes back, in the order in which it was struck, each host's fault once."""
    whom = step["target"]
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in struck:
        if whom in ("all", one["unit"]) or whom == f"broker {one['broker']}":
            found.setdefault((one["host"], one["unit"], one["fault"]), dict(one))
    return list(found.values())


def event(struck: Struck, at_ns: Any = None) -> dict[str, Any]:
    """What an event of the durability test says of it beside its words: a broker only where it is one's.

    ``at_ns`` is when it was, where that is not now.
    """
    found: dict[str, Any] = {"fault": struck["fault"], "unit": struck["unit"]}
    if struck["broker"] is not None:
        found["broker"] = struck["broker"]
    return found if at_ns is None else {**found, "at_ns": int(at_ns)}


def heal_check(healed: Mapping[str, Any]) -> dict[str, Any] | None:
    """A check that does not hold, for a host that could not be healed: ``healed`` is one of a loop's."""
    if healed.get("skipped") or ("healed" in healed and not healed.get("unreachable")):
        return None
    why = healed.get("msg") or "no answer"
    return {"name": "healed", "holds": False, "words": f"{healed['item']} could not be healed: {why}"}
