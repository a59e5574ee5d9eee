"""What a restart gate reads of a cluster: ZooKeeper's znodes after a sync, and every broker by itself.

Source: Kafka's znode layout (kafka.zk.ZkData): /brokers/topics/T with the assignment and, since KIP-455,
adding_replicas and removing_replicas; /brokers/topics/T/partitions/N/state with leader and isr;
/config/topics/T; /admin/delete_topics; /admin/reassign_partitions.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ansible_collections.barevm.kafka.plugins.module_utils.broker_views import View
from ansible_collections.barevm.kafka.plugins.module_utils.ensemble import Ensemble
from ansible_collections.barevm.kafka.plugins.module_utils.registration_reading import read

if TYPE_CHECKING:
    from kazoo.client import KazooClient

NO_LEADER = -1


@dataclass(frozen=True)
class Partition:
    """One partition: who should hold it, and who does."""

    replicas: tuple[int, ...]
    """As assigned, the preferred leader first."""
    isr: tuple[int, ...]
    leader: int
    """NO_LEADER where it has none."""
    moving: bool = False
    """Whether a reassignment of it is in flight."""
    leader_epoch: int = field(default=0, compare=False)
    """Raised by the controller with each election; two looks at the same state may differ in it."""

    @property
    def lagging(self) -> set[int]:
        """Replicas that are not in sync."""
        return set(self.replicas) - set(self.isr)


@dataclass(frozen=True)
class Cluster:
    """A cluster as it was read; what was not asked is empty."""

    registered: Mapping[int, str] = field(default_factory=dict)
    """Broker id to the ZooKeeper session that owns its znode."""
    controller: int | None = None
    """As /controller says."""
    partitions: Mapping[str, Partition] = field(default_factory=dict)
    """``topic-number`` to its state; topics that are being deleted are left out."""
    min_insync: Mapping[str, int] = field(default_factory=dict)
    """Topics that have a min.insync.replicas of their own."""
    views: Mapping[int, View] = field(default_factory=dict)
    """Each registered broker's own answer."""
    ensemble: Ensemble | None = None
    defaults: Mapping[int, int] = field(default_factory=dict)
    """Each broker's min.insync.replicas for the other topics."""
    unreadable: str = ""
    """Why ZooKeeper could not be read."""


def topic_of(partition: str) -> str:
    """The topic of ``topic-number``."""
    return partition.rpartition("-")[0]


class Reader:
    """Reads with one client, as many times as a wait takes; every read raises kazoo's errors.

    ``timeout_s`` bounds the wait for each answer: without a quorum there is none.
    """

    def __init__(self, client: KazooClient, chroot: str, timeout_s: float) -> None:
        self._client, self._chroot, self._timeout_s = client, chroot, timeout_s

    def brokers(self) -> Cluster:
        """Who is registered, and who is the controller."""
        found = read(self._client, self._chroot, self._timeout_s)
        return Cluster({i: broker.session for i, broker in found.brokers.items()}, found.controller)

    def whole(self, holder: int | None = None) -> Cluster:
        """Also every partition, or those that ``holder`` has a replica of: a request for each znode."""
        base = self.brokers()
        topics = self._children("brokers/topics")
        deleting = set(self._children("admin/delete_topics"))
        names = sorted(set(topics) - deleting)
        moved = self._documents(["admin/reassign_partitions"]).values()
        asked = {
            f"{each['topic']}-{each['partition']}" for found in moved for each in found.get("partitions", [])
        }
        assigned = {
            name: each
            for name, each in self._assignments(names).items()
            if holder is None or holder in each[0]
        }
        configs = self._documents([f"config/topics/{name}" for name in names])
        own = {
            path.removeprefix("config/topics/"): int(found["config"]["min.insync.replicas"])
            for path, found in configs.items()
            if "min.insync.replicas" in found.get("config", {})
        }
        partitions = self._states(assigned)
        partitions = {
            name: replace(each, moving=True) if name in asked else each for name, each in partitions.items()
        }
        return replace(base, partitions=partitions, min_insync=own)

    def again(self, before: Cluster, partitions: Collection[str]) -> Cluster:
        """As ``before``, with brokers, controller and these partitions read anew."""
        base = self.brokers()
        known = [name for name in partitions if name in before.partitions]
        assigned = self._assignments(sorted({topic_of(name) for name in known}))
        fresh = self._states({name: assigned[name] for name in known if name in assigned})
        gone = set(known) - set(fresh)
        kept = {name: each for name, each in before.partitions.items() if name not in gone}
        return replace(
            before,
            registered=base.registered,
            controller=base.controller,
            partitions={**kept, **fresh},
            unreadable="",
        )

    def session(self, broker_id: int) -> str:
        """The session that owns a broker's znode; "" where there is none."""
        from kazoo.exceptions import NoNodeError

        self._client.sync_async(self._chroot or "/")
        asked = self._client.get_async(f"{self._chroot}/brokers/ids/{broker_id}")
        try:
            return hex(asked.get(timeout=self._timeout_s)[1].ephemeralOwner)
        except NoNodeError:
            return ""

    def _children(self, path: str) -> list[str]:
        from kazoo.exceptions import NoNodeError

        try:
            found = self._client.get_children_async(f"{self._chroot}/{path}").get(timeout=self._timeout_s)
        except NoNodeError:
            return []
        return list(found)

    def _documents(self, paths: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The JSON of many znodes, asked for all at once; those that are not there are left out."""
        from kazoo.exceptions import NoNodeError

        asked = {path: self._client.get_async(f"{self._chroot}/{path}") for path in paths}
        found = {}
        for path, pending in asked.items():
            try:
                found[path] = json.loads(pending.get(timeout=self._timeout_s)[0])
            except NoNodeError:
                continue
            except (ValueError, TypeError) as error:
                raise ValueError(f"{self._chroot}/{path} cannot be read: {error}") from None
        return found

    def _assignments(self, topics: Collection[str]) -> dict[str, tuple[tuple[int, ...], bool]]:
        """Each partition's replicas, and whether they are being changed."""
        found = {}
        for path, topic in self._documents([f"brokers/topics/{name}" for name in topics]).items():
            moving = {*topic.get("adding_replicas", {}), *topic.get("removing_replicas", {})}
            for number, replicas in topic["partitions"].items():
                name = f"{path.removeprefix('brokers/topics/')}-{number}"
                found[name] = (tuple(replicas), number in moving)
        return found

    def _states(self, assigned: Mapping[str, tuple[tuple[int, ...], bool]]) -> dict[str, Partition]:
        paths = {
            f"brokers/topics/{topic}/partitions/{number}/state": f"{topic}-{number}"
            for topic, _, number in (name.rpartition("-") for name in assigned)
        }
        states = self._documents(paths)
        found = {}
        for path, name in paths.items():
            replicas, moving = assigned[name]
            state = states.get(path, {"leader": NO_LEADER, "isr": []})  # created this moment: no leader yet
            found[name] = Partition(
                replicas,
                tuple(state["isr"]),
                max(NO_LEADER, state["leader"]),
                moving,
                state.get("leader_epoch", 0),
            )
        return found
