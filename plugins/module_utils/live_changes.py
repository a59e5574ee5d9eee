"""Decides for each broker whether what waits for it can take effect live, and what of it drifted.

Precedence in a broker (KIP-226): an override of its own, then one of the cluster's default, then what it read
from its file when it started. So an override outranks every later edit of the file, and one that is deleted
falls back to the file as it was at the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypedDict

from ansible_collections.barevm.kafka.plugins.module_utils import kafka_settings, live_rules, properties
from ansible_collections.barevm.kafka.plugins.module_utils import setting_definitions as definitions

UNIT = "kafka.service"
FILE = "server.properties"
WAITS = " waits for its restart: "
"""Between a setting and the reason, where a decision tells why it does not take effect live."""
# Whoever moves partitions sets and removes these himself.
THROTTLES = frozenset(
    {
        "leader.replication.throttled.rate",
        "follower.replication.throttled.rate",
        "replica.alter.log.dirs.io.max.bytes.per.second",
    }
)

Variables = Mapping[str, Any]
Record = Mapping[str, Any]
"""What a host remembers of the overrides set there: settings, before (their values until then), started."""


class Entry(TypedDict):
    """What a broker says of one setting; ``source`` is broker, cluster, file or default."""

    value: str | None
    source: str


class Candidate(TypedDict):
    """A running broker, and what waits for its restart as host_state's ``pending`` says it."""

    host: str
    id: int
    pending: list[str]


@dataclass
class Decision:
    """What becomes of one broker: ``live`` is for all that waits there, since a restart reads the rest."""

    host: str
    id: int
    live: bool = False
    names: list[str] = field(default_factory=list)
    """The settings that wait."""
    set: dict[str, str] = field(default_factory=dict)
    """Those to set as overrides, with their values; the others run with theirs already."""
    told: list[str] = field(default_factory=list)
    """One sentence for each setting: old and new value, or why it needs the restart."""


def ours(record: Record, name: str) -> list[str]:
    """The values under which an override of ``name`` is this collection's own."""
    now = record.get("settings", {}).get(name)
    return [*([] if now is None else [now]), *record.get("before", {}).get(name, [])]


def is_ours(record: Record, name: str, value: str | None) -> bool:
    """Whether the override that a broker shows was set by this collection and by nobody after it."""
    return any(live_rules.same(value, one) for one in ours(record, name))


def waiting_settings(pending: Sequence[str]) -> list[str] | None:
    """The settings of server.properties that wait; None where something else waits too.

    Its content alone is its comments or their order: no setting, and nothing to restart for.
    """
    names = []
    for item in pending:
        path, separator, name = item.partition(": ")
        if not separator or path.rsplit("/", 1)[-1] != FILE:
            return None
        if name != "content":
            names.append(name)
    return names if pending else None


def settings_to_read(candidates: Sequence[Candidate]) -> dict[str, list[str]]:
    """By broker id the settings that must be asked for before anything can be decided."""
    found = {str(one["id"]): waiting_settings(one["pending"]) for one in candidates}
    return {i: names for i, names in found.items() if names is not None}


def decide(
    candidates: Sequence[Candidate],
    cluster: Mapping[str, Any],
    read: Mapping[str, Any],
    states: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """One Decision, as a dict, for each candidate that has only settings waiting.

    ``cluster`` is preflight_cluster, ``read`` the answer of module live_settings, ``states`` what host_state
    read of each host.
    """
    decisions = []
    for one in candidates:
        names = waiting_settings(one["pending"])
        if names is not None:
            told = read.get("unanswered", {}).get(str(one["id"]))
            entries = read.get("settings", {}).get(str(one["id"]), {})
            wanted = wanted_settings(cluster, one["host"])
            version = str(cluster["hosts"][one["host"]]["kafka_version"])
            decision = Decision(one["host"], int(one["id"]), names=names)
            if told:
                decision.told.append(f"it was not asked, so its settings wait for its restart: {told}")
            else:
                _judge(decision, wanted, entries, states[one["host"]].get("overrides") or {}, version)
            decisions.append(asdict(decision))
    return decisions


def wanted_settings(cluster: Mapping[str, Any], host: str) -> dict[str, str]:
    """What the inventory wants in the server.properties of ``host``, as text."""
    settings = kafka_settings.broker_settings(cluster["hosts"][host], cluster["zookeeper"]["connect"])
    return {name: properties.text(value) for name, value in settings.items()}


def _judge(
    decision: Decision,
    wanted: Mapping[str, str],
    entries: Mapping[str, Entry],
    record: Record,
    version: str,
) -> None:
    decision.live = True
    if not decision.names:
        decision.told.append("only comments of server.properties differ, or the order of its lines")
    for name in decision.names:
        definition = definitions.find(name, version)
        value = live_rules.target(wanted.get(name), definition)
        entry = entries.get(name)
        if entry is None:
            live, why = False, "the broker does not know it"
        elif entry["source"] == "cluster":
            live, why = (
                False,
                "an override of the cluster default holds it, which this collection does not touch",
            )
        elif entry["source"] == "broker" and not is_ours(record, name, entry["value"]):
            live, why = False, "an override holds it that this collection did not set"
        else:
            live, why = live_rules.classify(name, entry["value"], wanted.get(name), definition, version)
        if not live:
            decision.live = False
            decision.told.append(f"{name}{WAITS}{why}")
        elif entry is not None and value is not None:
            same = live_rules.same(entry["value"], value)
            decision.told.append(_told(name, entry["value"], value, same))
            # Held by an override already, it is set and recorded once more: a run that was killed may have
            # come as far as that.
            if not same or entry["source"] == "broker":
                decision.set[name] = value


def _told(name: str, running: str | None, value: str, same: bool) -> str:
    if properties.is_secret(name):
        return f"{name}: <hidden>"
    return f"{name}: {value} already" if same else f"{name}: {running or 'not set'} -> {value}"


def outlived(record: Record, started: str) -> dict[str, list[str]]:
    """The overrides of ours that a restart made superfluous, by name the values under which they are ours.

    ``started`` identifies the process that runs now. Started after the record was written, it has read the
    file that the override was to match, or a newer one.
    """
    if not started or record.get("started") == started:
        return {}
    return {name: ours(record, name) for name in record.get("settings", {})}


def may_be_outlived(state: Mapping[str, Any], restarted: bool) -> bool:
    """Whether a host may have overrides to delete: ``restarted`` says that this run restarted its broker.

    ``state`` is what host_state read before.
    """
    record = state.get("overrides") or {}
    return bool(record) and (restarted or bool(outlived(record, state.get("started", {}).get(UNIT, ""))))


def to_judge(states: Mapping[str, Any], restarting: Iterable[str]) -> bool:
    """Whether a run that restarts the brokers of ``restarting`` may have overrides to delete."""
    hosts = set(restarting)
    return any(may_be_outlived(state, host in hosts) for host, state in states.items())


def outlived_on(answers: Mapping[str, Any], cluster: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    """By broker id the overrides to delete; ``answers`` are those of applied_settings, by host."""
    found = {}
    for broker in cluster["kafka"]["brokers"]:
        one = answers.get(broker["host"], {})
        if names := outlived(one.get("overrides") or {}, one.get("started", "")):
            found[str(broker["id"])] = names
    return found


def told(decisions: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence for each broker: what took effect live, or why it waits."""
    return [
        f"broker {one['id']} ({one['host']}): {'; '.join(one['told'])}"
        + (" (live, no restart)" if one["live"] else "")
        for one in decisions
    ]


def drift(
    cluster: Mapping[str, Any], read: Mapping[str, Any], records: Mapping[str, Record]
) -> list[dict[str, Any]]:
    """Overrides that say what no file says; hosts without an entry in ``records`` were not looked at."""
    found: list[dict[str, Any]] = []
    for broker in cluster["kafka"]["brokers"]:
        host = broker["host"]
        entries: Mapping[str, Entry] = read.get("settings", {}).get(str(broker["id"]), {})
        held = {
            n: e for n, e in entries.items() if e["source"] in ("broker", "cluster") and n not in THROTTLES
        }
        if not held or host not in records:
            continue
        wanted = wanted_settings(cluster, host)
        for name, entry in sorted(held.items()):
            own = entry["source"] == "broker" and is_ours(records[host], name, entry["value"])
            file = wanted.get(name)
            if own and (file is None or live_rules.same(entry["value"], file)):
                continue
            hidden = properties.is_secret(name)
            found.append(
                {
                    "broker": broker["id"],
                    "host": host,
                    "setting": name,
                    "value": "<hidden>" if hidden else entry["value"],
                    "inventory": "<hidden>" if hidden and file is not None else file,
                    "scope": entry["source"],
                    "own": own,
                }
            )
    return found


def drift_told(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence for each drift; the same one on several brokers is told once."""
    where: dict[tuple[Any, ...], list[str]] = {}
    for one in found:
        key = (one["setting"], one["value"], one["inventory"], one["scope"], one["own"])
        where.setdefault(key, []).append(f"{one['broker']} ({one['host']})")
    told = []
    for (setting, value, file, scope, own), brokers in where.items():
        whose = "an override of the cluster default" if scope == "cluster" else "an override"
        says = "does not name it" if file is None else f"says {file or 'nothing'}"
        remedy = (
            "site.yml deletes it after the next restart"
            if own
            else "it outranks the file, and is left alone; `kafka-configs.sh --alter --entity-type brokers "
            f"--entity-{'default' if scope == 'cluster' else 'name ID'} --delete-config {setting}` deletes it"
        )
        told.append(
            f"drift: broker{'s' if len(brokers) > 1 else ''} {', '.join(brokers)}: {whose} sets {setting} to "
            f"{value if value else 'nothing'}, the inventory {says}; {remedy}"
        )
    return told
