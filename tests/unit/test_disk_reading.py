"""What folders of data say of themselves: ids, databases, markers, and who recorded them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import disk_reading


def service(folder: Path, name: str, written: str, started: str = "") -> dict[str, Any]:
    """A service with one file, and the copy it was started with unless that is empty."""
    conf, run = folder / "etc", folder / "run"
    for path in (conf, run):
        path.mkdir(exist_ok=True)
    (conf / name).write_text(written)
    if started:
        (run / name).write_text(started)
    return {"started_dir": str(run), "files": [str(conf / name), str(conf / "other.env")]}


def test_identities_are_those_on_disk(tmp_path: Path) -> None:
    data, txn = tmp_path / "data", tmp_path / "txn"
    for path in (data, txn):
        path.mkdir()
    (data / "myid").write_text("2\n")
    (data / "version-2").mkdir()
    (tmp_path / "meta.properties").write_text("#\n#Sat Nov 21\nversion=0\nbroker.id=2\ncluster.id=a-B_c\n")
    assert disk_reading.identities([str(data), str(txn)], [str(tmp_path), "/absent"], []) == {
        "myid": "2",
        "meta_properties": {
            str(tmp_path): {"version": "0", "broker.id": "2", "cluster.id": "a-B_c"},
            "/absent": None,
        },
        "zookeeper_data": {str(data): True, str(txn): False},
        "marked": [],
        "recorded": [],
        "foreign": {str(tmp_path): ["data", "txn"]},
        "linked": {},
    }


def test_a_host_without_services_of_ours() -> None:
    assert disk_reading.identities([], [], []) == {
        "myid": None,
        "meta_properties": {},
        "zookeeper_data": {},
        "marked": [],
        "recorded": [],
        "foreign": {},
        "linked": {},
    }


def test_folders_in_a_log_directory_that_kafka_would_end_over(tmp_path: Path) -> None:
    for name in (
        "orders-0",
        "my.topic_1-17",
        "a-b-3",
        "orders-1.4f3c2a1b4f3c2a1b4f3c2a1b4f3c2a1b-delete",
        "orders-1.4f3c2a1b4f3c2a1b4f3c2a1b4f3c2a1b-future",
        "__cluster_metadata-0",
        "remote-log-index-cache",
    ):
        (tmp_path / name).mkdir()
    (tmp_path / "recovery-point-offset-checkpoint").touch()
    assert disk_reading.foreign(str(tmp_path)) == []
    for name in ("lost+found", ".snapshot", "foo-bar"):
        (tmp_path / name).mkdir()
    assert disk_reading.foreign(str(tmp_path)) == [".snapshot", "foo-bar", "lost+found"]
    assert disk_reading.foreign("/absent") == []


def test_where_a_symbolic_link_leads(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    given = [f"{tmp_path}/real/", f"{tmp_path}/link/below", f"{tmp_path}/absent"]
    assert disk_reading.linked(given) == {given[1]: f"{tmp_path}/real/below"}


@pytest.mark.parametrize(
    ("name", "of_server", "of_broker"), [("initialize", True, True), ("join", True, False)]
)
def test_a_folder_with_a_marker_may_be_empty(
    tmp_path: Path, name: str, of_server: bool, of_broker: bool
) -> None:
    (tmp_path / name).touch()
    path = str(tmp_path)
    assert (path in disk_reading.identities([path], [], [])["marked"]) == of_server
    assert (path in disk_reading.identities([], [path], [])["marked"]) == of_broker


@pytest.mark.parametrize(
    ("name", "written", "started", "recorded"),
    [
        ("server.properties", "log.dirs=/data/a, /data/b/\nbroker.id=1\n", "", ["/data/a", "/data/b"]),
        ("server.properties", "log.dir=/data/a\n", "", ["/data/a"]),
        ("server.properties", "log.dirs=/data/a\n", "log.dirs=/data/b\n", ["/data/a", "/data/b"]),
        ("server.properties", "broker.id=1\n", "", []),
        ("zoo.cfg", "dataDir=/zk/data\ndataLogDir=/zk/txn\nclientPort=2181\n", "", ["/zk/data", "/zk/txn"]),
        ("zoo.cfg", "dataDir=/zk\n", "", ["/zk"]),
        ("log4j.properties", "log.dirs=/data/a\n", "", []),
    ],
)
def test_what_an_earlier_run_recorded(
    tmp_path: Path, name: str, written: str, started: str, recorded: list[str]
) -> None:
    found = disk_reading.recorded([service(tmp_path, name, written, started)])
    assert sorted(found) == recorded
