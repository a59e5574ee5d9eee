"""Counters of a host that receives UDP, from what the kernel and rsyslog wrote on real hosts."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import rsyslog_stats, udp_counters

DATA = Path(__file__).parent / "data"
STATS = (DATA / "impstats.json").read_text()
QUEUES = ["syslog_ingest", "kafka queue"]

NET_UDP = """\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode drops
 7551: 00000000:0202 00000000:0000 07 00000000:00000300 00:00000000 00000000     0        0 13204098 2 0 17
 7552: 00000000:0203 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 13204099 2 0 5
"""


def test_rows_of_a_port_in_proc_net_udp() -> None:
    found = udp_counters.sockets(514, [NET_UDP, NET_UDP.splitlines()[0]])
    assert found == {"port_sockets": 1, "port_drops": 17, "port_waiting_bytes": 0x300}


def test_a_real_sockets_drops_are_seen() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        receiver.bind(("127.0.0.1", 0))
        port = receiver.getsockname()[1]
        before = udp_counters.look(port, "127.0.0.1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(200):
                sender.sendto(b"x" * 500, ("127.0.0.1", port))
        after = udp_counters.look(port, "127.0.0.1")
        assert udp_counters.receive_buffer_bytes(port) == receiver.getsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF
        )
    assert before["port_sockets"] == 1
    dropped = after["port_drops"] - before["port_drops"]
    assert 150 < dropped < 200
    assert after["udp_receive_buffer_errors"] - before["udp_receive_buffer_errors"] >= dropped
    assert after["port_waiting_bytes"] > 0
    assert after["interface"] == "lo"


@pytest.mark.parametrize(("family", "to"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_socket_of_both_families_drops_what_either_sends(family: socket.AddressFamily, to: str) -> None:
    """Linux counts it in snmp for an IPv4 sender and in snmp6 for an IPv6 one, and by both in udp6."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        receiver.bind(("::", 0))
        port = receiver.getsockname()[1]
        before = udp_counters.look(port, to)
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            for _ in range(200):
                sender.sendto(b"x" * 500, (to, port))
        after = udp_counters.look(port, to)
    dropped = after["port_drops"] - before["port_drops"]
    assert 150 < dropped < 200
    assert after["udp_receive_buffer_errors"] - before["udp_receive_buffer_errors"] >= dropped
    assert after["interface"] == "lo"


def test_a_host_without_ipv6(tmp_path: Path) -> None:
    (tmp_path / "snmp").write_text("Ip: ReasmFails\nIp: 1\nIcmp: InMsgs\nIcmp: 9\nUdp: InDatagrams\nUdp: 5\n")
    assert udp_counters.protocols(tmp_path) == {"IpReasmFails": 1, "UdpInDatagrams": 5}
    (tmp_path / "snmp6").write_text("Ip6ReasmFails 2\nUdp6InDatagrams\t30\nUdpLite6InDatagrams 7\n")
    assert udp_counters.protocols(tmp_path) == {"IpReasmFails": 3, "UdpInDatagrams": 35}


def test_softnet_over_all_processors() -> None:
    text = "01da278b 00000002 0000001f 0 0 0 0 0\n01d7f106 0000000a 00000001 0 0 0 0 0\n"
    assert udp_counters.softnet(text) == {"softnet_dropped": 12, "softnet_squeezed": 32}


def test_what_rsyslog_counted() -> None:
    found = rsyslog_stats.counters(dict(rsyslog_stats.parse(STATS)), 514, QUEUES, "kafka")
    assert found == {
        "received": 30,
        "submitted": 29,
        "disallowed": 1,
        "other_inputs": 4,
        "queue_size": 9,
        "parse_enqueued": 33,
        "parse_discarded_full": 2,
        "parse_discarded_nearly_full": 0,
        "enqueued": 31,
        "discarded_full": 3,
        "discarded_nearly_full": 0,
        "kafka_submitted": 25,
        "kafka_failures": 1,
        "acked": 24,
        "too_large": 0,
    }


def test_lines_behind_a_date_are_the_same() -> None:
    """As impstats writes them to a file of its own, without an action."""
    plain = STATS.replace('{"at":"2026-11-21T17:15:42.000000+00:00","stats":', "Sat Nov 21 17:15:42 2026: ")
    plain = "\n".join(line[:-1] if line.startswith("Sat") else line for line in plain.splitlines())
    assert "Sat" in plain
    assert rsyslog_stats.parse(plain) == rsyslog_stats.parse(STATS)


def test_a_queue_that_is_not_there_is_not_seen() -> None:
    found = rsyslog_stats.counters(dict(rsyslog_stats.parse(STATS)), 515, ["another"], "another")
    assert (found["enqueued"], found["submitted"], found["acked"]) == (None, None, 24)


def write(path: Path, number: int) -> None:
    with path.open("a") as stream:
        for name in ("one", "two"):
            stream.write(f'{{"name": "{name}", "origin": "x", "value": {number}}}\n')


def values(found: rsyslog_stats.Lines) -> list[int]:
    return [document["value"] for document in found.values()]


def test_only_lines_that_are_newer_than_the_call_count(tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    write(path, 1)
    stats = rsyslog_stats.StatsFile(str(path))
    writer = threading.Timer(0.4, write, (path, 2))
    writer.start()
    assert values(stats.fresh(10)) == [2, 2]
    writer.join()


def test_a_file_that_is_rotated_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    write(path, 1)
    stats = rsyslog_stats.StatsFile(str(path))

    def rotate() -> None:
        os.replace(path, tmp_path / "stats.json.1")
        # Longer than what had been read of the old file: its first line counts too.
        write(path, 3 * 10**9)

    writer = threading.Timer(0.4, rotate)
    writer.start()
    assert values(stats.fresh(5)) == [3 * 10**9, 3 * 10**9]
    writer.join()


def test_a_file_that_nobody_writes_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    write(path, 1)
    with pytest.raises(OSError, match=r"no new line for 0\.5 s"):
        rsyslog_stats.StatsFile(str(path)).fresh(0.5)


def test_how_many_records_kafka_is_to_have() -> None:
    since = {
        "rsyslog_pid": 7,
        "enqueued": 100,
        "parse_enqueued": 100,
        "discarded_full": 1,
        "discarded_nearly_full": 0,
        "too_large": 0,
    }
    seen = {**since, "enqueued": 201, "parse_enqueued": 200, "discarded_full": 11, "too_large": 2}
    assert udp_counters.expected(since, seen) == 88
    assert udp_counters.expected(since, {**seen, "rsyslog_pid": 8}) is None
    assert udp_counters.expected(since, {**seen, "enqueued": None}) is None
