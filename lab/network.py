"""The lab's bridge, its address translation, and the kernel settings that hosts need."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import LabError
from lab.plan import Plan, overlaps
from lab.shell import run

SETTINGS = Path("/proc/sys")
# What hosts need of the machine's kernel at least. Each systemd takes about eight inotify instances, and
# root has 128 by default: from some fifteen hosts on, one of them would end at boot without a word.
NEEDED = {"net/ipv4/ip_forward": 1, "fs/inotify/max_user_instances": 1024}
# Machine-wide and gone after a reboot, as the settings themselves: what they were before the first lab.
BEFORE = Path("/run/kafka-lab.json")
# Of libvirt's daemon where it was started here (lab/libvirt.py): its machines need the settings too.
LIBVIRT = Path("/run/kafka-lab-libvirt")
LOCK = Path("/run/lock")
BRIDGE_PREFIX = "kl-"


@contextmanager
def machine_lock() -> Iterator[None]:
    """Labs of one machine change what they share one after the other."""
    folder = os.open(LOCK, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def bridges() -> list[str]:
    """The bridges of all labs on this machine, ours or another checkout's."""
    links = json.loads(run("ip", "-j", "link", "show", "type", "bridge") or "[]")
    return [link["ifname"] for link in links if link.get("ifname", "").startswith(BRIDGE_PREFIX)]


def refuse_used_range(plan: Plan, bridge: str) -> None:
    """Raise LabError where somebody else has the lab's addresses."""
    found = overlaps(
        plan.network,
        json.loads(run("ip", "-j", "-4", "address", "show") or "[]"),
        json.loads(run("ip", "-j", "-4", "route", "show", "table", "all") or "[]"),
        bridge,
    )
    if found:
        raise LabError(
            f"address range {plan.subnet} is in use: {'; '.join(found)}. Give the lab another one "
            "(LAB_SUBNET=192.168.30.0/24), or remove what uses it (for another checkout's lab: "
            "`make lab-down` there)"
        )


def table_name(bridge: str) -> str:
    """The nft table of a bridge's lab (nft identifiers take no dash at all places)."""
    return bridge.replace("-", "_")


def up(plan: Plan, bridge: str) -> None:
    """Make the bridge with the gateway's address, and let hosts reach what the machine reaches."""
    with machine_lock():
        if bridge not in bridges():
            run("ip", "link", "add", bridge, "type", "bridge")
        run("ip", "address", "replace", f"{plan.gateway}/{plan.network.prefixlen}", "dev", bridge)
        run("ip", "link", "set", bridge, "up")
        raise_settings()
    table = table_name(bridge)
    # Replaced as a whole, so that a table left by an aborted run never holds its rule twice. It names the
    # destination, not the way out: whatever the default route's interface is now or becomes, it is right.
    run(
        "nft",
        "-f",
        "-",
        stdin=f"""
            table ip {table} {{}}
            delete table ip {table}
            table ip {table} {{
                chain postrouting {{
                    type nat hook postrouting priority srcnat;
                    ip saddr {plan.subnet} ip daddr != {plan.subnet} masquerade
                }}
            }}
        """,
    )


def down(bridge: str) -> None:
    """Remove what `up` made and what hangs on it; settings go back where this was the last lab."""
    run("nft", "delete", "table", "ip", table_name(bridge), may_fail=True)
    with machine_lock():
        # Tap devices outlast the virtual machines that they were made for.
        for port in ports(bridge):
            run("ip", "link", "delete", port, may_fail=True)
        if bridge in bridges():
            run("ip", "link", "delete", bridge)
        put_settings_back()


def raise_settings() -> None:
    """Raise those settings that are too low. Under the machine's lock."""
    before = json.loads(BEFORE.read_text()) if BEFORE.exists() else {}
    for name, needed in NEEDED.items():
        found = int((SETTINGS / name).read_text())
        if found < needed:
            before.setdefault(name, found)
            BEFORE.write_text(json.dumps(before))
            (SETTINGS / name).write_text(str(needed))


def put_settings_back() -> None:
    """Put the settings back where this was the last lab. Under the machine's lock."""
    if BEFORE.exists() and not bridges() and not LIBVIRT.is_dir():
        for name, found in json.loads(BEFORE.read_text()).items():
            (SETTINGS / name).write_text(str(found))
        BEFORE.unlink()


def present(bridge: str) -> bool:
    """Whether the lab's bridge is there."""
    return bridge in bridges()


class OnBridge:
    """The network of a backend whose hosts hang on the lab's own bridge."""

    plan: Plan
    bridge: str

    def network_up(self) -> None:
        """Make the lab's bridge."""
        up(self.plan, self.bridge)

    def network_down(self) -> None:
        """Remove it, with what an aborted run has left hanging on it."""
        down(self.bridge)

    def network_present(self) -> bool:
        """Whether it is there."""
        return present(self.bridge)


def ports(bridge: str) -> list[str]:
    """The interfaces that hang on a bridge."""
    links = json.loads(run("ip", "-j", "link", "show", "master", bridge, may_fail=True) or "[]")
    return [link["ifname"] for link in links if "ifname" in link]


def nameservers() -> list[str]:
    """The name servers this machine asks, as a host behind the bridge can reach them.

    Raises:
        LabError: there is only one on the loopback address, which no other host reaches.
    """
    # systemd-resolved shows programs its own loopback address and keeps the real servers in its own file.
    for source in (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf")):
        if not source.is_file():
            continue
        words = [line.split() for line in source.read_text().splitlines()]
        found = [w[1] for w in words if len(w) > 1 and w[0] == "nameserver" and not w[1].startswith("127.")]
        if found:
            return found
    raise LabError(
        "/etc/resolv.conf names no name server outside of this machine's loopback, which hosts could not "
        "reach; add one there"
    )
