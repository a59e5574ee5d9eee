"""The changes between one observed state of a cluster and the next, as sentences for a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.barevm.kafka.plugins.module_utils.broker_views import NO_CONTROLLER
from ansible_collections.barevm.kafka.plugins.module_utils.durability_history import State
from ansible_collections.barevm.kafka.plugins.module_utils.gate_reading import NO_LEADER

Change = tuple[State, str, int | None]
"""The state that brought it, what it is, and the broker it is about."""


def changes(history: Sequence[State], partitions: int, replication_factor: int) -> Iterator[Change]:
    """What changed, in order; what could not be observed for a while is compared with what was before."""
    known = State()
    for state in history:
        for what, broker in _between(known, state, partitions, replication_factor):
            yield state, what, broker
        known = _known(known, state)


def _known(before: State, state: State) -> State:
    """The newest of everything, whether it can be observed now or not."""
    return State(
        registered=before.registered if state.registered is None else state.registered,
        controller=before.controller if state.controller is None else state.controller,
        leaders=before.leaders if state.leaders is None else state.leaders,
        isr=before.isr if state.isr is None else state.isr,
        servers=state.servers,
        quorum=state.quorum,
        reachable=state.reachable,
    )


def _between(
    old: State, new: State, partitions: int, replication_factor: int
) -> Iterator[tuple[str, int | None]]:
    if old.reachable is not None and new.reachable != old.reachable:
        yield ("ZooKeeper answers again" if new.reachable else f"ZooKeeper does not answer: {new.why}"), None
    if old.registered is not None and new.registered is not None:
        yield from _registrations(old.registered, new.registered)
    if None not in (old.controller, new.controller) and old.controller != new.controller:
        gone = new.controller == NO_CONTROLLER
        yield "no controller" if gone else f"controller: broker {new.controller}", new.controller
    if old.leaders is not None and new.leaders is not None:
        yield from _leaders(old.leaders, new.leaders)
    if old.isr is not None and new.isr is not None:
        yield from _members(old.isr, new.isr)
        if new.whole(partitions, replication_factor) and not old.whole(partitions, replication_factor):
            yield "full ISR", None
    if old.servers:
        yield from _servers(old, new)


def _registrations(old: Mapping[int, str], new: Mapping[int, str]) -> Iterator[tuple[str, int]]:
    for broker in sorted({*old, *new}):
        if broker not in new:
            yield f"broker {broker} deregistered", broker
        elif broker not in old:
            yield f"broker {broker} registered", broker
        elif old[broker] != new[broker]:
            yield f"broker {broker} registered anew", broker


def _leaders(old: Mapping[int, int], new: Mapping[int, int]) -> Iterator[tuple[str, int | None]]:
    for before in sorted(set(old.values())):
        led = [number for number, leader in old.items() if leader == before and number in new]
        moved = [number for number in led if new[number] != before]
        heirs = sorted({new[number] for number in moved} - {NO_LEADER})
        taken = sum(new[number] != NO_LEADER for number in moved)
        if len(moved) > taken:
            yield f"{_count(len(moved) - taken)} without a leader, broker {before} led before", before
        if not heirs:
            continue
        who = f"broker {heirs[0]} leads" if len(heirs) == 1 else f"brokers {_and(heirs)} lead"
        heir = heirs[0] if len(heirs) == 1 else None
        if before == NO_LEADER:
            yield f"{who} {_count(taken)} that had no leader", heir
        elif taken == len(led):
            yield f"{who} what broker {before} led", heir
        else:
            yield f"{who} {taken} of {_count(len(led))} that broker {before} led", heir


def _members(
    old: Mapping[int, frozenset[int]], new: Mapping[int, frozenset[int]]
) -> Iterator[tuple[str, int]]:
    before, now = _places(old), _places(new)
    for broker in sorted({*before, *now}):
        if before.get(broker) and not now.get(broker):
            yield f"broker {broker} is in no ISR", broker
        elif now.get(broker) and not before.get(broker):
            yield f"broker {broker} is back in {now[broker]} of {len(new)} ISRs", broker


def _places(isr: Mapping[int, frozenset[int]]) -> dict[int, int]:
    """In how many partitions' ISR each broker is."""
    places: dict[int, int] = {}
    for members in isr.values():
        for broker in members:
            places[broker] = places.get(broker, 0) + 1
    return places


def _servers(old: State, new: State) -> Iterator[tuple[str, None]]:
    for host, role in new.servers.items():
        if role == "down" != old.servers.get(host, role):
            yield f"ZooKeeper on {host} is down", None
        elif role != "down" == old.servers.get(host):
            yield f"ZooKeeper on {host} answers", None
    if old.quorum is not None and new.quorum is not None and old.quorum != new.quorum:
        yield f"ZooKeeper has {'a' if new.quorum else 'no'} quorum", None
    if new.zookeeper_leader and new.zookeeper_leader != old.zookeeper_leader:
        yield f"ZooKeeper leader: {new.zookeeper_leader}", None


def _count(partitions: int) -> str:
    return f"{partitions} partition{'s' * (partitions != 1)}"


def _and(brokers: Sequence[int]) -> str:
    return " and ".join((", ".join(map(str, brokers[:-1])), str(brokers[-1])))
