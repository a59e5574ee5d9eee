"""In which order services are restarted, and why each stands where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from ansible_collections.barevm.kafka.plugins.module_utils.ensemble import Ensemble
from ansible_collections.barevm.kafka.plugins.module_utils.gate_reading import Cluster
from ansible_collections.barevm.kafka.plugins.module_utils.gate_rules import Inventory


class Candidate(TypedDict):
    """A service that waits for a restart; ``running`` as systemd says."""

    host: str
    id: int
    running: bool


@dataclass(frozen=True)
class Place:
    """One service's place in the order."""

    host: str
    id: int
    running: bool
    reason: str


NOT_RUNNING = "it does not run, so its start takes nothing away"


def broker_runs(cluster: Cluster, one: Candidate) -> bool:
    """Whether a broker runs: systemd may have started it once more since it was looked at.

    One that answers runs; a znode alone may be what a killed one left behind.
    """
    return one["running"] or (
        one["id"] in cluster.registered and one["id"] in cluster.views and not cluster.views[one["id"]].error
    )


def brokers_in_order(cluster: Cluster, inventory: Inventory, candidates: Sequence[Candidate]) -> list[Place]:
    """Not running first, then what serves least, then rack by rack; the controller's rack and it last.

    Brokers of one rack follow each other, so that a partition is disturbed in one stretch of the roll. The
    controller last: its stop costs an election, and each earlier one would only move it to the next.
    """
    racks = {one["id"]: one["rack"] for one in inventory.brokers}
    lagging = set().union(*(each.lagging for each in cluster.partitions.values()))
    controller_rack = racks.get(cluster.controller) if cluster.controller is not None else None

    def place(one: Candidate) -> tuple[tuple[int, bool, str, bool, int], Place]:
        broker, rack = one["id"], racks.get(one["id"], "")
        in_last = rack == controller_rack
        where = f"rack {rack}" if rack else "no rack"
        running = broker_runs(cluster, one)
        if not running:
            step, reason = 0, NOT_RUNNING
        elif not cluster.registered:
            step, reason = 2, f"{where}; who serves what is not known"
        elif broker not in cluster.registered:
            step, reason = 1, "it runs but is not registered, so nothing depends on it now"
        elif broker in lagging:
            step, reason = 1, "it is out of sync, so others must not stop before it is back"
        elif broker == cluster.controller:
            step, reason = 2, "it is the controller: last, so that one election is enough"
        elif rack and in_last:
            step, reason = 2, f"{where}, the controller's: after the other racks"
        else:
            step, reason = 2, f"{where}, in sync"
        key = (step, step == 2 and in_last, rack, broker == cluster.controller, broker)
        return key, Place(one["host"], broker, running, reason)

    return [found for _, found in sorted((place(one) for one in candidates), key=lambda pair: pair[0])]


def servers_in_order(
    ensemble: Ensemble, servers: Mapping[str, str], candidates: Sequence[Candidate]
) -> list[Place]:
    """Not running first, then those that do not serve, the followers, and the leader last.

    ``servers`` maps a host to its server's ``address:port``.
    """
    states = {one.server: one for one in ensemble.servers}

    def place(one: Candidate) -> tuple[tuple[int, int], Place]:
        server = servers.get(one["host"], "")
        state = states.get(server)
        running = one["running"] or (state is not None and not state.error)
        if not running:
            step, reason = 0, NOT_RUNNING
        elif state is None or state.error:
            step, reason = 1, "it runs but does not serve, so nothing depends on it now"
        elif server == ensemble.leader:
            step, reason = 3, "it leads: last, so that one election is enough"
        else:
            step, reason = 2, f"it is a {state.role}"
        return (step, one["id"]), Place(one["host"], one["id"], running, reason)

    return [found for _, found in sorted((place(one) for one in candidates), key=lambda pair: pair[0])]
