"""What a service was started with beside its files: the drop-ins of its unit, and its Java.

Two lines of the unit write both into its runtime folder at each start (`RECORDS`); here they are compared
with what is there now. Runs on managed hosts. A service that left no record is told nothing of: the unit
that started it was an older one, and is pending as such.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.host_files import text

# systemd.exec(5): $$ and %% are literal, %n is the unit's name. Run as the service's own account and in its
# sandbox; a bus that does not answer must not keep a service from starting.
DROP_INS = (
    "-/bin/sh -c 'cd {folder} && "
    "timeout 5 systemctl show --property=NeedDaemonReload --property=DropInPaths %n >drop-ins && "
    "for one in $$(sed -n s/^DropInPaths=//p drop-ins); do "
    'sha256sum $$one 2>/dev/null || stat -c "%%s.%%Y  %%n" $$one; done >>drop-ins\''
)
JAVA = (
    "-/bin/sh -c 'home=$$(dirname $$(dirname $$(readlink -f {java}))) && cd $$home && "
    '{{ echo $$home; stat -c "%%n %%i" bin/java lib/server/libjvm.so; cat release; }} '
    ">{folder}/java 2>/dev/null; true'"
)

# systemd.unit(5), "Unit File Load Path", what outranks the rest first. Of what generators write, and of
# what `systemctl set-property` keeps and applies at once (system.control), nothing waits for a restart.
UNIT_FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
)
APPLIED_AT_ONCE = "/system.control/"


def records(java: str, folder: str) -> list[str]:
    """The ExecStartPre lines that write down what a service of ``java`` starts with."""
    return [DROP_INS.format(folder=folder), JAVA.format(java=java, folder=folder)]


def pending(service: Mapping[str, Any], unit: Mapping[str, Any], definition: str) -> list[str]:
    """What a restart would take up beside files: "unit: drop-ins", "java: OLD -> NEW".

    ``unit`` is what systemd says of it, ``definition`` the text of the unit's file.
    """
    found = []
    recorded = text(os.path.join(service["started_dir"], "drop-ins"))
    if recorded and _drop_ins_differ(recorded, service["unit"], unit):
        found.append("unit: drop-ins")
    started = text(os.path.join(service["started_dir"], "java"))
    binary = re.search(r"^ExecStart=(\S+)", definition, re.MULTILINE)
    if started and binary:
        found += _java_change(started, _java_now(binary.group(1)))
    return found


def _drop_ins_differ(recorded: str, name: str, unit: Mapping[str, Any]) -> bool:
    head, digests = {}, {}
    for line in recorded.splitlines():
        if "  " in line:
            digest, path = line.split("  ", 1)
            digests[path] = digest
        else:
            key, _, value = line.partition("=")
            head[key] = value
    then, now = _waiting(head.get("DropInPaths", "").split()), _waiting(unit["drop_in_paths"])
    # Loaded before they were last changed, so that the digests are not those of what was loaded.
    if then and head.get("NeedDaemonReload") == "yes":
        return True
    if then != now or any(_digest(path, digests.get(path, "")) != digests.get(path) for path in then):
        return True
    return unread(name, now)


def unread(name: str, loaded: Sequence[str]) -> bool:
    """Whether systemd has not read some drop-in yet; the first in a folder raises no NeedDaemonReload."""
    return not _on_disk(name) <= {os.path.realpath(path) for path in loaded}


def _waiting(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if APPLIED_AT_ONCE not in path]


def _digest(path: str, like: str) -> str:
    """The file's digest, or, where the service's account could not read it, its size and time."""
    try:
        if "." in like:
            state = os.stat(path)
            return f"{state.st_size}.{int(state.st_mtime)}"
        with open(path, "rb") as stream:
            return hashlib.sha256(stream.read()).hexdigest()
    except OSError:
        return "absent"


def _on_disk(name: str) -> set[str]:
    """The drop-ins that a reload would load: one of each name, and no empty one (systemd.unit(5))."""
    first: dict[str, str] = {}
    for folder in (f"{name}.d", f"{name.rsplit('.', 1)[1]}.d"):
        for base in UNIT_FOLDERS:
            try:
                entries = os.listdir(os.path.join(base, folder))
            except OSError:
                continue
            for entry in entries:
                if entry.endswith(".conf"):
                    first.setdefault(entry, os.path.join(base, folder, entry))
    return {os.path.realpath(path) for path in first.values() if text(path)}


def _java_now(binary: str) -> str | None:
    """What the unit's line would record now; None where there is no such program."""
    home = os.path.dirname(os.path.dirname(os.path.realpath(binary)))
    lines = [home]
    for path in ("bin/java", "lib/server/libjvm.so"):
        try:
            lines.append(f"{path} {os.lstat(os.path.join(home, path)).st_ino}")
        except OSError:
            if path == "bin/java":
                return None
    return "\n".join(lines) + "\n" + (text(os.path.join(home, "release")) or "")


def _java_change(started: str, now: str | None) -> list[str]:
    if started == now:
        return []
    old, new = _java_name(started), _java_name(now)
    if old == new:
        old, new = started.split("\n", 1)[0], (now or "").split("\n", 1)[0]
    return ["java: replaced"] if old == new else [f"java: {old} -> {new}"]


def _java_name(record: str | None) -> str:
    """Its version, or its home where it says none."""
    if record is None:
        return "absent"
    version = re.search(r'^JAVA_VERSION="([^"]+)"', record, re.MULTILINE)
    return version.group(1) if version else record.split("\n", 1)[0]
