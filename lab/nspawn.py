"""Hosts as systemd-nspawn machines: whole systemd hosts with SSH, in seconds, on the machine's own kernel.

A host's root is an overlay: the shared image below, the host's own files above. The overlay is mounted in a
mount namespace that only the host's process has, so it goes when that process goes: there is never a mount
to undo, however the host ended. (A copy by `cp --reflink=auto` costs seconds and 300 to 500 MB for each host
on ext4.)
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab import cgroups, disks, machine, network, processes
from lab.errors import LabError
from lab.hostfiles import HostFiles, write_host
from lab.images import ensure_image, image_path
from lab.plan import Host, Plan
from lab.shell import run, say, wait_until
from lab.state import LAB_VARIABLES, State, remove_tree

# Hosts are stopped to be removed, or because they were booted a moment ago: enough to say goodbye to who is
# logged in. The last broker to stop would wait in vain for the others' ZooKeeper.
STOP_LIMIT_S = 5
SSH_LIMIT_S = 120
INTERFACE = "host0"
# Paths relative to the host's folder: an absolute one could hold the ':' and ',' that split mount options.
START = """\
cgroups=$1; shift
for cgroup in $cgroups; do echo $$ > "$cgroup/cgroup.procs"; done
mount -t overlay overlay -o "lowerdir=image,upperdir=upper,workdir=work" root
DISKS
exec systemd-nspawn "$@"
""".replace("DISKS", disks.MOUNT)


class Nspawn(network.OnBridge):
    """The hosts of one lab. Every method may be called again after it was interrupted."""

    def __init__(self, state: State, plan: Plan) -> None:
        self.state = state
        self.plan = plan
        self.bridge = state.bridge
        self.ssh_limit_s: float = SSH_LIMIT_S
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def require_room(self, new: Sequence[Host]) -> None:
        """Raise LabError where the disk is too small for `new`."""
        there = image_path(self.plan).is_dir()
        machine.require_space(self.state.folder, len(new), image_mb=0 if there else machine.IMAGE_MB)

    def prepare(self) -> None:
        """Get what all hosts share: the image, and a file system that can carry overlays."""
        ensure_image(self.plan)
        probe = self.state.folder / "probe"
        try:
            for part in ("upper", "work", "root"):
                (probe / part).mkdir(parents=True)
            script = 'cd "$1" && mount -t overlay overlay -o lowerdir=/etc,upperdir=upper,workdir=work root'
            run("unshare", "--mount", "sh", "-c", script, "sh", str(probe))
        except LabError as error:
            raise LabError(
                f"the file system of {self.state.folder} cannot carry an overlay ({error}); put the "
                "checkout on ext4, xfs or btrfs"
            ) from None
        finally:
            remove_tree(probe)

    def create(self, host: Host, part: Path) -> None:
        """Make a host's own files."""
        for name in ("upper", "work", "root"):
            (part / name).mkdir()
        image = image_path(self.plan)
        # The link keeps a host on the image that it was made from when the recipe changes later.
        (part / "image").symlink_to(os.path.relpath(image, part))
        upper = HostFiles(image, part / "upper")
        disks.make(part, self.plan)
        write_host(upper, self.plan, host, part, self.state.public_key.read_text(), INTERFACE)

    def start(self, hosts: Sequence[Host]) -> None:
        """Boot hosts, all at once. They answer SSH a few seconds later."""
        for host in hosts:
            self._boot(host)

    def _boot(self, host: Host) -> None:
        self.kill([host.name])
        folder = self.state.host_folder(host.name)
        if not (folder / "image").is_dir():
            raise LabError(
                f"the base image of {host.name} is gone ({(folder / 'image').resolve()}); remove the lab "
                "and make it anew"
            )
        name = self._machine(host.name)
        own_cgroups = cgroups.make(name)
        command = [
            *("unshare", "--mount", "sh", "-euc", START, "sh", " ".join(own_cgroups)),
            *("--quiet", f"--directory={folder / 'root'}", f"--machine={name}"),
            *(f"--hostname={host.name}", f"--uuid={self._uuid(host.name)}", "--boot", "--register=no"),
            # Without a cgroup of its own, a host would share its units' cgroups with the other hosts.
            *(["--keep-unit"] if own_cgroups else []),
            *(f"--network-bridge={self.state.bridge}", "--resolv-conf=off", "--timezone=off"),
            *("--private-users=no", "--link-journal=no", "--console=pipe"),
            *disks.binds(folder, self.plan),
        ]
        self._children[host.name] = processes.start(command, folder)

    def stop(self, names: Sequence[str]) -> None:
        """Shut hosts down as a power button would, all at once; what is not off in time is killed."""
        for name in names:
            if pid := self.pid(name):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        slow = wait_until(
            lambda left: f"{left} to shut down",
            lambda: [name for name in names if self.pid(name)],
            STOP_LIMIT_S,
        )
        if slow:
            say(f"  killed after {STOP_LIMIT_S} s: {', '.join(slow)}")
        self.kill(names)

    def kill(self, names: Sequence[str]) -> None:
        """End what is left of hosts: their nspawn, and the init that outlives an nspawn that is killed."""
        processes.kill_all(names, self._processes)
        for name in names:
            cgroups.remove(self._machine(name))
            # The kernel takes its time to end a killed machine's network, and the next start needs the name.
            run("ip", "link", "delete", self.interface(name), may_fail=True)
            disks.wait_until_free(self.state.host_folder(name))

    def remove(self, name: str) -> None:
        """Remove the files of a host that does not run."""
        remove_tree(self.state.host_folder(name))

    def names(self) -> list[str]:
        """The hosts there are: those with files, half-made or whole, and those that run without any."""
        hosts = self.state.folder / "hosts"
        running = processes.arguments_below(f"--directory={hosts}/")
        return sorted({path.name for path in hosts.glob("*")} | {path.parts[0] for path in running})

    def pid(self, name: str) -> int | None:
        """The process of a host; None where it does not run."""
        # For an instant within exec, a process has no command line; a child of this run is known without.
        child = self._children.get(name)
        if child and child.poll() is None:
            return child.pid
        return processes.with_argument(f"--directory={self.state.host_folder(name) / 'root'}")

    def interface(self, name: str) -> str:
        """A running host's interface on this machine."""
        return f"vb-{self._machine(name)}"

    def variables(self) -> dict[str, Path]:
        """The group variables that hosts of this kind need."""
        return {"lab.yml": LAB_VARIABLES}

    def facts(self) -> dict[str, Any]:
        """What programs and people may want to know beside the plan."""
        return {}

    def _processes(self, name: str) -> set[int]:
        found = {pid for pid in (self.pid(name), self._init(name)) if pid}
        return found | cgroups.processes(self._machine(name))

    def _init(self, name: str) -> int | None:
        """The host's own process 1, as this machine numbers it; all of the host's processes end with it."""
        mark = f"container_uuid={self._uuid(name)}".encode()
        return next(
            (pid for pid, variables in processes.processes("environ") if mark in variables and _is_init(pid)),
            None,
        )

    def _machine(self, name: str) -> str:
        # nspawn makes the name of the host's interface on this machine of it (vb-NAME, 15 characters), so it
        # is short and differs from lab to lab; what the host calls itself is --hostname.
        return hashlib.sha256(str(self.state.host_folder(name)).encode()).hexdigest()[:12]

    def _uuid(self, name: str) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_URL, str(self.state.host_folder(name)))


def _is_init(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
    return len(numbers) > 1 and numbers[-1] == "1"
