"""What waits for a restart on each host, and what became of those that were restarted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SERVICES = ("zookeeper", "kafka")
NAMES = {"zookeeper": "ZooKeeper server", "kafka": "broker"}
"""What one member of each service is called."""


def waiting(
    states: Mapping[str, Mapping[str, Any]], files: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> dict[str, dict[str, dict[str, Any]]]:
    """By host and service whether it runs, and what it would take up at a restart.

    ``states`` are module host_state's answers by host, ``files`` by service and host what module
    rendered_files answered in this run, empty where it did not run. The files' answer is the newer of the
    two, and a role that wrote files has started what did not run; what no file shows (a replaced JDK) only
    ``states`` know.
    """
    return {
        host: _of_host(state, {service: answers.get(host, {}) for service, answers in files.items()})
        for host, state in states.items()
    }


def _of_host(state: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for service in SERVICES:
        unit = state["units"].get(f"{service}.service")
        if unit is None:
            continue
        read = state["pending"].get(f"{service}.service") or []
        written = files.get(service, {}).get("pending")
        if written is None:
            found[service] = {"running": unit["active_state"] == "active", "pending": list(read)}
        else:
            found[service] = {
                "running": True,
                "pending": [*written, *(item for item in read if not _of_file(item))],
            }
    return found


def _of_file(item: str) -> bool:
    """Whether a pending item is one that rendered_files tells as well."""
    return item.startswith("/") or item == "unit: definition"


def members(cluster: Mapping[str, Any]) -> dict[str, Sequence[Mapping[str, Any]]]:
    """The ZooKeeper servers and the brokers, by the name of their service."""
    return {"zookeeper": cluster["zookeeper"]["servers"], "kafka": cluster["kafka"]["brokers"]}


def candidates(
    states: Mapping[str, Mapping[str, Mapping[str, Any]]],
    cluster: Mapping[str, Any],
    which: str,
    hosts: Sequence[str],
) -> dict[str, list[dict[str, Any]]]:
    """Who is to restart, for each service: host, id, whether it runs, and what waits.

    ``states`` are the answers of `waiting` by host; ``which`` is "all" or "pending", where a service that
    does not run counts as pending; ``hosts`` narrows the choice unless it is empty.
    """
    return {
        service: [
            {"host": member["host"], "id": member["id"], **state}
            for member in members(cluster)[service]
            for state in [states.get(member["host"], {}).get(service)]
            if state is not None
            and (not hosts or member["host"] in hosts)
            and (which == "all" or state["pending"] or not state["running"])
        ]
        for service in SERVICES
    }


def down(
    states: Mapping[str, Mapping[str, Mapping[str, Any]]], chosen: Sequence[Mapping[str, Any]], service: str
) -> list[str]:
    """The hosts of this run where ``service`` does not run and is not about to be started."""
    started = {one["host"] for one in chosen}
    return [
        host
        for host, state in states.items()
        if service in state and not state[service]["running"] and host not in started
    ]


def left(
    chosen: Sequence[Mapping[str, Any]], done: Sequence[Mapping[str, Any]], service: str
) -> list[dict[str, Any]]:
    """Who of ``chosen`` is still to restart, as module restart_gate takes candidates."""
    hosts = {one["host"] for one in done if one["service"] == service}
    return [
        {key: one[key] for key in ("host", "id", "running")} for one in chosen if one["host"] not in hosts
    ]


def restarted(
    service: str,
    gate: Mapping[str, Any],
    stopped: Mapping[str, Any],
    gone: Mapping[str, Any],
    started: Mapping[str, Any],
    back: Mapping[str, Any],
) -> dict[str, Any]:
    """What one turn did, from its tasks' results; times in seconds."""
    return {
        "service": service,
        "host": gate["next"]["host"],
        "id": gate["next"]["id"],
        "reason": gate["next"]["reason"],
        "forced": gate.get("forced", False),
        "was_running": bool(stopped["changed"]),
        "gate_s": float(gate["waited_s"]),
        "gone_s": float(gone["waited_s"]),
        "start_s": float(started["waited_s"]),
        "back_s": float(back["waited_s"]),
    }


def told(done: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each service that was restarted, in the order it happened."""
    return [
        f"{NAMES[one['service']]} {one['id']} on {one['host']} was "
        f"{'restarted' if one['was_running'] else 'started'}"
        f"{' although its gate refused' if one['forced'] else ''} ({one['reason']}): "
        f"gate {one['gate_s']:.1f} s, gone after {one['gone_s']:.1f} s, up in {one['start_s']:.1f} s, "
        f"back in sync {one['back_s']:.1f} s later"
        for one in done
    ]
