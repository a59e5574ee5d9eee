"""What a host remembers of the settings that its running broker was given live.

Two files: the note of what was set, and the copy of server.properties with which the broker was started,
which is what it runs with. Runs on managed hosts.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import host_files, properties


def noted(record: Mapping[str, Any], settings: Mapping[str, str], started: str) -> dict[str, Any]:
    """``record`` with what is about to be set, told before it is done.

    ``before`` keeps the values that are replaced: where the run is killed before the broker has the new one,
    the old one is still there, and ours all the same. ``started`` is the start that did not read them.
    """
    old = record.get("settings", {})
    before = dict(record.get("before", {}))
    for name, value in settings.items():
        held = [*before.pop(name, []), *([old[name]] if name in old else [])]
        others = [one for one in dict.fromkeys(held) if one != value]
        if others:
            before[name] = others
    return {"settings": {**old, **settings}, "before": before, "started": started}


def applied(record: Mapping[str, Any]) -> dict[str, Any]:
    """``record`` once the broker runs with what was noted."""
    return {name: value for name, value in record.items() if name != "before"}


def forgotten(record: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """``record`` without the overrides that are no more; empty where none is left."""
    gone = set(names)
    left = {name: value for name, value in record.get("settings", {}).items() if name not in gone}
    return {**applied(record), "settings": left} if left else {}


def write(path: str, content: str, like: os.stat_result | None = None) -> None:
    """Put a file in its place at once, readable by its owner alone; ``like`` is whose owner it takes."""
    handle, beside = tempfile.mkstemp(dir=os.path.dirname(path), prefix=f".{os.path.basename(path)}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if like is not None:
            os.chown(beside, like.st_uid, like.st_gid)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def keep(path: str, record: Mapping[str, Any]) -> None:
    """Write the note, or remove it where nothing is left to remember."""
    if record:
        write(path, json.dumps(record, indent=2, sort_keys=True) + "\n")
        return
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def unlike(file: str, settings: Mapping[str, str]) -> list[str]:
    """Those of ``settings`` that the file does not say; one that it does not name may have any value."""
    there = properties.parse(host_files.text(file) or "")
    return sorted(name for name, value in settings.items() if there.get(name, str(value)) != str(value))


def others(file: str, copy: str, names: Iterable[str]) -> list[str]:
    """Settings other than ``names`` in which the file differs from the started copy."""
    differing = properties.differing(host_files.text(copy) or "", host_files.text(file) or "")
    return sorted(set(differing) - set(names))


def take_over(file: str, copy: str) -> None:
    """Bring the started copy to the file: its owner stays."""
    write(copy, host_files.text(file) or "", os.stat(copy))
