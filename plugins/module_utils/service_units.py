"""What the units of both services compute: the digest they carry, and how long to wait before a restart."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import started_with

# Five starts in 200 s: a service that dies at once is given up and shows as failed.
START_LIMIT_INTERVAL_S = 200
START_LIMIT_BURST = 5
LEAST_RESTART_S = 30

# What a JVM that talks TCP and writes a few folders does without: systemd.exec(5), "Sandboxing". No
# MemoryDenyWriteExecute, since a JVM compiles at run time. jcmd and jstack meet a JVM at a socket in /tmp,
# which it first gives to its own account: so no PrivateTmp (JDK 17's jcmd looks in its own /tmp), and chown,
# which gives nothing away without capabilities.
SANDBOX = {
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "LockPersonality": True,
    "NoNewPrivileges": True,
    "PrivateDevices": True,
    "ProtectClock": True,
    "ProtectControlGroups": True,
    "ProtectHome": True,
    "ProtectHostname": True,
    "ProtectKernelLogs": True,
    "ProtectKernelModules": True,
    "ProtectKernelTunables": True,
    "ProtectProc": "invisible",
    "ProtectSystem": "strict",
    "RemoveIPC": True,
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": True,
    "RestrictRealtime": True,
    "RestrictSUIDSGID": True,
    "SystemCallArchitectures": "native",
    "SystemCallFilter": ["@system-service", "~@privileged @resources", "@chown"],
    "SystemCallErrorNumber": "EPERM",
    "UMask": "0027",
}


def values(value: object) -> list[str]:
    """The right-hand sides of one unit key: one a list item, booleans as yes and no (systemd.syntax(7))."""
    if isinstance(value, (list, tuple)):
        return [line for item in value for line in values(item)]
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    return [str(value)]


def needs_start(unit: Mapping[str, Any]) -> bool:
    """Whether a run starts or enables a unit, as host_state shows it, without stopping what serves."""
    return (
        unit["active_state"] in ("inactive", "failed")
        or unit["sub_state"] == "auto-restart"
        or unit["unit_file_state"] != "enabled"
    )


def account_differs(account: Mapping[str, Any] | None, group: str) -> bool:
    """Whether the account of a service, None where there is none, is not a system's own, of ``group``."""
    return account is None or account["group"] != group or account["shell"] != "/usr/sbin/nologin"


def restart_delay_s(session_timeout_ms: int, connection_timeout_ms: int, tick_time_ms: int) -> int:
    """Seconds a broker stays down before systemd starts it again.

    Long enough that its old ZooKeeper session has ended (a broker that finds its own old znode dies
    with NodeExists), rounded up to the ticks in which ZooKeeper expires sessions; and long enough that
    a broker which waits in vain for ZooKeeper never reaches the start limit, so that it comes back by
    itself however long ZooKeeper was away.
    """
    # ansible-core 2.18 hands numbers that pass a template over as text.
    session_timeout_ms, connection_timeout_ms, tick_time_ms = (
        int(value) for value in (session_timeout_ms, connection_timeout_ms, tick_time_ms)
    )
    # Preflight refuses a session that ZooKeeper would not grant as it is asked for.
    outlasting_session = math.ceil((session_timeout_ms + 2 * tick_time_ms) / 1000) + 1
    below_start_limit = START_LIMIT_INTERVAL_S // START_LIMIT_BURST + 1 - connection_timeout_ms // 1000
    return max(LEAST_RESTART_S, outlasting_session, below_start_limit)


def hardened(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The unit with the sandbox added to its service; what the unit itself says stands."""
    unit = {name: dict(body) for name, body in sections.items()}
    unit["Service"] = {
        **unit["Service"],
        **{key: value for key, value in SANDBOX.items() if key not in unit["Service"]},
    }
    return unit


def with_digest(sections: Mapping[str, Mapping[str, Any]], runtime_dir: str) -> dict[str, dict[str, Any]]:
    """The unit with ExecStartPre lines that write to ``runtime_dir`` what it was started with.

    The last writes the unit's own digest, a literal, and the release it runs: systemd runs the definition
    that it has loaded, so what is written is of that one, also when the file has changed since.
    """
    command = str(sections["Service"].get("ExecStart", ""))
    unit = _with_lines(sections, "ExecStartPre", started_with.records(command.split(" ", 1)[0], runtime_dir))
    release = re.search(r"-cp (/\S+)/[^/ ]+/\*", command)
    told = f"{_digest(unit)} {release.group(1)}" if release else _digest(unit)
    return _with_lines(unit, "ExecStartPre", [f"/bin/sh -c 'echo {told} >{runtime_dir}/unit'"])


def with_digest_after(
    sections: Mapping[str, Mapping[str, Any]], runtime_dir: str
) -> dict[str, dict[str, Any]]:
    """The unit with an ExecStartPost line that writes its digest to ``runtime_dir``, and nothing else.

    For a service that loses something as long as it does not run: systemd makes a sandbox for each line
    before the start, which took 150 ms on a busy machine.
    """
    line = f"-/bin/sh -c 'echo {_digest(sections)} >{runtime_dir}/unit'"
    return _with_lines(sections, "ExecStartPost", [line])


def _with_lines(
    sections: Mapping[str, Mapping[str, Any]], key: str, lines: Iterable[str]
) -> dict[str, dict[str, Any]]:
    unit = {name: dict(body) for name, body in sections.items()}
    there = unit["Service"].get(key, [])
    unit["Service"][key] = [*([there] if isinstance(there, str) else there), *lines]
    return unit


def _digest(sections: Mapping[str, Mapping[str, Any]]) -> str:
    printed = {name: {key: values(value) for key, value in body.items()} for name, body in sections.items()}
    return hashlib.sha256(json.dumps(printed, sort_keys=True).encode()).hexdigest()
