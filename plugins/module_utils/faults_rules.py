"""Which faults are refused, and the nftables rules of those that are not. Runs on managed hosts."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.faults_look import CHAINS, OWN, TABLE

NEEDS = {
    "kill": (),
    "stop": (),
    "pause": (),
    "cut": (),
    "loss": ("percent", "ports"),
    "fill": ("folder",),
}
TAKES = {
    "kill": ("hold",),
    "stop": (),
    "pause": (),
    "cut": ("peers", "local_ports", "user"),
    "loss": ("percent", "ports"),
    "fill": ("folder",),
}
OWN_OPTIONS = ("peers", "local_ports", "percent", "ports", "folder")
"""Options that belong to one kind and have no value unless they are given."""
SSH = 22
# Their files share their space with others, lie elsewhere, or are the host's own.
NOT_FILLED = re.compile(
    r"btrfs|zfs|overlay|nfs\d?|cifs|smb\d|fuse(\..*)?|9p|ceph|ramfs|squashfs|devtmpfs|proc|sysfs"
)
SYSTEM_FOLDERS = (
    *("/", "/boot", "/dev", "/dev/shm", "/etc", "/home", "/opt", "/root", "/run", "/tmp", "/usr"),
    *("/var", "/var/lib", "/var/log", "/var/tmp"),
)
# A file system in memory takes what it holds from everything else.
OF_MEMORY = 0.5


class RefusedError(ValueError):
    """A fault that is not struck: the option, its value, why, and what to do instead."""


def refuse(option: str, value: object, why: str) -> RefusedError:
    """The refusal of an option."""
    return RefusedError(f"{option}={value!r}: {why}")


def check_options(asked: Mapping[str, Any]) -> None:
    """Hold the options to the kind of fault. Raises RefusedError."""
    kind = asked["kind"]
    for option in NEEDS[kind]:
        if not asked[option]:
            raise RefusedError(f"kind={kind} needs {option}: give it")
    for option in OWN_OPTIONS:
        if asked[option] and option not in TAKES[kind]:
            takers = [name for name, options in TAKES.items() if option in options]
            raise refuse(option, asked[option], f"kind={kind} has no such option; {', '.join(takers)} has")
    if kind == "cut" and not asked["peers"] and not asked["local_ports"]:
        raise RefusedError("kind=cut needs whom to cut off from: give peers, local_ports, or both")
    if asked["undo_after_s"] < 1:
        raise refuse("undo_after_s", asked["undo_after_s"], "the undo needs a time; give seconds, at least 1")
    if kind == "loss" and not 1 <= asked["percent"] <= 100:
        raise refuse("percent", asked["percent"], "give 1 to 100")


def check_ports(option: str, ports: Iterable[int], ssh: Iterable[int]) -> None:
    """Refuse ports that are none, and those of SSH: nobody could heal the host. Raises RefusedError."""
    given = list(ports)
    if not given:
        raise RefusedError(f"{option}: name the ports; a host is never cut off as a whole")
    for port in given:
        if not 1 <= port <= 65535:
            raise refuse(option, port, "is no port; give 1 to 65535")
        if port == SSH or port in set(ssh):
            raise refuse(option, port, "is SSH's, by which the host is reached; leave it out")


def check_peers(addresses: Mapping[str, Sequence[str]], own: Iterable[str]) -> None:
    """Refuse peers that are this host; ``addresses`` are each peer's, by its name. Raises RefusedError."""
    mine = set(own)
    for name, found in addresses.items():
        for address in found:
            if address in mine or ipaddress.ip_address(address).is_loopback:
                raise refuse(
                    "peers", name, f"is this host ({address}); name other hosts, or give local_ports"
                )


def check_filled(folder: str, kind: str, same_as: Sequence[str], size: int, memory: int | None) -> None:
    """Refuse to fill what others need.

    Args:
        folder: the folder, for the message.
        kind: its file system's.
        same_as: the system's folders, and those of this connection, that share the file system.
        size: the bytes that would be written.
        memory: the bytes of memory available, for a file system in memory.
    """
    remedy = "give a folder with a small file system of its own"
    if NOT_FILLED.fullmatch(kind):
        raise refuse("folder", folder, f"a file system of type {kind} is not its own; {remedy}")
    if same_as:
        raise refuse("folder", folder, f"shares its file system with {', '.join(same_as)}; {remedy}")
    if memory is not None and size > memory * OF_MEMORY:
        raise refuse(
            "folder",
            folder,
            f"lies in memory, and its {size} bytes are more than half of the {memory} available; {remedy}",
        )


def _ports(ports: Iterable[int]) -> str:
    return "{ " + ", ".join(str(port) for port in sorted(set(ports))) + " }"


def _family(address: str) -> str:
    return "ip6" if ipaddress.ip_address(address).version == 6 else "ip"


def _base(kind: str) -> list[str]:
    """A table with the two chains of a kind, emptied, and its counter, which goes on counting."""
    lines = [f"add table inet {TABLE}", f"add counter inet {TABLE} dropped_{kind}"]
    if kind == "cut":
        lines += [f"add set inet {TABLE} {OWN} {{ type inet_service; size 65535; flags dynamic; }}"]
    for chain, hook in zip(CHAINS[kind], ("input", "output")):
        # Before connection tracking: it is none of its business, and established connections are cut too.
        lines += [
            f"add chain inet {TABLE} {chain} {{ type filter hook {hook} priority -300; policy accept; }}",
            f"flush chain inet {TABLE} {chain}",
        ]
    return lines


def _rule(chain: str, match: str, kind: str) -> str:
    return f'add rule inet {TABLE} {chain} {match} counter name "dropped_{kind}" drop'


def cut_rules(
    peers: Iterable[Mapping[str, Any]], local_ports: Sequence[int], user: str, connected: Iterable[int]
) -> str:
    """Rules that cut this host off from peers, and a user's processes from ports of the host itself.

    Args:
        peers: ``address`` (a number), ``ports``, and ``connections``: V(both), or V(outgoing) for those that
            this host opens only.
        local_ports: ports of this host.
        user: whose processes are cut off from those. Replies come from another user's processes: they are
            told by the ports from which this user's have connected.
        connected: the ports from which they are connected already.
    """
    lines = _base("cut")
    for peer in peers:
        family, ports = _family(peer["address"]), _ports(peer["ports"])
        there = [("out", f"{family} daddr {peer['address']} tcp dport {ports}")]
        there += [("in", f"{family} saddr {peer['address']} tcp sport {ports}")]
        if peer["connections"] == "both":
            there += [("out", f"{family} daddr {peer['address']} tcp sport {ports}")]
            there += [("in", f"{family} saddr {peer['address']} tcp dport {ports}")]
        lines += [_rule(f"cut_{way}", match, "cut") for way, match in there]
    if local_ports:
        ports = _ports(local_ports)
        if known := sorted(set(connected)):
            lines += [f"add element inet {TABLE} {OWN} {_ports(known)}"]
        # What a host sends to itself, by whichever of its addresses, leaves by lo.
        lines += [
            _rule(
                "cut_out",
                f'oifname "lo" meta skuid "{user}" tcp dport {ports} add @{OWN} {{ tcp sport }}',
                "cut",
            ),
            _rule("cut_out", f'oifname "lo" tcp dport {ports} tcp sport @{OWN}', "cut"),
            _rule("cut_out", f'oifname "lo" tcp sport {ports} tcp dport @{OWN}', "cut"),
        ]
    return "\n".join(lines) + "\n"


def loss_rules(ports: Iterable[int], percent: int) -> str:
    """Rules that lose packets of these ports on either end, but none that the host sends to itself."""
    lines, wanted = _base("loss"), _ports(ports)
    # nft refuses what is always true.
    chance = f" numgen random mod 100 < {percent}" if percent < 100 else ""
    for chain, device in (("loss_in", "iifname"), ("loss_out", "oifname")):
        for end in ("sport", "dport"):
            match = f'{device} != "lo" tcp {end} {wanted}{chance}'
            lines.append(_rule(chain, match, "loss"))
    return "\n".join(lines) + "\n"


def connected_ports(tables: Iterable[str], uid: int, ports: Iterable[int]) -> list[int]:
    """The local ports of a user's connections to ports, from /proc/net/tcp and tcp6 (proc_pid_net(5))."""
    wanted, found = set(ports), set()
    for table in tables:
        for line in table.splitlines()[1:]:
            fields = line.split()
            if len(fields) > 7 and fields[7] == str(uid) and int(fields[2].rpartition(":")[2], 16) in wanted:
                found.add(int(fields[1].rpartition(":")[2], 16))
    return sorted(found)
