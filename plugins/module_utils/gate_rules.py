"""What speaks against stopping one service now, and what a started one still lacks: judged, never asked.

Sources: Kafka documentation, "Replication" and topic setting min.insync.replicas (KIP-966 for what a
shrinking ISR costs); ZooKeeper Administrator's Guide, "Clustered (Multi-Server) Setup".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.barevm.kafka.plugins.module_utils.broker_views import NO_CONTROLLER, NO_LISTENER
from ansible_collections.barevm.kafka.plugins.module_utils.connection import Broker, broker_name
from ansible_collections.barevm.kafka.plugins.module_utils.ensemble import Ensemble
from ansible_collections.barevm.kafka.plugins.module_utils.gate_reading import (
    NO_LEADER,
    Cluster,
    Partition,
    topic_of,
)
from ansible_collections.barevm.kafka.plugins.module_utils.wording import some

NOBODY = -1
"""No broker's id."""


@dataclass(frozen=True)
class Blocker:
    """One reason why a gate does not pass."""

    what: str
    remedy: str
    waiting_helps: bool = True
    partitions: tuple[str, ...] = ()
    """All those it is about, to be read again while it is waited for."""

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}."


@dataclass(frozen=True)
class Inventory:
    """What the inventory says, as far as gates ask."""

    brokers: Sequence[Broker] = ()
    down: Collection[str] = ()
    """Hosts whose service is known not to run: nothing there comes back by itself."""
    allow_unavailable: Collection[str] = ()
    """Topics that may be without a leader, or below min.insync.replicas, while a broker restarts."""
    servers_down: Collection[str] = ()
    """Hosts whose ZooKeeper server is known not to run, and is not about to be started."""
    names: Mapping[int, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", {one["id"]: broker_name(one) for one in self.brokers})

    def name(self, broker_id: int) -> str:
        """A broker as messages call it."""
        return self.names.get(broker_id, f"broker {broker_id}")

    def named(self, broker_ids: Iterable[int]) -> str:
        """Some brokers as messages call them."""
        return ", ".join(self.name(i) for i in sorted(broker_ids))

    def comes_back(self, broker_id: int) -> bool:
        """Whether a broker that is missing may register by itself."""
        return not any(one["id"] == broker_id and one["host"] in self.down for one in self.brokers)


def count(number: int, of_what: str) -> str:
    """``1 partition``, ``2 partitions``."""
    return f"{number} {of_what}{'' if number == 1 else 's'}"


def in_order(partitions: Iterable[str]) -> list[str]:
    """By topic, then by number."""

    def key(name: str) -> tuple[str, int]:
        topic, _, number = name.rpartition("-")
        return topic, int(number)

    return sorted(partitions, key=key)


def min_insync(cluster: Cluster, topic: str, without: int) -> int:
    """The min.insync.replicas that holds for a topic while broker ``without`` is down.

    A topic without one of its own gets its leader's; the highest of them where brokers differ.
    """
    if topic in cluster.min_insync:
        return cluster.min_insync[topic]
    others = [value for broker, value in cluster.defaults.items() if broker != without]
    return max(others or cluster.defaults.values(), default=1)


def scarce(cluster: Cluster) -> Cluster:
    """With only those partitions that may have no replica to spare: a few, to ask every broker about."""
    return replace(
        cluster,
        partitions={
            name: each
            for name, each in cluster.partitions.items()
            if len(each.replicas) <= min_insync(cluster, topic_of(name), NOBODY)
        },
    )


def never(cluster: Cluster, inventory: Inventory, stopping: int) -> list[Blocker]:
    """Partitions that a stop of this broker takes away however long one waits."""
    alone, tight = [], []
    for name, partition in _stopped_with(cluster, stopping):
        topic = topic_of(name)
        if topic in inventory.allow_unavailable:
            continue
        needed = min_insync(cluster, topic, stopping)
        if len(partition.replicas) == 1:
            alone.append(name)
        elif len(partition.replicas) - 1 < needed:
            tight.append(f"{name} ({len(partition.replicas)} replicas, min.insync.replicas {needed})")
    ways = "add replicas (kafka-reassign-partitions.sh), or name {} in kafka_roll_allow_unavailable"
    found = []
    if alone:
        topics = ", ".join(sorted({topic_of(name) for name in alone}))
        found.append(
            Blocker(
                f"{count(len(alone), 'partition')} would have no leader, since replication factor 1 leaves "
                f"this broker alone with them: {some(alone)}",
                f"No waiting helps: {ways.format(topics)}",
                waiting_helps=False,
            )
        )
    if tight:
        topics = ", ".join(sorted({topic_of(name.partition(" ")[0]) for name in tight}))
        found.append(
            Blocker(
                f"{count(len(tight), 'partition')} would fall below min.insync.replicas, since they have no "
                f"replica to spare: {some(tight)}",
                f"No waiting helps: lower min.insync.replicas, {ways.format(topics)}",
                waiting_helps=False,
            )
        )
    return found


def _stopped_with(cluster: Cluster, stopping: int) -> list[tuple[str, Partition]]:
    """The partitions that have the broker in sync, in order."""
    found = in_order(name for name, each in cluster.partitions.items() if stopping in each.isr)
    return [(name, cluster.partitions[name]) for name in found]


def before_stop(cluster: Cluster, inventory: Inventory, stopping: int) -> list[Blocker]:
    """What speaks against stopping this broker now; empty: nothing."""
    if cluster.unreadable:
        return [unreadable(cluster), *ensemble_blockers(cluster.ensemble, inventory.servers_down)]
    return [
        *never(cluster, inventory, stopping),
        *_missing(cluster, inventory, stopping),
        *_offline(cluster, inventory),
        *_lagging_elsewhere(cluster, inventory, stopping),
        *_below_minimum(cluster, inventory, stopping),
        *_reassignments(cluster),
        *ensemble_blockers(cluster.ensemble, inventory.servers_down),
        *controller_blockers(cluster, inventory),
        *view_blockers(cluster, inventory, {name for name, _ in _stopped_with(cluster, stopping)}),
    ]


def unreadable(cluster: Cluster) -> Blocker:
    """That ZooKeeper cannot be read, and why."""
    return Blocker(
        f"ZooKeeper cannot be read: {cluster.unreadable}",
        "See `systemctl status zookeeper` on its hosts, and whether their client ports can be reached",
    )


def _missing(cluster: Cluster, inventory: Inventory, stopping: int) -> list[Blocker]:
    wanted = {one["id"] for one in inventory.brokers} - {stopping}
    missing = wanted - set(cluster.registered)
    if not missing:
        return []
    return [
        Blocker(
            f"not registered: {inventory.named(missing)}",
            "Start what is missing, or see `journalctl -u kafka` there: two brokers down at once is what "
            "a roll must never cause",
            waiting_helps=all(inventory.comes_back(i) for i in missing),
        )
    ]


def _offline(cluster: Cluster, inventory: Inventory) -> list[Blocker]:
    offline = in_order(
        name
        for name, each in cluster.partitions.items()
        if each.leader == NO_LEADER and topic_of(name) not in inventory.allow_unavailable
    )
    if not offline:
        return []
    holders = {i for name in offline for i in cluster.partitions[name].isr}
    return [
        Blocker(
            f"{count(len(offline), 'partition')} without a leader: {some(offline)}",
            "Start a broker that was in sync for them"
            + (f" ({inventory.named(holders)})" if holders else "")
            + ": only those have every acknowledged record",
            waiting_helps=all(
                not each.isr or any(inventory.comes_back(i) for i in each.isr)
                for each in (cluster.partitions[name] for name in offline)
            ),
            partitions=tuple(offline),
        )
    ]


def _lagging_elsewhere(cluster: Cluster, inventory: Inventory, stopping: int) -> list[Blocker]:
    lagging = {
        name: others for name, each in cluster.partitions.items() if (others := each.lagging - {stopping})
    }
    if not lagging:
        return []
    named = in_order(lagging)
    brokers = set().union(*lagging.values())
    return [
        Blocker(
            f"{len(lagging)} of {count(len(cluster.partitions), 'partition')} not in sync on "
            f"{inventory.named(brokers)}: {some(named)}",
            "They come back into sync once those brokers run; if they run, see ReplicaFetcher in server.log",
            waiting_helps=all(inventory.comes_back(i) or i in cluster.registered for i in brokers),
            partitions=tuple(named),
        )
    ]


def _below_minimum(cluster: Cluster, inventory: Inventory, stopping: int) -> list[Blocker]:
    """Partitions with a replica to spare that is not in sync now."""
    below, sole = [], []
    for name, each in _stopped_with(cluster, stopping):
        topic = topic_of(name)
        needed = min_insync(cluster, topic, stopping)
        if topic in inventory.allow_unavailable or len(each.replicas) - 1 < max(1, needed):
            continue
        if len(each.isr) == 1:
            sole.append(name)
        elif len(each.isr) - 1 < needed:
            below.append(f"{name} (in sync {len(each.isr)}, min.insync.replicas {needed})")
    found = []
    if sole:
        found.append(
            Blocker(
                f"{count(len(sole), 'partition')} would have no leader, since no other replica is in sync: "
                f"{some(sole)}",
                "Wait until another replica is in sync: this broker alone has the newest records",
                partitions=tuple(sole),
            )
        )
    if below:
        found.append(
            Blocker(
                f"{count(len(below), 'partition')} would fall below min.insync.replicas: {some(below)}",
                "Wait until their other replicas are in sync: producers with acks=all would be refused",
                partitions=tuple(name.partition(" ")[0] for name in below),
            )
        )
    return found


def _reassignments(cluster: Cluster) -> list[Blocker]:
    moving = in_order(name for name, each in cluster.partitions.items() if each.moving)
    if not moving:
        return []
    return [
        Blocker(
            f"{count(len(moving), 'partition')} being reassigned: {some(moving)}",
            "Wait until it is done, or cancel it (kafka-reassign-partitions.sh --list, --cancel)",
            partitions=tuple(moving),
        )
    ]


def ensemble_blockers(ensemble: Ensemble | None, down: Collection[str] = ()) -> list[Blocker]:
    """What keeps a ZooKeeper ensemble from being whole; servers on hosts in ``down`` are not waited for."""
    if ensemble is None:
        return []
    return [
        Blocker(
            f"{finding.where}: {finding.what}",
            finding.remedy,
            waiting_helps="does not allow" not in finding.what
            and finding.where.partition(", ")[0] not in down,
        )
        for finding in ensemble.findings
    ]


def controller_blockers(cluster: Cluster, inventory: Inventory) -> list[Blocker]:
    """All brokers that answer name the broker that ZooKeeper has as the controller."""
    remedy = (
        "They agree within seconds of an election; one that stays behind has lost its ZooKeeper session: "
        "see its server.log"
    )
    if cluster.controller is None:
        return [Blocker("no broker is the controller", "One is elected within a session time-out")]
    if cluster.controller not in cluster.registered:
        what = f"{inventory.name(cluster.controller)} is the controller, but is not registered"
        return [Blocker(what, "Another is elected within a session time-out")]
    others = {i: view.controller for i, view in sorted(cluster.views.items()) if view.controller is not None}
    if set(others.values()) <= {cluster.controller}:
        return []
    said = ", ".join(
        f"{inventory.name(i)} says {'none' if named == NO_CONTROLLER else named}"
        for i, named in others.items()
    )
    what = f"the brokers do not name one controller: {said}; ZooKeeper says {cluster.controller}"
    return [Blocker(what, remedy)]


def view_blockers(cluster: Cluster, inventory: Inventory, partitions: Collection[str]) -> list[Blocker]:
    """Every broker answers, knows all brokers, and tells clients the leaders that there are."""
    silent = {i: view.error for i, view in sorted(cluster.views.items()) if view.error}
    found = [
        Blocker(
            f"{inventory.name(i)} is registered but does not answer: {error}",
            "Give listener_config the client properties of one of its listeners"
            if error == NO_LISTENER
            else "See its server.log, and that its listener can be reached from where this runs",
            waiting_helps=error != NO_LISTENER,
        )
        for i, error in silent.items()
    ]
    for i, view in sorted(cluster.views.items()):
        if view.error:
            continue
        if unknown := set(cluster.registered) - view.brokers:
            found.append(
                Blocker(
                    f"{inventory.name(i)} does not know {inventory.named(unknown)} yet",
                    "The controller tells it within seconds; one that stays behind has lost its ZooKeeper "
                    "session: see its server.log",
                )
            )
        stale = [
            name
            for name in in_order(partitions)
            if view.leaders is not None and view.leaders.get(name) != cluster.partitions[name].leader
        ]
        if stale:
            found.append(
                Blocker(
                    f"{inventory.name(i)} tells clients another leader than ZooKeeper has for "
                    f"{count(len(stale), 'partition')}: {some(stale)}",
                    "Its metadata is stale: the controller tells it within seconds; if not, see its "
                    "server.log and controller.log on the controller",
                    partitions=tuple(stale),
                )
            )
    return found


def before_server_stop(
    ensemble: Ensemble, size: int, allow_outage: bool, down: Collection[str] = ()
) -> list[Blocker]:
    """What speaks against stopping one server of an ensemble of ``size`` now."""
    found = ensemble_blockers(ensemble, down)
    if size < 3 and not allow_outage:
        found.insert(
            0,
            Blocker(
                f"an ensemble of {count(size, 'server')} serves nobody while one restarts",
                "Make it three servers, or set zookeeper_roll_allow_outage: true; brokers keep serving, but "
                "no broker can register and no leader can be elected until it is back. Brokers alone are "
                "rolled by rolling_restart with roll_services: [kafka]",
                waiting_helps=False,
            ),
        )
    return found
