"""The modules as Ansible runs them: arguments, check mode, failures, progress."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.effects import STATE, VARIABLES
from tests.integration.cluster import Kafka, free_ports
from tests.integration.conftest import ROOT, AnsibleRun

Ansible = Callable[..., AnsibleRun]


def tasks(kafka: Kafka, **more: Any) -> dict[str, dict[str, Any]]:
    """Every module against the cluster, with what preflight would hand over."""
    brokers = {"brokers": kafka.expected()}
    servers = [
        {
            "host": f"zkkafka{i}",
            "id": i,
            "address": server.address,
            "client_port": server.client_port,
            "peer_port": 2888,
            "election_port": 3888,
        }
        for i, server in enumerate(kafka.zookeeper.servers, 1)
    ]
    return {
        "zookeeper_ensemble": {"servers": servers, **more},
        "broker_registration": {"zookeeper_connect": kafka.connect, **brokers, **more},
        "record_roundtrip": brokers,
        "topic_health": {
            **brokers,
            "internal_topics": {"__consumer_offsets": {"replication_factor": 3, "min_insync_replicas": 2}},
            **more,
        },
        "live_settings": {
            **brokers,
            "mode": "validate",
            "changes": {"1": {"num.io.threads": "12"}, "3": {"num.io.threads": "12"}},
            **more,
        },
        "restart_gate": {
            "stage": "next",
            "zookeeper_connect": kafka.connect,
            "zookeeper_servers": servers,
            "candidates": [{"host": "zkkafka1", "id": 1, "running": True}],
            **brokers,
            **more,
        },
    }


def test_every_module_passes_and_reports_no_change(kafka: Kafka, ansible: Ansible) -> None:
    for options in ((), ("--check",)):
        done = ansible(tasks(kafka, timeout_s=30), *options)
        assert done.status == 0, done.output
        for name, result in done.results.items():
            assert not result.get("failed"), result
            assert result["changed"] is False, name
        assert bool(done.results["record_roundtrip"]["probes"]) is (options == ())


def test_every_module_fails_with_its_figures(kafka: Kafka, ansible: Ansible) -> None:
    kafka.stop(3)
    try:
        wanted = tasks(kafka)
        wanted["zookeeper_ensemble"]["servers"][0]["client_port"] = free_ports(1)[0]
        done = ansible(wanted)
    finally:
        kafka.start(3)
    assert all(result["failed"] for result in done.results.values()), done.output
    assert "does not answer: connection refused" in done.results["zookeeper_ensemble"]["msg"]
    assert done.results["zookeeper_ensemble"]["serving"] == 2
    assert "broker 3 (zkkafka3) is not registered" in done.results["broker_registration"]["msg"]
    assert done.results["broker_registration"]["missing"] == [3]
    assert "broker 3 (zkkafka3): the cluster does not name it" in done.results["record_roundtrip"]["msg"]
    assert len(done.results["record_roundtrip"]["probes"]) == 4
    assert "under-replicated" in done.results["topic_health"]["msg"]
    assert "broker 3 (zkkafka3): does not answer" in done.results["live_settings"]["msg"]
    assert "not registered: broker 3 (zkkafka3)" in done.results["restart_gate"]["msg"]


def test_waiting_is_shown(kafka: Kafka, ansible: Ansible) -> None:
    expected = kafka.expected()
    expected.append({**expected[0], "id": 4, "host": "zkkafka4"})
    arguments = {"zookeeper_connect": kafka.connect, "brokers": expected, "timeout_s": 12}
    gate = {**tasks(kafka)["restart_gate"], "brokers": expected, "timeout_s": 12}
    done = ansible({"broker_registration": arguments, "restart_gate": gate})
    told = r"restart_gate: the next restart: not registered: broker 4 \(zkkafka4\); \d+ s left"
    assert re.search(told, done.output), done.output
    assert done.results["restart_gate"]["next"]["host"] == "zkkafka1"
    assert "broker_registration: waiting for broker 4 (zkkafka4)," in done.output
    assert done.results["broker_registration"]["missing"] == [4]


def test_arguments_that_cannot_be_understood(kafka: Kafka, ansible: Ansible) -> None:
    wanted = tasks(kafka, timeout_s="soon")
    wanted["broker_registration"] = {"zookeeper_connect": "a:b/kafka", "brokers": kafka.expected()}
    done = ansible(wanted)
    assert (
        "'a:b' in the ZooKeeper connect string 'a:b/kafka' is not host:port"
        in done.results["broker_registration"]["msg"]
    )
    assert "timeout_s" in done.results["topic_health"]["msg"]


def test_the_report_of_a_whole_cluster_and_of_a_broken_one(
    kafka: Kafka, ansible: Ansible, tmp_path: Path
) -> None:
    unit = {
        "load_state": "loaded",
        "active_state": "active",
        "sub_state": "running",
        "unit_file_state": "enabled",
        "result": "success",
        "exec_main_status": 0,
        "n_restarts": 0,
    }
    report = {
        "started": "2026-01-01T00:00:00.000000+00:00",
        "reports_dir": str(tmp_path / "reports"),
        "states": {"zkkafka1": {**STATE, "units": {"kafka.service": unit}, "pending": {"kafka.service": []}}},
        "outcomes": {
            "ensemble": "{{ zookeeper_ensemble }}",
            "registration": "{{ broker_registration }}",
            "records": "{{ record_roundtrip }}",
            "topics": "{{ topic_health }}",
        },
        "cluster": {"kafka": {"brokers": []}, "hosts": {"zkkafka1": VARIABLES}},
        "overrides": {"settings": {}, "unanswered": {}},
    }
    written = tmp_path / "reports" / "verify.json"

    done = ansible({**tasks(kafka, timeout_s=30), "verify_report": report}, "--check")
    assert done.results["verify_report"]["result"] == "PASS", done.output
    assert not written.exists()

    done = ansible({**tasks(kafka, timeout_s=30), "verify_report": report})
    assert "verify: PASS: 3 brokers registered, controller" in done.output
    assert "6 records through 2 listeners" in done.output
    document = json.loads(written.read_text())
    assert list(document)[:5] == ["verb", "started", "duration_s", "result", "reasons"]
    assert (document["verb"], document["result"], document["reasons"]) == ("verify", "PASS", [])
    assert len(document["registration"]["registered"]) == 3
    assert len(document["records"]["probes"]) == 6
    assert document["ensemble"]["quorum_margin"] == 1
    assert document["topics"]["under_replicated"] == []
    assert document["drift"] == []

    unit.update(active_state="failed", result="exit-code", exec_main_status=1)
    wanted = tasks(kafka)
    wanted["broker_registration"]["zookeeper_connect"] = kafka.zookeeper.hosts
    done = ansible({**wanted, "verify_report": report})
    said = done.results["verify_report"]["msg"]
    assert said.startswith(f"The cluster is not as it should be: 2 findings ({written}).")
    assert "1. zkkafka1: kafka.service has failed: result exit-code, exit status 1." in said
    assert "nothing under the root, but /kafka/brokers/ids exists with 1, 2, 3" in said
    assert json.loads(written.read_text())["result"] == "FAIL"


def test_a_probe_host_runs_the_modules_themselves(kafka: Kafka) -> None:
    for name, arguments in tasks(kafka, timeout_s=30).items():
        asked = {"ANSIBLE_MODULE_ARGS": arguments}
        for broken in (False, True):
            if broken:
                arguments.update({"servers": []} if "servers" in arguments else {"brokers": "none"})
            done = subprocess.run(
                [sys.executable, "-m", f"ansible_collections.barevm.kafka.plugins.modules.{name}"],
                input=json.dumps(asked),
                env=os.environ | {"PYTHONPATH": "collections"},
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            answer = json.loads(done.stdout)
            assert bool(answer.get("failed")) is broken, done.stdout
            assert done.returncode == int(broken)
