"""Runs that end in the middle: killed at named moments, or stopped by a gate; the next plain run goes on."""

from __future__ import annotations

import cluster_client
import playbook
import world
from testinfra.host import Host

# The runs below work on all hosts at once.
testinfra_hosts = ["change2"]
SETTINGS = "/etc/kafka/server.properties"
UNIT = "/etc/systemd/system/kafka.service"


def test_killed_between_a_unit_written_and_its_reload(host: Host) -> None:
    before = world.processes()
    wanted = {"kafka_limit_nofile": 15001}
    playbook.killed(world.SITE, "start:barevm.kafka.kafka : Let systemd read the unit", *world.given(wanted))
    for name in world.HOSTS:
        assert "LimitNOFILE=15001" in world.host(name).file(UNIT).content_string
        shown = world.host(name).check_output("systemctl show -p NeedDaemonReload -p LimitNOFILE kafka")
        assert "NeedDaemonReload=yes" in shown
        assert "LimitNOFILE=15001" not in shown
    assert world.restarted(before) == {unit: set() for unit in world.UNITS}

    finished = world.site(wanted)
    assert not [change for change in finished.changes if change[1] == UNIT], (
        "written by the run that was killed"
    )
    assert world.restarted(before) == {world.KAFKA: set(world.HOSTS), world.ZOOKEEPER: set()}
    for name in world.HOSTS:
        pid = world.processes()[world.KAFKA][name]
        assert "15001" in world.host(name).check_output("grep 'open files' /proc/%s/limits", pid)


def test_killed_between_stop_and_start(host: Host) -> None:
    before = world.processes()
    playbook.killed(world.SITE, "start:barevm.kafka.roll : Start it, and see it listen", *world.given({}))
    stopped = [name for name in world.HOSTS if world.processes()[world.KAFKA][name] == "0"]
    assert len(stopped) == 1
    assert len(cluster_client.registrations(world.CONNECT)) == 2

    with world.watching() as watch:
        world.site({})
    assert world.restarted(before) == {world.KAFKA: set(world.HOSTS), world.ZOOKEEPER: set()}
    assert sorted(watch.left) == sorted(set(world.HOSTS) - set(stopped)), "each once more, and it not again"
    assert watch.fewest == 2


def test_killed_between_the_call_and_its_record(host: Host) -> None:
    before = world.processes()
    wanted = {"kafka_num_io_threads": 12}
    moment = "start:barevm.kafka.roll : Bring what each broker was started with up to what it runs with"
    playbook.killed(world.SITE, moment, *world.given(wanted))
    assert world.setting("num.io.threads") == {"12"}
    for name in world.HOSTS:
        started = world.host(name).file("/run/kafka/server.properties").content_string
        assert "num.io.threads=12" not in started

    finished = world.site(wanted)
    assert not [change for change in finished.changes if change[1] == SETTINGS]
    assert set(world.site(wanted).changed.values()) == {0}
    # What is taken back is taken back live too.
    world.site({})
    assert world.setting("num.io.threads") == {"8"}
    assert world.restarted(before) == {unit: set() for unit in world.UNITS}


def test_a_gate_that_cannot_pass_stops_the_run_and_changes_nothing_more(host: Host) -> None:
    before = world.processes()
    wanted = {"kafka_properties": {"queued.max.requests": "700"}}
    with cluster_client.topic(world.BOOTSTRAP, 3, 1, {}) as alone:
        refused = world.site(wanted, succeeds=False).output
        assert alone in refused
        assert "kafka_roll_allow_unavailable" in refused
    assert world.restarted(before) == {unit: set() for unit in world.UNITS}


def test_a_degraded_cluster_is_not_rolled(host: Host) -> None:
    before = world.processes()
    wanted = {"kafka_properties": {"queued.max.requests": "700"}}
    world.host("change3").check_output("systemctl stop kafka")
    refused = world.site(wanted, "--limit", "change1", "-e", "kafka_roll_timeout_s=5", succeeds=False).output
    assert "broker 3" in refused
    assert world.processes()[world.KAFKA] == before[world.KAFKA] | {"change3": "0"}

    # The whole run starts it first, and then rolls the others.
    with world.watching() as watch:
        world.site(wanted)
    assert sorted(watch.left) == ["change1", "change2"]
    assert world.restarted(before) == {world.KAFKA: set(world.HOSTS), world.ZOOKEEPER: set()}
    assert world.setting("queued.max.requests") == {"700"}


def test_a_setting_that_a_broker_cannot_start_with_stops_at_the_first_and_is_cured(host: Host) -> None:
    before = world.processes()
    wanted = {"kafka_properties": {"queued.max.requests": "700"}}
    bad = {"kafka_properties": {"queued.max.requests": "700", "authorizer.class.name": "com.example.Missing"}}
    failed = world.site(bad, succeeds=False).output
    assert "com.example.Missing" in failed
    down = [name for name in world.HOSTS if name in world.restarted(before)[world.KAFKA]]
    assert len(down) == 1
    assert len(cluster_client.registrations(world.CONNECT)) == 2

    cured = world.site(wanted)
    assert {change[1:] for change in cured.changes} >= {(SETTINGS, "authorizer.class.name")}
    assert world.restarted(before) == {world.KAFKA: set(down), world.ZOOKEEPER: set()}
    assert len(cluster_client.registrations(world.CONNECT)) == 3
