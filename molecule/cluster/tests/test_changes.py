"""What runs of site.yml change: what --check said, and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import playbook
import pytest
from testinfra.utils.ansible_runner import AnsibleRunner

# The runs below work on all hosts at once.
testinfra_hosts = ["cluster1"]
HOSTS = ("cluster1", "cluster2", "cluster3")
SITE = "barevm.kafka.site"
UNITS = ("kafka.service", "zookeeper.service")


def running_processes() -> dict[str, list[str]]:
    """The main process of each service on each host."""
    runner = AnsibleRunner(os.environ["MOLECULE_INVENTORY_FILE"])
    return {
        name: [
            runner.get_host(name).check_output("systemctl show --property=MainPID --value %s", unit)
            for unit in UNITS
        ]
        for name in HOSTS
    }


def test_check_mode_predicted_what_the_first_run_changed() -> None:
    predicted = playbook.recorded("converge.yml", "check").changes
    done = playbook.recorded("converge.yml").changes
    assert predicted - done == set(), "said, and not done"
    assert done - predicted == set(), "done, and not said"
    # Each kind of change is among them, on each host.
    for host in HOSTS:
        assert {
            (host, "openjdk-17-jre-headless", "installed"),
            (host, "user kafka", "present"),
            (host, "/opt/kafka/kafka_2.13-3.9.2", "release"),
            (host, "/etc/kafka/server.properties", "min.insync.replicas"),
            (host, "/etc/zookeeper/zoo.cfg", "server.12"),
            (host, "/var/lib/kafka/a", "created"),
            (host, "/var/lib/kafka/b/initialize", "created"),
            (host, "kafka.service", "enabled and started"),
        } <= done


@pytest.mark.parametrize(
    "options", [("--limit", "cluster2"), ("--tags", "kafka"), ("--check", "--diff")], ids=" ".join
)
def test_a_part_of_the_run_changes_nothing(options: tuple[str, ...]) -> None:
    before = running_processes()
    run = playbook.run(SITE, *options)
    assert run.changes == set()
    assert set(run.changed) == ({"cluster2"} if "--limit" in options else set(HOSTS))
    assert running_processes() == before


def test_a_limit_and_a_tag_change_that_host_and_that_role_alone() -> None:
    part = ("--limit", "cluster2", "--tags", "kafka")
    other = ("-e", "zookeeper_max_client_cnxns=61")
    before = running_processes()
    # Read-only, so that the broker is restarted.
    changed = playbook.run(SITE, *part, *other, "-e", '{"kafka_properties": {"queued.max.requests": 400}}')
    settings = {change for change in changed.changes if change[1].startswith("/")}
    assert settings == {("cluster2", "/etc/kafka/server.properties", "queued.max.requests")}
    after = running_processes()
    assert after["cluster2"][0] != before["cluster2"][0]
    assert {**after, "cluster2": [before["cluster2"][0], after["cluster2"][1]]} == before, "and nothing else"
    assert {change for change in playbook.run(SITE, *part).changes if change[1].startswith("/")} == settings


def test_the_proof_is_kept() -> None:
    playbook.run("barevm.kafka.verify")
    result = json.loads(
        (Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "reports/verify.json").read_text()
    )
    assert (result["verb"], result["result"], result["reasons"]) == ("verify", "PASS", [])
