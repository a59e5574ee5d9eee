"""A release's folder on a host: what is there, and putting one there in one step.

Runs on managed hosts, so it needs nothing beyond Python's own library.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MANIFEST = ".release.json"


class PushRefused(Exception):
    """The folder cannot be replaced, or what arrived is not what was sent; the text says what to do."""


def manifest(folder: Path) -> dict[str, Any] | None:
    """What ``folder`` says it holds, None where it says nothing."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def holds(found: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Whether manifest ``found`` states everything that ``wanted`` states."""
    return found is not None and all(found.get(key) == value for key, value in wanted.items())


def users(folder: Path, proc: Path = Path("/proc")) -> list[tuple[int, str]]:
    """Pid and unit or command of each process whose command line names something in ``folder``.

    A JVM loads classes from its jars as it goes, so it breaks when they are replaced under it.
    """
    found = []
    inside = f"{folder}/".encode()
    for process in proc.iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # it has ended meanwhile
            words = (process / "cmdline").read_bytes().split(b"\0")
            if any(inside in word for word in words):
                group = (process / "cgroup").read_text().strip().rpartition("/")[2]
                unit = group if group.endswith(".service") else Path(os.fsdecode(words[0])).name
                found.append((int(process.name), unit))
    return sorted(found)


def check(folder: Path, wanted: Mapping[str, Any], size_bytes: int) -> None:
    """Raise PushRefused where ``wanted`` cannot be put at ``folder``; ``size_bytes`` is its archive's."""
    if os.path.lexists(folder) and manifest(folder) is None:
        raise PushRefused(
            f"{folder} exists, but has no {MANIFEST}: this collection did not put it there and will not "
            f"replace it. Move it away (mv {folder} {folder}.old), or set another "
            f"{wanted['product']}_install_root"
        )
    running = users(folder)
    if running:
        what = ", ".join(f"{unit} (pid {pid})" for pid, unit in running)
        raise PushRefused(
            f"{folder} holds another copy of this release and is in use by {what}; replacing jars under a "
            "running JVM breaks it. Stop that on this host and run again, or keep the release that is there"
        )
    existing = folder
    while not existing.is_dir():
        existing = existing.parent
    state = os.statvfs(existing)
    free = state.f_bavail * state.f_frsize
    # Beside the archive itself, which is in a temporary folder that may be on the same file system.
    needed = 2 * size_bytes
    if free < needed:
        raise PushRefused(
            f"{existing} has {free / 1e6:.0f} MB free; unpacking {folder.name} needs {needed / 1e6:.0f} MB"
            f". Free space there, or set another {wanted['product']}_install_root"
        )


def leftovers(folder: Path) -> list[Path]:
    """What interrupted pushes of ``folder`` left beside it."""
    return sorted(folder.parent.glob(f".{folder.name}.part-*")) if folder.parent.is_dir() else []


def install(folder: Path, archive: Path, wanted: Mapping[str, Any]) -> None:
    """Unpack ``archive`` beside ``folder`` and rename it into place.

    ``wanted`` is the manifest, with the archive's sha512. Everything belongs to root and is readable by all.
    Raises PushRefused and OSError; then ``folder`` is as it was.
    """
    with archive.open("rb") as stream:
        arrived = hashlib.sha512()
        while chunk := stream.read(1 << 20):
            arrived.update(chunk)
    if arrived.hexdigest() != wanted["sha512"]:
        raise PushRefused(
            f"{folder.name} arrived with the sha512 {arrived.hexdigest()}, not {wanted['sha512']}: nothing "
            "was installed. Run again; if it repeats, look at the network or the disk of this host"
        )
    for left in leftovers(folder):
        shutil.rmtree(left)
    folder.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.part-"))
    try:
        with tarfile.open(archive) as content:
            for member in content:
                # The top folder's name is the archive's; ours is where it goes.
                relative = Path(*Path(member.name).parts[1:])
                plain = member.isdir() or member.isreg()
                if not plain or member.name.startswith("/") or ".." in relative.parts:
                    raise PushRefused(f"{archive.name} holds {member.name}, which belongs into no release")
                _extract(content, member, part / relative)
        text = json.dumps(dict(wanted), indent=2, sort_keys=True) + "\n"
        (part / MANIFEST).write_text(text, encoding="utf-8")
        (part / MANIFEST).chmod(0o644)
        part.chmod(0o755)
        _swap(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _extract(content: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    if member.isdir():
        target.mkdir(exist_ok=True)
    else:
        source = content.extractfile(member)
        assert source is not None
        with source, target.open("xb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
    target.chmod(0o755 if member.isdir() or member.mode & 0o100 else 0o644)


def _swap(part: Path, folder: Path) -> None:
    if not folder.exists():
        part.rename(folder)
        return
    old = part.with_name(part.name + "-old")
    folder.rename(old)
    try:
        part.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old)
