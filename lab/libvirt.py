"""libvirt's daemon for machines that Vagrant makes: started here where no systemd runs it, and stopped again.

All that is asked of it goes through virsh. Runs share it by a lock: each has a part of it for as long as the
run lasts, and who removes what all share has it alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lab import network, processes
from lab.errors import LabError
from lab.shell import run, say, wait_until
from lab.state import remove_tree

URI = "qemu:///system"
POOL = "default"
# There while a daemon is that was started here. A process is known by the path in its arguments.
FOLDER = network.LIBVIRT
# There where a person asked for the daemon, who may not have come to `vagrant up` yet.
ASKED_FOR = "asked-for"
# The Vagrantfile takes its part too, for a `vagrant up` by hand.
LOCK = Path("/run/kafka-lab-libvirt.lock")
DAEMONS = ("virtlogd", "libvirtd")
START_LIMIT_S = 30
STOP_LIMIT_S = 20
# This run's part of the lock; it ends with the process, however that ends.
_part: list[int] = []


def virsh(*arguments: str, may_fail: bool = False) -> str:
    """Run virsh against the machine's own daemon; its answer, "" where it failed and `may_fail`.

    Raises:
        LabError: it failed.
    """
    if may_fail and not shutil.which("virsh"):
        return ""
    return run("virsh", "--quiet", "--connect", URI, *arguments, may_fail=may_fail)


def answers() -> bool:
    """Whether the daemon does."""
    return bool(virsh("uri", may_fail=True).strip())


def share() -> None:
    """Have a part of what runs share until `let_go`, or until this process has ended."""
    if not _part:
        _part.append(os.open(LOCK, os.O_RDONLY | os.O_CREAT, 0o644))
    fcntl.flock(_part[0], fcntl.LOCK_SH)


def let_go() -> None:
    """Give this run's part back."""
    while _part:
        os.close(_part.pop())


@contextmanager
def alone() -> Iterator[bool]:
    """Give this run's part back; whether no other run has one, and then none gets one meanwhile."""
    share()
    try:
        # Where another run has its part, this one's is given back all the same: the last to end is alone.
        fcntl.flock(_part[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
        free = True
    except BlockingIOError:
        free = False
    try:
        yield free
    finally:
        let_go()


def up(asked_for: bool = False) -> None:
    """Have a daemon that answers, for as long as this run lasts at least.

    Args:
        asked_for: whether a person wants it for later, so that only a person stops it.

    Raises:
        LabError: there is none, and none can be started.
    """
    share()
    if not answers():
        if Path("/run/systemd/system").is_dir():
            run("systemctl", "start", "libvirtd", may_fail=True)
            if _wait():
                raise LabError(
                    "no libvirt daemon answers; look at `systemctl status libvirtd` and "
                    f"`virsh --connect {URI} uri`"
                )
        else:
            _start_all()
    if asked_for and FOLDER.is_dir():
        (FOLDER / ASKED_FOR).touch()


def _start_all() -> None:
    with network.machine_lock():
        # Another run may have started it while this one waited for the lock.
        if answers():
            return
        say("  starting libvirtd, which nobody runs here")
        FOLDER.mkdir(exist_ok=True)
        try:
            network.raise_settings()
            children = [_start(daemon) for daemon in DAEMONS if _pid(daemon) is None]
            if _wait(children):
                logs = [(FOLDER / f"{daemon}.log").read_text(errors="replace") for daemon in DAEMONS]
                words = "\n  ".join("".join(logs).splitlines()[-5:])
                raise LabError(
                    "libvirtd was started and has ended, or does not answer after "
                    f"{START_LIMIT_S} s:\n  {words}"
                )
        except BaseException:
            _end()
            raise


def kept_for() -> str:
    """Who needs the daemon that was started here; "" where nobody does."""
    users = [*_lines("list", "--name"), *_lines("net-list", "--name")] if answers() else []
    if users:
        return ", ".join(users)
    asked_for = (FOLDER / ASKED_FOR).exists()
    return "who made this machine ready (`python3 -m lab vagrant-done` stops it)" if asked_for else ""


def down() -> None:
    """Stop the daemon that was started here."""
    with network.machine_lock():
        _end()
        for command in ("iptables", "ip6tables"):
            _remove_chains(command)


def _end() -> None:
    _stop()
    remove_tree(FOLDER)
    network.put_settings_back()


def domains(start: str) -> list[str]:
    """The virtual machines, running or not, whose names start so."""
    return [name for name in _lines("list", "--all", "--name") if name.startswith(start)]


def remove_domain(name: str) -> None:
    """End a virtual machine, and remove it and its disks."""
    virsh("destroy", name, may_fail=True)
    virsh("undefine", name, "--remove-all-storage", may_fail=True)


def network_present(name: str) -> bool:
    """Whether there is a network of that name."""
    return name in _lines("net-list", "--all", "--name")


def network_bridge(name: str) -> str:
    """The interface of this machine that a network is; "" where there is none."""
    document = virsh("net-dumpxml", name, may_fail=True)
    bridge = ElementTree.fromstring(document).find("bridge") if document else None
    return bridge.get("name", "") if bridge is not None else ""


def remove_network(name: str) -> None:
    """Remove a network; nothing to do where it is not there."""
    virsh("net-destroy", name, may_fail=True)
    virsh("net-undefine", name, may_fail=True)


def interface(domain: str, network_name: str) -> str:
    """A running virtual machine's interface on this machine, the one on a network; "" where there is none."""
    rows = [line.split() for line in virsh("domiflist", domain, may_fail=True).splitlines()]
    return next((row[0] for row in rows if len(row) > 2 and row[2] == network_name), "")


def remove_unused_volumes(start: str) -> None:
    """Remove the volumes whose names start so, unless a virtual machine's disk is built on one."""
    volumes = {row[0]: row[1] for line in _lines("vol-list", POOL) if len(row := line.split(None, 1)) == 2}
    used = set()
    for name in volumes:
        document = virsh("vol-dumpxml", name, "--pool", POOL, may_fail=True)
        if document:
            used.add(ElementTree.fromstring(document).findtext("backingStore/path"))
    for name, path in volumes.items():
        if name.startswith(start) and path.strip() not in used:
            virsh("vol-delete", name, "--pool", POOL, may_fail=True)


def _lines(*arguments: str) -> list[str]:
    return [line.strip() for line in virsh(*arguments, may_fail=True).splitlines() if line.strip()]


def _mark(daemon: str) -> str:
    return f"--pid-file={FOLDER / daemon}.pid"


def _pid(daemon: str) -> int | None:
    return processes.with_argument(_mark(daemon))


def _start(daemon: str) -> subprocess.Popen[bytes]:
    with (FOLDER / f"{daemon}.log").open("wb") as log:
        return subprocess.Popen(
            [daemon, _mark(daemon)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait(children: Sequence[subprocess.Popen[bytes]] = ()) -> bool:
    """Wait for the daemon; whether it was in vain."""

    def pending() -> list[str]:
        ended = any(child.poll() is not None for child in children)
        return [] if ended or answers() else ["libvirtd"]

    slow = wait_until(lambda names: f"{names} to answer", pending, START_LIMIT_S)
    return bool(slow) or not answers()


def _stop() -> None:
    def left() -> list[str]:
        return [name for name in DAEMONS if _pid(name)]

    for daemon in reversed(DAEMONS):
        if pid := _pid(daemon):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
    if slow := wait_until(lambda names: f"{names} to end", left, STOP_LIMIT_S):
        raise LabError(
            f"{', '.join(slow)} still there {STOP_LIMIT_S} s after SIGTERM; see its log in {FOLDER}"
        )


def _remove_chains(command: str) -> None:
    """The daemon leaves its firewall chains behind, empty, when the last network goes."""
    for table in ("filter", "nat", "mangle"):
        rules = run(command, "--table", table, "--list-rules", may_fail=True).splitlines()
        for rule in rules:
            if " -j LIBVIRT_" in rule and rule.startswith("-A "):
                run(command, "--table", table, "-D", *rule.split()[1:], may_fail=True)
        chains = [rule.split()[1] for rule in rules if rule.startswith("-N LIBVIRT_")]
        for verb in ("-F", "-X"):
            for chain in chains:
                run(command, "--table", table, verb, chain, may_fail=True)
