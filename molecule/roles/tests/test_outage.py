"""A broker that starts in vain outlasts the outage, however many attempts it takes."""

from __future__ import annotations

import os
from typing import Any

import cluster_client
import pytest
from testinfra.host import Host
from testinfra.utils.ansible_runner import AnsibleRunner

testinfra_hosts = ["role2"]
CONNECT = "192.168.22.20:2181/kafka"
# One more than systemd's start limit would allow in its interval.
ATTEMPTS = 6


@pytest.fixture
def zookeeper_host() -> Host:
    return AnsibleRunner(os.environ["MOLECULE_INVENTORY_FILE"]).get_host("role1")


def test_broker_comes_back_by_itself_after_many_attempts(host: Host, zookeeper_host: Host) -> None:
    def shown(name: str) -> str:
        return host.check_output("systemctl show --property=%s --value kafka.service", name)

    before = cluster_client.registrations(CONNECT)[1]
    zookeeper_host.check_output("systemctl stop zookeeper.service")
    host.check_output("systemctl kill --signal=KILL kafka.service")
    cluster_client.wait_until(
        f"{ATTEMPTS} attempts", lambda: int(shown("NRestarts")) >= ATTEMPTS, limit_s=ATTEMPTS * 60
    )
    assert shown("ActiveState") != "failed"
    zookeeper_host.check_output("systemctl start zookeeper.service")

    def anew() -> dict[str, Any] | None:
        # ZooKeeper kept the killed broker's session through its own stop, and ends it only now.
        found = cluster_client.registrations(CONNECT).get(1)
        return found if found and found["session"] != before["session"] else None

    after = cluster_client.wait_until("the broker to register anew", anew, limit_s=400)
    assert after["endpoints"] == before["endpoints"]
