"""What an inventory, or a host, shows to be wrong with a syslog ingest."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import syslog_rules
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding
from test_syslog_config import variables

BROKER: dict[str, Any] = {
    "kafka_broker_id": 1,
    "kafka_version": "3.9.2",
    "kafka_advertised_address": "192.0.2.1",
    "kafka_listeners": [{"name": "PLAINTEXT", "protocol": "PLAINTEXT", "port": 9092}],
    "kafka_inter_broker_listener": "",
    "kafka_user": "kafka",
    "kafka_install_root": "/opt/kafka",
    "kafka_conf_dir": "/etc/kafka",
    "kafka_app_log_dir": "/var/log/kafka",
    "kafka_log_dirs": ["/var/lib/kafka/data"],
    "zookeeper_user": "zookeeper",
    "zookeeper_install_root": "/opt/zookeeper",
    "zookeeper_conf_dir": "/etc/zookeeper",
    "zookeeper_data_dir": "/var/lib/zookeeper/data",
    "zookeeper_txn_log_dir": "/var/lib/zookeeper/log",
    "zookeeper_app_log_dir": "/var/log/zookeeper",
}
SYSCTL = {"host_tuning_sysctl": {"net.core.rmem_max": 16777216}}
GROUPS = {"zookeeper": ["k1"], "kafka": ["k1", "k2", "k3"], "syslog_ingest": ["in1"]}


class Settings:
    """What a broker runs with, as far as the rules ask."""

    host = "k1"
    largest = 1048588

    def number(self, _name: str) -> int:
        return self.largest

    def where(self, name: str) -> str:
        return f"kafka_properties[{name}]"


@pytest.fixture(autouse=True)
def brokers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syslog_rules.effective_settings, "brokers", lambda _groups, _hosts: [Settings()])


def findings(groups: Any = None, broker: Any = None, rmem_max: int = 16777216, **given: Any) -> list[Finding]:
    ingest = variables(**given) | {"host_tuning_sysctl": {"net.core.rmem_max": rmem_max}}
    hosts = {name: copy.deepcopy(BROKER) | (broker or {}) for name in GROUPS["kafka"]} | {"in1": ingest}
    return list(syslog_rules.settings(groups or GROUPS, hosts))


def found(*args: Any, **given: Any) -> list[tuple[str, str]]:
    """Variable and severity of each finding."""
    return [(one.variable, one.severity) for one in findings(*args, **given)]


def test_the_defaults_are_right() -> None:
    assert found() == []


def test_an_inventory_without_ingest_hosts_has_no_findings() -> None:
    assert found(groups={**GROUPS, "syslog_ingest": []}, udp_port=99999) == []


@pytest.mark.parametrize(
    ("given", "variable"),
    [
        ({"udp_port": 70000}, "syslog_ingest_udp_port"),
        ({"udp_port": 0, "tcp_port": 0}, "syslog_ingest_udp_port"),
        ({"udp_threads": 0}, "syslog_ingest_udp_threads"),
        ({"udp_threads": 33}, "syslog_ingest_udp_threads"),
        ({"receive_buffer_bytes": 16777217}, "syslog_ingest_receive_buffer_bytes"),
        ({"receive_buffer_bytes": 100}, "syslog_ingest_receive_buffer_bytes"),
        ({"receive_buffer_bytes": -1}, "syslog_ingest_receive_buffer_bytes"),
        ({"max_message_bytes": 200_000}, "syslog_ingest_max_message_bytes"),
        ({"template": ""}, "syslog_ingest_template"),
        ({"template": "%msg%\\n"}, "syslog_ingest_template"),
        ({"template": "%rawmgs%"}, "syslog_ingest_template"),
        ({"topic": "a b"}, "syslog_ingest_topic"),
        ({"topic": "__consumer_offsets"}, "syslog_ingest_topic"),
        ({"topic": "x" * 250}, "syslog_ingest_topic"),
        ({"replication_factor": 4}, "syslog_ingest_replication_factor"),
        ({"min_insync_replicas": 4}, "syslog_ingest_min_insync_replicas"),
        ({"message_timeout_ms": 10}, "syslog_ingest_message_timeout_ms"),
        ({"client_queue_messages": 10}, "syslog_ingest_client_queue_messages"),
        ({"client_properties": {"acks": "1"}}, "syslog_ingest_client_properties[acks]"),
        ({"client_properties": {"Compression": "x"}}, "syslog_ingest_client_properties[Compression]"),
        ({"client_properties": {"linger.ms": "soon"}}, "syslog_ingest_client_properties[linger.ms]"),
        ({"client_properties": {"security.protocol": 1}}, "syslog_ingest_client_properties"),
        ({"client_properties": {"security.protocol": "SSL"}}, "syslog_ingest_client_properties"),
        ({"listener": "NONE"}, "syslog_ingest_listener"),
        ({"queue_dir": "/run/x"}, "syslog_ingest_queue_dir"),
        ({"queue_dir": "/var"}, "syslog_ingest_queue_dir"),
        ({"stats_file": '/var/log/"x'}, "syslog_ingest_stats_file"),
        ({"queue_max_disk_mb": 8}, "syslog_ingest_queue_max_disk_mb"),
        (
            {"client_properties": {"transactional.id": "x"}},
            "syslog_ingest_client_properties[transactional.id]",
        ),
    ],
)
def test_what_is_wrong_is_found(given: dict[str, Any], variable: str) -> None:
    assert (variable, "error") in found(**given)


@pytest.mark.parametrize(
    "folder",
    ["/var/lib", "/var/spool", "/var/log", "/etc/kafka", "/usr/local/queue", "/data", "/var/x/../lib"],
)
def test_a_folder_that_is_the_systems_is_not_given_to_the_service(folder: str) -> None:
    assert ("syslog_ingest_queue_dir", "error") in found(queue_dir=folder)
    assert ("syslog_ingest_stats_file", "error") in found(stats_file=f"{folder}/stats.json")


@pytest.mark.parametrize(
    "folder", ["/var/spool/ingest", "/srv/ingest", "/data/syslog/queue", "/var/opt/a..b"]
)
def test_a_folder_of_its_own_is_right(folder: str) -> None:
    assert found(queue_dir=folder) == []
    assert found(stats_file=f"{folder}/stats.json") == []


def test_a_folder_with_a_brokers_or_servers_data_is_not_given_to_the_service() -> None:
    groups = {**GROUPS, "kafka": [*GROUPS["kafka"], "in1"], "zookeeper": ["k1", "in1"]}
    theirs = {
        **BROKER,
        "kafka_log_dirs": ["/srv/kafka/a"],
        "zookeeper_data_dir": "/srv/zookeeper",
        **{
            f"zookeeper_{kind}_port": 2181 + number
            for number, kind in enumerate(("client", "peer", "election"))
        },
    }
    for folder, holds in (
        ("/srv/kafka", True),
        ("/srv/kafka/a", True),
        ("/srv/zookeeper", True),
        ("/srv/b", False),
    ):
        hosts = {name: theirs | variables(queue_dir=folder) | SYSCTL for name in groups["kafka"]}
        names = [one.variable for one in syslog_rules.settings(groups, hosts)]
        assert names == ["syslog_ingest_queue_dir"] * holds
        # On another host they are in nobody's way.
        assert found(queue_dir=folder) == []


def test_counters_do_not_lie_among_the_queue() -> None:
    assert found(stats_file="/var/spool/syslog-ingest/stats.json") == [("syslog_ingest_stats_file", "error")]


def test_a_property_that_the_role_owns_is_left_out_or_set_by_its_variable() -> None:
    for name, remedy in (("acks", "Leave it out"), ("message.timeout.ms", "Use syslog_ingest_message_time")):
        [finding] = findings(client_properties={name: "1"})
        assert finding.remedy.startswith(remedy)


def test_a_buffer_of_0_needs_no_rmem_max() -> None:
    assert found(receive_buffer_bytes=0, rmem_max=212992) == []
    assert found(receive_buffer_bytes=212993, rmem_max=212992)


def test_all_replicas_in_sync_is_a_warning() -> None:
    assert found(min_insync_replicas=3) == [("syslog_ingest_min_insync_replicas", "warning")]


def test_a_line_that_brokers_would_refuse_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings, "largest", 40_000)
    assert found(max_message_bytes=8192) == [("syslog_ingest_max_message_bytes", "error")]
    assert found(max_message_bytes=5984) == []


def test_a_listener_that_speaks_tls_needs_a_client_that_does() -> None:
    secure = {"kafka_listeners": [{"name": "TLS", "protocol": "SSL", "port": 9093}]}
    assert found(broker=secure) == [("syslog_ingest_client_properties", "error")]
    assert found(broker=secure, client_properties={"security.protocol": "ssl"}) == []


def test_a_broker_on_the_same_host_may_not_have_the_port() -> None:
    hosts = {name: copy.deepcopy(BROKER) for name in GROUPS["kafka"]}
    hosts["k1"] |= variables(tcp_port=9092) | {"host_tuning_sysctl": {}}
    groups = {"zookeeper": [], "kafka": GROUPS["kafka"], "syslog_ingest": ["k1"]}
    assert [one.variable for one in syslog_rules.settings(groups, hosts)] == ["syslog_ingest_tcp_port"]


def state(**given: Any) -> dict[str, Any]:
    return {
        "units": {"syslog-ingest.service": {"main_pid": 7, "active_state": "inactive"}},
        "users": {"syslog-ingest": None},
        "ports": {"514": None},
        "udp_ports": {"514": None},
        "sysctls": {"net.core.rmem_max": "212992"},
        "fixed_settings": [],
        "disks": {"/var/spool/syslog-ingest": {"free_bytes": 2**40, "files_bytes": 0, "mount_point": "/"}},
        **given,
    }


def of_host(**given: Any) -> list[tuple[str, str]]:
    return [(one.variable, one.severity) for one in syslog_rules.host("in1", variables(), state(**given))]


def test_a_host_that_can_be_tuned_is_right() -> None:
    assert of_host() == []


def test_a_kernel_that_cannot_be_raised_is_refused() -> None:
    assert of_host(fixed_settings=["net.core.rmem_max"]) == [("syslog_ingest_receive_buffer_bytes", "error")]


def test_a_port_that_another_process_has_is_refused_and_its_own_is_not() -> None:
    own, other = {"pid": 7, "process": "rsyslogd"}, {"pid": 8, "process": "rsyslogd"}
    assert of_host(ports={"514": own}, udp_ports={"514": own}) == []
    assert of_host(ports={"514": other}, udp_ports={"514": other}) == [
        ("syslog_ingest_tcp_port", "error"),
        ("syslog_ingest_udp_port", "error"),
    ]


def test_a_disk_without_room_is_refused_and_what_the_queue_has_of_it_counts_as_room() -> None:
    def disk(free_mb: int, own_mb: int) -> dict[str, Any]:
        holding = {"mount_point": "/", "free_bytes": free_mb * 2**20, "files_bytes": own_mb * 2**20}
        return {"disks": {"/var/spool/syslog-ingest": holding}}

    running = {"units": {"syslog-ingest.service": {"main_pid": 7, "active_state": "active"}}}
    for service in ({}, running):
        assert of_host(**disk(24, 999), **service) == [("syslog_ingest_queue_max_disk_mb", "error")]
        assert of_host(**disk(24, 1000), **service) == []
    [finding] = syslog_rules.host("in1", variables(), state(**disk(24, 999)))
    assert finding.rule == "/ has 24 MiB free, and the queue has 999 MiB of it already"


def test_an_account_that_somebody_logs_in_by_is_not_taken() -> None:
    for shell, taken in (("/bin/bash", True), ("/usr/sbin/nologin", False), ("/bin/false", False)):
        users = {"syslog-ingest": {"uid": 999, "group": "x", "home": "/", "shell": shell}}
        assert of_host(users=users) == [("syslog_ingest_user", "error")] * taken


def test_an_account_is_not_shared_with_a_broker_or_server() -> None:
    groups = {**GROUPS, "kafka": [*GROUPS["kafka"], "in1"]}
    for user, taken in (("kafka", True), ("kafka2", False)):
        own = BROKER | variables(user=user) | SYSCTL
        hosts = dict.fromkeys(groups["kafka"], own)
        names = [one.variable for one in syslog_rules.settings(groups, hosts)]
        assert names == ["syslog_ingest_user"] * taken
    assert found(user="kafka") == []


def test_a_host_of_another_group_is_not_judged() -> None:
    assert of_host(units={}) == []
