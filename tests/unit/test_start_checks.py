"""The checks that the units run before each start, run by the shell as systemd does."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import rendering

TEMPLATES = Path(__file__).parents[2] / "templates"


@dataclass(frozen=True)
class Checked:
    status: int
    lines: list[str]


def check(service: str, *folders: Path) -> Checked:
    script = rendering.render(TEMPLATES, f"{service}_start_check.sh.j2", {})
    done = subprocess.run(
        ["/bin/sh", "-s", *map(str, folders)], input=script, capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
    return Checked(done.returncode, done.stderr.splitlines())


@pytest.fixture
def disks(tmp_path: Path) -> list[Path]:
    """Two log directories of a broker that has run."""
    found = [tmp_path / "a", tmp_path / "b"]
    for path in found:
        path.mkdir()
        (path / "meta.properties").write_text("broker.id=1\n")
    return found


def test_a_broker_that_has_its_disks_starts(disks: list[Path]) -> None:
    assert check("kafka", *disks) == Checked(0, [])


@pytest.mark.parametrize("lost", ["empty", "absent", "cut short"])
def test_a_broker_without_a_disk_does_not_start_and_says_which(disks: list[Path], lost: str) -> None:
    meta = disks[1] / "meta.properties"
    meta.unlink()
    if lost == "absent":
        disks[1].rmdir()
    if lost == "cut short":
        meta.touch()
    before = sorted(disks[1].parent.rglob("*"))
    checked = check("kafka", *disks)
    assert checked.status == 1
    assert len(checked.lines) == 1, checked.lines
    assert checked.lines[0].startswith(
        f"kafka-start-check: Error: {disks[1]} has no meta.properties: is its disk mounted? "
    )
    assert checked.lines[0].endswith(f"touch {disks[1]}/initialize")
    assert sorted(disks[1].parent.rglob("*")) == before


def test_every_lost_disk_is_named(disks: list[Path]) -> None:
    for path in disks:
        (path / "meta.properties").unlink()
    assert len(check("kafka", *disks).lines) == 2


def test_the_marker_lets_a_broker_start_and_goes_once_the_folder_is_in_use(disks: list[Path]) -> None:
    marker = disks[1] / "initialize"
    (disks[1] / "meta.properties").unlink()
    marker.touch()
    assert check("kafka", *disks).status == 0
    assert marker.exists(), "a broker that could not start tries again"
    (disks[1] / "meta.properties").write_text("broker.id=1\n")
    assert check("kafka", *disks) == Checked(0, [])
    assert not marker.exists(), "else the disk could be lost unnoticed"


@pytest.fixture
def server(tmp_path: Path) -> tuple[Path, Path]:
    """Both folders of a ZooKeeper server that has run."""
    data, txn = tmp_path / "data", tmp_path / "txn"
    for path in (data, txn):
        (path / "version-2").mkdir(parents=True)
    (data / "myid").write_text("1\n")
    return data, txn


def test_a_server_that_has_its_folders_starts(server: tuple[Path, Path]) -> None:
    assert check("zookeeper", *server) == Checked(0, [])


@pytest.mark.parametrize("lost", [0, 1])
def test_a_server_without_a_folder_s_data_does_not_start(server: tuple[Path, Path], lost: int) -> None:
    (server[lost] / "version-2").rmdir()
    checked = check("zookeeper", *server)
    assert checked.status == 1
    assert len(checked.lines) == 1, checked.lines
    assert checked.lines[0].startswith(
        f"zookeeper-start-check: Error: {server[lost]} has no version-2: is its disk mounted? "
    )


def test_a_server_without_its_id_does_not_start(server: tuple[Path, Path]) -> None:
    (server[0] / "myid").unlink()
    checked = check("zookeeper", *server)
    assert checked.status == 1
    assert f"Error: {server[0]} has no myid: is its disk mounted?" in checked.lines[0]


@pytest.mark.parametrize("name", ["initialize", "join"])
def test_a_marked_server_starts_on_empty_folders(server: tuple[Path, Path], name: str) -> None:
    for path in server:
        (path / "version-2").rmdir()
        (path / name).touch()
    assert check("zookeeper", *server) == Checked(0, [])
    assert all((path / name).exists() for path in server), "a server that could not start tries again"
    for path in server:
        (path / "version-2").mkdir()
    assert check("zookeeper", *server).status == 0
    assert not (server[0] / name).exists()
    # ZooKeeper removes its own file itself, once it has read it.
    assert (server[1] / name).exists() == (name == "initialize")


def test_one_folder_for_both_keeps_what_zookeeper_still_has_to_read(tmp_path: Path) -> None:
    (tmp_path / "version-2").mkdir()
    (tmp_path / "myid").write_text("1\n")
    (tmp_path / "initialize").touch()
    assert check("zookeeper", tmp_path, tmp_path) == Checked(0, [])
    assert (tmp_path / "initialize").exists()
