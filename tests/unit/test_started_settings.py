"""What host_state tells of the settings that a service was started with, from real files and folders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import started_settings

CFG = "tickTime=2000\ndataDir={0}/data\ndataLogDir={0}/txn\nclientPort=2181\nserver.1=a\\:2888\\:3888\n"
BROKER = (
    "broker.id=1\nlisteners=PLAINTEXT\\://\\:9092\nlog.dirs={0}/a,{0}/b\nzookeeper.connect=z\\:2181/kafka\n"
    "listener.name.x.sasl.enabled.mechanisms=PLAIN\nlistener.name.x.plain.sasl.jaas.config=secret\n"
)


@pytest.fixture
def services(tmp_path: Path) -> list[dict[str, Any]]:
    """Both services with their files, not running."""
    found = []
    for name, file, text in (("kafka", "server.properties", BROKER), ("zookeeper", "zoo.cfg", CFG)):
        (tmp_path / f"etc/{name}").mkdir(parents=True)
        (tmp_path / f"run/{name}").mkdir(parents=True)
        (tmp_path / f"etc/{name}/{file}").write_text(text.format(tmp_path))
        found.append(
            {
                "unit": f"{name}.service",
                "started_dir": str(tmp_path / f"run/{name}"),
                "files": [str(tmp_path / f"etc/{name}/{one}") for one in (file, "other.env")],
            }
        )
    return found


def test_selected_settings_and_none_that_is_secret(services: list[dict[str, Any]], tmp_path: Path) -> None:
    found = started_settings.read(services, [], {})
    assert found["kafka.service"] is not None
    assert found["zookeeper.service"] is not None
    assert found["kafka.service"]["settings"] == {
        "listeners": "PLAINTEXT://:9092",
        "log.dirs": f"{tmp_path}/a,{tmp_path}/b",
        "zookeeper.connect": "z:2181/kafka",
        "listener.name.x.sasl.enabled.mechanisms": "PLAIN",
    }
    assert found["zookeeper.service"]["settings"] == {
        "dataDir": f"{tmp_path}/data",
        "dataLogDir": f"{tmp_path}/txn",
        "clientPort": "2181",
        "server.1": "a:2888:3888",
    }


def test_the_copy_it_started_with_comes_before_the_file(
    services: list[dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "run/kafka/server.properties").write_text("zookeeper.connect=old\\:2181\n")
    found = started_settings.read(services, [], {})["kafka.service"]
    assert found is not None
    assert found["settings"] == {"zookeeper.connect": "old:2181"}


def test_a_service_without_its_file(services: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "etc/kafka/server.properties").unlink()
    assert started_settings.read(services, [], {})["kafka.service"] is None


def test_a_log_directory_that_the_broker_has_given_up(services: list[dict[str, Any]], tmp_path: Path) -> None:
    """A process that locks as Kafka does: all directories at first, then one of them no more."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    script = (
        "import fcntl, sys\n"
        "locks = [open(f'{sys.argv[1]}/{name}/.lock', 'w') for name in 'ab']\n"
        "for lock in locks: fcntl.lockf(lock, fcntl.LOCK_EX)\n"
        "for lock in locks[1], locks[0]: print('', flush=True); sys.stdin.readline(); lock.close()\n"
        "print('', flush=True); sys.stdin.readline()\n"
    )

    def offline(pid: int) -> list[str]:
        found = started_settings.read(services, [], {"kafka.service": {"main_pid": pid}})["kafka.service"]
        assert found is not None
        return [Path(path).name for path in found["offline"]]

    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=PIPE, stdout=PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        seen = []
        for _ in range(3):
            process.stdout.readline()
            seen.append(offline(process.pid))
            process.stdin.write("\n")
            process.stdin.flush()
    # Without any lock it is only starting, or about to end.
    assert seen == [[], ["b"], []]
    assert offline(0) == []


def test_partitions_in_log_directories_that_are_not_wanted(
    services: list[dict[str, Any]], tmp_path: Path
) -> None:
    for name in ("a", "b"):
        for entry in ("t-0", "t-1", "long-name-2", "t-11", "x-1.0a1b-delete", "x-2.0a1b-future", "lost"):
            (tmp_path / name / entry).mkdir(parents=True)
    (tmp_path / "b/meta.properties").write_text("broker.id=1\n")
    found = started_settings.read(services, [str(tmp_path / "a")], {})["kafka.service"]
    assert found is not None
    assert found["folders"] == {
        f"{tmp_path}/b": {"partitions": 4, "some": ["long-name-2", "t-0", "t-1"], "recorded": True}
    }
    # The same folder by another name.
    (tmp_path / "link").symlink_to(tmp_path / "b")
    found = started_settings.read(services, [str(tmp_path / "a"), str(tmp_path / "link")], {})[
        "kafka.service"
    ]
    assert found is not None
    assert found["folders"] == {}


def test_what_folders_of_zookeeper_hold(services: list[dict[str, Any]], tmp_path: Path) -> None:
    for name in (
        "data/version-2/snapshot.0",
        "txn/version-2/log.1",
        "txn/version-2/log.2",
        "new/version-2/x",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    found = started_settings.read(services, [str(tmp_path / "new"), str(tmp_path / "link")], {})[
        "zookeeper.service"
    ]
    assert found is not None
    told = {
        Path(path).name: (one["snapshots"], one["logs"], Path(one["real"]).name)
        for path, one in found["folders"].items()
    }
    assert told == {
        "data": (1, 0, "data"),
        "txn": (0, 2, "txn"),
        "new": (0, 0, "new"),
        "link": (1, 0, "data"),
    }
