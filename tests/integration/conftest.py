"""The clusters that the tests of this folder share, and what stops them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils.releases import Release
from ansible_collections.barevm.kafka.plugins.module_utils.releases_cache import fetch

from tests.integration.cluster import Kafka, ZooKeeper

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "barevm.kafka"
# One broker cannot have what three can: a test that starts it again gives it these.
CLASSIC = {"offsets.topic.replication.factor": "1", "default.replication.factor": "1"}

ReleaseOf = Callable[..., Path]


def release_in_cache(product: str, version: str) -> Path:
    """A release's folder in the controller's cache, fetched there once."""
    release = Release(product, version, "2.13" if product == "kafka" else "")
    return fetch(release, CACHE, print).tree


@pytest.fixture(scope="session")
def release_of() -> ReleaseOf:
    """``release_of("kafka", "3.9.2")`` is that release's folder."""
    return release_in_cache


@pytest.fixture(scope="session")
def zookeeper(release_of: ReleaseOf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeper]:
    """ZooKeeper 3.9.5, three servers, all up; a test that stops one starts it again."""
    ensemble = ZooKeeper.create(release_of("zookeeper", "3.9.5"), tmp_path_factory.mktemp("zookeeper"), 3)
    yield ensemble
    ensemble.stop()


@pytest.fixture(scope="session")
def kafka(
    release_of: ReleaseOf, zookeeper: ZooKeeper, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kafka]:
    """Kafka 3.9.2 under /kafka, brokers 1 to 3, all up; a test that stops one starts it again."""
    cluster = Kafka(release_of("kafka", "3.9.2"), tmp_path_factory.mktemp("kafka"), zookeeper, "/kafka")
    try:
        cluster.start(1, 2, 3)
        yield cluster
    finally:
        cluster.stop(hard=True)  # the last brokers would wait long for someone to hand their partitions to


@pytest.fixture(scope="session")
def classic(release_of: ReleaseOf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Kafka 2.6.0 on ZooKeeper 3.6.2, one of each, without a chroot."""
    folder = tmp_path_factory.mktemp("classic")
    alone = ZooKeeper.create(release_of("zookeeper", "3.6.2"), folder)
    cluster = Kafka(release_of("kafka", "2.6.0"), folder, alone, "")
    try:
        cluster.start(1, settings=CLASSIC)
        yield cluster
    finally:
        cluster.stop(hard=True)
        alone.stop()


@dataclass(frozen=True)
class AnsibleRun:
    """How a playbook ended; ``results`` holds what each task registered, by its name."""

    status: int
    output: str
    results: dict[str, Any]


@pytest.fixture
def ansible(tmp_path: Path) -> Callable[..., AnsibleRun]:
    """Run tasks as an operator's playbook does: delegated to a localhost that the inventory names itself."""

    def run(tasks: dict[str, dict[str, Any]], *options: str) -> AnsibleRun:
        (tmp_path / "hosts").write_text("zkkafka1\nlocalhost ansible_connection=local\n")
        written = tmp_path / "results.json"
        written.unlink(missing_ok=True)
        play = {
            "name": "Test",
            "hosts": "zkkafka1",
            "gather_facts": False,
            "tasks": [
                {
                    "name": name,
                    f"barevm.kafka.{name}": arguments,
                    "register": name,
                    "delegate_to": "localhost",
                    "ignore_errors": True,
                }
                for name, arguments in tasks.items()
            ]
            + [
                {
                    "name": "Keep the results",
                    "ansible.builtin.copy": {
                        "content": "{{ dict(names | zip(names | map('extract', vars))) | to_json }}",
                        "dest": str(written),
                        "mode": "0644",
                    },
                    "vars": {"names": list(tasks)},
                    "delegate_to": "localhost",
                    "check_mode": False,
                }
            ],
        }
        (tmp_path / "play.json").write_text(json.dumps([play]))
        playbook = Path(sys.executable).with_name("ansible-playbook")
        done = subprocess.run(
            [playbook, "-i", tmp_path / "hosts", tmp_path / "play.json", *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        output = done.stdout + done.stderr
        return AnsibleRun(
            done.returncode, output, json.loads(written.read_text()) if written.exists() else {}
        )

    return run
