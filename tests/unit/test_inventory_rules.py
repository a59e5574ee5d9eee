"""More cases of the static rules beside the table of test_bad_inventories, and all findings at once."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import findings, inventory_rules

from tests import judged
from tests.described import Groups, Hosts, apart, listener, of_one, together


def without(described: tuple[Groups, Hosts], host: str, variable: str) -> tuple[Groups, Hosts]:
    del described[1][host][variable]
    return described


def emptied(described: tuple[Groups, Hosts], group: str) -> tuple[Groups, Hosts]:
    described[0][group].clear()
    return described


EVEN = ("group zookeeper", "zookeeper", "servers bear the loss of no more servers")

BAD: list[tuple[str, Any, list[tuple[str, str, Any, str]]]] = [
    (
        "empty ensemble",
        emptied(apart([], ["192.0.2.1", "192.0.2.2", "192.0.2.3"]), "zookeeper"),
        [("group zookeeper", "zookeeper", [], "there are no servers")],
    ),
    (
        "no brokers",
        apart(["192.0.2.1"], []),
        [("group kafka", "kafka", [], "there are no brokers")],
    ),
    (
        "missing zookeeper_id",
        without(together(), "n2", "zookeeper_id"),
        [("n2", "zookeeper_id", None, "every host of the group zookeeper states its own id")],
    ),
    (
        "duplicate zookeeper_id",
        together(n3={"zookeeper_id": 1}),
        [("n1, n3", "zookeeper_id", 1, "2 hosts have one id")],
    ),
    (
        "duplicate kafka_broker_id",
        together(everywhere={"kafka_broker_id": 7}),
        [("n1, n2, n3", "kafka_broker_id", 7, "3 hosts have one id")],
    ),
    (
        "zookeeper_id 0",
        together(n1={"zookeeper_id": 0}),
        [("n1", "zookeeper_id", 0, "the id must be from 1 to 255")],
    ),
    (
        "negative broker id",
        together(n1={"kafka_broker_id": -1}),
        [("n1", "kafka_broker_id", -1, "the id must be from 0 to 1000")],
    ),
    (
        "a log directory that the sandbox hides",
        together(n1={"kafka_log_dirs": ["/srv/data", "/run/user/0/data"]}),
        [
            (
                "n1",
                "kafka_log_dirs",
                "/run/user/0/data",
                "the units' sandbox shows them nothing below /run/user",
            )
        ],
    ),
    (
        "a release that the sandbox hides",
        together(n1={"zookeeper_install_root": "/root/zk", "java_runtime_home": "/root/jdk"}),
        [
            ("n1", "zookeeper_install_root", "/root/zk", "shows them nothing below /root"),
            ("n1", "java_runtime_home", "/root/jdk", "shows them nothing below /root"),
        ],
    ),
    (
        "folders that a unit would read differently",
        together(n1={"kafka_log_dirs": ["/srv/a,b"], "java_runtime_home": "/opt/my jdk"}),
        [
            ("n1", "java_runtime_home", "/opt/my jdk", "' ' would mean something else"),
            ("n1", "kafka_log_dirs", "/srv/a,b", "',' would mean something else"),
        ],
    ),
    (
        "first listeners of different names",
        together(n1={"kafka_listeners": [listener("A", 9092)]}),
        [
            (
                "group kafka",
                "kafka_listeners",
                ["A", "PLAINTEXT"],
                "brokers would reach each other through listeners",
            )
        ],
    ),
    *(
        (
            f"chroot {chroot}",
            together(everywhere={"kafka_chroot": chroot}),
            [(host, "kafka_chroot", chroot, "a chroot begins with /") for host in ("n1", "n2", "n3")],
        )
        for chroot in ("kafka", "/kafka/", "/", "/a b", "/a//b")
    ),
    (
        "no log directory",
        together(n1={"kafka_log_dirs": []}),
        [("n1", "kafka_log_dirs", [], "a broker needs a log directory")],
    ),
    (
        "relative data folder",
        together(n1={"zookeeper_data_dir": "data"}),
        [("n1", "zookeeper_data_dir", "data", "a folder is an absolute path")],
    ),
    (
        "log directory twice",
        together(n1={"kafka_log_dirs": ["/data/a", "/data/x/../a/"]}),
        [("n1", "kafka_log_dirs", "/data/x/../a/", "it is the same as")],
    ),
    (
        "log directory that holds ZooKeeper's data",
        together(n1={"kafka_log_dirs": ["/var/lib/zookeeper"]}),
        [
            ("n1", "kafka_log_dirs", "/var/lib/zookeeper", "it is, or holds, zookeeper_data_dir"),
            ("n1", "kafka_log_dirs", "/var/lib/zookeeper", "it is, or holds, zookeeper_txn_log_dir"),
        ],
    ),
    (
        "log directory that is the log folder",
        together(n1={"kafka_log_dirs": ["/var/log/kafka"]}),
        [("n1", "kafka_log_dirs", "/var/log/kafka", "it is, or holds, kafka_app_log_dir (/var/log/kafka)")],
    ),
    (
        "local without a folder",
        together(n1={"zookeeper_release_source": "local"}),
        [("n1", "zookeeper_release_dir", "", "the source local needs it")],
    ),
    *(
        (
            f"{variable} differs",
            together(n2={variable: value}),
            [(f"group {group}", variable, [first, value], f"{value!r} on n2")],
        )
        for group, variable, first, value in (
            ("kafka", "kafka_cluster_name", "kafka", "other"),
            ("kafka", "kafka_chroot", "/kafka", ""),
            ("kafka", "kafka_version", "3.9.2", "2.6.0"),
            ("kafka", "kafka_scala_version", "2.13", "2.12"),
            ("zookeeper", "zookeeper_version", "3.9.5", "3.6.2"),
            ("zookeeper", "zookeeper_tick_time_ms", 2000, 3000),
            ("zookeeper", "zookeeper_roll_allow_outage", False, True),
            ("kafka", "kafka_roll_allow_unavailable", [], ["t"]),
            ("kafka", "kafka_roll_timeout_s", 600, 900),
            ("kafka", "kafka_roll_stall_timeout_s", 300, 900),
        )
    ),
    (
        "kafka_roll_force names nobody",
        together(everywhere={"kafka_roll_force": "2"}),
        [("group kafka", "kafka_roll_force", "2", "no host of the group kafka has this name")],
    ),
    (
        "kafka_roll_force on one host alone",
        together(n2={"kafka_roll_force": "n2"}),
        [("group kafka", "kafka_roll_force", ["", "n2"], "'n2' on n2")],
    ),
    (
        "owned setting in kafka_properties",
        together(n1={"kafka_properties": {"broker.id": 9}}),
        [("n1", "kafka_properties[broker.id]", 9, "the checks and the proof must know this setting")],
    ),
    (
        "owned setting in zookeeper_properties",
        together(n1={"zookeeper_properties": {"clientPort": 2182}}),
        [("n1", "zookeeper_properties[clientPort]", 2182, "the checks and the proof must know this setting")],
    ),
]

WARNED: list[tuple[str, Any, list[tuple[str, str, str]]]] = [
    ("two servers", apart(["192.0.2.1", "192.0.2.2"], ["192.0.2.3", "192.0.2.4", "192.0.2.5"]), [EVEN]),
    ("four servers", together(4), [EVEN]),
]

GOOD: list[tuple[str, Any]] = [
    ("three hosts with both", together()),
    ("five hosts with both", together(5)),
    ("one host", of_one()),
    ("apart", apart(["192.0.2.1", "192.0.2.2", "192.0.2.3"], ["192.0.2.4", "192.0.2.5", "192.0.2.6"])),
    ("one server for three brokers", apart(["192.0.2.1"], ["192.0.2.4", "192.0.2.5", "192.0.2.6"])),
    (
        "ids at their ends",
        together(n1={"zookeeper_id": 255, "kafka_broker_id": 0}, n2={"kafka_broker_id": 1000}),
    ),
    ("ids with gaps", together(n1={"kafka_broker_id": 100}, n2={"kafka_broker_id": 30})),
    (
        "a raised reserved.broker.max.id",
        together(
            everywhere={"kafka_properties": {"reserved.broker.max.id": 5000}}, n1={"kafka_broker_id": 4000}
        ),
    ),
    (
        "no generated ids",
        together(
            everywhere={"kafka_properties": {"broker.id.generation.enable": False}},
            n1={"kafka_broker_id": 70000},
        ),
    ),
    ("an override for one broker", together(everywhere={"kafka_roll_force": "n2"})),
    ("no chroot", together(everywhere={"kafka_chroot": ""})),
    ("a deep chroot", together(everywhere={"kafka_chroot": "/clusters/kafka-1"})),
    (
        "several log directories, beside and below what is no log directory",
        together(
            everywhere={
                "kafka_log_dirs": ["/data/a", "/data/ab", "/etc/kafka/data", "/opt/kafka/data", "/homes/a"]
            }
        ),
    ),
    (
        "an archive and a local folder",
        together(
            everywhere={
                "kafka_release_source": "archive",
                "kafka_release_url": "/srv/kafka.tgz",
                "zookeeper_release_source": "local",
                "zookeeper_release_dir": "/srv/zookeeper",
            }
        ),
    ),
    ("classic versions", together(everywhere={"kafka_version": "2.6.0", "zookeeper_version": "3.6.2"})),
    (
        "racks and rights that differ",
        together(
            everywhere={"kafka_rack": "b"},
            n1={"kafka_rack": "a", "kafka_heap_size": "2g", "kafka_properties": {"num.io.threads": 16}},
        ),
    ),
    (
        "other settings in properties",
        together(
            everywhere={
                "kafka_properties": {"compression.type": "lz4"},
                "zookeeper_properties": {"snapCount": 200000},
            }
        ),
    ),
]


@pytest.mark.parametrize(("described", "expected"), [pytest.param(*row[1:], id=row[0]) for row in BAD])
def test_what_is_wrong_is_named_and_nothing_else(described: Any, expected: Any) -> None:
    judged.refused(described, expected)


@pytest.mark.parametrize(("described", "expected"), [pytest.param(*row[1:], id=row[0]) for row in WARNED])
def test_what_is_unwise_is_a_warning(described: Any, expected: Any) -> None:
    judged.warned(described, expected)


@pytest.mark.parametrize("described", [pytest.param(described, id=name) for name, described in GOOD])
def test_what_is_right_is_accepted(described: Any) -> None:
    judged.accepted(described)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    groups, hosts = together(
        everywhere={"kafka_default_replication_factor": 5, "zookeeper_address": "10.0.2.15"},
        n1={"kafka_broker_id": 2, "kafka_advertised_address": "127.0.1.1"},
        n3={"kafka_stop_timeout_s": 10, "zookeeper_id": 999},
    )
    message = findings.message("The inventory is not right", inventory_rules.check(groups, hosts))
    lines = message.splitlines()
    assert lines[0] == "The inventory is not right: 6 findings; no host was changed."
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "1. n3",
        "2. n1, n2",
        "3. n1",
        "4. n1, n2, n3",
        "5. group kafka",
        "6. n3",
    ]
    assert (
        "n1: kafka_advertised_address = '127.0.1.1': a loopback address leads every other host to itself "
        "(Debian's installer writes 127.0.1.1 into /etc/hosts). "
        "Give the address at which the other hosts reach it." in message
    )
