"""Whether something that a durability test waits for holds, and what is observed instead.

All times are nanoseconds of the controller's monotonic clock, as in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.barevm.kafka.plugins.module_utils.broker_views import NO_CONTROLLER
from ansible_collections.barevm.kafka.plugins.module_utils.durability_files import Started
from ansible_collections.barevm.kafka.plugins.module_utils.durability_history import State, after, at
from ansible_collections.barevm.kafka.plugins.module_utils.gate_reading import NO_LEADER

SECOND_NS = 1_000_000_000
REFUSAL = "NOT_ENOUGH_REPLICAS"
"""Also the beginning of NOT_ENOUGH_REPLICAS_AFTER_APPEND."""


@dataclass(frozen=True)
class Asked:
    """What is waited for."""

    condition: str
    brokers: tuple[int, ...] = ()
    since_ns: int = 0
    """A mark; 0 where there is none."""
    for_s: float = 0.0
    """How long ``silent`` must have lasted."""
    partitions: str = "any"
    """``any`` or ``all``: where ``acknowledged`` must have been seen."""


@dataclass(frozen=True)
class Seen:
    """What there is to judge by."""

    test: Started
    history: Sequence[State]
    acknowledged_ns: Mapping[int, int]
    """Each partition's newest acknowledgement; -1 stands for all where partitions are not told apart."""
    probe: Sequence[Mapping[str, object]]
    """The probe's lines."""
    now_ns: int
    late_ns: int = 0
    """How much newer than known the newest acknowledgement may be."""

    @property
    def now(self) -> State:
        """The state as it is."""
        return self.history[-1] if self.history else State()

    def named(self, broker: int) -> str:
        """A broker as people call it."""
        host = next((each["host"] for each in self.test.brokers if int(each["id"]) == broker), "")
        return f"broker {broker} ({host})" if host else f"broker {broker}"


@dataclass(frozen=True)
class Answer:
    """``what`` is what is observed, whether that is what was asked for or not."""

    holds: bool
    what: str
    at_ns: int
    """Since when that is observed; 0 where it never was."""


Judged = tuple[bool, str, str]
"""Whether it holds in a state, what the state says, and the kind of line that says so."""
UNKNOWN = "is not known"


def _deregistered(asked: Asked, seen: Seen, state: State) -> tuple[bool, str]:
    if state.registered is None:
        return False, f"who is registered {UNKNOWN}"
    there = [broker for broker in asked.brokers if broker in state.registered]
    if not there:
        return True, f"{_names(seen, asked.brokers)} not registered"
    return False, "; ".join(f"{seen.named(b)} is registered, session {state.registered[b]}" for b in there)


def _registered(asked: Asked, seen: Seen, state: State) -> tuple[bool, str]:
    if state.registered is None:
        return False, f"who is registered {UNKNOWN}"
    before = at(seen.history, asked.since_ns).sessions if asked.since_ns else {}
    wrong = []
    for broker in asked.brokers:
        session = state.registered.get(broker)
        if session is None:
            wrong.append(f"{seen.named(broker)} is not registered")
        elif session == before.get(broker):
            wrong.append(f"{seen.named(broker)} is registered under the session that it had, {session}")
    held = ", ".join(
        f"{seen.named(b)} is registered, session {state.registered.get(b)}" for b in asked.brokers
    )
    return not wrong, "; ".join(wrong) or held


def _led_elsewhere(asked: Asked, seen: Seen, state: State) -> tuple[bool, str]:
    if state.leaders is None:
        return False, f"who leads {UNKNOWN}"
    led = {broker: len(state.led_by(broker)) for broker in asked.brokers}
    orphans = len(state.led_by(NO_LEADER))
    said = [f"{seen.named(broker)} leads {count} partition(s)" for broker, count in led.items()]
    said += [f"{orphans} partition(s) have no leader"] * bool(orphans)
    return not any(led.values()) and not orphans, ", ".join(said)


def _isr_without(asked: Asked, seen: Seen, state: State) -> tuple[bool, str]:
    if state.isr is None:
        return False, f"the ISR {UNKNOWN}"
    places = {b: sum(b in isr for isr in state.isr.values()) for b in asked.brokers}
    said = ", ".join(f"{seen.named(b)} is in {n} of {len(state.isr)} ISRs" for b, n in places.items())
    return bool(state.isr) and not any(places.values()), said


def _isr_only(asked: Asked, seen: Seen, state: State) -> tuple[bool, str]:
    """In some partition that the brokers lead, nobody else is in sync.

    Not in all: a follower that has all that the leader has stays in sync, however silent it is
    (kafka.cluster.Replica, isCaughtUp), and a leader that acknowledges nothing is not sent much.
    """
    if state.isr is None or state.leaders is None:
        return False, f"the ISR {UNKNOWN}"
    wanted = set(asked.brokers)
    theirs = {number: isr for number, isr in state.isr.items() if state.leaders.get(number) in wanted}
    alone = [number for number, isr in theirs.items() if isr and not isr - wanted]
    if alone:
        return True, f"{_names(seen, asked.brokers)} alone in {len(alone)} of the {len(theirs)} ISRs led"
    if not theirs:
        return False, f"{_names(seen, asked.brokers)} the leader of no partition"
    number, isr = next(iter(theirs.items()))
    return False, f"all {len(theirs)} ISRs hold others too, partition {number}: {_list(isr)}"


def _full_isr(asked: Asked, seen: Seen, state: State) -> tuple[bool, str]:
    if state.isr is None or state.leaders is None:
        return False, f"the ISR {UNKNOWN}"
    if state.whole(seen.test.partitions, seen.test.replication_factor):
        return True, f"all {seen.test.partitions} partitions have their full ISR"
    short = {n: isr for n, isr in state.isr.items() if len(isr) < seen.test.replication_factor}
    said = [f"{len(state.led_by(NO_LEADER))} partition(s) have no leader"] * bool(state.led_by(NO_LEADER))
    if short:
        number, isr = next(iter(short.items()))
        said.append(f"{len(short)} partition(s) lack replicas in sync, partition {number} has {_list(isr)}")
    return False, "; ".join(said) or f"{len(state.isr)} of {seen.test.partitions} partitions are there"


def _controller_moved(asked: Asked, seen: Seen, state: State) -> tuple[bool, str]:
    if state.controller is None:
        return False, f"the controller {UNKNOWN}"
    if state.controller == NO_CONTROLLER:
        return False, "there is no controller"
    before = _last(seen, asked.since_ns, lambda each: each.controller not in (None, NO_CONTROLLER))
    moved = before is not None and state.controller != before.controller
    return moved, f"the controller is {seen.named(state.controller)}"


def _zookeeper_leader_moved(asked: Asked, seen: Seen, state: State) -> tuple[bool, str]:
    leader = state.zookeeper_leader
    before = _last(seen, asked.since_ns, lambda each: bool(each.zookeeper_leader))
    moved = bool(leader) and before is not None and leader != before.zookeeper_leader
    return moved and bool(state.quorum), f"ZooKeeper's leader is {leader or 'nobody'}"


def _quorum_lost(asked: Asked, seen: Seen, state: State) -> tuple[bool, str]:
    return state.quorum is False, _roles(state)


def _quorum_back(asked: Asked, seen: Seen, state: State) -> tuple[bool, str]:
    return state.quorum is True and bool(state.reachable), _roles(state)


STATES: Mapping[str, tuple[Callable[[Asked, Seen, State], tuple[bool, str]], str]] = {
    "deregistered": (_deregistered, "brokers"),
    "registered": (_registered, "brokers"),
    "led_elsewhere": (_led_elsewhere, "partitions"),
    "isr_without": (_isr_without, "partitions"),
    "isr_only": (_isr_only, "partitions"),
    "full_isr": (_full_isr, "partitions"),
    "controller_moved": (_controller_moved, "controller"),
    "zookeeper_leader_moved": (_zookeeper_leader_moved, "ensemble"),
    "quorum_lost": (_quorum_lost, "ensemble"),
    "quorum_back": (_quorum_back, "ensemble"),
}
"""Conditions of an observed state, and the kind of line that they are about."""
PASSING = ("deregistered", "quorum_lost")
"""What is over soon: with a mark, it also holds where it held at any time since."""
OF_BROKERS = ("deregistered", "registered", "led_elsewhere", "isr_without", "isr_only")
CONDITIONS = (*STATES, "refused", "acknowledged", "silent")


def judge(asked: Asked, seen: Seen) -> Answer:
    """Whether the condition holds now, or held since the mark."""
    if asked.condition == "refused":
        return _refused(asked, seen)
    if asked.condition == "acknowledged":
        return _acknowledged(asked, seen)
    if asked.condition == "silent":
        return _silent(asked, seen)
    check, kind = STATES[asked.condition]
    if asked.condition in PASSING and asked.since_ns:
        for state in (at(seen.history, asked.since_ns), *after(seen.history, asked.since_ns)):
            holds, what = check(asked, seen, state)
            if holds:
                return Answer(True, what, max(asked.since_ns, state.at_ns))
    holds, what = check(asked, seen, seen.now)
    if seen.now.reachable is False and not holds:
        what += f"; ZooKeeper does not answer: {seen.now.why}"
        kind = "zookeeper"
    return Answer(holds, what, seen.now.since_ns.get(kind, 0))


def _refused(asked: Asked, seen: Seen) -> Answer:
    last = ""
    for line in seen.probe:
        if int(str(line["at_ns"])) < asked.since_ns:
            continue
        last = str(line["error"])
        if last.startswith(REFUSAL) or last.startswith(f"_{REFUSAL}"):
            return Answer(True, f"the probe was refused: {last}", int(str(line["at_ns"])))
    what = f"the probe's last answer since then is {last or 'an acknowledgement'}"
    if not any(int(str(line["at_ns"])) >= asked.since_ns for line in seen.probe):
        what = "the probe had no answer since then" if seen.test.probe else "the test runs without a probe"
    return Answer(False, what, 0)


def _acknowledged(asked: Asked, seen: Seen) -> Answer:
    fresh = {number: when for number, when in seen.acknowledged_ns.items() if when > asked.since_ns}
    if asked.partitions == "any" or -1 in seen.acknowledged_ns:
        if fresh and asked.partitions == "any":
            return Answer(True, "records are acknowledged", max(fresh.values()))
        what = "no record was acknowledged since then" if not fresh else "partitions are not told apart"
        return Answer(False, what, max(seen.acknowledged_ns.values(), default=0))
    missing = sorted(set(range(seen.test.partitions)) - set(fresh))
    if not missing:
        return Answer(True, "every partition has acknowledged records", max(fresh.values()))
    what = f"nothing was acknowledged since then in {len(missing)} partition(s), such as {missing[0]}"
    return Answer(False, what, max(seen.acknowledged_ns.values(), default=0))


def _silent(asked: Asked, seen: Seen) -> Answer:
    """No acknowledgement in any partition for that long, and not before the mark."""
    last = max(seen.acknowledged_ns.values(), default=seen.test.started_ns)
    began = max(last, asked.since_ns)
    quiet_s = (seen.now_ns - seen.late_ns - began) / SECOND_NS
    what = f"the last acknowledgement came {(seen.now_ns - last) / SECOND_NS:.1f} s ago"
    return Answer(quiet_s >= asked.for_s, what, last)


def _last(seen: Seen, since_ns: int, holds: Callable[[State], bool]) -> State | None:
    """The last state at or before a mark that holds; the first one after it where none was before."""
    before = [state for state in seen.history if state.at_ns <= since_ns and holds(state)]
    later = [state for state in seen.history if state.at_ns > since_ns and holds(state)]
    return before[-1] if before else later[0] if later else None


def _names(seen: Seen, brokers: Sequence[int]) -> str:
    return f"{', '.join(map(seen.named, brokers))} {'is' if len(brokers) == 1 else 'are'}"


def _list(brokers: frozenset[int]) -> str:
    return "[" + ", ".join(map(str, sorted(brokers))) + "]"


def _roles(state: State) -> str:
    said = ", ".join(f"{host}: {role}" for host, role in sorted(state.servers.items()))
    return f"ZooKeeper: {said}" if said else f"ZooKeeper's servers: what they are {UNKNOWN}"
