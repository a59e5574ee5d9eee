"""preflight_hosts as a play runs it: what was read of all hosts, and of releases, judged in one message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import cluster_model

from tests import playbooks
from tests.described import together

STOPPED = {"active_state": "inactive", "main_pid": 0}


def judge(folder: Path, states: dict[str, Any], *extra: dict[str, Any], **options: Any) -> playbooks.Run:
    groups, hosts = together(3)
    cluster = {
        **cluster_model.build(groups, hosts),
        "hosts": hosts,
        "reads": {host: cluster_model.reads(hosts[host], True, True) for host in hosts},
    }
    asked = {"cluster": cluster, "states": states, "findings": list(extra), **options}
    play = {
        "name": "Judge the hosts",
        "hosts": "n1",
        "gather_facts": False,
        "tasks": [{"name": "Judge", "barevm.kafka.preflight_hosts": asked, "run_once": True}],
    }
    known = {f"n{number}": {"ansible_host": f"192.0.2.{number}"} for number in (1, 2, 3)}
    return playbooks.run(folder, [play], {"all": {"hosts": known}}, "--check")


def read(number: int, **parts: Any) -> dict[str, Any]:
    """What host_state answers of a bare host."""
    _groups, hosts = together(3)
    wanted = cluster_model.reads(hosts[f"n{number}"], True, True)
    disk = {"mount_point": "/", "options": ["rw"], "free_bytes": 2**40}
    return {
        "identities": {"myid": None, "meta_properties": {}},
        "ports": {str(port): None for port in wanted["ports"]},
        "units": {"zookeeper.service": STOPPED, "kafka.service": STOPPED},
        "disks": dict.fromkeys(wanted["disks"], disk),
        "memory_total_mb": 8000,
        "resolved": {name: [name] for name in wanted["resolve"]},
        "java": {"": None},
        "releases": dict.fromkeys(wanted["releases"]),
        **parts,
    }


def test_right_hosts_pass(tmp_path: Path) -> None:
    run = judge(tmp_path, {f"n{number}": read(number) for number in (1, 2, 3)})
    assert run.status == 0, run.printed
    (outcome,) = run.outcomes
    assert not outcome["changed"]
    assert outcome["findings"] == []
    assert outcome["markers"] == {f"n{number}": {"zookeeper": [], "kafka": []} for number in (1, 2, 3)}


def test_all_findings_of_all_hosts_and_of_releases_are_one_message(tmp_path: Path) -> None:
    release = {
        "host": "controller",
        "variable": "kafka_release_url",
        "value": "https://example.com/kafka.tgz",
        "rule": "it cannot be reached",
        "remedy": "Check the URL",
        "severity": "error",
    }
    warning = {**release, "rule": "it is old", "severity": "warning"}
    states = {
        "n1": read(1, identities={"myid": "7", "meta_properties": {}}, memory_total_mb=700),
        "n2": read(2, memory_total_mb=700),
        "n3": read(3, memory_total_mb=700),
    }
    run = judge(tmp_path, states, release, warning)
    assert run.status == 2
    (outcome,) = run.outcomes
    heaps = "zookeeper_heap_size + kafka_heap_size = 'zookeeper 256 MiB and kafka 512 MiB'"
    assert outcome["msg"].splitlines() == [
        "The hosts or the releases are not right: 3 findings; no host was changed.",
        "  1. n1: zookeeper_id = 1: /var/lib/zookeeper/data/myid says 7. "
        "Set zookeeper_id to 7, or move the folder away if its data is not wanted.",
        f"  2. group zookeeper: {heaps}: the heaps take more than three quarters of the host's 700 MiB. "
        "Lower them, or give the host more memory.",
        "  3. controller: kafka_release_url = 'https://example.com/kafka.tgz': it cannot be reached. "
        "Check the URL.",
    ]
    assert [one["severity"] for one in outcome["findings"]].count("warning") == 1
    assert "it is old" in " ".join(run.printed.split())


def test_a_host_that_could_not_be_read_is_told_with_the_others(tmp_path: Path) -> None:
    states = {"n1": read(1, memory_total_mb=700), "n3": read(3)}
    unread = {"n2": "Failed to connect\n to the host"}
    refused = judge(tmp_path, states, unread=unread)
    assert refused.status == 2
    (outcome,) = refused.outcomes
    lines = outcome["msg"].splitlines()
    assert lines[:2] == [
        "The hosts or the releases are not right: 2 findings; no host was changed.",
        "  1. n2: ansible_host = '192.0.2.2': the host could not be read: Failed to connect to the host. "
        "See that it is up, and that SSH, become and Python work there.",
    ]
    assert lines[2].startswith("  2. n1: zookeeper_heap_size")
    # verify goes on without it, and finds it later.
    warned = judge(tmp_path, {"n1": read(1), "n3": read(3)}, unread=unread, refuse_unread=False)
    assert warned.status == 0, warned.printed
    (outcome,) = warned.outcomes
    assert [(one["host"], one["severity"]) for one in outcome["findings"]] == [("n2", "warning")]
    assert set(outcome["markers"]) == {"n1", "n3"}
