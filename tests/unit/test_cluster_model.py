"""The cluster as roles and verbs are given it."""

from __future__ import annotations

from ansible_collections.barevm.kafka.plugins.module_utils import cluster_model

from tests.described import apart, broker, listener, server, together


def test_the_cluster_is_sorted_by_id_whatever_the_inventory_says() -> None:
    groups, hosts = together(3, n1={"zookeeper_id": 9, "kafka_broker_id": 9})
    found = cluster_model.build(groups, hosts)
    assert [one["host"] for one in found["zookeeper"]["servers"]] == ["n2", "n3", "n1"]
    assert [one["host"] for one in found["kafka"]["brokers"]] == ["n2", "n3", "n1"]
    assert found["zookeeper"]["hosts"] == "192.0.2.2:2181,192.0.2.3:2181,192.0.2.1:2181"
    turned = {"zookeeper": ["n3", "n1", "n2"], "kafka": ["n2", "n1", "n3"]}
    assert cluster_model.build(turned, hosts) == found


def test_the_connect_string_carries_the_chroot_once() -> None:
    found = cluster_model.build(*apart(["2001:db8::1", "zk2"], ["192.0.2.1"]))
    assert found["zookeeper"]["hosts"] == "[2001:db8::1]:2181,zk2:2181"
    assert found["zookeeper"]["connect"] == "[2001:db8::1]:2181,zk2:2181/kafka"
    groups, hosts = together(1, {"kafka_chroot": ""})
    assert cluster_model.build(groups, hosts)["zookeeper"]["connect"] == "192.0.2.1:2181"


def test_members_are_described_with_what_their_hosts_say() -> None:
    groups, hosts = together(
        1,
        {
            "kafka_rack": "a",
            "zookeeper_client_port": 2182,
            "kafka_cluster_name": "lab",
            "kafka_version": "2.6.0",
        },
    )
    found = cluster_model.build(groups, hosts)
    assert found["name"] == "lab"
    assert found["zookeeper"]["servers"] == [
        {
            "host": "n1",
            "id": 1,
            "address": "192.0.2.1",
            "client_port": 2182,
            "peer_port": 2888,
            "election_port": 3888,
        }
    ]
    (one,) = found["kafka"]["brokers"]
    assert (one["id"], one["rack"], one["address"]) == (1, "a", "192.0.2.1")
    assert found["kafka"]["version"] == "2.6.0"
    assert found["kafka"]["inter_broker_listener"] == "PLAINTEXT"


def test_clients_use_the_listener_that_is_named_or_that_of_the_brokers() -> None:
    pair = [listener("A", 9092), listener("B", 9093)]
    groups, hosts = together(2, {"kafka_listeners": pair, "kafka_inter_broker_listener": "B"})
    kafka = cluster_model.build(groups, hosts)["kafka"]
    assert cluster_model.bootstrap_servers(kafka) == ["192.0.2.1:9093", "192.0.2.2:9093"]
    assert cluster_model.bootstrap_servers(kafka, "A") == ["192.0.2.1:9092", "192.0.2.2:9092"]
    assert cluster_model.bootstrap_servers(kafka, "C") == []
    assert cluster_model.listener_refusal(kafka, "perf_listener", "") == ""
    assert cluster_model.listener_refusal(kafka, "perf_listener", "C") == (
        "perf_listener is C, and no broker has a listener of that name. The brokers have A, B; name one of "
        "them, or leave perf_listener empty for B."
    )


def test_listeners_have_every_default_filled_in() -> None:
    variables = broker(
        1,
        "192.0.2.1",
        kafka_listeners=[
            # As the inventory may have it, and as the spec hands it on.
            {"name": "A", "port": 9092},
            {"name": "B", "port": 9093, "protocol": None, "address": None, "advertised_address": None},
            listener(
                "C", 9094, protocol="SSL", address="10.0.0.1", advertised_address="c", advertised_port=1
            ),
        ],
    )
    plain = {"protocol": "PLAINTEXT", "address": "", "advertised_address": "192.0.2.1"}
    assert cluster_model.listeners(variables) == [
        {"name": "A", "port": 9092, "advertised_port": 9092, **plain},
        {"name": "B", "port": 9093, "advertised_port": 9093, **plain},
        {
            "name": "C",
            "port": 9094,
            "protocol": "SSL",
            "address": "10.0.0.1",
            "advertised_address": "c",
            "advertised_port": 1,
        },
    ]


def test_the_inter_broker_listener_is_the_one_named_or_the_first() -> None:
    pair = [listener("A", 1), listener("B", 2)]
    assert cluster_model.inter_broker_listener(broker(1, "x", kafka_listeners=pair)) == "A"
    named = broker(1, "x", kafka_listeners=pair, kafka_inter_broker_listener="B")
    assert cluster_model.inter_broker_listener(named) == "B"


def test_releases_are_distinct_and_know_their_folder() -> None:
    groups, hosts = together(3, n3={"kafka_install_root": "/srv/kafka"})
    found = cluster_model.build(groups, hosts)["releases"]
    assert [(one["product"], one["path"]) for one in found] == [
        ("zookeeper", "/opt/zookeeper/apache-zookeeper-3.9.5-bin"),
        ("kafka", "/opt/kafka/kafka_2.13-3.9.2"),
        ("kafka", "/srv/kafka/kafka_2.13-3.9.2"),
    ]
    assert found[0]["scala_version"] == ""
    assert found[1]["source"] == "maven"


def test_a_host_is_asked_for_what_its_services_need_and_no_more() -> None:
    _groups, hosts = apart(["192.0.2.1"], ["192.0.2.2"])
    of_server = cluster_model.reads(hosts["z1"], True, False)
    assert of_server["users"] == ["zookeeper"]
    assert of_server["ports"] == [2181, 2888, 3888]
    assert of_server["resolve"] == ["192.0.2.1"]
    assert of_server["zookeeper_dirs"] == ["/var/lib/zookeeper/data", "/var/lib/zookeeper/txnlog"]
    assert of_server["kafka_log_dirs"] == []
    assert [one["unit"] for one in of_server["services"]] == ["zookeeper.service"]
    of_broker = cluster_model.reads(hosts["k1"], False, True)
    assert of_broker["users"] == ["kafka"]
    assert of_broker["ports"] == [9092]
    assert of_broker["disks"] == ["/var/lib/kafka"]
    assert of_broker["zookeeper_dirs"] == []
    assert of_broker["services"] == [
        {
            "unit": "kafka.service",
            "unit_path": "/etc/systemd/system/kafka.service",
            "started_dir": "/run/kafka",
            "files": ["/etc/kafka/server.properties", "/etc/kafka/kafka.env", "/etc/kafka/log4j.properties"],
        }
    ]


def test_both_services_are_read_at_once() -> None:
    _groups, hosts = together(1)
    found = cluster_model.reads(hosts["n1"], True, True)
    assert found["users"] == ["zookeeper", "kafka"]
    assert found["units"] == ["transparent-huge-pages.service", "zookeeper.service", "kafka.service"]
    assert found["sysctls"] == ["vm.swappiness"]


def test_zookeeper_moved_to_logback_with_3_8() -> None:
    assert cluster_model.zookeeper_uses_log4j("3.6.2")
    assert cluster_model.zookeeper_uses_log4j("3.7.10")
    assert not cluster_model.zookeeper_uses_log4j("3.8.0")
    assert not cluster_model.zookeeper_uses_log4j("3.10.0")
    files = cluster_model.services(server(1, "x", zookeeper_version="3.6.2"), True, False)[0]["files"]
    assert files[-1] == "/etc/zookeeper/log4j.properties"
