"""Reads whose data a host's folders hold: ids, markers, and which folders an earlier run has recorded.

Runs on managed hosts, needs nothing but Python 3.9 and its library, and changes nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import properties
from ansible_collections.barevm.kafka.plugins.module_utils.host_files import text

NEW = "initialize"
"""The file that says of an empty folder that it may be filled; ZooKeeper knows it itself."""
JOINS = "join"
"""The same for a ZooKeeper server that gets its data from the others and must not vote without it."""

# The settings that name folders of data, by the file that holds them.
FOLDERS = {"server.properties": ("log.dirs", "log.dir"), "zoo.cfg": ("dataDir", "dataLogDir")}

# LocalLog.parseTopicPartitionName: a broker ends at once over a folder of any other name.
OF_KAFKA = re.compile(r".+-\d+(\.\S+-(delete|future|stray))?|remote-log-index-cache")


def identities(
    zookeeper_dirs: Iterable[str], kafka_log_dirs: Iterable[str], services: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """What the folders say of themselves; ``services`` as `host_reading.pending` takes them.

    ``myid`` is that of the first ZooKeeper folder. ``zookeeper_data`` says which of them hold a
    database, ``marked`` which folders may be empty, ``recorded`` which the files that services
    run from, or would, name: those held data once. ``foreign`` are folders within log directories that
    are none of Kafka's. ``linked`` says where a folder that is reached by a symbolic link really is.
    """
    servers, logs = [path for path in zookeeper_dirs if path], list(kafka_log_dirs)
    myid = text(os.path.join(servers[0], "myid")) if servers else None
    meta = {path: text(os.path.join(path, "meta.properties")) for path in logs}
    return {
        "myid": myid.strip() if myid is not None else None,
        "meta_properties": {
            path: properties.parse(found) if found is not None else None for path, found in meta.items()
        },
        "zookeeper_data": {path: os.path.isdir(os.path.join(path, "version-2")) for path in servers},
        "marked": sorted(
            {path for path in servers if _has(path, NEW) or _has(path, JOINS)}
            | {path for path in logs if _has(path, NEW)}
        ),
        "recorded": sorted(recorded(services)),
        "foreign": {path: found for path in logs if (found := foreign(path))},
        "linked": linked([*servers, *logs]),
    }


def recorded(services: Iterable[Mapping[str, Any]]) -> set[str]:
    """The folders of data that the services' files name, those they were started with included."""
    found: set[str] = set()
    for service in services:
        for path in service["files"]:
            name = os.path.basename(path)
            for one in (path, os.path.join(service["started_dir"], name)):
                settings = properties.parse(text(one) or "") if name in FOLDERS else {}
                for setting in FOLDERS.get(name, ()):
                    found |= {part.strip() for part in settings.get(setting, "").split(",")}
    return {os.path.normpath(path) for path in found if path}


def foreign(log_dir: str) -> list[str]:
    """The folders in a log directory that hold no partition, such as lost+found; none where it is absent."""
    try:
        with os.scandir(log_dir) as entries:
            return sorted(one.name for one in entries if one.is_dir() and not OF_KAFKA.fullmatch(one.name))
    except OSError:
        return []


def linked(paths: Iterable[str]) -> dict[str, str]:
    """Where each path leads that has a symbolic link in it."""
    return {path: real for path in paths if (real := os.path.realpath(path)) != os.path.normpath(path)}


def _has(folder: str, name: str) -> bool:
    return os.path.lexists(os.path.join(folder, name))
