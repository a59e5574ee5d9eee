"""preflight_inventory as a play runs it: whole inventories, no connection, all findings in one message."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import playbooks
from tests.described import UNREPLICATED

PLAY = [
    {
        "name": "Judge the inventory",
        "hosts": "zookeeper:kafka",
        "gather_facts": False,
        "tasks": [{"name": "Judge", "barevm.kafka.preflight_inventory": None, "run_once": True}],
    }
]
Judge = Callable[..., playbooks.Run]


def cluster(
    size: int = 3, everywhere: dict[str, Any] | None = None, **of_host: dict[str, Any]
) -> dict[str, Any]:
    """An inventory of ``size`` hosts with both services, at addresses that nothing answers (RFC 5737)."""
    names = [f"n{number}" for number in range(1, size + 1)]
    hosts = {
        name: {
            "ansible_host": f"203.0.113.{number}",
            "zookeeper_id": number,
            "kafka_broker_id": number,
            **of_host.get(name, {}),
        }
        for number, name in enumerate(names, 1)
    }
    return {
        "all": {
            "vars": {"ansible_connection": "ssh", **(everywhere or {})},
            "children": {"zookeeper": {"hosts": hosts}, "kafka": {"hosts": {name: {} for name in names}}},
        }
    }


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    def judged(inventory: dict[str, Any], *arguments: str) -> playbooks.Run:
        return playbooks.run(tmp_path, PLAY, inventory, *arguments)

    return judged


def refusal(run: playbooks.Run) -> str:
    """The one message of a run that was refused."""
    assert run.status == 2, run.printed
    assert [one["failed"] for one in run.outcomes] == [True], run.printed
    message: str = run.outcomes[0]["msg"]
    assert "Traceback" not in run.printed
    return message


def accepted(run: playbooks.Run) -> dict[str, Any]:
    assert run.status == 0, run.printed
    (outcome,) = run.outcomes
    return outcome


def test_a_good_inventory_becomes_the_cluster(judge: Judge, tmp_path: Path) -> None:
    # A connection to one of these addresses would fail: they answer nothing.
    found = accepted(judge(cluster(everywhere={"kafka_rack": "a"}, n2={"kafka_rack": "b"}), "--check"))
    assert not found["changed"]
    assert found["findings"] == []
    assert found["name"] == "kafka"
    assert found["reports_dir"] == f"{tmp_path}/reports/kafka"
    assert found["zookeeper"]["connect"] == "203.0.113.1:2181,203.0.113.2:2181,203.0.113.3:2181/kafka"
    assert [(one["id"], one["host"], one["rack"]) for one in found["kafka"]["brokers"]] == [
        (1, "n1", "a"),
        (2, "n2", "b"),
        (3, "n3", "a"),
    ]
    assert found["kafka"]["brokers"][0]["listeners"] == [
        {
            "name": "PLAINTEXT",
            "protocol": "PLAINTEXT",
            "address": "",
            "port": 9092,
            "advertised_address": "203.0.113.1",
            "advertised_port": 9092,
        }
    ]
    assert found["kafka"]["inter_broker_listener"] == "PLAINTEXT"
    assert [one["product"] for one in found["releases"]] == ["zookeeper", "kafka"]
    # Role defaults are resolved and typed.
    assert found["hosts"]["n3"]["kafka_replica_fetch_max_bytes"] == 1048588
    assert found["reads"]["n1"]["units"] == [
        "transparent-huge-pages.service",
        "zookeeper.service",
        "kafka.service",
    ]


def test_a_limit_still_judges_and_describes_all(judge: Judge) -> None:
    found = accepted(judge(cluster(), "--limit", "n3"))
    assert sorted(found["hosts"]) == ["n1", "n2", "n3"]
    message = refusal(judge(cluster(n1={"kafka_broker_id": 2}), "--limit", "n3"))
    assert "n1, n2: kafka_broker_id = 2: 2 hosts have one id" in message


def test_extra_variables_count_and_templates_resolve_for_each_host(judge: Judge) -> None:
    inventory = cluster(everywhere={"prefix": "kafka", "kafka_rack": "{{ prefix }}-{{ inventory_hostname }}"})
    extra = '{"kafka_message_max_bytes": "{{ 2 * 1024 * 1024 }}", "kafka_cluster_name": "green"}'
    found = accepted(judge(inventory, "-e", extra))
    assert [one["rack"] for one in found["kafka"]["brokers"]] == ["kafka-n1", "kafka-n2", "kafka-n3"]
    assert found["name"] == "green"
    assert {of["kafka_message_max_bytes"] for of in found["hosts"].values()} == {2097152}
    # What follows it follows.
    assert {of["kafka_replica_fetch_max_bytes"] for of in found["hosts"].values()} == {2097152}
    message = refusal(judge(cluster(), "-e", "kafka_default_replication_factor=4"))
    assert "group kafka: kafka_default_replication_factor = 4" in message


def test_everything_is_told_in_one_message(judge: Judge) -> None:
    message = refusal(
        judge(
            cluster(
                everywhere={"kafka_num_partitions": "many", "kafka_default_replication_factor": 4},
                n1={"zookeeper_id": None, "kafka_advertised_address": "127.0.1.1"},
                n2={
                    "kafka_log_level": "LOUD",
                    "kafka_rack": "{{ zone }}",
                    "kafka_delete_topic_enable": "perhaps",
                    "kafka_log_dirs": "relative",
                },
                n3={
                    "kafka_listeners": [
                        {"name": "A", "port": 9092, "protocol": "HTTP"},
                        {"name": "B", "prot": 9093},
                        "C",
                    ],
                    "kafka_properties": [],
                },
            )
        )
    )
    lines = [line.split(". ", 1)[1] for line in message.splitlines()[1:]]
    assert (
        message.splitlines()[0] == f"The inventory is not right: {len(lines)} findings; no host was changed."
    )
    expected = [
        ("group kafka: kafka_num_partitions = 'many': it takes a whole number", "docs/variables.md"),
        (
            "n2: kafka_log_level = 'LOUD': it takes one of TRACE, DEBUG, INFO, WARN, ERROR",
            "docs/variables.md",
        ),
        ("n2: kafka_rack = '{{ zone }}': it cannot be resolved", "'zone' is undefined"),
        ("n2: kafka_delete_topic_enable = 'perhaps': it takes true or false", "docs/variables.md"),
        ("n3: kafka_listeners[A].protocol = 'HTTP': it takes one of PLAINTEXT, SSL,", "docs/variables.md"),
        ("n3: kafka_listeners[B].prot = 9093: there is no such option", "Use name, protocol, port,"),
        ("n3: kafka_listeners[B].port = None: it takes a whole number", "Give port"),
        ("n3: kafka_listeners[2] = 'C': it takes a dictionary", "Give name, protocol, port"),
        ("n3: kafka_properties = []: it takes a dictionary", "docs/variables.md"),
        # What the rules say is told beside it.
        ("n1: zookeeper_id = None: every host of the group zookeeper states its own id", "Set zookeeper_id"),
        ("n1: kafka_advertised_address = '127.0.1.1': a loopback address", "Give the address"),
        (
            "group kafka: kafka_default_replication_factor = 4: default.replication.factor asks for more",
            "Add brokers",
        ),
        ("n2: kafka_log_dirs = 'relative': a log directory is an absolute path", "Begin it with /"),
    ]
    assert len(lines) == len(expected), message
    for line, (begin, also) in zip(sorted(lines), sorted(expected), strict=True):
        assert line.startswith(begin), message
        assert also in line


def test_what_ansible_would_convert_in_a_surprising_way_is_refused(judge: Judge) -> None:
    message = refusal(
        judge(
            cluster(
                n1={"kafka_rack": False, "kafka_num_partitions": True},
                n2={"kafka_rack": ["a"], "kafka_chroot": None},
                # These it converts as anybody expects.
                n3={
                    "kafka_broker_id": "3",
                    "kafka_rack": 7,
                    "kafka_log_dirs": "/a,/b",
                    "kafka_log_cleaner_enable": "yes",
                },
            )
        )
    )
    assert message.count("\n") == 4
    assert "n1: kafka_rack = False: it takes text" in message
    assert "n1: kafka_num_partitions = True: it takes a whole number" in message
    assert "n2: kafka_rack = ['a']: it takes text" in message
    assert "n2: kafka_chroot = None: it has no value" in message


def test_what_breaks_its_spec_is_not_judged_a_second_time(judge: Judge) -> None:
    # Its stand-in, the default of three, would be too many for two brokers.
    message = refusal(judge(cluster(2, {"kafka_default_replication_factor": "a few"})))
    assert "group kafka: kafka_default_replication_factor = 'a few': it takes a whole number" in message
    assert message.count("kafka_default_replication_factor") == 1
    assert "kafka_offsets_topic_replication_factor = 3" in message


def test_a_default_that_follows_what_cannot_be_resolved_stops_the_rules_but_not_the_message(
    judge: Judge,
) -> None:
    message = refusal(
        judge(
            cluster(
                n1={"kafka_broker_id": 2},
                n2={"kafka_num_partitions": "x"},
                n3={"kafka_cluster_name": "{{ no }}"},
            )
        )
    )
    assert "1. n2: kafka_num_partitions = 'x': it takes a whole number" in message
    assert "2. n3: kafka_cluster_name = '{{ no }}': it cannot be resolved: 'no' is undefined" in message
    assert "3. n3: kafka_reports_dir = 'reports/{{ kafka_cluster_name }}': it cannot be resolved" in message
    assert message.count("\n") == 3


@pytest.mark.parametrize("group", ["zookeeper", "kafka"])
def test_an_empty_group_is_named(judge: Judge, group: str) -> None:
    inventory = cluster(1, {"kafka_default_replication_factor": 1})
    inventory["all"]["children"][group] = {}
    other = {"zookeeper": "kafka", "kafka": "zookeeper"}[group]
    inventory["all"]["children"][other]["hosts"] = {"n1": {"zookeeper_id": 1, "kafka_broker_id": 1}}
    assert f"group {group}: {group} = []: there are no" in refusal(judge(inventory))


def test_a_warning_is_shown_and_refuses_nothing(judge: Judge) -> None:
    run = judge(cluster(4))
    assert [one["severity"] for one in accepted(run)["findings"]] == ["warning"]
    assert "4 servers bear the loss of no more servers than 3 do" in " ".join(run.printed.split())


def test_no_secret_is_shown(judge: Judge) -> None:
    secret = {"ssl.key.password": "hunter2-value"}
    good = judge(cluster(everywhere={"kafka_properties": secret}), "-v")
    accepted(good)
    assert "hunter2" not in good.printed
    listed = {"kafka_properties": [secret], "zookeeper_properties": {"a.password": "{{ hunter2_undefined }}"}}
    owned = {"n1": {"kafka_properties": {**secret, "broker.id": 1}}}
    for inventory in (cluster(everywhere=listed), cluster(**owned)):
        run = judge(inventory, "-vvv")
        refusal(run)
        assert "hunter2-value" not in run.printed


def test_a_name_that_no_role_knows_is_told_with_the_nearest(judge: Judge) -> None:
    message = refusal(
        judge(
            cluster(
                everywhere={
                    "kakfa_heap": "4g",
                    "app_port": 80,
                    "java_home": "/usr/lib/jvm",
                    "http_port": 8080,
                },
                n1={"kafka_num_partition": 1, "zookeper_id": 1},
                n2={"kafka_zzz": [1], "kafka_exporter_port": 9308, "kafka_ssl_keypassword": "hunter2"},
                # What it breaks otherwise is told in the same message.
                n3={"kafka_num_partitions": "many", "kafkabroker_idd": 3},
            )
        )
    )
    unread = "no role has a variable of this name, so nothing would read it"
    own = "it is your own, add its beginning to preflight_foreign_variables."
    assert f"n2: kafka_exporter_port = 9308: {unread}. " in message
    assert f"n2: kafka_zzz = [1]: {unread}. " in message
    assert (
        f"group zookeeper: kakfa_heap = '4g': {unread}. Write kafka_heap_size if that was meant; if {own}"
        in message
    )
    assert (
        f"n1: kafka_num_partition = 1: {unread}. Write kafka_num_partitions if that was meant; if {own}"
        in message
    )
    assert f"n1: zookeper_id = 1: {unread}. Write zookeeper_id if that was meant; if {own}" in message
    assert "n3: kafka_num_partitions = 'many'" in message
    assert "kafka_ssl_keypassword = '<hidden>'" in message
    assert f"n3: kafkabroker_idd = 3: {unread}. Write kafka_broker_id if that was meant; if {own}" in message
    assert message.count(unread) == 7


def test_names_of_others_are_given_by_their_beginning(judge: Judge) -> None:
    foreign = {
        "preflight_foreign_variables": ["kafka_exporter_", "kafka_my_port"],
        "kafka_exporter_port": 9308,
        "kafka_my_port": 9095,
        # A tool of its own, that is no misspelt kafka_.
        "kafkacat_version": "1.7.0",
        "kafka_listeners": [{"name": "A", "port": "{{ kafka_my_port }}"}],
    }
    found = accepted(judge(cluster(everywhere=foreign)))
    assert found["kafka"]["brokers"][0]["listeners"][0]["port"] == 9095


def test_what_tasks_made_before_is_no_part_of_the_inventory(judge: Judge, tmp_path: Path) -> None:
    made = {"name": "Make", "ansible.builtin.set_fact": {"kafka_own_thing": 1}}
    asked = {"name": "Ask", "ansible.builtin.command": "true", "register": "kafka_answer"}
    play = [{**PLAY[0], "tasks": [made, *PLAY[0]["tasks"], *PLAY[0]["tasks"]]}]
    inventory = cluster(1, UNREPLICATED)
    assert playbooks.run(tmp_path, play, inventory).status == 0
    python = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    given = cluster(1, {**UNREPLICATED, **python})
    play = [{**PLAY[0], "tasks": [asked, *PLAY[0]["tasks"]]}]
    assert playbooks.run(tmp_path, play, given).status == 0


def test_three_hundred_hosts_take_seconds(judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    inventory = cluster(300)
    for number, host in enumerate(inventory["all"]["children"]["zookeeper"]["hosts"].values(), 1):
        host["ansible_host"] = f"198.18.{number // 250}.{number % 250 + 1}"
    children = inventory["all"]["children"]
    children["kafka"]["hosts"] = children["zookeeper"]["hosts"]
    children["zookeeper"] = {"hosts": {name: {} for name in ("n1", "n2", "n3")}}
    began = time.monotonic()
    found = accepted(judge(inventory))
    took = time.monotonic() - began
    with capsys.disabled():
        print(f"\n300 hosts judged in {took:.1f} s")
    assert len(found["hosts"]) == 300
    assert took < 300
