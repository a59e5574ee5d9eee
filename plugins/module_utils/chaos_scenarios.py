"""Chaos scenarios: files that say a fault, how it is proven and healed, and its bounds.

A file is ``roles/chaos/files/scenarios/NAME.yml`` (docs/chaos.md says what may stand in it). What is wrong in
one is told all at once, with the place. `unrolled` makes of its steps a plain list with figures.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.barevm.kafka.plugins.module_utils import chaos_bounds
from ansible_collections.barevm.kafka.plugins.module_utils.chaos_bounds import WrongBound

FOLDER = Path(__file__).parents[2] / "roles" / "chaos" / "files" / "scenarios"

Step = Mapping[str, Any]

KINDS: Mapping[str, frozenset[str]] = {
    "strike": frozenset({"of", "unit", "from", "percent"}),
    "heal": frozenset(),
    "await": frozenset({"of", "within_s", "for_s", "proves"}),
    "never": frozenset({"of", "for_s"}),
    "hold": frozenset({"why"}),
    "mark": frozenset(),
    "operation": frozenset({"options", "within_s"}),
    "repeat": frozenset({"steps"}),
    "foreach": frozenset({"steps"}),
}
"""Every kind of step, and what may stand beside it."""

FAULTS = frozenset({"kill", "stop", "pause", "cut", "loss", "fill", "power_off"})
UNITS = frozenset({"kafka", "zookeeper"})
SIDES = frozenset({"brokers", "zookeeper"})
TURNS = ("brokers", "brokers_but_last")
"""``foreach: brokers`` goes through all of them, by id; a step's ``each`` is then one of them."""
EACH = "each"
LAST = "last_broker"
OWN_DISKS = "broker_with_own_disks"
"""The broker that ``needs: {log_dirs: N}`` found."""
TARGETS = frozenset(
    {"leader", "controller", "follower", "zookeeper_leader", "zookeeper_follower", EACH, LAST, OWN_DISKS}
)
CONDITIONS = frozenset(
    {
        "deregistered",
        "registered",
        "led_elsewhere",
        "isr_without",
        "isr_only",
        "full_isr",
        "refused",
        "acknowledged",
        "silent",
        "controller_moved",
        "zookeeper_leader_moved",
        "quorum_lost",
        "quorum_back",
    }
)
NEEDS = {"brokers": int, "zookeeper_servers": int, "log_dirs": int, "power": bool}
TEST = frozenset({"records_per_s", "delivery_timeout_s", "partitions", "probe"})
EXPECT = frozenset({"unknown", "acks_during", "proofs", "at_most", "at_least", "rate_within"})
PARTS = frozenset({"title", "needs", "test", "steps", "expect"})

IN_FLIGHT = "in_flight"
"""``expect: {unknown: in_flight}``: what was in flight at the fault may be unknown."""

STEP_OVERHEAD_S = 5.0
"""What a step takes beside its own bound: a module on a host or two."""
UNDO_MARGIN_S = 60.0
"""How much later than the last bound a fault undoes itself."""


class WrongScenario(ValueError):
    """A scenario's file is not right; the text names the file and every place."""


@dataclass(frozen=True)
class Scenario:
    """One scenario, as its file says."""

    name: str
    title: str
    steps: Sequence[Step]
    needs: Mapping[str, Any] = field(default_factory=dict)
    test: Mapping[str, Any] = field(default_factory=dict)
    expect: Mapping[str, Any] = field(default_factory=dict)


def names(folder: Path = FOLDER) -> list[str]:
    """Every scenario there is, in the order in which ``all`` runs them."""
    return sorted(path.stem for path in folder.glob("*.yml"))


def chosen(asked: Sequence[str], folder: Path = FOLDER) -> list[str]:
    """The scenarios asked for, ``all`` among them, each once; raises ValueError with the nearest name."""
    known = names(folder)
    unknown = []
    for name in asked:
        if name not in known and name != "all":
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            unknown.append(f"there is no scenario {name!r}" + (f" (is it {near[0]}?)" if near else ""))
    if unknown:
        raise ValueError(f"{'; '.join(unknown)}. There are {', '.join(known)}, and all")
    if not asked:
        raise ValueError(f"name a scenario: {', '.join(known)}, or all")
    return known if "all" in asked else list(dict.fromkeys(asked))


def read(name: str, folder: Path = FOLDER) -> Scenario:
    """The scenario ``name``; raises WrongScenario, and OSError where there is no such file."""
    path = folder / f"{name}.yml"
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise WrongScenario(f"{path.name}: {error}") from None
    wrong = list(_wrong(document))
    if wrong:
        raise WrongScenario(f"{path.name}: {'; '.join(wrong)}")
    return Scenario(name=name, **document)


def _wrong(document: Any) -> Iterator[str]:
    if not isinstance(document, dict):
        yield f"it holds {', '.join(sorted(PARTS))}"
        return
    yield from _unknown("the file", document, PARTS)
    if not isinstance(document.get("title"), str):
        yield "title: a sentence is missing"
    needs = document.get("needs", {})
    yield from _unknown("needs", needs, NEEDS)
    for name, kind in NEEDS.items():
        if name in needs and type(needs[name]) is not kind:
            yield f"needs.{name}: {needs[name]!r} is no {kind.__name__}"
    yield from _unknown("test", document.get("test", {}), TEST)
    for name, bound in document.get("test", {}).items():
        if name != "probe":
            yield from _bound(f"test.{name}", bound)
    expect = document.get("expect", {})
    yield from _unknown("expect", expect, EXPECT)
    if "unknown" in expect and expect["unknown"] != IN_FLIGHT and type(expect["unknown"]) is not int:
        yield f"expect.unknown: {expect['unknown']!r} is no whole number, and not {IN_FLIGHT}"
    for part in ("at_most", "at_least"):
        for figure, bound in expect.get(part, {}).items():
            yield from _bound(f"expect.{part}.{figure}", bound)
    if not isinstance(document.get("steps"), list) or not document["steps"]:
        yield "steps: a list is missing"
        return
    yield from _wrong_steps("steps", document["steps"], within_each=False)
    if _uses(document["steps"], OWN_DISKS) and "log_dirs" not in needs:
        yield f"needs.log_dirs is missing: {OWN_DISKS} is the broker that it finds"


def _wrong_steps(place: str, steps: Sequence[Any], within_each: bool) -> Iterator[str]:
    for number, step in enumerate(steps):
        here = f"{place}[{number}]"
        kinds = [kind for kind in KINDS if isinstance(step, dict) and kind in step]
        if len(kinds) != 1:
            yield f"{here}: a step is one of {', '.join(KINDS)}, and this is {step!r}"
            continue
        kind = kinds[0]
        yield from _unknown(here, step, {kind, *KINDS[kind]})
        yield from _wrong_step(here, kind, step, within_each)


def _wrong_step(here: str, kind: str, step: Step, within_each: bool) -> Iterator[str]:
    value = step[kind]
    if kind == "strike":
        yield from _one_of(here, "fault", value, FAULTS)
        yield from _target(f"{here}.of", step.get("of"), within_each)
        yield from _one_of(f"{here}.unit", "unit", step.get("unit", "kafka"), UNITS)
        for side in step.get("from", []):
            yield from _one_of(f"{here}.from", "side", side, SIDES)
        if (value == "cut") != bool(step.get("from")):
            yield f"{here}: cut, and only cut, says from what: from: [brokers, zookeeper]"
    elif kind == "heal" and value not in {"all", *UNITS}:
        yield from _target(here, value, within_each)
    elif kind in ("await", "never"):
        yield from _one_of(here, "condition", value, CONDITIONS)
        if "of" in step:
            yield from _target(f"{here}.of", step["of"], within_each)
        if kind == "await":
            yield from _bound(f"{here}.within_s", step.get("within_s"))
        if (kind == "never" or value == "silent") != ("for_s" in step):
            yield f"{here}: never and silent, and only these, say for how long: for_s"
        elif "for_s" in step:
            yield from _bound(f"{here}.for_s", step["for_s"])
    elif kind == "hold":
        yield from _bound(here, value)
    elif kind == "operation":
        yield from _bound(f"{here}.within_s", step.get("within_s"))
    elif kind in ("repeat", "foreach"):
        if kind == "repeat" and (not isinstance(value, int) or value < 1):
            yield f"{here}: repeat how many times? {value!r} is no number"
        if kind == "foreach":
            yield from _one_of(here, "foreach", value, frozenset(TURNS))
        yield from _wrong_steps(f"{here}.steps", step.get("steps") or [], within_each or kind == "foreach")


def _unknown(place: str, given: Any, known: Any) -> Iterator[str]:
    if not isinstance(given, dict):
        yield f"{place}: it takes {', '.join(sorted(known))}"
        return
    for name in given.keys() - set(known):
        near = difflib.get_close_matches(str(name), list(known), n=1)
        yield f"{place}: there is no {name!r}" + (f" (is it {near[0]}?)" if near else "")


def _one_of(place: str, what: str, given: Any, known: frozenset[str]) -> Iterator[str]:
    if given not in known:
        yield f"{place}: there is no {what} {given!r}; there are {', '.join(sorted(known))}"


def _target(place: str, given: Any, within_each: bool) -> Iterator[str]:
    if isinstance(given, str) and given.startswith("broker ") and given[7:].isdigit():
        return
    yield from _one_of(place, "target", given, TARGETS)
    if given == EACH and not within_each:
        yield f"{place}: each is one of a foreach, and there is none around it"


def _bound(place: str, given: Any) -> Iterator[str]:
    try:
        chaos_bounds.value(given, dict.fromkeys(chaos_bounds.NAMES, 1.0))
    except WrongBound as error:
        yield f"{place}: {error}"


def _uses(steps: Sequence[Step], target: str) -> bool:
    return any(
        target in (step.get("of"), step.get("heal")) or _uses(step.get("steps", []), target) for step in steps
    )


def unrolled(
    scenario: Scenario, brokers: Sequence[int], bounds: Mapping[str, float], own_disks: int | None
) -> list[dict[str, Any]]:
    """The steps one after the other, with figures, for a cluster with these ``brokers``.

    Each carries its ``kind`` and ``words`` to show; a strike also ``undo_after_s``, after which its host
    heals itself.
    """
    targets = [f"broker {one}" for one in brokers]
    places = {LAST: targets[-1], OWN_DISKS: f"broker {own_disks}"}
    flat = [_resolved(_placed(step, places), bounds) for step in _flattened(scenario.steps, targets)]
    left_s = UNDO_MARGIN_S
    for step in reversed(flat):
        if step["kind"] == "strike":
            step["undo_after_s"] = round(left_s)
        left_s += STEP_OVERHEAD_S + step.get("within_s", 0.0) + step.get("seconds", 0.0)
    return flat


def _flattened(steps: Sequence[Step], brokers: Sequence[str]) -> Iterator[dict[str, Any]]:
    for step in steps:
        if "repeat" in step:
            for _turn in range(step["repeat"]):
                yield from _flattened(step["steps"], brokers)
        elif "foreach" in step:
            for broker in brokers if step["foreach"] == "brokers" else brokers[:-1]:
                for one in _flattened(step["steps"], brokers):
                    yield _placed(one, {EACH: broker})
        else:
            yield dict(step)


def _placed(step: Step, places: Mapping[str, str]) -> dict[str, Any]:
    """The step with words for a broker replaced by its id."""
    return {key: places.get(value, value) if isinstance(value, str) else value for key, value in step.items()}


def _resolved(step: Step, bounds: Mapping[str, float]) -> dict[str, Any]:
    kind = next(kind for kind in KINDS if kind in step)
    value = step[kind]
    found = {key: given for key, given in step.items() if key != kind}
    found |= {
        key: round(chaos_bounds.value(found[key], bounds), 3) for key in ("within_s", "for_s") if key in found
    }
    about = f" of {found['of']}" if found.get("of") else ""
    lasting = f" for {found['for_s']:g} s" if "for_s" in found else ""
    if kind == "strike":
        found |= {"fault": value, "unit": found.get("unit", "kafka"), "from": found.get("from", [])}
        words = f"{_fault_words(found)}, {found['of'].replace('_', ' ')}"
    elif kind == "heal":
        found["target"] = value
        words = f"heal {value}"
    elif kind == "await":
        found |= {"condition": value, "of": found.get("of", "")}
        words = f"await {value.replace('_', ' ')}{about}{lasting}, at most {found['within_s']:g} s"
    elif kind == "never":
        found |= {"condition": value, "of": found.get("of", ""), "seconds": found["for_s"]}
        words = f"see that {value.replace('_', ' ')}{about} does not come{lasting}"
    elif kind == "hold":
        found["seconds"] = round(chaos_bounds.value(value, bounds), 3)
        words = f"hold for {found['seconds']:g} s" + (f": {found['why']}" if "why" in found else "")
    elif kind == "operation":
        found |= {"verb": value, "options": found.get("options", {})}
        words = f"operation {value}, at most {found['within_s']:g} s"
    else:
        words = str(value)
    return {"kind": kind, **found, "words": words}


def _fault_words(step: Mapping[str, Any]) -> str:
    words = {
        "kill": f"kill -9 of {step['unit']}",
        "stop": f"stop of {step['unit']}",
        "pause": f"SIGSTOP of {step['unit']}",
        "cut": f"cut off from {' and '.join(step['from'])}",
        "loss": f"{step.get('percent', 10)} % packet loss",
        "fill": "a full log directory",
        "power_off": "power-off of the machine",
    }
    return words[step["fault"]]


def expected(scenario: Scenario, bounds: Mapping[str, float]) -> dict[str, Any]:
    """What the durability test shall expect of a run, with figures."""
    found = dict(scenario.expect)
    for part in ("at_most", "at_least"):
        if part in found:
            found[part] = {
                figure: round(chaos_bounds.value(bound, bounds), 3) for figure, bound in found[part].items()
            }
    return found


def test_options(scenario: Scenario, bounds: Mapping[str, float]) -> dict[str, Any]:
    """What the scenario wants of the durability test itself, with figures."""
    return {
        name: wanted if isinstance(wanted, bool) else chaos_bounds.value(wanted, bounds)
        for name, wanted in scenario.test.items()
    }
