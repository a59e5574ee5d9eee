"""What comes back by itself, and what is named where it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cluster_client
import playbook
from testinfra.host import Host

testinfra_hosts = ["cluster2"]
PROJECT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
OTHERS = "192.168.21.20:2181,192.168.21.22:2181/kafka"
BROKER = 102
LOG_DIRS = ["/var/lib/kafka/a", "/var/lib/kafka/b"]


def lab(*arguments: str) -> str:
    """What the lab answers."""
    command = [sys.executable, "-m", "lab", *arguments, "--name", "molecule-cluster"]
    return subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True).stdout


def registration() -> dict[str, Any] | None:
    """The broker's, as the ensemble's other two servers know it."""
    return cluster_client.registrations(OTHERS).get(BROKER)


def test_a_broker_that_cannot_start_is_named_with_its_reason(host: Host) -> None:
    host.check_output("systemctl stop kafka.service")
    for path in LOG_DIRS:
        host.check_output("chown root:root %s", path)
    # It starts as far as systemd can tell, and ends when it has seen its folders.
    host.check_output("systemctl start kafka.service")
    cluster_client.wait_until(
        "the broker to give up",
        lambda: host.check_output("systemctl show -p SubState --value kafka.service") == "auto-restart",
    )
    failed = playbook.run("barevm.kafka.verify", "-e", "verify_timeout_s=5", succeeds=False).output
    assert "cluster2" in failed
    assert "kafka.service cannot start" in failed
    assert "Failed to load /var/lib/kafka/" in failed

    healed = playbook.run("barevm.kafka.site")
    assert {("cluster2", path, what) for path in LOG_DIRS for what in ("owner", "group")} <= healed.changes
    assert {name for name, count in healed.changed.items() if count} == {"cluster2"}
    assert registration() is not None


def reboot(host: Host) -> None:
    """Boot anew, and wait until the host answers."""
    # A moment later, so that the command has come back.
    host.check_output("systemd-run --on-active=1 systemctl reboot")
    # A lab's host goes off where a machine would go through its firmware; `up` is its power button.
    cluster_client.wait_until("cluster2 to go down", lambda: "does not run" in lab("status"))
    assert registration() is None, "a broker that is shut down in order leaves at once"
    lab("up")


def test_a_broker_without_its_disk_stays_down_until_the_disk_is_back(host: Host) -> None:
    path, source = "/var/lib/kafka/b", "/srv/disk-b"
    assert host.check_output("findmnt --noheadings --output=SOURCE %s", path).endswith(f"[{source}]")
    before = host.check_output("ls %s", source)
    host.check_output("sed -i.kept '\\#^%s #d' /etc/fstab", source)
    reboot(host)
    cluster_client.wait_until(
        "systemd to wait for the next attempt",
        lambda: host.check_output("systemctl show -p SubState --value kafka.service") == "auto-restart",
    )
    said = host.check_output("journalctl --boot --unit=kafka.service --output=cat --no-pager")
    assert f"Error: {path} has no meta.properties: is its disk mounted?" in said
    assert host.file(path).listdir() == []
    assert registration() is None

    refused = playbook.run("barevm.kafka.site", succeeds=False)
    assert f"cluster2: kafka_log_dirs = '{path}': a broker ran with it, and it has no meta.properties" in (
        refused.output
    )
    assert refused.changes == set()
    assert host.file(path).listdir() == []

    host.check_output("mv /etc/fstab.kept /etc/fstab && systemctl daemon-reload && mount %s", path)
    healed = playbook.run("barevm.kafka.site")
    assert {name for name, _, _ in healed.changes} == {"cluster2"}
    assert "kafka.service" in {subject for _, subject, _ in healed.changes}
    assert registration() is not None
    assert host.check_output("ls %s", source) == before


def test_services_are_back_after_a_reboot(host: Host) -> None:
    before = registration()
    # What waited for a restart has had it, whoever gave it.
    folder = "/etc/systemd/system/kafka.service.d"
    host.check_output("mkdir %s && printf '[Service]\\nNice=1\\n' >%s/nice.conf", folder, folder)
    waits = "cluster2: restart pending: the broker does not run with unit: drop-ins"
    assert waits in playbook.run("barevm.kafka.verify").output
    booted = host.check_output("systemctl show --property=UserspaceTimestamp --value")
    reboot(host)
    cluster_client.wait_until("the broker to register", registration)
    after = registration()
    assert before is not None
    assert after is not None
    assert after["session"] != before["session"]
    assert after["endpoints"] == before["endpoints"]
    assert host.check_output("systemctl show --property=UserspaceTimestamp --value") != booted
    assert host.check_output("systemctl is-system-running --wait") == "running"
    assert cluster_client.four_letter_word("192.168.21.21", "ruok") == "imok"
    assert "restart pending" not in playbook.run("barevm.kafka.verify").output
    host.check_output("rm -r %s", folder)
    playbook.run("barevm.kafka.site")
    assert "restart pending" not in playbook.run("barevm.kafka.verify").output
