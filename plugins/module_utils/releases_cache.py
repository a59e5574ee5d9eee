"""Releases kept on the controller: fetched once, checked each time, packed once for all hosts.

An entry of the cache is a folder ``<release folder>-<source>`` that was renamed into place when complete::

    kafka_2.13-3.9.2-maven/
      kafka_2.13-3.9.2/      the release as it will be on hosts
      kafka_2.13-3.9.2.tar   the same, as it is pushed
      entry.json             checksums of the archive and of each file

An interrupted fetch leaves a ``.part-`` folder at most, which the next fetch removes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import releases_archive, releases_maven
from ansible_collections.barevm.kafka.plugins.module_utils.releases import Release, ReleaseError, check_tree

Progress = Callable[[str], None]

ENTRY = "entry.json"
PROGRESS_INTERVAL_S = 5.0


@dataclass(frozen=True)
class CachedRelease:
    """A release on the controller.

    ``archive`` is the uncompressed tar that hosts are sent (jars do not shrink), ``sha512`` its checksum,
    ``tree`` the same as a folder, ``files`` the checksum of each file in it, ``origin_sha512`` that of the
    official archive or "", ``fetched`` whether this call had to fetch it.
    """

    archive: Path
    sha512: str
    origin_sha512: str
    tree: Path
    files: dict[str, str]
    fetched: bool


def fetch(release: Release, cache_dir: Path, progress: Progress) -> CachedRelease:
    """The release from the cache, fetched into it first where it is missing or damaged.

    Two fetches of one release wait for each other. Raises ReleaseError.
    """
    entry = cache_dir / f"{release.folder}-{release.source}"
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with _locked(cache_dir / f".{entry.name}.lock", release, progress):
            return _fetch(release, entry, progress)
    except OSError as problem:
        raise release.error(
            "release_source",
            f"the cache on the controller cannot be written: {problem}",
            "Free space there, or set dist_cache_dir to a folder that the user of the controller can write",
            release.source,
        ) from problem


def probe(release: Release, cache_dir: Path) -> None:
    """Raise ReleaseError where fetching would surely fail; fetches nothing."""
    if release.source == "local":
        check_tree(release, _local_dir(release), "release_dir", release.dir)
    elif (cache_dir / f"{release.folder}-{release.source}" / ENTRY).exists() and not release.sha512:
        return
    elif release.source == "maven":
        releases_maven.check_client(release)
    else:
        releases_archive.probe(release)


def _fetch(release: Release, entry: Path, progress: Progress) -> CachedRelease:
    for left in entry.parent.glob(f".{entry.name}.part-*"):
        shutil.rmtree(left)
    # A local folder may change at any time, so what was packed of it earlier says nothing.
    if entry.exists() and release.source != "local":
        problem = damage(release, entry)
        if problem is None:
            return _cached(release, entry, fetched=False)
        progress(f"{release.name}: the cached copy is not used, {problem}; fetching it again")
    part = Path(tempfile.mkdtemp(dir=entry.parent, prefix=f".{entry.name}.part-"))
    try:
        part.chmod(0o755)
        _fill(release, part, progress)
        if entry.exists():
            shutil.rmtree(entry)
        part.rename(entry)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return _cached(release, entry, fetched=True)


def _fill(release: Release, part: Path, progress: Progress) -> None:
    tree = part / release.folder
    origin_sha512 = ""
    if release.source == "archive":
        progress(f"{release.name}: fetching {release.url}")
        download = part / "download"
        origin_sha512 = releases_archive.download(release, download, progress)
        releases_archive.unpack(release, download, tree)
        download.unlink()
        check_tree(release, tree, "release_url", release.url)
    elif release.source == "maven":
        progress(f"{release.name}: assembling it from its published jars (usually 10 to 60 s)")
        releases_maven.assemble(release, tree, progress)
        check_tree(release, tree, "version", release.version)
    else:
        source = _local_dir(release)
        check_tree(release, source, "release_dir", release.dir)
        # What a server started by hand left there is not part of the release.
        shutil.copytree(source, tree, ignore=shutil.ignore_patterns("logs", ".release.json"))
    archive = part / f"{release.folder}.tar"
    pack(tree, archive)
    content = {
        "archive": sha512(archive),
        "origin": origin_sha512,
        "recipe": releases_maven.recipe(release) if release.source == "maven" else "",
        "files": checksums(tree),
    }
    (part / ENTRY).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def damage(release: Release, entry: Path) -> str | None:
    """Why the cache entry cannot be used, or None: every file must have the checksum it was kept with."""
    try:
        content: dict[str, Any] = json.loads((entry / ENTRY).read_text(encoding="utf-8"))
        if release.sha512 and release.sha512.strip().lower() != content["origin"]:
            return f"{release.variable('release_sha512')} is another one now"
        if release.source == "maven" and content["recipe"] != releases_maven.recipe(release):
            return "it was assembled by another version of this collection"
        if sha512(entry / f"{release.folder}.tar") != content["archive"]:
            return f"{release.folder}.tar does not match its checksum"
        found = checksums(entry / release.folder)
        for name in sorted(found.keys() | content["files"].keys()):
            if found.get(name) != content["files"].get(name):
                return f"{name} does not match its checksum"
    except (OSError, ValueError, KeyError, TypeError) as problem:
        return f"it cannot be read ({problem})"
    return None


def _cached(release: Release, entry: Path, fetched: bool) -> CachedRelease:
    content = json.loads((entry / ENTRY).read_text(encoding="utf-8"))
    return CachedRelease(
        archive=entry / f"{release.folder}.tar",
        sha512=content["archive"],
        origin_sha512=content["origin"],
        tree=entry / release.folder,
        files=content["files"],
        fetched=fetched,
    )


def checksums(tree: Path) -> dict[str, str]:
    """The sha512 of each file below ``tree`` by its relative path; raises OSError."""
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    return {path.relative_to(tree).as_posix(): sha512(path) for path in files}


def sha512(path: Path) -> str:
    """128 lower-case hex digits; raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha512").hexdigest()


def pack(tree: Path, archive: Path) -> None:
    """Write ``tree`` as a tar that depends on nothing but names, contents and who may execute.

    So packing the same release twice gives the same checksum, on any controller. Raises OSError.
    """

    def neutral(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = "root"
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    with tarfile.open(archive, "x", format=tarfile.PAX_FORMAT, dereference=True) as content:
        for path in sorted([tree, *tree.rglob("*")]):
            content.add(path, path.relative_to(tree.parent).as_posix(), recursive=False, filter=neutral)


def _local_dir(release: Release) -> Path:
    folder = Path(release.dir).expanduser().absolute()
    if not folder.is_dir():
        raise release.error(
            "release_dir",
            "is no folder on the controller",
            f"Give the folder that the archive of {release.folder} was unpacked to",
            release.dir,
        )
    return folder


@contextmanager
def _locked(lock: Path, release: Release, progress: Progress) -> Iterator[None]:
    """Hold ``lock``; whoever waits for it says so. The kernel frees it when its holder ends."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    said = started = time.monotonic()
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.1)
            if time.monotonic() - said >= PROGRESS_INTERVAL_S:
                said = time.monotonic()
                progress(
                    f"{release.name}: waiting for another run that fetches it, for {said - started:.0f} s"
                )
        yield
    finally:
        os.close(handle)


def describe(release: Release, cached: CachedRelease) -> dict[str, Any]:
    """What a push needs to know, as plain data."""
    return {
        "path": release.path,
        "archive": str(cached.archive),
        "tree": str(cached.tree),
        "fetched": cached.fetched,
        "manifest": release.manifest(cached.sha512, cached.origin_sha512, len(cached.files)),
    }


def fetch_all(
    wanted: list[Release], cache_dir: Path, progress: Progress, check_only: bool
) -> tuple[list[dict[str, Any]], list[ReleaseError]]:
    """Fetch (or with ``check_only`` probe) each release; returns what was had and every refusal."""
    had: list[dict[str, Any]] = []
    refused: list[ReleaseError] = []
    for release in wanted:
        try:
            if check_only:
                probe(release, cache_dir)
            else:
                had.append(describe(release, fetch(release, cache_dir, progress)))
        except ReleaseError as problem:
            refused.append(problem)
    return had, refused
