"""The settings that a service runs with and that cannot all be changed in one roll, read on its host.

From the copy that the service started with; where it does not run, from its file: what it would start with
if nothing were changed. None of these settings is secret. Runs on managed hosts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import properties
from ansible_collections.barevm.kafka.plugins.module_utils.host_files import text

KAFKA, ZOOKEEPER = "server.properties", "zoo.cfg"
SELECTED = {
    KAFKA: (
        r"advertised\.listeners|broker\.rack|inter\.broker\.(listener\.name|protocol\.version)"
        r"|listener\.security\.protocol\.map|listeners|log\.dirs|(listener\.name\.[^.]+\.)?sasl\.enabled\.mechanisms"
        r"|sasl\.mechanism\.inter\.broker\.protocol|zookeeper\.connect"
    ),
    ZOOKEEPER: r"clientPort|dataDir|dataLogDir|server\.\d+",
}
# Folders that Kafka is about to delete, or that a move between disks fills, have other endings.
PARTITION = re.compile(r".+-\d+")
NAMED = 3


def read(
    services: Iterable[Mapping[str, Any]], folders: Sequence[str], shown: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any] | None]:
    """For each unit its ``settings``, and its ``folders`` with what they hold; None where it has no file yet.

    ``folders`` are those the inventory wants. Of Kafka's, those are told that it does not want any more: how
    many partitions each holds, ``some`` of their names, whether it is ``recorded`` (meta.properties). Of
    ZooKeeper's all, the wanted ones too: how many ``snapshots`` and ``logs``. ``offline`` are the log
    directories that a running broker has given up. ``release`` names the folder
    that it runs from. ``shown`` is what systemd says of the units.
    """
    found: dict[str, dict[str, Any] | None] = {}
    for service in services:
        found[service["unit"]] = None
        for path in service["files"]:
            name = os.path.basename(path)
            if name not in SELECTED:
                continue
            content = text(os.path.join(service["started_dir"], name)) or text(path)
            if content is None:
                continue
            settings = {
                key: value
                for key, value in properties.parse(content).items()
                if re.fullmatch(SELECTED[name], key)
            }
            pid = shown.get(service["unit"], {}).get("main_pid", 0)
            found[service["unit"]] = {
                "settings": settings,
                "folders": _partitions(settings, folders)
                if name == KAFKA
                else _ensemble_data(settings, folders),
                "offline": _offline(settings, pid),
                "release": _release(service["started_dir"]),
            }
    return found


def _release(started_dir: str) -> str:
    """The folder of the release that the unit started, without its path; empty where it did not tell."""
    words = (text(os.path.join(started_dir, "unit")) or "").split()
    return os.path.basename(words[1]) if len(words) > 1 else ""


def _log_dirs(settings: Mapping[str, str]) -> list[str]:
    return [path.strip() for path in settings.get("log.dirs", "").split(",") if path.strip()]


def _offline(settings: Mapping[str, str], pid: int) -> list[str]:
    """The log directories whose lock the broker has let go (Kafka's LogManager.handleLogDirFailure).

    One that starts takes all its locks at once, and one that has lost all its directories ends: so only where
    it holds some and not others is anything offline.
    """
    held = set()
    for line in (text("/proc/locks") or "").splitlines():
        fields = line.split()
        if len(fields) > 5 and fields[1] == "POSIX" and fields[4] == str(pid):
            held.add(fields[5].rsplit(":", 1)[1])
    lost = [path for path in _log_dirs(settings) if _inode(os.path.join(path, ".lock")) not in held]
    return lost if len(lost) < len(_log_dirs(settings)) else []


def _inode(path: str) -> str:
    try:
        return str(os.stat(path).st_ino)
    except OSError:
        return ""


def _partitions(settings: Mapping[str, str], wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
    kept = {os.path.realpath(path) for path in wanted}
    found = {}
    for path in _log_dirs(settings):
        if os.path.realpath(path) not in kept:
            names = sorted(name for name in _entries(path) if PARTITION.fullmatch(name))
            found[path] = {
                "partitions": len(names),
                "some": names[:NAMED],
                "recorded": os.path.exists(os.path.join(path, "meta.properties")),
            }
    return found


def _ensemble_data(settings: Mapping[str, str], wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
    applied = [settings[name] for name in ("dataDir", "dataLogDir") if name in settings]
    found = {}
    for path in dict.fromkeys([*applied, *wanted]):
        names = _entries(os.path.join(path, "version-2"))
        found[path] = {
            "snapshots": sum(name.startswith("snapshot.") for name in names),
            "logs": sum(name.startswith("log.") for name in names),
            "real": os.path.realpath(path),
        }
    return found


def _entries(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []
