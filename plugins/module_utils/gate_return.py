"""What a service that was started again still lacks, and which partitions it gets back to lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.barevm.kafka.plugins.module_utils.ensemble import Ensemble
from ansible_collections.barevm.kafka.plugins.module_utils.gate_reading import NO_LEADER, Cluster
from ansible_collections.barevm.kafka.plugins.module_utils.gate_rules import (
    Blocker,
    Inventory,
    controller_blockers,
    count,
    in_order,
    unreadable,
    view_blockers,
)
from ansible_collections.barevm.kafka.plugins.module_utils.wording import some


def registered_anew(cluster: Cluster, inventory: Inventory, started: int, session: str) -> list[Blocker]:
    """Whether this broker is registered; ``session`` owned its znode before, "" where it had none."""
    if cluster.unreadable:
        return [unreadable(cluster)]
    owner = cluster.registered.get(started)
    if owner is None:
        return [
            Blocker(
                f"{inventory.name(started)} is not registered",
                "See `journalctl -u kafka` on its host",
            )
        ]
    if session and owner == session:
        return [
            Blocker(
                f"{inventory.name(started)} is registered under the session {session} of before its stop",
                "It was not restarted, or its old znode is still there: see `systemctl status kafka`",
            )
        ]
    return []


def after_start(cluster: Cluster, inventory: Inventory, started: int, session: str) -> list[Blocker]:
    """What this broker still lacks until it does its part again.

    A partition without a leader cannot be joined: it waits for the brokers that were in sync, not for
    this one, unless this is one of them.
    """
    if found := registered_anew(cluster, inventory, started, session):
        return found
    mine = {name: each for name, each in cluster.partitions.items() if started in each.replicas}
    # Led by another it is to be joined; led by none it is about to be led by this one, if it was in sync.
    behind = in_order(
        name for name, each in mine.items() if (started in each.isr) is (each.leader == NO_LEADER)
    )
    if behind:
        found.append(
            Blocker(
                f"{len(behind)} of {count(len(mine), 'partition')} of {inventory.name(started)} not in sync: "
                f"{some(behind)}",
                "It catches up by itself; if the number stands still, see ReplicaFetcher in its server.log",
                partitions=tuple(behind),
            )
        )
    return [*found, *controller_blockers(cluster, inventory), *view_blockers(cluster, inventory, mine)]


def server_after_start(ensemble: Ensemble, server: str, where: str) -> list[Blocker]:
    """What this ZooKeeper server, ``address:port``, still lacks.

    While too few servers run for a quorum, one that answers is as far as it can come: the others are next.
    """
    state = next(one for one in ensemble.servers if one.server == server)
    answering = [one for one in ensemble.servers if not one.error or "not serving" in one.error]
    if "not serving" in state.error and len(answering) < len(ensemble.servers) // 2 + 1:
        return []
    if state.error:
        remedy = "See `journalctl -u zookeeper` on its host"
        return [Blocker(f"{where}, ZooKeeper {server}: {state.error}", remedy)]
    mine = [finding for finding in ensemble.findings if "does not answer" not in finding.what]
    mine = [finding for finding in mine if "is running but not serving" not in finding.what]
    return [Blocker(f"{finding.where}: {finding.what}", finding.remedy) for finding in mine]


@dataclass(frozen=True)
class Leadership:
    """Where the partitions are that a broker led before its stop."""

    back: list[str] = field(default_factory=list)
    """It leads them again."""
    to_elect: list[str] = field(default_factory=list)
    """An election gives them back."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """An election would not: why."""


def leadership(cluster: Cluster, broker: int, led: Sequence[str]) -> Leadership:
    """Sort the partitions that ``broker`` led by whether a preferred election gives them back to it."""
    found = Leadership(elsewhere=(elsewhere := {}))
    for name in led:
        partition = cluster.partitions.get(name)
        if partition is None:
            elsewhere[name] = "it is no more"
        elif partition.leader == broker:
            found.back.append(name)
        elif partition.replicas[0] != broker:
            elsewhere[name] = f"broker {partition.replicas[0]} is its preferred leader"
        elif broker not in partition.isr:
            elsewhere[name] = f"broker {broker} is not in sync for it"
        else:
            found.to_elect.append(name)
    return found
