"""Strikes the faults of module ``fault`` on the host it runs on, after it has armed their undo there."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import pwd
import re
import shutil
import signal
import socket
import sys
import time
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import faults_heal, faults_look, faults_rules
from ansible_collections.barevm.kafka.plugins.module_utils.faults_look import (
    DROP_IN,
    DROP_IN_MARK,
    FILLER,
    SCRIPT,
    UNDO,
    await_that,
    process_state,
    run,
    unit_state,
)
from ansible_collections.barevm.kafka.plugins.module_utils.faults_rules import RefusedError, refuse

LOCK_LIMIT_S = 60
END_LIMIT_S = 30
PACKETS_LIMIT_S = 3
FEW_BYTES = 1 << 20
"""What is left on a file system that counts as full: no segment of Kafka's goes into it."""
LARGEST_STEP = 1 << 30

Proof = dict[str, Any]


class Strike:
    """One fault, looked at before it is struck: refused in the constructor where it is not to be.

    Args:
        asked: the module's options.
        spared: folders of this connection, whose file system is never filled.

    Raises:
        RefusedError: the fault is not for this host.
        OSError: the host could not be asked.
    """

    def __init__(self, asked: Mapping[str, Any], spared: Sequence[str] = ()) -> None:
        self.asked = asked
        self.kind: str = asked["kind"]
        self.unit: str = asked["unit"] + ".service"
        faults_rules.check_options(asked)
        self.state = unit_state(self.unit)
        self.rules = ""
        self.filler = ""
        self.began = 0.0
        if self.kind in ("kill", "stop", "pause"):
            self._check_unit()
        elif self.kind == "cut":
            self.rules = self._cut_rules()
        elif self.kind == "loss":
            faults_rules.check_ports("ports", asked["ports"], ssh_ports())
            self.rules = faults_rules.loss_rules(asked["ports"], asked["percent"])
        else:
            self.filler = self._filler(spared)
        if self.rules and not shutil.which("nft", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            raise RefusedError(
                f"kind={self.kind} needs nft, which this host has not: install package nftables"
            )

    def _check_unit(self) -> None:
        name = self.asked["unit"]
        if self.state["load_state"] != "loaded":
            raise refuse("unit", name, f"this host has no {self.unit}; strike one that it has")
        if self.state["active_state"] != "active" or not self.state["main_pid"]:
            raise refuse(
                "unit",
                name,
                f"does not run ({self.state['active_state']}), so that it cannot be struck by {self.kind}; "
                "start it, or heal the host first (state: healed)",
            )

    def _cut_rules(self) -> str:
        ssh, numbered, found = ssh_ports(), [], {}
        for peer in self.asked["peers"]:
            faults_rules.check_ports("peers", peer["ports"], ssh)
            found[peer["address"]] = addresses_of(peer["address"])
            numbered += [{**peer, "address": address} for address in found[peer["address"]]]
        faults_rules.check_peers(found, own_addresses())
        local, connected = self.asked["local_ports"], []
        if local:
            faults_rules.check_ports("local_ports", local, ssh)
            try:
                uid = pwd.getpwnam(self.asked["user"]).pw_uid
            except KeyError:
                raise refuse(
                    "user", self.asked["user"], "this host has no such account; give the unit's"
                ) from None
            tables = [faults_look.read(f"/proc/net/{name}") for name in ("tcp", "tcp6")]
            connected = faults_rules.connected_ports(tables, uid, local)
        return faults_rules.cut_rules(numbered, local, self.asked["user"], connected)

    def _filler(self, spared: Sequence[str]) -> str:
        folder = self.asked["folder"]
        if not os.path.isdir(folder):
            raise refuse("folder", folder, "is no folder of this host; give a log directory")
        point, kind = mounted_at(folder)
        device = os.stat(folder).st_dev
        same = []
        for other in (*faults_rules.SYSTEM_FOLDERS, *spared):
            with contextlib.suppress(OSError):
                same += [other] if os.stat(other).st_dev == device and other not in same else []
        free = faults_look.free_bytes(folder) or 0
        faults_rules.check_filled(folder, kind, same, free, memory_available() if kind == "tmpfs" else None)
        return os.path.join(point, FILLER)

    def would(self) -> str:
        """What striking does, for check mode."""
        undo = f"healed after {self.asked['undo_after_s']} s unless before"
        return f"{self.kind} of {self.filler or ('the network' if self.rules else self.unit)}, {undo}"

    def strike(self) -> list[Proof]:
        """Arm the undo, then strike; what can be shown at once.

        Whatever happens on the way, the host is healed again. Raises OSError.
        """
        with faults_look.locked(LOCK_LIMIT_S) as alone:
            if not alone:
                raise OSError(
                    f"another strike or healing has had this host for {LOCK_LIMIT_S} s; try again then"
                )
            try:
                self._arm()
                self.began = time.monotonic()
                proofs = getattr(self, f"_{self.kind}")()
                if not faults_look.notes()["faults"]:
                    raise OSError("its undo came before the strike was done; give a longer undo_after_s")
            except BaseException:
                faults_heal.Healing().everything()
                raise
        return list(proofs)

    def _note(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "unit": self.unit,
            "main_pid": self.state["main_pid"],
            "n_restarts": self.state["n_restarts"],
            "unit_file_state": self.state["unit_file_state"],
            "folder": self.asked["folder"] if self.filler else "",
        }

    def _arm(self) -> None:
        write_script()
        noted = faults_look.notes()
        same = ("kind", "unit", "folder")
        note = self._note()
        others = [one for one in noted["faults"] if [one[key] for key in same] != [note[key] for key in same]]
        waiting = faults_look.timers()
        undo_at = time.monotonic() + self.asked["undo_after_s"]
        longer = noted["undo_at"] if waiting else 0.0
        faults_look.write_notes({"faults": [*others, note], "undo_at": max(undo_at, longer)})
        if undo_at <= longer:
            return
        name = f"{UNDO}{time.monotonic_ns()}"
        run(
            *("systemd-run", f"--unit={name}", f"--on-active={self.asked['undo_after_s']}", "--collect"),
            *(
                "--timer-property=AccuracySec=100ms",
                "--description=Undo of the faults struck by barevm.kafka",
            ),
            *("--property=Restart=on-failure", "--property=RestartSec=10", sys.executable, SCRIPT),
        )
        if unit_state(f"{name}.timer")["active_state"] != "active":
            raise OSError(
                f"{name}.timer is not active after systemd-run; look at `systemctl status {name}.timer`"
            )
        if waiting:
            run("systemctl", "stop", *waiting)

    def _drop_in(self) -> None:
        path = DROP_IN.format(self.unit)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(f"{DROP_IN_MARK}{json.dumps(self._note())}\n[Service]\nRestart=no\n")
        run("systemctl", "daemon-reload")
        if unit_state(self.unit)["restart"] != "no":
            raise OSError(f"{self.unit} would be restarted in spite of {path}; another drop-in says Restart=")

    def _kill(self) -> list[Proof]:
        if self.asked["hold"]:
            self._drop_in()
        pid = self.state["main_pid"]
        self.began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        await_that(lambda: unit_state(self.unit)["main_pid"] != pid, END_LIMIT_S)
        now = unit_state(self.unit)
        words = f"{self.unit} was process {pid}, and is {now['active_state']} ({now['result']})"
        return [{"name": "killed", "holds": process_state(pid) == "" and now["main_pid"] == 0, "what": words}]

    def _stop(self) -> list[Proof]:
        self._drop_in()
        pid = self.state["main_pid"]
        run("systemctl", "stop", self.unit)
        now = unit_state(self.unit)
        words = f"{self.unit} was process {pid}, and is {now['active_state']} ({now['result']})"
        return [
            {
                "name": "stopped",
                "holds": now["active_state"] != "active" and not now["main_pid"],
                "what": words,
            }
        ]

    def _pause(self) -> list[Proof]:
        pid = self.state["main_pid"]
        os.kill(pid, signal.SIGSTOP)
        await_that(lambda: process_state(pid) == "T", END_LIMIT_S)
        now, state = unit_state(self.unit)["main_pid"], process_state(pid)
        words = f"{self.unit} was process {pid}, and is process {now} in state {state or 'none'}"
        return [{"name": "process_stopped", "holds": now == pid and state == "T", "what": words}]

    def _cut(self) -> list[Proof]:
        before = faults_look.dropped_packets(self.kind) or 0
        run("nft", "--file", "-", text=self.rules)
        await_that(lambda: (faults_look.dropped_packets(self.kind) or 0) > before, PACKETS_LIMIT_S)
        dropped = (faults_look.dropped_packets(self.kind) or 0) - before
        # No packet yet is no proof that there will be none: healing tells the whole count.
        words = f"the rules of {self.kind} dropped {dropped} packets within {PACKETS_LIMIT_S} s"
        return [{"name": "dropped_packets", "holds": True if dropped else None, "what": words}]

    _loss = _cut

    def _fill(self) -> list[Proof]:
        size = fill(self.filler)
        left = faults_look.free_bytes(self.asked["folder"])
        words = f"{left} bytes are free for {self.asked['folder']}, after a filler of {size} bytes"
        return [{"name": "disk_full", "holds": left is not None and left < FEW_BYTES, "what": words}]


def fill(path: str) -> int:
    """Make a file that takes all that its file system has; its size. Raises OSError but for a full one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        size, step = os.fstat(descriptor).st_size, LARGEST_STEP
        while step >= 4096:
            try:
                os.posix_fallocate(descriptor, size, step)
                size += step
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                os.ftruncate(descriptor, size)
                step //= 2
        return size
    finally:
        os.close(descriptor)


def write_script() -> None:
    """Put the healing on the host as a program of its own: the very code that the module runs."""
    packed = io.BytesIO()
    package = __name__.rpartition(".")[0]
    parts = package.split(".")
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(1, len(parts) + 1):
            archive.writestr("/".join([*parts[:number], "__init__.py"]), "")
        for module in (faults_look, faults_heal):
            archive.writestr("/".join(module.__name__.split(".")) + ".py", source_of(module))
        main = f"import sys\n\nfrom {faults_heal.__name__} import main\n\nsys.exit(main())\n"
        archive.writestr("__main__.py", main)
    beside = SCRIPT + ".new"
    with open(beside, "wb") as stream:
        stream.write(packed.getvalue())
    os.chmod(beside, 0o700)
    os.replace(beside, SCRIPT)


def source_of(module: Any) -> str:
    """A module's text, also where it was imported from the zip in which Ansible sends it."""
    text = module.__loader__.get_source(module.__name__)
    if not text:
        raise OSError(f"{module.__name__} has no source to put on the host")
    return str(text)


def addresses_of(name: str) -> list[str]:
    """A peer's addresses as this host knows them. Raises RefusedError."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise refuse(
            "peers", name, f"this host does not know its address ({error}); give the address"
        ) from None
    return sorted({str(one[4][0]).partition("%")[0] for one in found})


def own_addresses() -> list[str]:
    """The addresses of this host, from the kernel's tables of local routes and interfaces."""
    four = re.findall(r"\|-- (\S+)\n\s+/32 host LOCAL", faults_look.read("/proc/net/fib_trie"))
    six = [line.split()[0] for line in faults_look.read("/proc/net/if_inet6").splitlines()]
    return sorted({*four, *(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(one)) for one in six)})


def ssh_ports() -> list[int]:
    """The ports by which who asked for this is connected: SSH_CONNECTION of this process and its parents."""
    found, pid = set(), os.getpid()
    while pid > 1:
        match = re.search(
            r"(?:^|\0)SSH_CONNECTION=\S+ \d+ \S+ (\d+)", faults_look.read(f"/proc/{pid}/environ")
        )
        if match:
            found.add(int(match.group(1)))
        parent = re.search(r"^PPid:\s+(\d+)", faults_look.read(f"/proc/{pid}/status"), re.MULTILINE)
        pid = int(parent.group(1)) if parent else 0
    return sorted(found)


def mounted_at(folder: str) -> tuple[str, str]:
    """Where a folder's file system is mounted, and its type."""
    real = os.path.realpath(folder)
    while not os.path.ismount(real):
        real = os.path.dirname(real)
    kinds = [
        line.partition(" - ")[2].split()[0]
        for line in faults_look.read("/proc/self/mountinfo").splitlines()
        if faults_look.mount_point(line) == real
    ]
    return real, kinds[-1] if kinds else ""


def memory_available() -> int:
    """Bytes that programs may still take without swapping."""
    match = re.search(r"^MemAvailable:\s+(\d+) kB", faults_look.read("/proc/meminfo"), re.MULTILINE)
    return int(match.group(1)) * 1024 if match else 0
