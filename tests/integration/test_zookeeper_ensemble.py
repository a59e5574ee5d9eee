"""Real ensembles: whole, with a server down, without a quorum, and not willing to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import cluster_findings, ensemble

from tests.integration.cluster import Kafka, ZooKeeper, wait_until

Start = Callable[..., ZooKeeper]


@pytest.fixture
def start(release_of: Callable[..., Path], tmp_path: Path) -> Iterator[Start]:
    """Start an ensemble for one test: ``start(count, allowed)``."""
    started = []

    def create(count: int, **options: str) -> ZooKeeper:
        started.append(ZooKeeper.create(release_of("zookeeper", "3.9.5"), tmp_path, count, **options))
        return started[-1]

    yield create
    for each in started:
        each.stop()


def observe(zookeeper: ZooKeeper, timeout_s: float = 0) -> dict[str, Any]:
    hosts = {str(server): f"zkkafka{i}" for i, server in enumerate(zookeeper.servers, 1)}
    return ensemble.observe(zookeeper.servers, hosts, timeout_s).as_dict()


def test_a_whole_ensemble(zookeeper: ZooKeeper) -> None:
    found = observe(zookeeper, 60)
    assert found["findings"] == []
    assert sorted(each["role"] for each in found["servers"]) == ["follower", "follower", "leader"]
    assert {each["version"] for each in found["servers"]} == {"3.9.5"}
    assert (found["serving"], found["quorum_margin"]) == (3, 1)
    leader = next(each for each in found["servers"] if each["server"] == found["leader"])
    assert leader["synced_followers"] == 2
    assert leader["znodes"] > 0
    assert leader["latency_max_ms"] >= leader["latency_avg_ms"] >= leader["latency_min_ms"]
    assert leader["outstanding_requests"] >= 0


def test_servers_that_stop_one_by_one(start: Start) -> None:
    zookeeper = start(3)
    leader = next(i for i, each in enumerate(observe(zookeeper)["servers"]) if each["role"] == "leader")
    first, second = (i for i in range(3) if i != leader)

    zookeeper.java[first].stop()
    found = observe(zookeeper)
    assert (found["serving"], found["quorum_margin"]) == (2, 0)
    (finding,) = found["findings"]
    assert finding["where"] == f"zkkafka{first + 1}, ZooKeeper {zookeeper.servers[first]}"
    assert finding["what"] == "does not answer: connection refused"

    zookeeper.java[second].stop()
    lost = "no quorum: 0 of 3 servers serve, 2 are needed"
    wait_until(lost, lambda: lost in cluster_findings.message(observe(zookeeper)["findings"]))
    said = cluster_findings.message(observe(zookeeper)["findings"])
    assert f"zkkafka{leader + 1}, ZooKeeper {zookeeper.servers[leader]}: is running but not serving" in said
    assert lost in said

    zookeeper.start(first)
    zookeeper.start(second)
    assert observe(zookeeper, 120)["findings"] == []


def test_a_server_on_its_own(start: Start) -> None:
    found = observe(start(1))
    assert found["findings"] == []
    assert found["servers"][0]["role"] == "standalone"
    assert found["quorum_margin"] == 0


def test_servers_that_are_no_ensemble(start: Start, zookeeper: ZooKeeper) -> None:
    stranger = start(1)
    found = ensemble.judge(ensemble.probe([*zookeeper.servers, *stranger.servers]), {}).as_dict()
    assert "serves on its own, although the ensemble has 4 servers" in found["findings"][0]["what"]


def test_a_word_that_is_not_allowed(start: Start) -> None:
    (finding,) = (f for f in observe(start(1, allowed="srvr"))["findings"] if "allow" in f["what"])
    assert finding["what"] == "does not allow 'mntr' (4lw.commands.whitelist)"


def test_the_oldest_supported_release(classic: Kafka) -> None:
    found = observe(classic.zookeeper)
    assert found["findings"] == []
    assert found["servers"][0]["version"] == "3.6.2"
    assert found["servers"][0]["znodes"] > 0
