"""A change on the older ansible-core and Kafka: rolled where it must be, live where it can be."""

from __future__ import annotations

import json
import os

import cluster_client
import playbook
from test_classic import ADDRESSES, BOOTSTRAP
from testinfra.utils.ansible_runner import AnsibleRunner

# The runs below work on all hosts at once.
testinfra_hosts = ["classic1"]
SITE = "barevm.kafka.site"
READ_ONLY = (
    "-e",
    '{"kafka_properties": {"queued.max.requests": 400}}',
    "-e",
    "zookeeper_max_client_cnxns=61",
)
LIVE = (*READ_ONLY, "-e", "kafka_num_io_threads=9", "-e", "kafka_log_retention_hours=169")


def starts(unit: str) -> dict[str, int]:
    """When each host's service was started, in microseconds of the machine's clock since it booted."""
    runner = AnsibleRunner(os.environ["MOLECULE_INVENTORY_FILE"])
    command = "systemctl show --property=ExecMainStartTimestampMonotonic --value %s"
    return {
        name: int(runner.get_host(name).check_output(command, unit))
        for name in ("classic1", "classic2", "classic3")
    }


def controller() -> int:
    with cluster_client.zookeeper(f"{ADDRESSES[1]}:2181") as client:
        return int(json.loads(client.get("/controller")[0])["brokerid"])


def test_a_change_is_rolled_and_the_next_one_is_live() -> None:
    before = {unit: starts(unit) for unit in ("zookeeper.service", "kafka.service")}
    last = f"classic{controller()}"
    playbook.run(SITE, *READ_ONLY)
    after = {unit: starts(unit) for unit in before}
    for unit, times in before.items():
        assert all(after[unit][name] > started for name, started in times.items()), unit
    assert max(after["kafka.service"], key=lambda name: after["kafka.service"][name]) == last
    assert max(after["zookeeper.service"].values()) < min(after["kafka.service"].values())
    for broker in ADDRESSES:
        assert cluster_client.broker_settings(BOOTSTRAP, broker)["queued.max.requests"] == "400"

    playbook.run(SITE, *LIVE)
    assert {unit: starts(unit) for unit in before} == after
    for broker in ADDRESSES:
        settings = cluster_client.broker_settings(BOOTSTRAP, broker)
        assert settings["num.io.threads"] == "9"
        assert settings["log.retention.ms"] == str(169 * 3600 * 1000)
    assert set(playbook.run(SITE, *LIVE).changed.values()) == {0}
