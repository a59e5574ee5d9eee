"""Counters of a host that receives UDP: interface, kernel, socket, rsyslog. Runs on managed hosts.

Sources: ip(8) and the kernel's Documentation/networking/statistics.rst for the interface, proc(5) for
/proc/net/snmp, /proc/net/udp and /proc/net/softnet_stat, ss(8) for the receive buffer. Linux counts by a
datagram's protocol, IPv4 in snmp and IPv6 in snmp6, whatever socket it came to (net/ipv6/udp.c): so both are
summed.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import (
    commands,
    rsyslog_stats,
    udp_books,
    udp_sockets,
)

COMMAND_LIMIT_S = 10
NET = Path("/sys/class/net")
PROC_NET = Path("/proc/net")
STEADY = ("received", "submitted", "enqueued", "acked", "queue_size")
"""Counters of rsyslog that stand still once everything has gone through."""


def look(port: int, address: str) -> dict[str, Any]:
    """The kernel's counters now; raises OSError. Those of the host are of all its traffic."""
    counted = protocols()
    return {
        **interface(address),
        **softnet((PROC_NET / "softnet_stat").read_text()),
        "ip_reassembly_failed": counted["IpReasmFails"],
        "ip_discarded": counted["IpInDiscards"],
        "udp_in_datagrams": counted["UdpInDatagrams"],
        "udp_receive_buffer_errors": counted["UdpRcvbufErrors"],
        "udp_checksum_errors": counted["UdpInCsumErrors"],
        "udp_memory_errors": counted["UdpMemErrors"],
        "udp_no_port": counted["UdpNoPorts"],
        **sockets(
            port, [(PROC_NET / name).read_text() for name in ("udp", "udp6") if (PROC_NET / name).exists()]
        ),
    }


def snmp(text: str) -> dict[str, dict[str, int]]:
    """/proc/net/snmp by protocol: pairs of lines, names above values."""
    lines = text.splitlines()
    found = {}
    for names, values in zip(lines[::2], lines[1::2]):
        protocol, _, heads = names.partition(":")
        found[protocol] = dict(zip(heads.split(), map(int, values.partition(":")[2].split())))
    return found


def protocols(proc_net: Path = PROC_NET) -> Counter[str]:
    """Counters of IP and UDP by their names in snmp (UdpInDatagrams), IPv4 and IPv6 together.

    One that this kernel does not have is 0, as are all of IPv6 where the host has none.
    """
    found = Counter(
        {
            f"{name}{counter}": value
            for name, counters in snmp((proc_net / "snmp").read_text()).items()
            if name in ("Ip", "Udp")
            for counter, value in counters.items()
        }
    )
    six = proc_net / "snmp6"
    for line in six.read_text().splitlines() if six.exists() else []:
        name, value = line.split()
        if name.startswith(("Ip6", "Udp6")):
            found[name.replace("6", "", 1)] += int(value)
    return found


def softnet(text: str) -> dict[str, int]:
    """/proc/net/softnet_stat over all processors: hexadecimal columns; the second is packets dropped."""
    rows = [[int(value, 16) for value in line.split()[:3]] for line in text.splitlines()]
    return {"softnet_dropped": sum(row[1] for row in rows), "softnet_squeezed": sum(row[2] for row in rows)}


def sockets(port: int, tables: list[str]) -> dict[str, int]:
    """What the sockets of a port dropped, and what waits in them: the rows of /proc/net/udp and udp6."""
    drops = waiting = count = 0
    for table in tables:
        for line in table.splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port:
                waiting += int(fields[4].partition(":")[2], 16)
                drops += int(fields[-1])
                count += 1
    return {"port_sockets": count, "port_drops": drops, "port_waiting_bytes": waiting}


def interface(address: str) -> dict[str, Any]:
    """The interface with this address, or all but the loopback where none has it (behind NAT)."""
    own = []
    if address:
        shown = commands.said(
            *("ip", "-j", family(address), "addr", "show", "to", address), limit_s=COMMAND_LIMIT_S
        )
        own = json.loads(shown or "[]")
    names = [one["ifname"] for one in own if one.get("ifname")]
    names = names or sorted(path.name for path in NET.iterdir() if path.name != "lo" and path.is_dir())
    total = dict.fromkeys(("rx_packets", "rx_dropped", "rx_missed_errors", "rx_fifo_errors"), 0)
    for name in names:
        for counter in total:
            total[counter] += int((NET / name / "statistics" / counter).read_text())
    return {
        "interface": ", ".join(names),
        "nic_packets": total["rx_packets"],
        "nic_dropped": total["rx_dropped"] + total["rx_missed_errors"] + total["rx_fifo_errors"],
    }


def family(address: str) -> str:
    """The option of ip(8) for an address."""
    return "-6" if ":" in address else "-4"


def receive_buffer_bytes(port: int) -> int | None:
    """The port's receive buffer as the kernel accounts it: twice what a program asks for (socket(7))."""
    found = [int(one["buffer_bytes"]) for one in udp_sockets.of_port(port)]
    return min(found) * udp_sockets.BOOKKEEPING if found else None


def main_pid(unit: str) -> int:
    """The main process of a unit, 0 where there is none."""
    shown = commands.said(
        *("systemctl", "show", "--property=MainPID", "--value", unit), limit_s=COMMAND_LIMIT_S
    )
    return int(shown.strip() or "0")


class Watch:
    """All counters of one host, once or until they stand still; ``asked`` are the module's options."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.stats = rsyslog_stats.StatsFile(asked["stats_file"])

    def now(self) -> dict[str, Any]:
        """The kernel's counters, and rsyslog's from lines that were written afterwards; raises OSError."""
        asked = self.asked
        seen = look(asked["port"], asked["address"])
        lines = self.stats.fresh(asked["fresh_limit_s"])
        counted = rsyslog_stats.counters(lines, asked["port"], asked["queues"], asked["action"])
        return {**seen, "rsyslog_pid": main_pid(asked["unit"]), **counted}

    def settled(self, limit_s: float) -> tuple[dict[str, Any], bool]:
        """Counters once they stand still and nothing waits here, or those after ``limit_s`` s; which it was.

        omkafka asks its client for acknowledgements only while it hands it records: the last ones of a burst
        stay uncounted until the next record. So how many are acknowledged is no sign; what the host has given
        to Kafka's client and Kafka does not have is found by reading the topic.
        """
        deadline = time.monotonic() + limit_s
        before: dict[str, Any] = {}
        while True:
            seen = self.now()
            still = bool(before) and all(seen[name] == before[name] for name in STEADY)
            if still and not seen["port_waiting_bytes"] and not seen["queue_size"]:
                return seen, True
            if time.monotonic() > deadline:
                return seen, False
            before = seen


def expected(since: dict[str, Any], seen: dict[str, Any]) -> int | None:
    """How many records Kafka will have of what the host took into its queue since.

    None where it cannot be told: after a restart of rsyslog its counters begin anew.
    """
    if seen["rsyslog_pid"] != since["rsyslog_pid"]:
        return None
    rises = udp_books.rises(since, seen)
    kept = udp_books.kept(rises)
    return None if kept is None else kept - (rises["too_large"] or 0)
