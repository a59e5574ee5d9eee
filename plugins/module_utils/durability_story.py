"""What happened to a cluster during a durability test: events for its page, times, maxima, steps.

Times are from a mark (strike, healed) to the observation; a look takes place about five times a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from ansible_collections.barevm.kafka.plugins.module_utils.broker_views import NO_CONTROLLER
from ansible_collections.barevm.kafka.plugins.module_utils.durability_changes import changes
from ansible_collections.barevm.kafka.plugins.module_utils.durability_files import Started
from ansible_collections.barevm.kafka.plugins.module_utils.durability_history import (
    Line,
    State,
    after,
    at,
    leading,
    states,
)

COUNTS = ("under_replicated", "under_min_isr", "offline")
SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class Story:
    """As they go into the result's document."""

    events: list[dict[str, Any]] = field(default_factory=list)
    """``second, kind, what, host``, in order; kind is ``observed`` for what the observer saw.

    One that lasted has ``until``, the second of its end; one that failed ``failed``."""
    figures: dict[str, float | int | None] = field(default_factory=dict)
    """``time_to_*_s`` and ``max_*``; None is what was not observed."""
    cluster: dict[str, list[Any]] = field(default_factory=dict)
    """Step lines: ``second, brokers, under_replicated, under_min_isr, offline, controller``."""


def story(test: Started, events: Sequence[Line], observed: Sequence[Line]) -> Story:
    """The story of a test from events.jsonl and observed.jsonl."""
    history = states(observed)
    hosts = {int(each["id"]): str(each["host"]) for each in test.brokers}
    marks = sorted(events, key=lambda each: int(each["at_ns"]))
    shown = [
        {
            "second": _second(test, line["at_ns"]),
            "kind": line["kind"],
            "what": line.get("what", ""),
            "host": line.get("host", ""),
            **({"until": _second(test, line["ended_ns"])} if "ended_ns" in line else {}),
            **({"failed": True} if line.get("failed") else {}),
        }
        for line in marks
    ]
    for state, what, broker in changes(history, test.partitions, test.replication_factor):
        host = hosts.get(broker, "") if broker is not None else ""
        shown.append({"second": _second(test, state.at_ns), "kind": "observed", "what": what, "host": host})
    shown.sort(key=lambda each: float(each["second"]))
    return Story(shown, {**_times(test, marks, history), **_maxima(history)}, _steps(test, history))


def struck(test: Started, event: Line) -> list[int]:
    """The brokers that a strike or a healing is about.

    They are named by ``broker`` or ``brokers``, or by their host, unless its ``unit`` is not Kafka's.
    """
    event = {**event.get("data", {}), **event}
    if "zookeeper" in str(event.get("unit") or ""):
        return []
    named = event.get("brokers") or ([event["broker"]] if event.get("broker") is not None else [])
    if named:
        return [int(broker) for broker in named]
    host = event.get("host") or ""
    return [int(each["id"]) for each in test.brokers if host and each["host"] == host]


def _times(test: Started, marks: Sequence[Line], history: Sequence[State]) -> dict[str, float | None]:
    strikes = [
        (int(each["at_ns"]), broker)
        for each in marks
        if each["kind"] == "strike"
        for broker in struck(test, each)
    ]
    healings = [
        (int(each["at_ns"]), broker)
        for each in marks
        if each["kind"] == "healed"
        for broker in struck(test, each)
    ]
    return {
        "time_to_deregister_s": _longest(_deregistered(history, *each) for each in strikes),
        "time_to_leader_s": _longest(_led(history, *each) for each in strikes),
        "time_to_reregister_s": _longest(_reregistered(history, strikes, *each) for each in healings),
        "time_to_full_isr_s": _longest(_full(test, history, marks)),
    }


NOT_CONCERNED = "not concerned"
"""A strike or healing that has no such time: a broker that led nothing needs no successor."""

Time = Union[float, str, None]


def _longest(times: Iterator[Time]) -> float | None:
    """The longest of several; None where one of them never came, or there is none."""
    concerned = [each for each in times if each != NOT_CONCERNED]
    known = [each for each in concerned if isinstance(each, float)]
    return max(known) if known and len(known) == len(concerned) else None


def _first(history: Sequence[State], at_ns: int, holds: Callable[[State], bool]) -> float | None:
    """Seconds from ``at_ns`` to the first state that holds; 0 where it does already."""
    if holds(at(history, at_ns)):
        return 0.0
    for state in after(history, at_ns):
        if holds(state):
            return round((state.at_ns - at_ns) / SECOND_NS, 3)
    return None


def _deregistered(history: Sequence[State], at_ns: int, broker: int) -> Time:
    before = at(history, at_ns).registered
    if before is not None and broker not in before:
        return NOT_CONCERNED
    return _first(
        history, at_ns, lambda state: state.registered is not None and broker not in state.registered
    )


def _led(history: Sequence[State], at_ns: int, broker: int) -> Time:
    """Until every partition that the broker led, and that another one could lead, has another leader."""
    before = leading(history, at_ns)
    wanted = {number for number in before.led_by(broker) if (before.isr or {}).get(number, set()) - {broker}}
    if not wanted:
        return NOT_CONCERNED

    def elsewhere(state: State) -> bool:
        leaders = state.leaders or {}
        return all(leaders.get(number, -1) not in (-1, broker) for number in wanted)

    return _first(history, at_ns, elsewhere)


def _reregistered(
    history: Sequence[State], strikes: Sequence[tuple[int, int]], at_ns: int, broker: int
) -> Time:
    """Until the id is back under another session than before the broker's last strike."""
    began = [when for when, who in strikes if who == broker and when <= at_ns]
    if not began:
        return NOT_CONCERNED
    old = at(history, began[-1]).sessions.get(broker, "")
    return _first(history, at_ns, lambda state: (state.registered or {}).get(broker, old) != old)


def _full(test: Started, history: Sequence[State], marks: Sequence[Line]) -> Iterator[Time]:
    """Until full ISR, from each healing that no further strike or healing followed before that."""
    times = [int(each["at_ns"]) for each in marks if each["kind"] in ("strike", "healed")]
    healings = [int(each["at_ns"]) for each in marks if each["kind"] == "healed"]
    for began in healings:
        took = _first(history, began, lambda state: state.whole(test.partitions, test.replication_factor))
        later = [other for other in times if other > began]
        if later and (took is None or min(later) < began + took * SECOND_NS):
            continue
        yield took


def _maxima(history: Sequence[State]) -> dict[str, float | int | None]:
    found: dict[str, float | int | None] = {}
    for name in COUNTS:
        values = [value for state in history if (value := state.counts.get(name)) is not None]
        found[f"max_{name}"] = max(values, default=None)
    return found


def _steps(test: Started, history: Sequence[State]) -> dict[str, list[Any]]:
    rows: list[tuple[Any, ...]] = []
    for state in history:
        row = (
            _second(test, state.at_ns),
            None if state.registered is None else len(state.registered),
            *(state.counts.get(name) for name in COUNTS),
            None if state.controller in (None, NO_CONTROLLER) else state.controller,
        )
        if rows and rows[-1][1:] == row[1:]:
            continue
        if rows and rows[-1][0] == row[0]:
            rows.pop()  # lines of one look
        rows.append(row)
    names = ("second", "brokers", *COUNTS, "controller")
    return {name: [row[index] for row in rows] for index, name in enumerate(names)}


def _second(test: Started, at_ns: Any) -> float:
    return round((int(at_ns) - test.started_ns) / SECOND_NS, 3)
