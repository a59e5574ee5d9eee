"""Lines into Kafka: what arrives, what is refused, and what an outage of Kafka does to them."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from typing import Any

import lines
import playbook
import pytest
from cluster_client import wait_until
from testinfra.host import Host
from testinfra.utils.ansible_runner import AnsibleRunner

testinfra_hosts = ["ansible://syslog2"]
PLAY = "barevm.kafka.syslog_ingest"
UNIT = "syslog-ingest.service"
STATS = "/var/log/rsyslog-kafka/stats.json"
OTHERS = 3
"""Datagrams that the host takes beside the sender's: answers of name servers, whoever asked them."""
STILL_LOOKS = 6
"""So many alike, 2 s apart, and the queue is at rest: a busy machine's disk may pause for some seconds."""
BUFFERED = 131072 // 512
"""What a receive buffer holds of small datagrams, at most: the kernel takes more than 512 bytes for each."""


@pytest.fixture
def broker() -> Iterator[Host]:
    """The broker's host; Kafka runs there afterwards."""
    host = AnsibleRunner(os.environ["MOLECULE_INVENTORY_FILE"]).get_host("syslog1")
    yield host
    host.check_output("systemctl start kafka")


def pid(host: Host) -> str:
    return host.check_output("systemctl show --property=MainPID --value %s", UNIT)


def counters(host: Host) -> dict[str, dict[str, Any]]:
    """The last counters of everything in the service, by name."""
    last = {}
    for line in host.check_output("tail -n 60 %s", STATS).splitlines():
        try:
            stats = json.loads(line)["stats"]
        except ValueError:
            continue  # the last one is just being written
        last[stats["name"]] = stats
    return last


def dropped(host: Host) -> int:
    """Lines that found a queue full."""
    return sum(int(stats.get("discarded.full", 0)) for stats in counters(host).values())


def at_rest(host: Host) -> int:
    """Lines that found a queue full, once no line has moved for a while: from memory to the disk, or away."""
    looks: list[tuple[int, int, int]] = []

    def still() -> bool:
        found = counters(host)
        waiting = (int(found[queue]["size"]) for queue in ("kafka queue", "kafka queue[DA]"))
        looks.append((*waiting, dropped(host)))
        time.sleep(2)
        return len(looks) >= STILL_LOOKS and len(set(looks[-STILL_LOOKS:])) == 1

    wait_until("the queue at rest", still, limit_s=240)
    return looks[-1][-1]


def test_it_runs_beside_the_hosts_own_logging(host: Host) -> None:
    assert host.check_output("systemctl is-active %s rsyslog.service", UNIT).split() == ["active", "active"]
    assert host.process.get(pid=int(pid(host))).user.startswith("syslog-")
    host.check_output("logger -t own-logging stays-here")
    wait_until("its own logging has it", lambda: host.run("grep -q stays-here /var/log/syslog").rc == 0)
    assert not lines.records("stays-here")
    assert not host.file("/etc/rsyslog.d/").listdir()


def test_it_starts_at_boot_and_may_do_little(host: Host) -> None:
    assert host.service(UNIT).is_enabled
    assert host.file("/etc/syslog-ingest/rsyslog.conf").mode == 0o600
    # Who watches reads the counters.
    assert host.file(STATS).mode == 0o644
    assert host.file("/var/spool/syslog-ingest").mode == 0o750
    exposure = host.check_output("systemd-analyze security --no-pager %s | tail -n 1", UNIT)
    assert float(re.search(r"\d+\.\d+", exposure)[0]) < 3


def test_the_kernel_gave_the_buffer_that_was_asked_for(host: Host) -> None:
    shown = host.check_output("ss -u -a -m -n | grep -A1 ':514 '")
    assert re.findall(r"rb(\d+)", shown) == ["131072", "131072"]


def test_lines_of_every_kind_arrive_or_are_cut(host: Host) -> None:
    token = lines.Sender(1).run_id
    longest = 8192
    for line in (
        b"%s without a priority",
        b"<999999>%s of no facility",
        b"<134>%s nul \0 and\ttab",
        b"<134>%s not utf-8 \xff\xe9",
        b"<134>%s above the MTU " + b"m" * 3000,
        b"<134>%s long " + b"L" * 60000,
    ):
        lines.udp(line.replace(b"%s", token.encode()))
    lines.udp(b"")
    lines.tcp(b"<134>%s one\n<134>%s two\n" % (token.encode(), token.encode()))
    found = lines.awaited(token, 8)
    assert len(found) == 8
    assert all(record.endswith(b"\n") for record in found), "omkafka's file of failed messages needs it"
    texts = b"".join(found)
    assert b"nul #000 and#011tab" in texts
    assert b"not utf-8 \xff\xe9" in texts
    assert b"m" * 3000 in texts
    assert max(map(len, found)) == longest + 1
    assert host.service(UNIT).is_running


def test_what_would_lose_lines_is_refused_before_anything_changes(host: Host) -> None:
    before = pid(host), host.file("/etc/syslog-ingest/rsyslog.conf").content
    for option, said in (
        (
            '{"syslog_ingest_receive_buffer_bytes": 1073741824}',
            "syslog_ingest_receive_buffer_bytes = 1073741824",
        ),
        ('{"syslog_ingest_replication_factor": 3}', "more replicas than there are brokers (1)"),
        ('{"syslog_ingest_client_properties": {"acks": 1}}', "the role sets it, since what is lost depends"),
        (
            '{"syslog_ingest_client_properties": {"compresion": "lz4"}}',
            "[compresion] = 'lz4': librdkafka says: No",
        ),
        ('{"syslog_ingest_template": "%no-such-property%"}', "rsyslog has no property 'no-such-property'"),
        # These two are found by the host's own programs.
        (
            '{"syslog_ingest_client_properties": {"enable.idempotence": true, "max.in.flight": 9}}',
            "syslog_ingest_client_properties: `max.in.flight` must be set",
        ),
        (
            '{"syslog_ingest_template": "%msg:::no-such-option%"}',
            "syslog_ingest_template: rsyslogd: template error",
        ),
    ):
        found = playbook.run(PLAY, "-e", option, succeeds=False)
        assert said in " ".join(found.output.split()), found.output
        assert not any(found.changed.values())
    assert (pid(host), host.file("/etc/syslog-ingest/rsyslog.conf").content) == before


def test_a_check_keeps_the_failed_messages(host: Host) -> None:
    """rsyslogd -N1 on the real configuration reads the file, and removes it."""
    failed = "/var/spool/syslog-ingest/failed-messages"
    host.check_output("printf 'syslog\\t\\tkept\\n' >%s", failed)
    try:
        playbook.run(PLAY)
        assert host.file(failed).content == b"syslog\t\tkept\n"
    finally:
        host.check_output("rm -f %s", failed)


def test_without_kafka_it_runs_and_queues_and_only_the_proof_fails(host: Host, broker: Host) -> None:
    broker.check_output("systemctl stop kafka")
    changed = ("-e", "syslog_ingest_stats_max_mb=9", "-e", "syslog_ingest_proof_timeout_s=5")
    before = pid(host)
    found = playbook.run(PLAY, *changed, succeeds=False)
    said = " ".join(found.output.split())
    assert "Not proven: Kafka did not answer at" in said
    assert pid(host) != before, "it runs with what was asked"
    token = lines.Sender(1).run_id
    lines.udp(f"<134>{token} while Kafka was away".encode())
    broker.check_output("systemctl start kafka")
    assert len(lines.awaited(token, 1)) >= 1
    # Back to what the inventory asks, and proven; then there is nothing to do.
    assert playbook.run(PLAY).changed["syslog2"] == 2
    assert playbook.run(PLAY).changed["syslog2"] == 0


def test_an_outage_longer_than_the_time_out_with_a_restart_inside_loses_nothing_that_was_taken(
    host: Host, broker: Host
) -> None:
    """500 datagrams/s: every line that the service took comes back, though not each only once."""
    before = lines.datagrams(host)
    sender = lines.Sender(500)
    sender.start()
    time.sleep(3)
    broker.check_output("systemctl stop kafka")
    time.sleep(8)
    host.check_output("systemctl restart %s", UNIT)
    time.sleep(6)
    broker.check_output("systemctl start kafka")
    time.sleep(8)
    sent = sender.stop()
    lines.awaited(f"{sender.run_id} {sent - 1} ", 1, 60)
    counted = lines.datagrams(host) - before
    # What was queued before the restart comes after what came later.
    deadline = time.monotonic() + 180
    while counted.taken - len(lines.numbers(sender.run_id)) > OTHERS and time.monotonic() < deadline:
        time.sleep(2)
    found = lines.numbers(sender.run_id)
    print(f"sent {sent}, read back {len(found)}, {found.total() - len(found)} of them again; {counted}")
    assert sent > 10_000
    assert 0 <= counted.taken - len(found) <= OTHERS, "a line that the service took is lost"
    # What waits in a socket that is closed is in no counter of the kernel: a buffer's worth at most.
    assert 0 <= sent - len(found) - counted.no_port - counted.no_room <= BUFFERED
    assert counted.no_port < sent, "the restart took too long"
    assert found.total() - len(found) < sent / 4
    assert host.run("test -e /var/spool/syslog-ingest/failed-messages").rc, "it was read and sent"


def test_a_full_queue_counts_what_it_drops_and_the_play_says_so(host: Host, broker: Host) -> None:
    """32 MiB of disk, and some 600 bytes of it a line."""
    host.check_output("systemctl restart %s", UNIT)
    before = lines.datagrams(host)
    broker.check_output("systemctl stop kafka")
    sender = lines.Sender(8000)
    sender.start()
    deadline = time.monotonic() + 60
    while not dropped(host) and time.monotonic() < deadline:
        time.sleep(1)
    sender.stop()
    # What memory has above its mark still goes to the disk, or is dropped there.
    lost = at_rest(host)
    assert lost
    found = playbook.run(PLAY, "-e", "syslog_ingest_proof_timeout_s=5", succeeds=False)
    assert f"{lost} were dropped because the queue was full" in " ".join(found.said["syslog2"].split())
    broker.check_output("systemctl start kafka")
    taken = (lines.datagrams(host) - before).taken

    # The play's own lines over UDP are none of the sender's.
    proofs = len([record for record in lines.records("barevm-proof") if b"-udp number" in record])
    deadline = time.monotonic() + 240
    while taken - (came := len(lines.numbers(sender.run_id))) - lost > proofs + OTHERS:
        assert time.monotonic() < deadline, f"taken {taken}, back {came}, dropped {lost}"
        time.sleep(2)
    assert taken - came - lost >= 0


def test_logstashs_pipeline_says_the_same(host: Host) -> None:
    text = host.file("/etc/logstash/syslog-ingest/syslog-ingest.conf").content_string
    assert "receive_buffer_bytes => 65536" in text
    memory = int(host.check_output("awk '/MemTotal/ {print int($2/1024)}' /proc/meminfo"))
    assert f"-Xmx{memory // 2}m" in host.file("/etc/logstash/syslog-ingest/jvm.options").content_string
