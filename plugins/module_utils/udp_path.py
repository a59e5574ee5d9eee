"""What the controller itself can see of datagrams on their way: its own socket, and the port to the host.

A lab's host hangs on a bridge of this machine by a port of its own (a tap, a veth). It is found as the kernel
would send: route, neighbour, forwarding table of the bridge. Where there is no such port, nothing is guessed.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import commands
from ansible_collections.barevm.kafka.plugins.module_utils.udp_counters import family, protocols

LIMIT_S = 5.0
SYS = Path("/sys/class/net")


@dataclass(frozen=True)
class Way:
    """How datagrams leave the controller; ``port`` is empty where the last one before the host is not seen.

    ``kind`` of the port is "tap" (a virtual machine) or "veth" (a container on this machine's own kernel).
    """

    device: str
    mtu: int
    port: str
    kind: str = ""
    why: str = ""


def resolved(name: str) -> str:
    """The address that datagrams to ``name`` go to, of several an IPv4 one; raises OSError."""
    found = [str(one[4][0]) for one in socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)]
    address = min(found, key=lambda one: ":" in one)
    kind = ipaddress.ip_address(address)
    if kind.is_link_local:
        raise OSError("on each interface a link-local address is another host's; give another one")
    if kind.is_multicast or kind.is_unspecified:
        raise OSError("it is no address of one host; give another one")
    return address


def way(address: str) -> Way:
    """The way to an address; raises OSError where there is none, or no tool to find it."""
    route = _first(_ip(address, "route", "get", address))
    device = str(route.get("dev", ""))
    if not device:
        raise OSError(f"there is no route to {address}")
    mtu = int((SYS / device / "mtu").read_text())
    if "gateway" in route or not (SYS / device / "bridge").is_dir():
        why = (
            f"the way to {address} leaves by {device}, which is no bridge of this machine with the host on it"
        )
        return Way(device, mtu, "", why=why)
    neighbour = _first(_ip(address, "neigh", "show", address, "dev", device))
    mac = neighbour.get("lladdr")
    entries = json.loads(commands.said("bridge", "-j", "fdb", "show", "br", device, limit_s=LIMIT_S))
    ports = {
        str(one["ifname"])
        for one in entries
        if mac and one.get("mac") == mac and one.get("master") == device and one.get("state") != "permanent"
    }
    if len(ports) != 1:
        why = f"{device} does not know yet behind which of its ports {address} is"
        return Way(device, mtu, "", why=why)
    port = ports.pop()
    return Way(device, mtu, port, "tap" if (SYS / port / "tun_flags").exists() else "veth")


def counters(found: Way) -> dict[str, int | None]:
    """Counters of this machine: what its sockets dropped, what was given to the port, and what dropped there.

    Those of the port are packets, of everybody: a fragmented datagram is several. None is "not seen".
    """
    seen: dict[str, int | None] = {
        "controller_send_buffer": protocols()["UdpSndbufErrors"],
        "tap_packets": None,
        "tap_dropped": None,
    }
    if found.port:
        statistics = SYS / found.port / "statistics"
        seen["tap_packets"] = int((statistics / "tx_packets").read_text())
        seen["tap_dropped"] = int((statistics / "tx_dropped").read_text())
    return seen


def _ip(address: str, *words: str) -> Any:
    return json.loads(commands.said("ip", "-j", family(address), *words, limit_s=LIMIT_S) or "[]")


def _first(found: Any) -> Mapping[str, Any]:
    return found[0] if found else {}
