"""A plan as it reads in a terminal: what several hosts share is told once, then the restarts in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, takewhile

from ansible_collections.barevm.kafka.plugins.module_utils.plan import (
    KINDS,
    HostPlan,
    Plan,
    Restart,
    Setting,
)
from ansible_collections.barevm.kafka.plugins.module_utils.restarts import NAMES

EFFECTS = {
    "live": "live, no restart",
    "restart": "at its restart",
    "start": "at its start",
    "file": "",
    "later": "waits for a restart that this run does not do",
}
WIDEST = 120
"""A longer value is cut in the text; plan.json has all of it."""


def told(plan: Plan, defaults: Mapping[str, str]) -> str:
    """The plan's text. ``defaults`` are what Kafka takes for settings of a broker that are not set."""
    if plan.empty:
        return f"Plan for cluster {plan.cluster}: nothing to do."
    lines = [f"Plan for cluster {plan.cluster}", *_hosts(plan, defaults), *_restarts(plan)]
    if plan.refused:
        lines += ["Brokers refuse it, so a run would stop before it changes what runs:"]
        lines += [f"  {reason}" for reason in plan.refused]
    return "\n".join(lines)


def summary(plan: Plan) -> str:
    """The plan on one line, and whether it could be carried out."""
    touched = sum(not host.empty for host in plan.hosts.values())
    if plan.empty:
        return "nothing to do"
    restarts = f"{len(plan.restarts)} restart{'s' * (len(plan.restarts) != 1)}"
    said = f"{touched} of {len(plan.hosts)} hosts change, {restarts}"
    held = sum(one.held for one in plan.restarts)
    return f"{said}, {held} of them held back by the gate now" if held else said


def _hosts(plan: Plan, defaults: Mapping[str, str]) -> Iterator[str]:
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, host in plan.hosts.items():
        for section in _sections(host, defaults):
            alike.setdefault(section, []).append(name)
    together: dict[tuple[str, ...], list[str]] = {}
    for section, names in alike.items():
        together.setdefault(tuple(names), []).extend(section)
    for names_of, lines in together.items():
        yield ""
        yield f"{', '.join(names_of)}:"
        yield from lines
    restarting = {one.host for one in plan.restarts}
    untouched = [name for name, host in plan.hosts.items() if host.empty]
    for names, what in (
        ([name for name in untouched if name in restarting], "nothing but its restart"),
        ([name for name in untouched if name not in restarting], "nothing"),
    ):
        if names:
            yield ""
            yield f"{', '.join(names)}: {what}"


def _sections(host: HostPlan, defaults: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """What is told of one host, in parts that several hosts may share."""
    for kind in KINDS:
        if kind in host.steps:
            yield f"  {kind}:", *(f"    {step}" for step in host.steps[kind])
    for file, settings in groupby(host.settings, lambda one: one.file):
        yield f"  {file}:", *(f"    {_setting(one, defaults)}" for one in settings)
    for item in host.waiting:
        yield (f"  waits for a restart: {item}",)


def _setting(setting: Setting, defaults: Mapping[str, str]) -> str:
    kafkas = defaults if setting.file.endswith("/server.properties") else {}
    default = kafkas.get(setting.name, "")
    before, after = (_value(one, default) for one in _shortened(setting.before, setting.after))
    when = EFFECTS[setting.effect] + (f": {setting.reason}" if setting.reason else "")
    return f"{setting.name}: {before} -> {after}" + (f"  [{when}]" if when else "")


def _shortened(*values: str | None) -> list[str | None]:
    """The values without what long ones have in common at their beginning, up to a blank."""
    shown = [None if one is None else one.strip('"') for one in values]
    texts = [one for one in shown if one is not None]
    if len(texts) < 2 or max(map(len, texts)) <= WIDEST:
        return shown
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*texts)))
    same = texts[0][:alike].rfind(" ") + 1
    return [f"… {one[same:]}" for one in texts] if same else shown


def _value(value: str | None, default: str) -> str:
    if value is None:
        # Kafka prints null for what has no default.
        return f"not set (default {default})" if default not in ("", "null", '""') else "not set"
    return (value if len(value) <= WIDEST else value[: WIDEST - 1] + "…") or "empty"


def _restarts(plan: Plan) -> Iterator[str]:
    yield ""
    if not plan.restarts:
        yield "No restart."
        return
    yield "Restarts, one at a time, in this order:"
    for position, one in enumerate(plan.restarts, 1):
        reason = f" ({one.reason})" if one.reason else ""
        yield f"  {position}. {one.host}, {NAMES[one.service]} {one.id}{reason}: {_why(one)}"
        if one.forced:
            yield f"     although the gate holds it back, since kafka_roll_force names {one.host}:"
            yield from (f"     {blocker}" for blocker in one.blocked)
    yield from _gate(plan)


def _why(restart: Restart) -> str:
    if not restart.running:
        return "start"
    return _items(restart.why) if restart.why else "asked for"


def _items(pending: Sequence[str]) -> str:
    """Pending items, those of one file behind its name."""
    of_file: dict[str, list[str]] = {}
    for item in pending:
        file, _sign, name = item.partition(": ")
        of_file.setdefault(file.rpartition("/")[2], []).append(name)
    return "; ".join(f"{file}: {', '.join(names)}" for file, names in of_file.items())


def _gate(plan: Plan) -> Iterator[str]:
    for reason in plan.unasked:
        yield reason[0].upper() + reason[1:]
    held: list[Restart] = [one for one in plan.restarts if one.held]
    if not held and not plan.unasked:
        yield "The gate now: passes."
    elif held:
        alike: dict[tuple[str, ...], list[str]] = {}
        for one in held:
            alike.setdefault(tuple(one.blocked), []).append(f"{one.host}, {NAMES[one.service]} {one.id}")
        yield "The gate now holds back:"
        for blocked, whose in alike.items():
            yield f"  {'; '.join(whose)}:"
            yield from (f"    {blocker}" for blocker in blocked)
