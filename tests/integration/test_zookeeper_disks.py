"""What real ZooKeeper servers make of empty folders when started as the units do, with autocreate off."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils.disk_reading import JOINS, NEW
from ansible_collections.barevm.kafka.plugins.module_utils.zookeeper import (
    Server,
    ZooKeeperUnreachable,
    connected,
)

from tests.integration.cluster import LOOPBACK, Java, ZooKeeper, free_ports
from tests.integration.conftest import ReleaseOf


def ensemble(release: Path, folder: Path, count: int) -> ZooKeeper:
    """``count`` servers with folders of their own for snapshots and transactions; none is started."""
    ports = free_ports(3 * count)
    servers = [Server(LOOPBACK, port) for port in ports[:count]]
    members = "".join(
        f"server.{i + 1}={LOOPBACK}:{ports[count + i]}:{ports[2 * count + i]}\n" for i in range(count)
    )
    java, configs = [], []
    for i, server in enumerate(servers):
        home = folder / f"server{i + 1}"
        java.append(Java(release, "org.apache.zookeeper.server.quorum.QuorumPeerMain", home))
        empty(home, i)
        configs.append(
            f"dataDir={home}/data\ndataLogDir={home}/txn\nclientPortAddress={LOOPBACK}\n"
            f"clientPort={server.client_port}\ntickTime=1000\ninitLimit=10\nsyncLimit=5\n"
            "admin.enableServer=false\n4lw.commands.whitelist=srvr\n" + (members if count > 1 else "")
        )
    return ZooKeeper(servers, java, configs)


def empty(home: Path, index: int) -> None:
    """The folders of a disk that has nothing but the id that site.yml writes."""
    for part in ("data", "txn"):
        shutil.rmtree(home / part, ignore_errors=True)
        (home / part).mkdir()
    (home / "data" / "myid").write_text(f"{index + 1}\n")


def mark(home: Path, name: str) -> None:
    for part in ("data", "txn"):
        (home / part / name).touch()


@pytest.fixture(params=["3.9.5", "3.6.2"])
def release(request: pytest.FixtureRequest, release_of: ReleaseOf, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dzookeeper.db.autocreate=false")
    return release_of("zookeeper", request.param)


@pytest.fixture
def three(release: Path, tmp_path: Path) -> Iterator[ZooKeeper]:
    made = ensemble(release, tmp_path, 3)
    yield made
    made.stop()


def serves(zookeeper: ZooKeeper, index: int, limit_s: float) -> bool:
    """Whether a server gives a session within the limit."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        try:
            with connected([zookeeper.servers[index]], 5):
                return True
        except ZooKeeperUnreachable:
            time.sleep(0.1)
    return False


def test_an_emptied_server_takes_all_from_the_others_and_two_never_outvote_the_third(
    three: ZooKeeper,
) -> None:
    homes = [java.folder for java in three.java]
    for index, home in enumerate(homes):
        mark(home, NEW)
        three.start(index)
    three.wait()
    # ZooKeeper removes its file where the transactions are, and looks nowhere else.
    assert not any((home / "txn" / NEW).exists() for home in homes)
    assert all((home / "data" / NEW).exists() for home in homes)
    with connected(three.servers, 60) as client:
        client.create("/kept", b"acknowledged")

    # One disk is empty: the server comes in as a follower and has it all.
    three.java[2].stop()
    empty(homes[2], 2)
    mark(homes[2], JOINS)
    three.start(2)
    three.wait()
    with connected([three.servers[2]], 60) as client:
        client.sync("/kept")
        assert client.get("/kept")[0] == b"acknowledged"

    # Two disks are empty and the third server is down: together they are a majority, and do not use it.
    three.stop()
    for index in (1, 2):
        empty(homes[index], index)
        mark(homes[index], JOINS)
        three.start(index)
    assert not serves(three, 1, 6)
    # Marked as a new ensemble they would have.
    for index in (1, 2):
        three.java[index].stop()
        empty(homes[index], index)
        mark(homes[index], NEW)
        three.start(index)
    assert serves(three, 1, 120)
    with connected([three.servers[1]], 60) as client:
        assert client.exists("/kept") is None


def test_a_single_server_begins_with_the_file(release: Path, tmp_path: Path) -> None:
    alone = ensemble(release, tmp_path, 1)
    mark(alone.java[0].folder, NEW)
    try:
        alone.start(0)
        alone.wait()
        with connected(alone.servers, 60) as client:
            client.create("/kept", b"")
        alone.stop()
        alone.start(0)
        alone.wait()
        with connected(alone.servers, 60) as client:
            assert client.exists("/kept")
    finally:
        alone.stop()


def test_a_server_that_is_added_comes_in_before_the_others_know_it(release: Path, tmp_path: Path) -> None:
    """A run starts it while the others still run with their old list; the roll that follows tells them."""
    grown = ensemble(release, tmp_path, 4)
    known = [config.partition("server.4=")[0] for config in grown.configs[:3]]
    try:
        for index in range(3):
            mark(grown.java[index].folder, NEW)
            grown.java[index].start(known[index])
        assert all(serves(grown, index, 120) for index in range(3))
        with connected(grown.servers[:3], 60) as client:
            client.create("/kept", b"acknowledged")
        mark(grown.java[3].folder, JOINS)
        grown.start(3)
        assert serves(grown, 3, 120)
        with connected([grown.servers[3]], 60) as client:
            client.sync("/kept")
            assert client.exists("/kept")
    finally:
        grown.stop()
