"""What a broker's host wants from its kernel, why, and whether it has it.

Sources of the values: Kafka's documentation, "Hardware and OS"; the kernel's ip-sysctl and vm documents.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

REASONS = {
    "fs.file-max": "Each segment, index and connection is an open file; this is the limit of the whole host.",
    "net.core.netdev_max_backlog": "Packets that arrive faster than they are handled wait here, not dropped.",
    "net.core.rmem_default": "Receive buffer of sockets that ask for none.",
    "net.core.rmem_max": "Largest receive buffer a socket gets: socket.receive.buffer.bytes is cut to it.",
    "net.core.somaxconn": "Clients that reconnect all at once, after a restart, wait to be accepted here.",
    "net.core.wmem_default": "Send buffer of sockets that ask for none.",
    "net.core.wmem_max": "Largest send buffer a socket gets: socket.send.buffer.bytes is cut to it.",
    "net.ipv4.tcp_max_syn_backlog": "Connections half opened, when clients reconnect all at once.",
    "net.ipv4.tcp_rmem": "Least, first and largest receive buffer that TCP sizes itself, for long distances.",
    "net.ipv4.tcp_wmem": "Least, first and largest send buffer that TCP sizes itself, for long distances.",
    "vm.dirty_background_ratio": "Write back early, so that flushes stay small and latencies even.",
    "vm.dirty_ratio": "Writers are made to wait for the disk only when this share of memory is dirty.",
    "vm.max_map_count": "Each segment maps two index files; brokers with many partitions exceed the default.",
    "vm.swappiness": "A JVM that was swapped out misses its ZooKeeper session; 1 still swaps before killing.",
}

AT_LEAST = frozenset(
    {
        "fs.file-max",
        "net.core.netdev_max_backlog",
        "net.core.rmem_default",
        "net.core.rmem_max",
        "net.core.somaxconn",
        "net.core.wmem_default",
        "net.core.wmem_max",
        "net.ipv4.tcp_max_syn_backlog",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
        "vm.max_map_count",
    }
)
"""Capacities: a kernel that has more in every field is right as it is, and is not lowered."""


def text(value: Any) -> str:
    """A setting as the kernel prints it, fields separated by one blank."""
    return " ".join(str(value).split())


def is_effective(name: str, wanted: Any, current: str | None) -> bool:
    """Whether the running kernel has what is wanted; None is a setting that it does not have."""
    if current is None:
        return False
    if text(current) == text(wanted):
        return True
    if name not in AT_LEAST:
        return False
    has, needs = text(current).split(), text(wanted).split()
    try:
        return len(has) == len(needs) and all(map(operator.ge, map(int, has), map(int, needs)))
    except ValueError:
        return False


def rules(groups: Mapping[str, Any], hosts: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """What of ``host_tuning_sysctl`` no kernel would take, whatever it is; ``hosts`` are their variables."""
    del groups
    for host, variables in hosts.items():
        for name, value in variables["host_tuning_sysctl"].items():
            if isinstance(value, bool) or not isinstance(value, (int, str)) or not text(value):
                yield Finding(
                    host,
                    f"host_tuning_sysctl[{name}]",
                    value,
                    "a kernel setting takes a number, or numbers or words with blanks between",
                    "Give it as sysctl(8) prints it, or leave the setting out",
                )


def settings(wanted: Mapping[str, Any], current: Mapping[str, str | None]) -> list[dict[str, str]]:
    """What the sysctl.d file holds, by name: each setting with its value and its reason.

    A capacity of which the kernel has more than is wanted is left out: the file would lower it at a boot.
    """
    kept = []
    for name, value in sorted(wanted.items()):
        has = current.get(name)
        if has is None or text(has) == text(value) or not is_effective(name, value, has):
            kept.append({"name": name, "value": text(value), "why": REASONS.get(name, "From the inventory.")})
    return kept


def differs(state: Mapping[str, Any], wanted: Mapping[str, Any], hugepages: str, swap_off: bool) -> bool:
    """Whether something that can be changed here is not as wanted; ``state`` is host_state's answer."""
    return any(
        outcome["name"] not in state["fixed_settings"] for outcome in missed(state, wanted, hugepages)
    ) or (swap_off and bool(state["swaps"] or state["fstab_swaps"]))


def missed(state: Mapping[str, Any], wanted: Mapping[str, Any], hugepages: str) -> list[dict[str, Any]]:
    """What the running kernel does not have as wanted, in the shape of module kernel_tuning's settings."""
    found = [
        (name, value, state["sysctls"].get(name))
        for name, value in sorted(wanted.items())
        if not is_effective(name, value, state["sysctls"].get(name))
    ]
    if state["transparent_hugepages"] not in (None, hugepages):  # None: this kernel has none
        found.append(("transparent_hugepage", hugepages, state["transparent_hugepages"]))
    return [
        {
            "name": name,
            "wanted": text(value),
            "after": current,
            "effective": False,
            "reason": "it cannot be written here" if current else "the kernel shows no such setting",
        }
        for name, value, current in found
    ]


def without_swap(fstab: str) -> str:
    """``fstab`` with its swap lines commented out; everything else as it is."""
    lines = []
    for line in fstab.splitlines(keepends=True):
        fields = line.split()
        is_swap = len(fields) > 2 and not fields[0].startswith("#") and fields[2] == "swap"
        lines.append(f"# swap is off on broker hosts: {line}" if is_swap else line)
    return "".join(lines)


def advice(host: str, disks: Mapping[str, Mapping[str, Any]], folders: Iterable[str]) -> list[dict[str, Any]]:
    """A warning for each data folder whose mount writes access times, once a mount point."""
    found: dict[str, Finding] = {}
    for folder in folders:
        disk = disks.get(folder)
        if disk is not None and not {"noatime", "ro"} & set(disk["options"]):
            found.setdefault(
                disk["mount_point"],
                Finding(
                    host,
                    disk["mount_point"],
                    ",".join(disk["options"]),
                    f"the mount that holds {folder} writes access times, which nothing here reads",
                    f"Add noatime to the options of {disk['mount_point']} in /etc/fstab",
                    "warning",
                ),
            )
    return [finding.as_dict() for finding in found.values()]


def not_effective(outcomes: Iterable[Mapping[str, Any]], host: str) -> list[dict[str, Any]]:
    """A warning for each setting that module kernel_tuning read back otherwise than wanted."""
    return [
        Finding(
            host,
            outcome["name"],
            outcome["after"],
            f"not effective here, {outcome['wanted']} is wanted ({outcome['reason']})",
            "Set it where the kernel is configured: a container shares its machine's kernel",
            "warning",
        ).as_dict()
        for outcome in outcomes
        if not outcome["effective"]
    ]
