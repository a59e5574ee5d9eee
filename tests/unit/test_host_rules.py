"""Every observed rule: a host as read that breaks it, and its neighbour that does not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import cluster_model, host_rules
from ansible_collections.barevm.kafka.plugins.module_utils.releases import IDENTITY, Release

from tests.described import apart, broker, server, together

KAFKA, ZOOKEEPER = "/opt/kafka/kafka_2.13-3.9.2", "/opt/zookeeper/apache-zookeeper-3.9.5-bin"
STOPPED = {"active_state": "inactive", "main_pid": 0}


def running(pid: int) -> dict[str, Any]:
    return {"active_state": "active", "main_pid": pid}


def disk(free_mb: int = 50_000, *options: str) -> dict[str, Any]:
    return {"mount_point": "/", "fstype": "ext4", "options": ["rw", *options], "free_bytes": free_mb * 2**20}


def bare(**read: Any) -> dict[str, Any]:
    """What host_state answers of a host that has nothing of ours yet; ``read`` replaces parts of it."""
    return {
        "identities": {"myid": None, "meta_properties": {"/var/lib/kafka": None}},
        "ports": {str(port): None for port in (2181, 2888, 3888, 9092)},
        "units": {"zookeeper.service": STOPPED, "kafka.service": STOPPED},
        "disks": dict.fromkeys(
            ("/var/lib/kafka", "/var/lib/zookeeper/data", "/var/lib/zookeeper/txnlog"), disk()
        ),
        "memory_total_mb": 7982,
        "resolved": {"192.0.2.1": ["192.0.2.1"]},
        "java": {"": None},
        "releases": {KAFKA: None, ZOOKEEPER: None},
        **read,
    }


def judged(state: dict[str, Any], **variables: Any) -> list[str]:
    """The findings of a host with both services, as they are told."""
    _groups, hosts = together(1, variables)
    reads = cluster_model.reads(hosts["n1"], True, True)
    return [str(one) for one in host_rules.check("n1", hosts["n1"], state, reads)]


def only(found: list[str], *words: str) -> None:
    """Just one finding, with these words."""
    assert len(found) == 1, found
    for word in words:
        assert word in found[0]


def test_a_bare_host_is_right() -> None:
    assert judged(bare()) == []


def test_a_host_that_serves_is_right() -> None:
    _groups, hosts = together(1)
    manifests = {
        one["path"]: {name: getattr(Release.from_dict(one), name) for name in IDENTITY}
        for one in (cluster_model.release(product, hosts["n1"]) for product in ("kafka", "zookeeper"))
    }
    assert list(manifests) == [KAFKA, ZOOKEEPER]
    holders = {
        **{str(port): {"pid": 10, "process": "java"} for port in (2181, 2888, 3888)},
        "9092": {"pid": 20, "process": "java"},
    }
    meta = {"/var/lib/kafka": {"version": "0", "broker.id": "1", "cluster.id": "x"}}
    state = bare(
        identities={"myid": "1", "meta_properties": meta},
        units={"zookeeper.service": running(10), "kafka.service": running(20)},
        ports=holders,
        java={"": {"version": "17.0.15", "major": 17, "binary": "/usr/bin/java"}},
        releases=manifests,
    )
    assert judged(state) == []


def test_myid_of_another_server() -> None:
    state = bare(identities={"myid": "3", "meta_properties": {}})
    only(judged(state), "n1: zookeeper_id = 1: /var/lib/zookeeper/data/myid says 3", "Set zookeeper_id to 3")


@pytest.mark.parametrize("key", ["broker.id", "node.id"])
def test_partitions_of_another_broker(key: str) -> None:
    state = bare(identities={"myid": None, "meta_properties": {"/var/lib/kafka": {key: "7"}}})
    only(
        judged(state),
        "n1: kafka_broker_id = 1: /var/lib/kafka/meta.properties says 7",
        "Set kafka_broker_id to 7",
    )


def test_a_meta_properties_without_an_id_tells_nothing() -> None:
    state = bare(identities={"myid": "1", "meta_properties": {"/var/lib/kafka": {"version": "0"}}})
    assert judged(state) == []


@pytest.mark.parametrize(
    ("port", "variable"),
    [
        (2181, "zookeeper_client_port"),
        (2888, "zookeeper_peer_port"),
        (3888, "zookeeper_election_port"),
        (9092, "kafka_listeners[PLAINTEXT].port"),
    ],
)
def test_a_port_in_use(port: int, variable: str) -> None:
    state = bare()
    state["ports"][str(port)] = {"pid": 99, "process": "nginx"}
    only(
        judged(state),
        f"n1: {variable} = {port}: the port is in use by nginx (pid 99)",
        "Stop that process, or choose another port",
    )


def test_a_port_in_use_by_the_other_service() -> None:
    state = bare(units={"zookeeper.service": running(10), "kafka.service": STOPPED})
    state["ports"]["9092"] = {"pid": 10, "process": "java"}
    only(judged(state), "in use by java (pid 10), which is not kafka.service")


@pytest.mark.parametrize(("free_mb", "refused"), [(1024, False), (1023, True), (0, True)])
def test_no_space_in_the_log_directory(free_mb: int, refused: bool) -> None:
    state = bare()
    state["disks"]["/var/lib/kafka"] = disk(free_mb)
    found = judged(state)
    if refused:
        only(found, f"n1: kafka_log_dirs = '/var/lib/kafka': / has {free_mb} MiB free, less than", "(1024)")
    else:
        assert found == []
    assert judged(state, kafka_log_dir_min_free_mb=0) == []


def test_each_log_directory_is_judged_by_its_own_disk() -> None:
    state = bare(identities={"myid": None, "meta_properties": {}})
    state["disks"] |= {"/data/a": disk(), "/data/b": disk(10), "/data/c": disk(50_000, "ro")}
    first, second = judged(state, kafka_log_dirs=["/data/a", "/data/b", "/data/c"])
    assert "'/data/b': / has 10 MiB free" in first
    assert "'/data/c': / is mounted read-only" in second


def test_heaps_that_leave_no_memory() -> None:
    only(
        judged(bare(), kafka_heap_size="5g", zookeeper_heap_size="1g"),
        "n1: zookeeper_heap_size + kafka_heap_size",
        "zookeeper 1024 MiB and kafka 5120 MiB",
        "more than three quarters of the host's 7982 MiB",
    )
    assert judged(bare(), kafka_heap_size="4g", zookeeper_heap_size="1g") == []


def test_a_host_too_small_for_the_least_heaps() -> None:
    only(judged(bare(memory_total_mb=900)), "the heaps take more than three quarters of the host's 900 MiB")
    assert judged(bare(memory_total_mb=1100)) == []


def test_a_name_that_the_host_does_not_know() -> None:
    state = bare(resolved={"zk1": []})
    only(judged(state, zookeeper_address="zk1"), "n1: zookeeper_address = 'zk1': the host cannot resolve it")


def test_the_host_s_own_name_is_a_loopback_address() -> None:
    state = bare(resolved={"zk1": ["127.0.1.1"]})
    only(judged(state, zookeeper_address="zk1"), "on the host itself it means 127.0.1.1", "/etc/hosts")
    assert judged(bare(resolved={"zk1": ["192.0.2.1", "fe80::1%eth0"]}), zookeeper_address="zk1") == []


def test_names_of_others_must_be_known_where_they_are_needed() -> None:
    groups, hosts = apart(["zk1"], ["k1.example.com", "192.0.2.12"])
    cluster = cluster_model.build(groups, hosts)
    assert cluster_model.peer_names(cluster, in_cluster=True, to_brokers=False) == ["zk1"]
    assert cluster_model.peer_names(cluster, in_cluster=True, to_brokers=True) == ["zk1", "k1.example.com"]
    of_server: dict[str, Any] = {"resolved": {"zk1": []}}
    of_broker: dict[str, Any] = {"resolved": {"zk1": [], "k1.example.com": []}}
    found = [
        str(one) for one in host_rules.peers(cluster, {"z1": of_server, "k1": of_broker, "k2": of_broker})
    ]
    assert len(found) == 2
    assert found[0].startswith("k1, k2: zookeeper_address = 'zk1': that is how z1 is reached")
    assert found[1].startswith(
        "k1, k2: kafka_advertised_address = 'k1.example.com': that is how k1 is reached"
    )
    known: dict[str, Any] = {"resolved": {name: ["192.0.2.9"] for name in of_broker["resolved"]}}
    assert list(host_rules.peers(cluster, {"k1": known, "k2": known})) == []


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "::1"])
def test_a_loopback_address_is_the_inventory_s_matter(address: str) -> None:
    """There a cluster of one host may have it."""
    assert judged(bare(resolved={address: ["127.0.0.1"]}), zookeeper_address=address) == []


def test_a_given_java_that_is_not_there() -> None:
    state = bare(java={"/opt/jdk": None})
    only(
        judged(state, java_runtime_home="/opt/jdk"),
        "n1: java_runtime_home = '/opt/jdk': there is no /opt/jdk/bin/java",
    )


def test_a_java_that_the_release_does_not_run_on() -> None:
    state = bare(java={"": {"version": "17.0.15", "major": 17, "binary": "/usr/bin/java"}})
    assert judged(state) == []
    state["java"][""] = {"version": "7", "major": 7, "binary": "/usr/bin/java"}
    found = judged(state)
    assert found
    assert all("n1: java_runtime_home = 'Java 7'" in one for one in found)


def test_a_folder_that_a_service_runs_from_is_not_replaced() -> None:
    manifest = {"product": "kafka", "version": "3.9.2", "scala_version": "2.13", "source": "local"}
    serving = bare(
        releases={KAFKA: manifest, ZOOKEEPER: None},
        units={"zookeeper.service": STOPPED, "kafka.service": running(20)},
    )
    only(
        judged(serving), "n1: kafka_release_source = 'maven'", f"{KAFKA} holds another release (source local)"
    )
    assert judged({**serving, "units": bare()["units"]}) == []


def test_a_host_is_judged_only_for_what_it_runs() -> None:
    broken = bare(
        identities={"myid": "9", "meta_properties": {"/var/lib/kafka": {"broker.id": "9"}}}, resolved={}
    )
    broken["ports"] = {port: {"pid": 99, "process": "nginx"} for port in broken["ports"]}
    broken["disks"]["/var/lib/kafka"] = disk(0)
    of_server, of_broker = server(1, "192.0.2.1"), broker(1, "192.0.2.1")
    told = host_rules.check("z", of_server, broken, cluster_model.reads(of_server, True, False))
    assert {one.variable.split("_")[0] for one in told} == {"zookeeper"}
    told = host_rules.check("k", of_broker, broken, cluster_model.reads(of_broker, False, True))
    assert {one.variable.split("_")[0] for one in told} == {"kafka"}


def test_everything_that_is_wrong_is_told_at_once() -> None:
    state = bare(
        identities={"myid": "2", "meta_properties": {"/var/lib/kafka": {"broker.id": "2"}}},
        memory_total_mb=512,
    )
    state["ports"]["9092"] = {"pid": 99, "process": "nginx"}
    state["disks"]["/var/lib/kafka"] = disk(5)
    assert [one.split(" = ")[0] for one in judged(state)] == [
        "n1: zookeeper_id",
        "n1: kafka_broker_id",
        "n1: kafka_listeners[PLAINTEXT].port",
        "n1: kafka_log_dirs",
        "n1: zookeeper_heap_size + kafka_heap_size",
    ]
