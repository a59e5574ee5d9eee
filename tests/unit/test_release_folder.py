"""A release's folder on a host appears whole or not at all, and is not pulled from under a running JVM."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import release_folder
from ansible_collections.barevm.kafka.plugins.module_utils.release_folder import PushRefused


def pack(path: Path, *names: str, kind: bytes = tarfile.REGTYPE) -> dict[str, Any]:
    """An archive of empty files below one folder, and its manifest."""
    with tarfile.open(path, "w") as content:
        for name in names:
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE if name.endswith("/") else kind
            member.mode = 0o755 if name.endswith((".sh", "/")) else 0o600
            content.addfile(member, io.BytesIO())
    checksum = hashlib.sha512(path.read_bytes()).hexdigest()
    return {"product": "kafka", "version": "3.9.2", "source": "maven", "sha512": checksum}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "release.tar"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "opt/kafka/kafka_2.13-3.9.2"


def test_installed_whole_readable_and_with_its_manifest(archive: Path, folder: Path) -> None:
    wanted = pack(archive, "any/", "any/bin/", "any/bin/a.sh", "any/libs/", "any/libs/a.jar")
    release_folder.install(folder, archive, wanted)
    assert release_folder.manifest(folder) == wanted
    modes = {path.name: path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")]}
    assert modes == {
        folder.name: 0o755,
        ".release.json": 0o644,
        "bin": 0o755,
        "a.sh": 0o755,
        "libs": 0o755,
        "a.jar": 0o644,
    }
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_replaced_in_one_step(archive: Path, folder: Path) -> None:
    release_folder.install(folder, archive, pack(archive, "any/", "any/old"))
    release_folder.install(folder, archive, pack(archive, "any/", "any/new"))
    assert sorted(path.name for path in folder.iterdir()) == [".release.json", "new"]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_damaged_on_the_way(archive: Path, folder: Path) -> None:
    wanted = pack(archive, "any/", "any/a")
    archive.write_bytes(archive.read_bytes()[:-512])
    with pytest.raises(PushRefused, match="arrived with the sha512"):
        release_folder.install(folder, archive, wanted)
    assert not folder.parent.exists()


@pytest.mark.parametrize("name", ["any/../../../evil", "/any/evil"])
def test_archive_that_reaches_outside(archive: Path, folder: Path, name: str) -> None:
    wanted = pack(archive, "any/", name)
    with pytest.raises(PushRefused, match="belongs into no release"):
        release_folder.install(folder, archive, wanted)
    assert list(folder.parent.iterdir()) == []


def test_archive_with_a_link(archive: Path, folder: Path) -> None:
    wanted = pack(archive, "any/", "any/link", kind=tarfile.SYMTYPE)
    with pytest.raises(PushRefused, match="belongs into no release"):
        release_folder.install(folder, archive, wanted)


def test_leftover_of_an_interrupted_push_goes(archive: Path, folder: Path) -> None:
    left = folder.parent / f".{folder.name}.part-left"
    left.mkdir(parents=True)
    assert release_folder.leftovers(folder) == [left]
    release_folder.install(folder, archive, pack(archive, "any/", "any/a"))
    assert not left.exists()


def test_folder_of_someone_else_is_not_replaced(folder: Path) -> None:
    folder.mkdir(parents=True)
    with pytest.raises(PushRefused, match="Move it away"):
        release_folder.check(folder, {"product": "kafka"}, 1)


def test_folder_in_use_is_not_replaced(archive: Path, folder: Path) -> None:
    wanted = pack(archive, "any/", "any/libs/", "any/libs/a.jar")
    release_folder.install(folder, archive, wanted)
    program = "import sys; print('up', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, f"{folder}/libs/*"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as user:
        try:
            # A process has its command line only some way into its exec.
            assert user.stdout is not None
            user.stdout.readline()
            with pytest.raises(PushRefused, match=rf"\(pid {user.pid}\).*Stop that"):
                release_folder.check(folder, wanted, 1)
        finally:
            user.communicate()
    release_folder.check(folder, wanted, 1)


def test_no_space(folder: Path) -> None:
    with pytest.raises(PushRefused, match=r"MB free; unpacking .* needs .* MB\. Free space"):
        release_folder.check(folder, {"product": "kafka"}, 1 << 60)


@pytest.mark.parametrize(
    ("found", "same"),
    [(None, False), ({"version": "1"}, False), ({"version": "2"}, True), ({"version": "2", "x": 1}, True)],
)
def test_manifest_holds_what_is_wanted(found: dict[str, Any] | None, same: bool) -> None:
    assert release_folder.holds(found, {"version": "2"}) is same
