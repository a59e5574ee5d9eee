"""cluster_identity against real clusters: which one it is, who is there, and whose partitions are where."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import cluster_identity
from confluent_kafka.admin import NewTopic

from tests.integration.cluster import LOOPBACK, Kafka, ZooKeeper, free_ports
from tests.integration.conftest import ROOT, AnsibleRun

Ansible = Callable[..., AnsibleRun]
REQUEST_TIMEOUT_S = 30.0
LIMIT_S = REQUEST_TIMEOUT_S / 2
"""Nothing is waited for until its time-out. What it takes at each run, `make bench` measures."""


def ask(connect: str, *replicas_of: int) -> dict[str, Any]:
    params = {
        "zookeeper_connect": connect,
        "request_timeout_s": REQUEST_TIMEOUT_S,
        "replicas_of": list(replicas_of),
    }
    return cluster_identity.ask(params)


def test_a_cluster_tells_its_id_its_brokers_and_their_partitions(kafka: Kafka) -> None:
    admin = kafka.admin()
    assigned = [[1, 2], [2, 3], [1, 2], [2, 1], [2, 1]]
    new = NewTopic("identity", num_partitions=len(assigned), replica_assignment=assigned)
    admin.create_topics([new])["identity"].result(60)
    try:
        began = time.perf_counter()
        found = ask(kafka.connect, 1, 2, 3, 4)
        took_s = time.perf_counter() - began
    finally:
        kafka.remove("identity")
    meta = (kafka.folder / "kafka1" / "data" / "meta.properties").read_text()
    assert f"cluster.id={found['cluster_id']}\n" in meta
    assert found["reachable"] is True
    assert {one["id"]: one["endpoints"]["PLAINTEXT"] for one in found["registered"]} == {
        broker_id: f"PLAINTEXT://{LOOPBACK}:{kafka.ports[broker_id][0]}" for broker_id in (1, 2, 3)
    }
    held = {one["id"]: one for one in found["replicas"]}
    # Other tests' topics may be there as well.
    assert held[2]["partitions"] - held[3]["partitions"] >= 4
    assert len(held[2]["examples"]) == 3
    assert 4 not in held
    assert took_s < LIMIT_S


def test_a_place_without_a_cluster_and_one_without_zookeeper(zookeeper: ZooKeeper) -> None:
    empty = ask(f"{zookeeper.hosts}/nobody", 1)
    assert (empty["reachable"], empty["cluster_id"], empty["registered"], empty["replicas"]) == (
        True,
        "",
        [],
        [],
    )
    began = time.perf_counter()
    silent = ask(f"{LOOPBACK}:{free_ports(1)[0]}/kafka", 1)
    assert silent["reachable"] is False
    assert "connection refused" in silent["reason"]
    assert time.perf_counter() - began < LIMIT_S


def test_the_action_and_the_module_answer_alike(kafka: Kafka, ansible: Ansible) -> None:
    asked = {"zookeeper_connect": kafka.connect, "replicas_of": [9]}
    for options in ((), ("--check",)):
        done = ansible({"cluster_identity": asked}, *options)
        assert done.status == 0, done.output
        assert done.results["cluster_identity"]["reachable"] is True
        assert done.results["cluster_identity"]["changed"] is False
    for connect, fails in ((kafka.connect, False), ("a:b/kafka", True)):
        module = subprocess.run(
            [sys.executable, "-m", "ansible_collections.barevm.kafka.plugins.modules.cluster_identity"],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": {**asked, "zookeeper_connect": connect}}),
            env=os.environ | {"PYTHONPATH": "collections"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        answer = json.loads(module.stdout)
        assert bool(answer.get("failed")) is fails, module.stdout
        if not fails:
            assert answer["cluster_id"] == done.results["cluster_identity"]["cluster_id"] != ""
