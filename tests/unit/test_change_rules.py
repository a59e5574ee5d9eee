"""Every change of brokers that is refused, and its neighbours that one roll can make."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import change_rules
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

from tests.changed import held, inventory, judged, new_host, only, started, stopped
from tests.described import listener, together

PLAIN, TLS = listener("PLAINTEXT", 9092), listener("TLS", 9093, protocol="SSL")
PLAIN_93 = listener("PLAINTEXT", 9093)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({}, {"kafka_listeners": [PLAIN, TLS]}),
        ({"kafka_listeners": [PLAIN, TLS]}, {"kafka_listeners": [PLAIN]}),
        (
            {"kafka_listeners": [PLAIN, TLS]},
            {"kafka_listeners": [PLAIN, {**TLS, "protocol": "SASL_SSL"}]},
        ),
        # The others learn of another port or address from the controller.
        ({}, {"kafka_listeners": [listener("PLAINTEXT", 9192, advertised_address="192.0.2.77")]}),
        ({}, {"kafka_rack": "a"}),
        (
            {"kafka_listeners": [PLAIN, TLS]},
            {"kafka_listeners": [TLS, PLAIN], "kafka_inter_broker_listener": "PLAINTEXT"},
        ),
        # The second of the three runs, and the third.
        (
            {"kafka_listeners": [PLAIN, TLS], "kafka_inter_broker_listener": "PLAINTEXT"},
            {"kafka_listeners": [PLAIN, TLS], "kafka_inter_broker_listener": "TLS"},
        ),
        (
            {"kafka_listeners": [PLAIN, TLS], "kafka_inter_broker_listener": "TLS"},
            {"kafka_listeners": [TLS], "kafka_inter_broker_listener": "TLS"},
        ),
        ({}, {"zookeeper_properties": {"snapCount": 1}, "kafka_properties": {"compression.type": "lz4"}}),
    ],
)
def test_what_one_roll_can_change(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert judged(inventory(**after), started(inventory(**before))) == []


INTER_BROKER = [
    # Another name, and no common listener.
    ({}, {"kafka_listeners": [TLS]}, "TLS", "by PLAINTEXT (PLAINTEXT) now", "a listener TLS (SSL)"),
    # Both in one run.
    (
        {},
        {"kafka_listeners": [PLAIN, TLS], "kafka_inter_broker_listener": "TLS"},
        "TLS",
        "by PLAINTEXT (PLAINTEXT) now",
        "(2) name that one in kafka_inter_broker_listener",
    ),
    # The new one is there, and the old one goes at once.
    (
        {"kafka_listeners": [PLAIN, TLS], "kafka_inter_broker_listener": "PLAINTEXT"},
        {"kafka_listeners": [TLS], "kafka_inter_broker_listener": "TLS"},
        "TLS",
        "by PLAINTEXT (PLAINTEXT) now",
        "(3) remove PLAINTEXT",
    ),
    # The first of the list, when none is named.
    (
        {},
        {"kafka_listeners": [TLS, PLAIN]},
        "TLS",
        "by PLAINTEXT (PLAINTEXT) now",
        "kafka_inter_broker_listener: PLAINTEXT",
    ),
    # It is there by name, and speaks another protocol.
    (
        {"kafka_listeners": [PLAIN, {**TLS, "protocol": "PLAINTEXT"}]},
        {"kafka_listeners": [PLAIN, TLS], "kafka_inter_broker_listener": "TLS"},
        "TLS",
        "by PLAINTEXT (PLAINTEXT) now",
        "a listener TLS (SSL)",
    ),
    # The same name with other security.
    (
        {"kafka_listeners": [listener("BROKERS", 9092)]},
        {"kafka_listeners": [listener("BROKERS", 9092, protocol="SSL")]},
        "BROKERS",
        "by BROKERS (PLAINTEXT) now",
        "another listener with SSL",
    ),
]


@pytest.mark.parametrize(("before", "after", "value", "rule", "remedy"), INTER_BROKER)
def test_brokers_must_go_on_reaching_each_other(
    before: dict[str, Any], after: dict[str, Any], value: str, rule: str, remedy: str
) -> None:
    states = started(inventory(**before))
    found = judged(inventory(**after), states)
    assert len(found) == 3
    only(found, "n1", f"kafka_inter_broker_listener = {value!r}", rule, remedy)
    # All stopped, they start with one mind; a broker alone has nobody to reach.
    assert judged(inventory(**after), stopped(states)) == []
    alone = {"zookeeper": ["n1"], "kafka": ["n1"]}
    _groups, hosts = inventory(**after)
    _groups, old = inventory(**before)
    assert judged((alone, {"n1": hosts["n1"]}), started((alone, {"n1": old["n1"]}))) == []


def test_one_broker_that_has_not_taken_the_listener_yet_holds_all_back() -> None:
    """The first of the three runs was interrupted: the second has to wait."""
    both: dict[str, Any] = {"kafka_listeners": [PLAIN, TLS], "kafka_inter_broker_listener": "PLAINTEXT"}
    states = {**started(inventory(**both)), "n3": started(inventory())["n3"]}
    second = inventory(kafka_listeners=[PLAIN, TLS], kafka_inter_broker_listener="TLS")
    assert len(judged(second, states)) == 3
    # Nothing is known of a host outside --limit; one that never started takes what it is given.
    del states["n3"]
    assert len(judged(second, states)) == 2
    assert judged(second, {**states, "n3": new_host()}) == []


def test_the_second_run_goes_on_where_it_was_interrupted() -> None:
    both = [PLAIN, TLS]
    before = started(inventory(kafka_listeners=both, kafka_inter_broker_listener="PLAINTEXT"))
    second = inventory(kafka_listeners=both, kafka_inter_broker_listener="TLS")
    states = {**before, "n1": started(second)["n1"]}
    assert judged(second, states) == []
    # The third must not start before the second is through.
    third = judged(inventory(kafka_listeners=[TLS]), states)
    assert [line.split(":")[0] for line in third] == ["n2", "n3"]


def test_hosts_outside_the_limit_are_taken_to_run() -> None:
    first = {"n1": stopped(started(inventory()))["n1"]}
    assert len(judged(inventory(kafka_listeners=[TLS]), first)) == 1


def test_a_listener_without_an_entry_in_the_map_is_its_own_protocol() -> None:
    states = started(inventory())
    for state in states.values():
        del state["applied"]["kafka.service"]["settings"]["listener.security.protocol.map"]
    assert judged(inventory(), states) == []


def sasl(mechanism: str, enabled: str) -> dict[str, Any]:
    return {
        "kafka_listeners": [listener("SASL", 9092, protocol="SASL_PLAINTEXT")],
        "kafka_properties": {
            "sasl.mechanism.inter.broker.protocol": mechanism,
            "listener.name.sasl.sasl.enabled.mechanisms": enabled,
        },
    }


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        (sasl("PLAIN", "PLAIN"), sasl("SCRAM-SHA-512", "PLAIN,SCRAM-SHA-512"), True),
        (sasl("PLAIN", "PLAIN,SCRAM-SHA-512"), sasl("SCRAM-SHA-512", "SCRAM-SHA-512"), True),
        (sasl("PLAIN", "PLAIN"), sasl("PLAIN", "PLAIN,SCRAM-SHA-512"), False),
        (sasl("PLAIN", "PLAIN,SCRAM-SHA-512"), sasl("SCRAM-SHA-512", "PLAIN,SCRAM-SHA-512"), False),
        (sasl("SCRAM-SHA-512", "PLAIN,SCRAM-SHA-512"), sasl("SCRAM-SHA-512", "SCRAM-SHA-512"), False),
        # Nobody logs in on a listener without SASL, and one can move there.
        (
            {
                **sasl("PLAIN", "PLAIN"),
                "kafka_listeners": [listener("SASL", 9092, protocol="SASL_PLAINTEXT"), PLAIN_93],
            },
            {
                "kafka_listeners": [listener("SASL", 9092, protocol="SASL_PLAINTEXT"), PLAIN_93],
                "kafka_inter_broker_listener": "PLAINTEXT",
            },
            False,
        ),
        (
            {"kafka_properties": {"sasl.mechanism.inter.broker.protocol": "PLAIN"}},
            {"kafka_properties": {"sasl.mechanism.inter.broker.protocol": "GSSAPI"}},
            False,
        ),
    ],
)
def test_a_mechanism_between_brokers(before: dict[str, Any], after: dict[str, Any], refused: bool) -> None:
    found = judged(inventory(**after), started(inventory(**before)))
    if refused:
        only(
            found,
            "n2",
            "sasl.mechanism.inter.broker.protocol] = 'SCRAM-SHA-512'",
            "with PLAIN now",
            "(2) set",
        )
    else:
        assert found == []


@pytest.mark.parametrize(
    ("old", "new"), [("/kafka", "/other"), ("/kafka", ""), ("", "/kafka"), ("/a", "/a/b")]
)
def test_another_chroot(old: str, new: str) -> None:
    states = started(inventory(kafka_chroot=old))
    found = judged(inventory(kafka_chroot=new), states)
    only(
        found,
        "n1",
        f"kafka_chroot = {new or '/'!r}",
        f"registered below {old or '/'};",
        "(1) stop all brokers",
    )
    # Stopped or not, the data belongs to it.
    assert judged(inventory(kafka_chroot=new), stopped(states)) == found
    assert judged(inventory(kafka_chroot=old), states) == []
    for state in states.values():
        state["identities"]["meta_properties"] = {"/var/lib/kafka": None}
    assert judged(inventory(kafka_chroot=new), states) == []


def test_a_chroot_with_a_slash_at_its_end_is_the_same() -> None:
    assert judged(inventory(kafka_chroot="/kafka/"), started(inventory(kafka_chroot="/kafka"))) == []
    assert judged(inventory(kafka_chroot="/kafka"), started(inventory(kafka_chroot="/kafka/"))) == []


def test_a_stopped_broker_whose_folders_are_all_new_still_has_its_data() -> None:
    states = stopped(started(inventory()))
    for state in states.values():
        state["identities"]["meta_properties"] = {"/new": None}
        left = {"partitions": 0, "some": [], "recorded": True}
        state["applied"]["kafka.service"]["folders"] = {"/var/lib/kafka": left}
    assert len(judged(inventory(kafka_chroot="/x", kafka_log_dirs=["/new"]), states)) == 3


def test_brokers_must_find_a_zookeeper_server_until_they_restart() -> None:
    states = started(inventory())
    moved = inventory(zookeeper_client_port=2281)
    found = judged(moved, states)
    only(
        found,
        "n3",
        "zookeeper_client_port, zookeeper_address = '192.0.2.1:2281,",
        "reach ZooKeeper at 192.0.2.1:2181,",
    )
    # One after the other.
    assert judged(together(3, n1={"zookeeper_client_port": 2281}), states) == []
    assert (
        judged(together(3, n1={"zookeeper_client_port": 2281}, n2={"zookeeper_client_port": 2281}), states)
        == []
    )
    assert judged(moved, stopped(states)) == []


def test_names_in_the_place_of_addresses_change_nothing() -> None:
    states = started(inventory())
    named = {f"n{number}": {"zookeeper_address": f"zk{number}"} for number in (1, 2, 3)}
    assert judged(together(3, **named), states) != []
    for state in states.values():
        state["resolved"] = {f"zk{number}": [f"192.0.2.{number}"] for number in (1, 2, 3)}
    assert judged(together(3, **named), states) == []


def test_a_log_directory_that_still_holds_partitions() -> None:
    states = started(inventory(kafka_log_dirs=["/data/a", "/data/b"]))
    left = {"partitions": 12, "some": ["a-0", "a-1", "b-3"], "recorded": True}
    states["n2"]["applied"]["kafka.service"]["folders"] = {"/data/b": left}
    wanted = inventory(kafka_log_dirs=["/data/a"])
    found = judged(wanted, states)
    assert len(found) == 1
    only(
        found,
        "n2",
        "kafka_log_dirs = ['/data/a']",
        "/data/b is no longer among them and still holds 12 partitions",
    )
    only(found, "n2", "(a-0, a-1, b-3, …)", "kafka-reassign-partitions.sh")
    assert judged(wanted, stopped(states)) == found
    states["n2"]["applied"]["kafka.service"]["folders"] = {"/data/b": {**left, "partitions": 0, "some": []}}
    assert judged(wanted, states) == []


def test_new_hosts_may_have_anything() -> None:
    states = {f"n{number}": new_host() for number in (1, 2, 3)}
    changed = inventory(
        kafka_listeners=[TLS], kafka_chroot="/x", zookeeper_peer_port=1, kafka_log_dirs=["/y"]
    )
    assert judged(changed, states) == []


def test_every_rule_is_asked() -> None:
    states = started(inventory())
    for state in states.values():
        applied = state["applied"]
        applied["zookeeper.service"]["folders"]["/z"] = held(real="/z")
        applied["kafka.service"]["folders"] = {
            "/var/lib/kafka": {"partitions": 1, "some": ["a-0"], "recorded": True}
        }
    wanted = inventory(
        kafka_listeners=[TLS],
        kafka_chroot="/x",
        zookeeper_client_port=1,
        zookeeper_peer_port=2,
        kafka_log_dirs=["/y"],
        zookeeper_data_dir="/z",
    )
    assert len({line.split(" = ")[0] for line in judged(wanted, states) if line.startswith("n1")}) == 6


def test_a_refused_change_is_not_told_as_a_lost_disk_too() -> None:
    told = [("n1", "kafka_log_dirs"), ("n2", "zookeeper_data_dir")]
    told += [("n1", "kafka_chroot"), ("n2", "kafka_chroot")]
    echoes = [("n1", "kafka_broker_id"), ("n2", "zookeeper_data_dir"), ("n1, n2", "kafka_chroot")]
    others = [("n2", "kafka_broker_id"), ("n1", "kafka_log_dirs"), ("n1, n3", "kafka_chroot")]
    refused, echoed, kept = ([finding(*one) for one in some] for some in (told, echoes, others))
    assert change_rules.without_echoes(refused, [*echoed, *kept]) == kept


def finding(host: str, variable: str) -> Finding:
    return Finding(host, variable, "value", "rule", "remedy")


OLD, NEW = {"kafka_version": "2.6.0"}, {"kafka_version": "3.9.2"}
PINNED = {"kafka_properties": {"inter.broker.protocol.version": "2.6"}}


def test_another_line_of_kafka_takes_two_runs() -> None:
    found = judged(inventory(**NEW), started(inventory(**OLD)))
    assert len(found) == 3
    only(
        found,
        "n1",
        "kafka_version = '3.9.2': the broker would speak inter.broker.protocol.version 3.9-IV0",
        "(1) with inter.broker.protocol.version: '2.6' in kafka_properties, (2) without it, once every",
    )
    assert judged(inventory(**NEW, **PINNED), started(inventory(**OLD))) == []
    assert judged(inventory(**NEW), started(inventory(**NEW, **PINNED))) == []
    assert judged(inventory(kafka_version="3.9.3"), started(inventory(**NEW))) == []
    # Brokers that are all stopped start with one mind.
    assert judged(inventory(**NEW), stopped(started(inventory(**OLD)))) == []


def test_kafka_does_not_go_back_behind_its_protocol() -> None:
    found = judged(inventory(**OLD), started(inventory(**NEW)))
    only(found, "n2", "kafka_version = '2.6.0'", "Kafka does not go back")
    assert judged(inventory(**OLD), started(inventory(**NEW, **PINNED))) == []
