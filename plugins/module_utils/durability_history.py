"""What observed.jsonl says, as the states that the cluster went through."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.broker_views import NO_CONTROLLER
from ansible_collections.barevm.kafka.plugins.module_utils.gate_reading import NO_LEADER

Line = Mapping[str, Any]


@dataclass(frozen=True)
class State:
    """The cluster from ``at_ns`` on; None is what could not be observed then."""

    at_ns: int = 0
    registered: Mapping[int, str] | None = None
    """Broker id to its session."""
    controller: int | None = None
    """NO_CONTROLLER where there is none."""
    leaders: Mapping[int, int] | None = None
    """Partition of the test's topic to its leader, NO_LEADER where it has none."""
    isr: Mapping[int, frozenset[int]] | None = None
    counts: Mapping[str, int | None] = field(default_factory=dict)
    """under_replicated, under_min_isr, offline: of all topics."""
    servers: Mapping[str, str] = field(default_factory=dict)
    """Each ZooKeeper server's host to what it is."""
    quorum: bool | None = None
    reachable: bool | None = None
    """Whether ZooKeeper answers."""
    why: str = ""
    """Why it does not."""
    sessions: Mapping[int, str] = field(default_factory=dict)
    """Each broker's last known session, also while it has none."""
    since_ns: Mapping[str, int] = field(default_factory=dict)
    """When the value of each kind of line was observed first."""

    @property
    def zookeeper_leader(self) -> str:
        """The host whose ZooKeeper server leads; "" where none says so."""
        return next((host for host, role in self.servers.items() if role in ("leader", "standalone")), "")

    def led_by(self, broker: int) -> set[int]:
        """Partitions of the topic that a broker leads."""
        return {number for number, leader in (self.leaders or {}).items() if leader == broker}

    def whole(self, partitions: int, replication_factor: int) -> bool:
        """Whether every partition of the topic is known to be led, with all its replicas in sync."""
        led = [number for number, leader in (self.leaders or {}).items() if leader != NO_LEADER]
        full = [number for number, isr in (self.isr or {}).items() if len(isr) >= replication_factor]
        return len(led) == len(full) == partitions


def states(observed: Iterable[Line]) -> list[State]:
    """One state for each line, in the order of their times."""
    now = State()
    found = []
    for line in sorted(observed, key=lambda each: int(each["at_ns"])):
        at_ns, kind = int(line["at_ns"]), str(line["kind"])
        now = replace(_taken(now, kind, line), at_ns=at_ns, since_ns={**now.since_ns, kind: at_ns})
        found.append(now)
    return found


def _taken(now: State, kind: str, line: Line) -> State:
    if kind == "brokers":
        registered = {int(broker): session for broker, session in line["registered"].items()}
        return replace(now, registered=registered, sessions={**now.sessions, **registered})
    if kind == "controller":
        return replace(now, controller=NO_CONTROLLER if line["id"] is None else int(line["id"]))
    if kind == "partitions":
        return replace(
            now,
            leaders={int(number): int(leader) for number, leader in line["leaders"].items()},
            isr={int(number): frozenset(isr) for number, isr in line["isr"].items()},
        )
    if kind == "cluster":
        names = ("under_replicated", "under_min_isr", "offline")
        return replace(now, counts={name: line[name] for name in names})
    if kind == "ensemble":
        return replace(now, servers=dict(line["servers"]), quorum=line["quorum"])
    if kind == "zookeeper":
        if line["reachable"]:
            return replace(now, reachable=True, why="")
        # What was last read may be true no longer.
        return replace(
            now,
            reachable=False,
            why=str(line.get("why", "")),
            registered=None,
            controller=None,
            leaders=None,
            isr=None,
            counts={},
        )
    return now


def at(history: Sequence[State], at_ns: int) -> State:
    """The state in force at a time; one of which nothing is known before the first."""
    index = bisect_right([state.at_ns for state in history], at_ns)
    return history[index - 1] if index else State()


def leading(history: Sequence[State], at_ns: int) -> State:
    """The last state up to a time in which leaders and in-sync replicas were known."""
    known = [state for state in history if state.at_ns <= at_ns and state.leaders is not None]
    return known[-1] if known else State()


def after(history: Sequence[State], at_ns: int) -> Sequence[State]:
    """The states observed after a time."""
    return history[bisect_right([state.at_ns for state in history], at_ns) :]
