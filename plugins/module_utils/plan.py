"""What a run would do, before it does: from what was read of the hosts and what the roles would write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ansible_collections.barevm.kafka.plugins.module_utils import (
    cluster_model,
    host_tuning,
    java_matrix,
    live_changes,
    releases,
    service_units,
)
from ansible_collections.barevm.kafka.plugins.module_utils.cluster_findings import sentence
from ansible_collections.barevm.kafka.plugins.module_utils.restarts import NAMES, SERVICES, members
from ansible_collections.barevm.kafka.plugins.module_utils.results import Verdict

Read = Mapping[str, Any]
Effect = Literal["live", "restart", "start", "file", "later"]
"""When a setting takes effect: in the running process, at a restart or a start of this run, with its file (no
service holds a copy of it, or the one that does has it already), or at a restart that this run leaves."""

KINDS = ("packages", "accounts", "releases", "kernel", "files", "services")
MANY = 5
"""More new files than this in one folder are counted instead of named."""
HUGEPAGES_UNIT = "transparent-huge-pages.service"


@dataclass(frozen=True)
class Setting:
    """One setting of one file; ``before`` and ``after`` are None where it is not set, secrets are hidden."""

    file: str
    name: str
    before: str | None
    after: str | None
    effect: Effect
    reason: str = ""


@dataclass
class HostPlan:
    """One host: its settings, what else waits for a restart, and what else would be done, by kind."""

    settings: list[Setting] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    steps: dict[str, list[str]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing changes here."""
        return not (self.settings or self.waiting or self.steps)


@dataclass(frozen=True)
class Restart:
    """One restart, or start of what does not run.

    ``why`` are pending items, ``reason`` is for its place, ``blocked`` and ``forced`` what the gate says.
    """

    service: str
    host: str
    id: int
    why: Sequence[str]
    reason: str
    blocked: Sequence[str]
    forced: bool = False
    running: bool = True

    @property
    def held(self) -> bool:
        """Whether the gate holds it back; what is forced is told and goes on."""
        return bool(self.blocked) and not self.forced


@dataclass
class Plan:
    """``live`` are the hosts whose broker needs no restart, ``refused`` what brokers say against that.

    ``unasked`` says why no gate answered.
    """

    cluster: str
    hosts: dict[str, HostPlan]
    restarts: list[Restart]
    live: list[str]
    unasked: list[str]
    refused: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether nothing changes anywhere."""
        return not self.restarts and all(host.empty for host in self.hosts.values())

    @property
    def reasons(self) -> list[str]:
        """What keeps it from being carried out as things stand, a sentence each."""
        held = [
            f"{restart.host}: {NAMES[restart.service]} {restart.id} may not stop now: {blocker}"
            for restart in self.restarts
            if restart.held
            for blocker in restart.blocked
        ]
        return self.refused + self.unasked + held

    @property
    def result(self) -> Verdict:
        """Refused settings fail a run; what the gate holds back may pass once a roll has waited for it."""
        if self.refused:
            return "FAIL"
        return "INCONCLUSIVE" if self.reasons else "PASS"

    def as_dict(self) -> dict[str, Any]:
        """The figures of plan.json."""
        return {
            "hosts": {
                name: {
                    "settings": [dict(vars(one)) for one in host.settings],
                    "waiting": host.waiting,
                    **{kind: host.steps.get(kind, []) for kind in KINDS},
                }
                for name, host in self.hosts.items()
            },
            "restarts": [
                {**vars(one), "position": position, "passes": not one.held}
                for position, one in enumerate(self.restarts, 1)
            ],
            "live": self.live,
        }


def build(
    cluster: Read,
    states: Mapping[str, Read],
    files: Mapping[str, Mapping[str, Read]],
    candidates: Mapping[str, Sequence[Read]],
    decisions: Sequence[Read],
    gates: Mapping[str, Read],
    validated: Read,
) -> Plan:
    """The plan for the hosts of ``states``, which are host_state's answers.

    ``files`` are rendered_files' answers by host and role: a role without one does not run. ``candidates``
    wait for a restart, by service (host, id, running, pending); ``decisions`` (live_changes.decide) say which
    brokers need none, ``validated`` what live_settings answers for those; ``gates`` are what restart_gate
    answers at stage state, by service.
    """
    decided = {one["host"]: one for one in decisions}
    live = {one["host"] for one in decisions if one["live"]}
    restarting = {
        service: {
            one["host"]: one
            for one in candidates.get(service, ())
            if not (service == "kafka" and one["host"] in live)
        }
        for service in SERVICES
    }
    hosts = {
        host: _host(host, cluster, state, files.get(host, {}), restarting, decided.get(host))
        for host, state in states.items()
    }
    unasked = [
        f"the gate could not be asked for {service}: {gates.get(service, {}).get('msg', 'no answer')}"
        for service in SERVICES
        if restarting[service] and "order" not in gates.get(service, {})
    ]
    return Plan(
        cluster=cluster["name"],
        hosts=hosts,
        restarts=[
            one for service in SERVICES for one in _restarts(service, restarting, gates.get(service, {}))
        ],
        live=sorted(live),
        unasked=unasked,
        refused=_refused(validated),
    )


def _refused(validated: Read) -> list[str]:
    """What brokers say against settings that would be set on them live."""
    if not validated.get("failed"):
        return []
    return [sentence(one) for one in validated.get("findings", ())] or [
        str(validated.get("msg", "no answer"))
    ]


def _restarts(service: str, restarting: Mapping[str, Mapping[str, Read]], gate: Read) -> Iterator[Restart]:
    """The restarts of one service in the gate's order; by id where it was not asked."""
    chosen = restarting[service]
    order = gate.get("order") or sorted(chosen.values(), key=lambda one: int(one["id"]))
    said = gate.get("gate", {})
    for one in order:
        if one["host"] in chosen:
            found = said.get(one["host"], {})
            blocked = list(found.get("blocked", ()))
            yield Restart(
                service=service,
                host=one["host"],
                id=int(one["id"]),
                why=list(chosen[one["host"]]["pending"]),
                reason=one.get("reason", ""),
                blocked=blocked,
                running=bool(chosen[one["host"]]["running"]),
                forced=bool(blocked) and bool(found.get("passes")),
            )


def _host(
    host: str,
    cluster: Read,
    state: Read,
    files: Mapping[str, Read],
    restarting: Mapping[str, Mapping[str, Read]],
    decision: Read | None,
) -> HostPlan:
    plan = HostPlan()
    variables = cluster["hosts"][host]
    steps: list[tuple[str, str]] = []
    if files.get("host_tuning"):
        steps += _prepared(variables, state, files["host_tuning"])
    for service in _memberships(host, cluster):
        unit = state["units"][f"{service}.service"]
        answer = files.get(service, {})
        if answer:
            steps += _before_files(service, variables, state)
        chosen = restarting[service].get(host)
        effect: Effect = "restart" if chosen else "later"
        pending = list(chosen["pending"]) if chosen else list(answer.get("pending", ()))
        reasons: Mapping[str, str] = {}
        if service == "kafka" and decision:
            effect = "live" if decision["live"] else effect
            reasons = _reasons(decision)
        if service_units.needs_start(unit):
            effect = "start"
            if answer:
                steps.append(("services", _start(service, unit)))
        _settings(plan, answer, pending, _held(service, cluster, host), effect, reasons)
        listed = {setting.file for setting in plan.settings}
        steps += _file_steps(answer.get("changes", ()), listed)
    for kind in KINDS:
        # Two roles may want the same folder.
        of_kind = list(dict.fromkeys(text for one, text in steps if one == kind))
        if of_kind:
            plan.steps[kind] = of_kind
    return plan


def _reasons(decision: Read) -> dict[str, str]:
    """Why settings wait for the restart, of those that the decision tells it of."""
    told = (one.partition(live_changes.WAITS) for one in decision["told"])
    return {name: reason for name, sign, reason in told if sign}


def _memberships(host: str, cluster: Read) -> list[str]:
    return [service for service, those in members(cluster).items() if host in {one["host"] for one in those}]


def _prepared(variables: Read, state: Read, answer: Read) -> Iterator[tuple[str, str]]:
    """What the host gets before its services: Java, kernel settings and their files."""
    if java_matrix.missing(variables, state):
        yield "packages", f"install {java_matrix.package(variables, state['os'])}"
    for text in _kernel(variables, state):
        yield "kernel", text
    yield from _file_steps(answer.get("changes", ()), set())
    if _not_enabled(state["units"].get(HUGEPAGES_UNIT)):
        yield "services", f"enable {HUGEPAGES_UNIT}"


def _before_files(service: str, variables: Read, state: Read) -> Iterator[tuple[str, str]]:
    user, group = variables[f"{service}_user"], variables[f"{service}_group"]
    if service_units.account_differs(state["users"][user], group):
        yield "accounts", f"{'change' if state['users'][user] else 'make'} {user} (group {group}, no login)"
    release = cluster_model.release(service, variables)
    if releases.lack([state], release):
        name = {"zookeeper": "ZooKeeper", "kafka": "Kafka"}[service]
        yield "releases", f"install {name} {release['version']} in {release['path']}"


def _kernel(variables: Read, state: Read) -> Iterator[str]:
    """What can be changed in the running kernel; what is another kernel's business is no step."""
    hugepages = variables["host_tuning_transparent_hugepages"]
    for one in host_tuning.missed(state, variables["host_tuning_sysctl"], hugepages):
        if one["name"] not in state["fixed_settings"]:
            yield f"{one['name']}: {one['after']} -> {one['wanted']}"
    if variables["host_tuning_swap_off"] and (state["swaps"] or state["fstab_swaps"]):
        yield "turn swap off"


def _not_enabled(unit: Read | None) -> bool:
    return unit is not None and unit["unit_file_state"] != "enabled"


def _start(service: str, unit: Read) -> str:
    if unit["active_state"] in ("active", "activating") and unit["sub_state"] != "auto-restart":
        return f"enable {service}.service"
    return f"{'enable and ' * _not_enabled(unit)}start {service}.service"


def _held(service: str, cluster: Read, host: str) -> set[str]:
    """The files of which a running service holds a copy, so that a change waits for its restart."""
    return {
        path
        for one in cluster["reads"][host]["services"]
        if one["unit"] == f"{service}.service"
        for path in (one["unit_path"], *one["files"])
    }


def _settings(
    plan: HostPlan,
    answer: Read,
    pending: Iterable[str],
    held: set[str],
    effect: Effect,
    reasons: Mapping[str, str],
) -> None:
    """Take up every setting that waits for the service or that a file would change."""
    values = answer.get("pending_values", {})
    seen = set()
    changes = {one["path"]: one for one in answer.get("changes", ()) if "created" not in one["what"]}
    unit_changes = [path for path in changes if path in held and path.endswith(".service")]
    for item in pending:
        file, _sign, name = item.partition(": ")
        if item in values:
            seen.add(item)
            plan.settings.append(
                Setting(file, name, **values[item], effect=effect, reason=reasons.get(name, ""))
            )
        elif item != "unit: definition" or not unit_changes:
            plan.waiting.append(item)
    for path, change in changes.items():
        for name, value in change.get("values", {}).items():
            if f"{path}: {name}" in seen:
                continue
            # What the running service has already, as after an edit by hand, only comes back to its file.
            when: Effect = effect if path in held and (path in unit_changes or effect == "start") else "file"
            plan.settings.append(Setting(path, name, **value, effect=when))


def _file_steps(changes: Iterable[Read], listed: set[str]) -> list[tuple[str, str]]:
    """What is told of files beyond their settings; many new ones in one folder are told as a number."""
    created: dict[str, list[str]] = {}
    steps = []
    for change in changes:
        path, what = change["path"], list(change["what"])
        if what == ["created"]:
            settings = len(change.get("values", ()))
            note = f" ({settings} settings)" if settings and not path.endswith(".service") else ""
            created.setdefault(path.rpartition("/")[0], []).append(f"{path}: new{note}")
            continue
        if path in listed and "content" in what:
            what.remove("content")
        if what:
            steps.append(("files", f"{path}: {', '.join(what)}"))
    for folder, of_folder in created.items():
        many = len(of_folder) > MANY
        steps += (
            [("files", f"{folder}: {len(of_folder)} new")] if many else [("files", one) for one in of_folder]
        )
    return steps
