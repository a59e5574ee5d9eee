"""Kafka 2.6.0 with ZooKeeper 3.6.2 and no chroot, asked for its own settings and for records."""

from __future__ import annotations

import cluster_client
import pytest
from testinfra.host import Host

testinfra_hosts = ["all"]
ADDRESSES = {1: "192.168.23.20", 2: "192.168.23.21", 3: "192.168.23.22"}
BOOTSTRAP = ",".join(f"{address}:9092" for address in ADDRESSES.values())


def main_process(host: Host, unit: str) -> str:
    """The process of a service."""
    return host.check_output("systemctl show --property=MainPID --value %s", unit)


def test_ensemble_has_one_leader() -> None:
    answers = [cluster_client.four_letter_word(address, "srvr") for address in ADDRESSES.values()]
    assert all(answer.startswith("Zookeeper version: 3.6.2") for answer in answers), answers
    roles = sorted(line.split()[1] for answer in answers for line in answer.splitlines() if "Mode:" in line)
    assert roles == ["follower", "follower", "leader"]


def test_brokers_are_registered_at_the_root() -> None:
    found = cluster_client.registrations(f"{ADDRESSES[1]}:2181")
    assert {number: broker["endpoints"] for number, broker in found.items()} == {
        number: [f"PLAINTEXT://{address}:9092"] for number, address in ADDRESSES.items()
    }


@pytest.mark.parametrize("broker", ADDRESSES)
def test_broker_runs_with_the_published_settings(broker: int) -> None:
    settings = cluster_client.broker_settings(f"{ADDRESSES[broker]}:9092", broker)
    wanted = {
        "broker.id": str(broker),
        "num.partitions": "5",
        "default.replication.factor": "3",
        "offsets.topic.replication.factor": "3",
        "transaction.state.log.replication.factor": "3",
        "transaction.state.log.min.isr": "2",
        "min.insync.replicas": "2",
        "unclean.leader.election.enable": "false",
        "auto.create.topics.enable": "false",
        "log.retention.ms": str(168 * 3600 * 1000),
        "log.segment.bytes": "536870912",
        "log.retention.check.interval.ms": "60000",
    }
    assert {name: settings[name] for name in wanted} == wanted
    assert not settings["zookeeper.connect"].rpartition(":")[2].count("/"), "no chroot"


def test_a_record_comes_back_through_every_broker() -> None:
    with cluster_client.topic(BOOTSTRAP, 3, 3, {}) as name:
        found = cluster_client.partitions(BOOTSTRAP, name)
        leaders = {number: partition.leader for number, partition in found.items()}
        assert set(leaders.values()) == set(ADDRESSES)
        for partition, leader in leaders.items():
            # Through that broker alone: it is asked first, and it leads.
            address = f"{ADDRESSES[leader]}:9092"
            record = f"led by {leader}".encode()
            cluster_client.produce(address, name, partition, [record], compression="zstd")
            assert cluster_client.consume(address, name, partition, 1) == [record]


def test_a_topic_gets_the_brokers_defaults() -> None:
    with cluster_client.topic(BOOTSTRAP, -1, -1, {}) as name:
        found = cluster_client.partitions(BOOTSTRAP, name)
        assert [len(partition.replicas) for partition in found.values()] == [3] * 5


@pytest.mark.parametrize("unit", ["kafka.service", "zookeeper.service"])
def test_service_is_enabled_sound_and_answers_jcmd(host: Host, unit: str) -> None:
    service = host.service(unit.removesuffix(".service"))
    assert service.is_enabled
    assert service.is_running
    assert host.check_output("systemd-analyze verify /etc/systemd/system/%s 2>&1", unit) == ""
    # Attaching needs the process's own /tmp and signals, which a sandbox can take away.
    answer = host.check_output("jcmd %s VM.system_properties", main_process(host, unit))
    assert "java.vm.specification.version=17" in answer


def test_tools_know_the_cluster(host: Host) -> None:
    described = host.check_output("kafka-configs.sh --describe --entity-type brokers --entity-name 1 --all")
    assert "min.insync.replicas=2" in described
