"""Each role alone: it changed what it is for, on the hosts it is for, and the host now does it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cluster_client
import playbook
from testinfra.host import Host

testinfra_hosts = ["role2"]
SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
EPHEMERAL = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
RELEASE = "/srv/kafka/kafka_2.13-3.9.2"
BOOTSTRAP = "192.168.22.21:9092"
WRONG = "0" * 128


def subjects(role: str, host: str) -> set[str]:
    """What the role's own run changed on a host."""
    return {subject for name, subject, _ in playbook.recorded(f"{role}.yml").changes if name == host}


def test_host_tuning_changed_the_kernel_alone() -> None:
    for host in ("role1", "role2"):
        found = {subject for subject in subjects("host_tuning", host) if not subject.startswith("kernel:")}
        assert found == {
            "/etc/sysctl.d/90-host-tuning.conf",
            "/etc/systemd/system/transparent-huge-pages.service",
            "transparent-huge-pages.service",
        }


def test_java_installed_one_package() -> None:
    assert subjects("java", "role1") == subjects("java", "role2") == {"openjdk-17-jre-headless"}


def test_dist_put_one_whole_release(host: Host) -> None:
    assert (subjects("dist", "role1"), subjects("dist", "role2")) == (set(), {RELEASE})
    manifest = json.loads(host.check_output("cat %s/.release.json", RELEASE))
    assert (manifest["product"], manifest["version"], manifest["source"]) == ("kafka", "3.9.2", "archive")
    assert (
        int(host.check_output("find %s -type f ! -name .release.json | wc -l", RELEASE)) == manifest["files"]
    )
    assert host.file("/srv/kafka").listdir() == ["kafka_2.13-3.9.2"]
    assert "kafka-topics.sh" in host.file(f"{RELEASE}/bin").listdir()


def test_wrong_checksum_is_refused_and_leaves_nothing(host: Host) -> None:
    kept = sorted((EPHEMERAL / "cache").rglob("*"))
    refused = playbook.run(
        str(SCENARIO / "dist.yml"),
        *("-e", f"kafka_release_sha512={WRONG}", "-e", "kafka_install_root=/srv/elsewhere"),
        succeeds=False,
    )
    assert "kafka_release_sha512" in refused.output
    assert WRONG in refused.output
    assert refused.changes == set()
    assert not host.file("/srv/elsewhere").exists
    assert sorted((EPHEMERAL / "cache").rglob("*")) == kept


def test_zookeeper_serves_from_a_local_release() -> None:
    assert subjects("zookeeper", "role2") == set()
    assert {"user zookeeper", "zookeeper.service"} <= subjects("zookeeper", "role1")
    answer = cluster_client.four_letter_word("192.168.22.20", "srvr")
    assert answer.startswith("Zookeeper version: 3.9.5")
    assert "Mode: standalone" in answer


def test_kafka_serves_with_its_ensemble_elsewhere(host: Host) -> None:
    assert subjects("kafka", "role1") == set()
    assert {"user kafka", "kafka.service"} <= subjects("kafka", "role2")
    assert (
        host.check_output("systemctl show --property=Wants --value kafka.service") == "network-online.target"
    )
    with cluster_client.topic(BOOTSTRAP, 1, 1, {}) as name:
        cluster_client.produce(BOOTSTRAP, name, 0, [b"a record"])
        assert cluster_client.consume(BOOTSTRAP, name, 0, 1) == [b"a record"]


def test_all_roles_together_had_nothing_left_to_do() -> None:
    assert playbook.recorded("converge.yml").changes == set()
