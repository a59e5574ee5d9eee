"""UDP tests of a real host: what is refused, what is lost where, and that the host is as it was."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import playbook
import pytest
from testinfra.host import Host

testinfra_hosts = ["udp1"]
UDP_TEST = "barevm.kafka.udp_test"
REPORTS = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "reports"
CONFIG = "/etc/syslog-ingest/rsyslog.conf"
STEP = "start:barevm.kafka.udp_test : Send at "


def as_it_is(host: Host) -> dict[str, str]:
    """What a test changes of the host for a while, and what it leaves behind if it leaves anything."""
    return {
        "config": host.check_output(f"sha256sum {CONFIG}; stat -c '%a %U %G' {CONFIG}"),
        "runs with": host.check_output("cat /run/syslog-ingest/rsyslog.conf | sha256sum"),
        "buffer": host.check_output("ss -uanm 'sport = :514' | grep -o 'rb[0-9]*' | sort -u"),
        "left": host.run("ls -d /var/lib/barevm* /var/tmp/barevm*").stdout,
        "timers": host.run("systemctl list-units --all --plain --no-legend 'barevm*'").stdout,
    }


@pytest.fixture
def before(host: Host) -> Iterator[dict[str, str]]:
    """What the host had; after the test it must be the same."""
    found = as_it_is(host)
    assert not found["left"] + found["timers"]
    yield found
    assert as_it_is(host) == found


def result() -> dict[str, Any]:
    return dict(json.loads((REPORTS / "udp_test.json").read_text()))


def options(**variables: Any) -> tuple[str, str]:
    return ("-e", json.dumps(variables))


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"udp_test_allowed": True}, "on the command line udp_test_allowed does not count"),
        ({"udp_test_allowed": False}, "on the command line udp_test_allowed does not count"),
        ({"udp_test_size": 65508}, "udp_test_size is 65508"),
        ({"udp_test_address": "203.0.113.256"}, "is not reached"),
        ({"udp_test_listener": "NONE"}, "udp_test_listener"),
    ],
)
def test_refused_before_anything_is_sent(
    host: Host, before: dict[str, str], variables: dict[str, Any], words: str
) -> None:
    datagrams = "awk '/^Udp: [0-9]/ {print $2}' /proc/net/snmp"
    received = int(host.check_output(datagrams))
    refused = playbook.run(UDP_TEST, *options(**variables), succeeds=False)
    assert words in " ".join(refused.output.split())
    # Answers to names that the host looks up are datagrams, too; a burst is a thousand.
    assert int(host.check_output(datagrams)) - received < 100


def test_check_mode_says_what_it_would_send(before: dict[str, str]) -> None:
    run = playbook.run(UDP_TEST, "--check", *options(udp_test_size=2000))
    assert "udp_test: 4,000 datagrams of 2000 bytes to udp1 (192.168.34.20, UDP port 514)" in run.output
    assert "travels as 2 packets" in " ".join(run.output.split())
    assert set(run.changed.values()) == {0}


def test_both_profiles_are_measured_and_every_datagram_is_accounted_for(before: dict[str, str]) -> None:
    playbook.run(UDP_TEST)
    found = result()
    assert (found["result"], found["reasons"]) == ("PASS", [])
    assert [one["profile"] for one in found["steps"]] == ["untuned", "tuned"]
    for step in found["steps"]:
        assert step["sent"] == 1000
        assert step["acked_lost"] == step["unexplained"] == 0
        assert sum(place["lost"] for place in step["places"]) == step["lost"]
        assert step["counters"]["tap_packets"] >= 1000, "the host's port on the bridge was found"
        assert step["counters"]["port_kind"] == "veth"
    untuned, tuned = (found["profiles"][name]["receive_buffer_bytes"] for name in ("untuned", "tuned"))
    assert untuned < tuned == 2 * 1048576
    assert (REPORTS / "udp_test.html").stat().st_size > 1_000_000


def test_what_a_full_buffer_drops_is_found_there(host: Host, before: dict[str, str]) -> None:
    """rsyslog stands still most of the time: more datagrams wait than the kernel's own buffer holds."""
    pauses = (
        "while :; do systemctl kill -s STOP syslog-ingest; sleep 0.5; "
        "systemctl kill -s CONT syslog-ingest; sleep 0.3; done"
    )
    host.check_output("systemd-run --unit=pauses /bin/sh -c %s", pauses)
    try:
        playbook.run(UDP_TEST, *options(udp_test_profiles=["untuned"], udp_test_rates=[3000]))
    finally:
        host.check_output("systemctl stop pauses; systemctl kill -s CONT syslog-ingest")
    [step] = result()["steps"]
    lost = {place["name"]: place["lost"] for place in step["places"] if place["lost"]}
    assert result()["result"] == "PASS", "what UDP loses is what is measured"
    assert set(lost) == {"UDP buffer"}
    assert lost["UDP buffer"] == step["lost"] > 100
    assert step["counters"]["port_drops"] == step["counters"]["udp_receive_buffer_errors"] == step["lost"]
    assert result()["profiles"]["untuned"]["loss_from_per_s"] == step["rate_per_s"]


def test_packets_are_written_where_asked(host: Host, before: dict[str, str]) -> None:
    folder = "/var/tmp/barevm-udp-test"
    try:
        playbook.run(UDP_TEST, *options(udp_test_capture=True, udp_test_profiles=["tuned"]))
        seen = host.check_output(f"tcpdump -n -r {folder}/*.pcap0 2>/dev/null | wc -l")
    finally:
        host.check_output(f"rm -rf {folder}")
    assert 1900 < int(seen) <= 2000, "warming up, and the step, less what a busy machine did not write"


def test_what_no_counter_explains_is_said(host: Host, before: dict[str, str]) -> None:
    """A firewall on the host drops one datagram of ten, where nothing counts it."""
    host.check_output("nft add table inet lose")
    try:
        host.check_output("nft 'add chain inet lose in { type filter hook input priority 0; }'")
        host.check_output("nft add rule inet lose in udp dport 514 numgen inc mod 10 0 drop")
        only = options(udp_test_profiles=["tuned"])
        failed = playbook.run(UDP_TEST, *only, succeeds=False)
    finally:
        host.check_output("nft delete table inet lose")
    [step] = result()["steps"]
    assert result()["result"] == "INCONCLUSIVE"
    assert step["unexplained"] == 100
    assert "no counter explains network +100 datagrams" in " ".join(failed.output.split())


def test_kafka_away_at_the_start(host: Host, before: dict[str, str]) -> None:
    host.check_output("systemctl stop kafka")
    try:
        refused = playbook.run(UDP_TEST, succeeds=False)
    finally:
        host.check_output("systemctl start kafka")
    assert "Kafka does not answer at 192.168.34.20:9092" in " ".join(refused.output.split())
    assert set(refused.changed.values()) == {0}, "rsyslog was not restarted for a test that cannot be"
    await_kafka()


def test_kafka_away_in_a_burst_is_no_loss(host: Host, before: dict[str, str]) -> None:
    """The broker stops when the burst has begun, and comes back after the test has ended."""
    # The step's task waits for it: the first burst, of 1,000, warms up, the second is the one.
    watch = (
        "taken() { awk '/^Udp: [0-9]/ {print $2}' /proc/net/snmp; }; start=$(taken); "
        "while [ $(taken) -lt $((start + 1100)) ]; do sleep 0.02; done; systemctl stop kafka"
    )
    host.check_output("systemd-run --unit=stop-in-burst --property=RuntimeMaxSec=600 /bin/sh -c %s", watch)
    limits = options(udp_test_profiles=["tuned"], udp_test_settle_s=10, udp_test_read_limit_s=10)
    try:
        failed = playbook.run(UDP_TEST, *limits, succeeds=False)
    finally:
        host.run("systemctl stop stop-in-burst")
        host.check_output("systemctl start kafka")
    await_kafka()
    found = result()
    [step] = found["steps"]
    assert found["result"] == "INCONCLUSIVE", failed.output
    assert step["acked_lost"] == 0
    assert step["still_on_its_way"] + step["counters"]["unread"] > 0
    assert "still on their way" in " ".join(found["reasons"])
    assert found["profiles"]["tuned"]["loss_from_per_s"] is None, "what is on its way is not lost"


def test_a_host_in_another_controllers_test_is_refused_until_it_is_released(
    host: Host, before: dict[str, str]
) -> None:
    lock = "/run/barevm-udp-test.lock"
    words = {"user": "ann", "host": "desk", "pid": 42, "since": "2026-01-01T00:00:00+00:00"}
    held = {
        "run": "01234567",
        **words,
        "place": "another machine",
        "started": "1",
        "until": time.time() + 3600,
    }
    host.check_output(f"echo %s >{lock}", json.dumps(held))
    refused = playbook.run(UDP_TEST, succeeds=False)
    said = " ".join(refused.output.split())
    assert "udp1 is in the UDP test of ann on desk (process 42, since 2026-01-01T00:00:00+00:00)" in said
    assert set(refused.changed.values()) == {0}
    playbook.run(UDP_TEST, "-e", "restore=true")
    assert not host.file(lock).exists


def test_a_killed_run_is_put_back_by_restore_alone(host: Host) -> None:
    found = as_it_is(host)
    playbook.killed(UDP_TEST, STEP)
    assert as_it_is(host)["config"] != found["config"]
    assert "barevm-udp-test-restore.timer" in as_it_is(host)["timers"]
    assert "UDP test's settings" in playbook.run("barevm.kafka.verify", succeeds=False).output
    playbook.run(UDP_TEST, "-e", "restore=true")
    assert as_it_is(host) == found
    assert set(playbook.run(UDP_TEST, "-e", "restore=true").changed.values()) == {0}


def test_a_killed_run_is_put_back_by_the_next_syslog_ingest(host: Host) -> None:
    """Its timer would put an old configuration over the new one."""
    found = as_it_is(host)
    playbook.killed(UDP_TEST, STEP)
    playbook.run("barevm.kafka.syslog_ingest")
    assert as_it_is(host) == found
    # Its lock does not hold up the next test of the same controller.
    next_one = playbook.run(UDP_TEST, "--check")
    assert "ended before its time; what it left is put back" in next_one.output


def test_a_killed_run_is_put_back_by_the_hosts_own_timer(host: Host) -> None:
    found = as_it_is(host)
    playbook.killed(UDP_TEST, STEP)
    # It is due in minutes. What it will run is run now, by systemd and without anybody from outside.
    host.check_output("systemctl start --wait barevm-udp-test-restore.service")
    assert as_it_is(host) == found


def await_kafka() -> None:
    """Until the broker takes connections again."""
    deadline = time.monotonic() + 240
    while True:
        try:
            socket.create_connection(("192.168.34.20", 9092), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.5)
