"""Reads and sets brokers' overrides through the Admin API: validated on all brokers, set, read back.

Only overrides of one broker (KIP-339, IncrementalAlterConfigs): confluent-kafka takes one broker a call, and
cannot name the cluster's default. A broker takes a change up a moment after it has confirmed it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.barevm.kafka.plugins.module_utils import live_rules
from ansible_collections.barevm.kafka.plugins.module_utils.cluster_findings import ClusterFinding, answer
from ansible_collections.barevm.kafka.plugins.module_utils.connection import (
    BROKERS,
    LISTENER_CONFIG,
    REQUEST_TIMEOUT,
    Broker,
    broker_name,
    client_config,
    usable_listeners,
)
from ansible_collections.barevm.kafka.plugins.module_utils.live_changes import Entry

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient, ConfigEntry

SPEC: dict[str, dict[str, Any]] = {
    **REQUEST_TIMEOUT,
    **BROKERS,
    **LISTENER_CONFIG,
    "mode": {"type": "str", "choices": ["read", "validate", "apply"], "default": "read"},
    "names": {"type": "dict", "default": {}},
    "changes": {"type": "dict", "default": {}},
    "removals": {"type": "dict", "default": {}},
    "timeout_s": {"type": "float", "default": 30.0},
}
POLL_S = 0.05
# How Kafka numbers the sources of a value (org.apache.kafka.common.requests.DescribeConfigsResponse).
SOURCES = {2: "broker", 3: "cluster", 4: "file", 5: "default"}
NO_LISTENER = "there is no listener that a client could use"

Settings = dict[str, dict[str, Entry]]
"""By broker id, then by name."""


def connected(
    brokers: Sequence[Broker], listener_config: Mapping[str, Mapping[str, Any]], timeout_s: float
) -> AdminClient | None:
    """A client of the first listener that one may use; None where there is none."""
    from confluent_kafka.admin import AdminClient

    listeners = usable_listeners(brokers, listener_config)
    name = next(iter(listeners), "")
    if not name:
        return None
    config = client_config(listeners[name], listener_config.get(name, {}), timeout_s)
    config["error_cb"] = lambda error: None
    return AdminClient(config)


def read(
    admin: AdminClient, ids: Sequence[str], names: Mapping[str, Sequence[str]], timeout_s: float
) -> tuple[Settings, dict[str, str]]:
    """What each broker says of its ``names`` and of every override; and why those that say nothing do not."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import ConfigResource, ResourceType

    asked = {
        i: admin.describe_configs([ConfigResource(ResourceType.BROKER, i)], request_timeout=timeout_s)
        for i in ids
    }
    settings: Settings = {}
    unanswered: dict[str, str] = {}
    for i, futures in asked.items():
        (future,) = futures.values()
        try:
            entries = future.result()
        except KafkaException as error:
            unanswered[i] = error.args[0].str()
            continue
        wanted = set(names.get(i, ()))
        settings[i] = {
            name: _entry(one)
            for name, one in entries.items()
            if name in wanted or SOURCES.get(one.source) in ("broker", "cluster")
        }
    return settings, unanswered


def _entry(one: ConfigEntry) -> Entry:
    # A sensitive value arrives as None, whatever it is.
    return {"value": one.value, "source": SOURCES.get(one.source, "default")}


def operations(
    settings: Settings,
    changes: Mapping[str, Mapping[str, str]],
    removals: Mapping[str, Mapping[str, Sequence[str]]],
) -> dict[str, dict[str, str | None]]:
    """What is still to be done on each broker: by name the value to set, None to delete the override.

    An override that says something else than those that ``removals`` knows is somebody else's by now.
    """
    todo: dict[str, dict[str, str | None]] = {}
    for i in {**changes, **removals}:
        held = settings.get(i, {})
        of_broker: dict[str, str | None] = {
            name: value
            for name, value in changes.get(i, {}).items()
            if name not in held
            or held[name]["source"] != "broker"
            or not live_rules.same(held[name]["value"], value)
        }
        for name, values in removals.get(i, {}).items():
            one = held.get(name)
            if one and one["source"] == "broker" and any(live_rules.same(one["value"], v) for v in values):
                of_broker[name] = None
        if of_broker:
            todo[i] = of_broker
    return todo


def alter(
    admin: AdminClient, todo: Mapping[str, Mapping[str, str | None]], timeout_s: float, validate_only: bool
) -> dict[str, str]:
    """Ask all brokers at once to take, or only to judge, what is to be done; the refusals, by broker id."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

    asked = {}
    for i, of_broker in todo.items():
        resource = ConfigResource(ResourceType.BROKER, i)
        for name, value in of_broker.items():
            kind = AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET
            resource.add_incremental_config(ConfigEntry(name, value, incremental_operation=kind))
        asked[i] = admin.incremental_alter_configs(
            [resource], request_timeout=timeout_s, validate_only=validate_only
        )
    refused = {}
    for i, futures in asked.items():
        try:
            for future in futures.values():
                future.result()
        except KafkaException as error:
            refused[i] = error.args[0].str()
    return refused


def _findings(
    brokers: Sequence[Broker], told: Mapping[str, str], what: str, remedy: str
) -> list[ClusterFinding]:
    names = {str(broker["id"]): broker_name(broker) for broker in brokers}
    return [ClusterFinding(f"{what}: {why}", names.get(i, f"broker {i}"), remedy) for i, why in told.items()]


def ask(params: Mapping[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """What the module answers to ``params``, which follow SPEC; under check mode applying is validating."""
    timeout_s, brokers = params["request_timeout_s"], params["brokers"]
    changes = {
        str(i): {name: str(value) for name, value in of_broker.items()}
        for i, of_broker in params["changes"].items()
    }
    removals = {str(i): of_broker for i, of_broker in params["removals"].items()}
    names = {str(i): list(of_broker) for i, of_broker in params["names"].items()}
    report: dict[str, Any] = {
        "settings": {},
        "unanswered": {},
        "altered": {},
        "waiting_for": [],
        "findings": [],
    }
    mode = "validate" if params["mode"] == "apply" and check_mode else params["mode"]
    ids = list(names) or [str(broker["id"]) for broker in brokers]
    if mode != "read":
        ids = list({**changes, **removals})
        names = {i: list({**changes.get(i, {}), **removals.get(i, {})}) for i in ids}
    if not ids:
        return report
    admin = connected(brokers, params["listener_config"], timeout_s)
    if admin is None:
        report["unanswered"] = dict.fromkeys(ids, NO_LISTENER)
    else:
        report["settings"], report["unanswered"] = read(admin, ids, names, timeout_s)
    if mode == "read":
        return report
    if admin is None or report["unanswered"]:
        remedy = "See that it runs and can be reached; no broker's settings were changed"
        report["findings"] = _findings(brokers, report["unanswered"], "does not answer", remedy)
        return _answered(report)
    todo = operations(report["settings"], changes, removals)
    refused = alter(admin, todo, timeout_s, validate_only=True)
    if refused:
        remedy = "No broker's settings were changed. Give another value, or restart it with rolling_restart"
        report["findings"] = _findings(brokers, refused, "refuses the change of its settings", remedy)
        return _answered(report)
    report["altered"] = {i: _from_and_to(of_broker, report["settings"][i]) for i, of_broker in todo.items()}
    if mode == "validate":
        return report
    failed = alter(admin, todo, timeout_s, validate_only=False)
    if failed:
        remedy = "The other brokers have taken theirs; run again once it answers"
        report["findings"] = _findings(brokers, failed, "did not take the change of its settings", remedy)
        return _answered(report)
    _read_back(admin, params, changes, removals, names, report)
    return _answered({**report, "changed": bool(todo)})


def _from_and_to(of_broker: Mapping[str, str | None], held: Mapping[str, Entry]) -> dict[str, Any]:
    return {
        name: {"from": held[name]["value"] if name in held else None, "to": value}
        for name, value in of_broker.items()
    }


def _read_back(
    admin: AdminClient,
    params: Mapping[str, Any],
    changes: Mapping[str, Mapping[str, str]],
    removals: Mapping[str, Mapping[str, Sequence[str]]],
    names: Mapping[str, Sequence[str]],
    report: dict[str, Any],
) -> None:
    """Wait until every broker runs with what it was told; what is outstanding stands in the report."""
    deadline = time.monotonic() + params["timeout_s"]
    while True:
        settings, unanswered = read(admin, list(names), names, params["request_timeout_s"])
        left = operations(settings, changes, removals)
        late = {i: f"still without {', '.join(sorted(of_broker))}" for i, of_broker in left.items()}
        late.update(unanswered)
        if not late:
            report["settings"] = settings
            return
        if time.monotonic() > deadline:
            remedy = "It has confirmed the change; see its server.log, and run again"
            report["waiting_for"] = [f"broker {i} to run with its new settings" for i in late]
            report["findings"] = _findings(params["brokers"], late, "does not show the change", remedy)
            return
        time.sleep(POLL_S)


def _answered(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report with its findings as plain dicts, failed where there is one."""
    return answer({**report, "findings": [vars(one) for one in report["findings"]]})
