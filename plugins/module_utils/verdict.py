"""Bring everything that verify saw to one result: findings that fail it, and notes that do not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import host_effect, live_changes
from ansible_collections.barevm.kafka.plugins.module_utils.cluster_findings import ClusterFinding, sentence
from ansible_collections.barevm.kafka.plugins.module_utils.cluster_model import SYSLOG_UNIT

State = Mapping[str, Any]
"""What host_state returned for one host, or the failure to run it there."""


@dataclass
class Verdict:
    """``findings`` in the shape modules return them; ``notes`` are sentences."""

    findings: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def add(self, finding: ClusterFinding) -> None:
        """Take a finding up."""
        self.findings.append(asdict(finding))

    @property
    def reasons(self) -> list[str]:
        """One sentence for each finding."""
        return [sentence(finding) for finding in self.findings]


def runs(unit: Mapping[str, Any]) -> bool:
    """Whether a unit serves or is on its way; one that systemd keeps restarting is neither."""
    if unit["active_state"] == "activating":
        return bool(unit["sub_state"] != "auto-restart" and unit["n_restarts"] == 0)
    return bool(unit["active_state"] == "active")


def _units(state: State) -> dict[str, Mapping[str, Any]]:
    """A host's units that shall run; without the ingest's where its playbook has not made it."""
    return {
        name: unit
        for name, unit in state.get("units", {}).items()
        if name != SYSLOG_UNIT or unit["load_state"] != "not-found"
    }


def not_running(state: State) -> list[str]:
    """The names of a host's units that do not run; none where the host could not be looked at."""
    return [name for name, unit in _units(state).items() if not runs(unit)]


def nothing_installed(states: Mapping[str, State]) -> bool:
    """Whether all hosts that shall have units were looked at, and none has any."""
    if not all("units" in state for state in states.values()):
        return False
    found = [
        unit for state in states.values() for name, unit in state["units"].items() if name != SYSLOG_UNIT
    ]
    return bool(found) and all(unit["load_state"] == "not-found" for unit in found)


def last_words(journal: str) -> str:
    """The line of a service's journal that says best why it ended: an exception, or its last error."""
    lines = [line.strip() for line in journal.splitlines() if line.strip() and line.strip()[:3] != "at "]
    for pattern in (r"(Exception|Error): .", r"\b(FATAL|ERROR)\b", r"."):
        for line in reversed(lines):
            if re.search(pattern, line):
                return line[:300]
    return ""


def judge_host(
    host: str, state: State, journals: Mapping[str, str], verdict: Verdict, product_of: Mapping[str, str]
) -> None:
    """Judge one host's units. ``product_of`` maps a unit to what it runs, ``journals`` to its journal."""
    if "units" not in state:
        verdict.add(
            ClusterFinding(
                what=f"could not be looked at: {state.get('msg', 'no answer')}",
                where=host,
                remedy="See that the host is up, and that SSH, become and Python work there",
            )
        )
        return
    for name, unit in _units(state).items():
        what, remedy = _unit_fault(name, unit)
        if what:
            # One that was stopped says nothing of the reason; what it wrote last would mislead.
            stopped = unit["active_state"] == "inactive" and unit["result"] == "success"
            said = "" if stopped else last_words(journals.get(name, ""))
            verdict.add(ClusterFinding(what + (f'; it said "{said}"' if said else ""), host, remedy))
        elif unit["unit_file_state"] != "enabled":
            verdict.add(
                ClusterFinding(
                    what=f"{name} runs but is {unit['unit_file_state'] or 'not enabled'}",
                    where=host,
                    remedy="A reboot would not bring it back: "
                    f"`systemctl enable {name}`, or run {_play(name)}",
                )
            )
        if runs(unit) and unit["n_restarts"]:
            verdict.notes.append(f"{host}: {name} was restarted by systemd {unit['n_restarts']} times")
    for name, process in state.get("processes", {}).items():
        if process and process.get("stopped"):
            verdict.add(
                ClusterFinding(
                    what=f"{name} runs, but a signal has stopped its process (SIGSTOP), so it does nothing",
                    where=host,
                    remedy=f"`systemctl kill --signal=CONT {name}`, unless a debugger or chaos run holds it",
                )
            )
    for name, applied in state.get("applied", {}).items():
        for path in (applied or {}).get("offline", []):
            verdict.add(
                ClusterFinding(
                    what=f"log directory {path} is offline: {product_of.get(name, name)} has given it up",
                    where=host,
                    remedy="Its server.log names the error; cure the disk, then restart the broker",
                )
            )
    for name, waiting in state.get("pending", {}).items():
        if waiting:
            verdict.notes.append(
                f"{host}: restart pending: {product_of.get(name, name)} does not run with "
                + ", ".join(waiting)
            )


def _unit_fault(name: str, unit: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong with a unit and what to do; two empty strings for one that runs."""
    if unit["load_state"] == "not-found":
        return f"{name} is not installed", f"Run {_play(name)} for this host"
    if runs(unit):
        return "", ""
    ended = f"result {unit['result']}, exit status {unit['exec_main_status']}"
    look = f"See `journalctl --unit {name}` there"
    if unit["active_state"] == "activating":
        return f"{name} cannot start, or does not stay up: restarts {unit['n_restarts']}, {ended}", look
    if unit["active_state"] == "failed":
        return f"{name} has failed: {ended}", f"{look}, cure the cause, then `systemctl restart {name}`"
    return (
        f"{name} is {unit['active_state']}: it was stopped",
        f"`systemctl start {name}`, or run {_play(name)}",
    )


def _play(unit: str) -> str:
    return "syslog_ingest.yml" if unit == SYSLOG_UNIT else "site.yml"


def take_up(name: str, outcome: Mapping[str, Any], keys: Sequence[str], verdict: Verdict) -> None:
    """Take up what one module found and keep its figures under ``name``.

    A module that did not get as far as to find anything is a finding itself.
    """
    if outcome.get("skipped"):
        return
    if "findings" not in outcome:
        verdict.add(
            ClusterFinding(
                what=f"could not be asked: {outcome.get('msg', 'no answer')}",
                where=name,
                remedy="See that the controller, or verify_probe_host, can run the module",
            )
        )
        return
    verdict.findings += outcome["findings"]
    verdict.figures[name] = {key: outcome[key] for key in keys}


FIGURES = {
    "ensemble": ("servers", "leader", "serving", "quorum_margin"),
    "registration": (
        "registered",
        "missing",
        "unexpected",
        "mismatched",
        "controller",
        "cluster_id",
        "connect_ms",
        "elapsed_ms",
    ),
    "records": ("topic", "probes", "skipped_listeners", "elapsed_ms"),
    "topics": (
        "topics",
        "partitions",
        "offline",
        "under_replicated",
        "internal_topics",
        "controllers",
        "elapsed_ms",
    ),
}
"""What verify.json keeps of each module's answer."""


def judge(
    states: Mapping[str, State],
    journals: Mapping[str, Mapping[str, str]],
    outcomes: Mapping[str, Mapping[str, Any]],
    product_of: Mapping[str, str],
) -> Verdict:
    """Judge every host and every module's answer; one part that fails hides no other."""
    verdict = Verdict()
    for host, state in sorted(states.items()):
        judge_host(host, state, journals.get(host, {}), verdict, product_of)
    for name, keys in FIGURES.items():
        take_up(name, outcomes.get(name, {}), keys, verdict)
    verdict.figures["hosts"] = {
        host: {"units": state.get("units", {}), "pending": state.get("pending", {})}
        for host, state in sorted(states.items())
    }
    return verdict


def judge_effects(
    cluster: Mapping[str, Any], states: Mapping[str, State], verdict: Verdict
) -> list[host_effect.Row]:
    """Judge what the inventory asks of each host against what took effect there; kept under ``host``.

    A host that could not be looked at is a finding already.
    """
    rows = [
        row
        for host, state in sorted(states.items())
        if "units" in state
        for row in host_effect.rows(host, cluster["hosts"][host], state)
    ]
    for finding in host_effect.findings(rows):
        verdict.add(finding)
    verdict.figures["host"] = [row.as_dict() for row in rows]
    return rows


def judge_drift(
    cluster: Mapping[str, Any], states: Mapping[str, State], read: Mapping[str, Any], verdict: Verdict
) -> list[str]:
    """Keep under ``drift`` the overrides that no file says; one sentence for each.

    No finding: they may be meant, and nothing here deletes what somebody else has set. ``read`` is
    live_settings' answer; ``drift`` is None where there is none.
    """
    if "settings" not in read:
        verdict.figures["drift"] = None
        if "msg" in read and not read.get("skipped"):
            verdict.notes.append(f"the brokers' overrides could not be read: {read['msg']}")
        return []
    verdict.notes += [
        f"broker {i}: its overrides could not be read: {why}" for i, why in read["unanswered"].items()
    ]
    records = {host: state["overrides"] for host, state in states.items() if "overrides" in state}
    drift = live_changes.drift(cluster, read, records)
    verdict.figures["drift"] = drift
    return live_changes.drift_told(drift)


def summary(verdict: Verdict) -> str:
    """What was proven, on one line."""
    ensemble, registration, records, topics = (verdict.figures[name] for name in FIGURES)
    slowest = max((probe["produce_ms"] + probe["read_ms"] for probe in records["probes"]), default=None)
    listeners = len({probe["listener"] for probe in records["probes"]})
    through = f"{len(records['probes'])} records through {listeners} listener{'s' * (listeners != 1)}"
    return (
        f"{len(registration['registered'])} brokers registered, controller "
        f"{(registration['controller'] or {}).get('id')}; ZooKeeper {ensemble['serving']} of "
        f"{len(ensemble['servers'])} servers, quorum margin {ensemble['quorum_margin']}; "
        + (f"{through}, slowest {slowest:.0f} ms; " if slowest is not None else "no record written; ")
        + f"{topics['partitions']} partitions in sync"
    )
