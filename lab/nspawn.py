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
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from lab import cgroups, disks
from lab.errors import LabError
from lab.hostfiles import HostFiles, write_host
from lab.images import ensure_image, image_path
from lab.plan import Host, Plan
from lab.shell import run, say, wait_until
from lab.state import State, make_key_pair, remove_tree

# Hosts are stopped to be removed, or because they were booted a moment ago: enough to say goodbye to who is
# logged in. The last broker to stop would wait in vain for the others' ZooKeeper.
STOP_LIMIT_S = 5
KILL_LIMIT_S = 30
# Paths relative to the host's folder: an absolute one could hold the ':' and ',' that split mount options.
START = """\
cgroups=$1; shift
for cgroup in $cgroups; do echo $$ > "$cgroup/cgroup.procs"; done
mount -t overlay overlay -o "lowerdir=image,upperdir=upper,workdir=work" root
DISKS
exec systemd-nspawn "$@"
""".replace("DISKS", disks.MOUNT)


class Nspawn:
    """The hosts of one lab. Every method may be called again after it was interrupted."""

    def __init__(self, state: State, plan: Plan) -> None:
        self.state = state
        self.plan = plan
        self._children: dict[str, subprocess.Popen[bytes]] = {}

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

    def create(self, host: Host) -> bool:
        """Make a host's own files unless they are there.

        Returns:
            Whether it made them.
        """
        folder = self.state.host_folder(host.name)
        if folder.is_dir():
            return False
        part = folder.with_name(f".{host.name}.part")
        remove_tree(part)
        for name in ("upper", "work", "root"):
            (part / name).mkdir(parents=True)
        image = image_path(self.plan)
        # The link keeps a host on the image that it was made from when the recipe changes later.
        (part / "image").symlink_to(os.path.relpath(image, folder))
        upper = HostFiles(image, part / "upper")
        disks.make(part, self.plan)
        make_key_pair(part / "host_key", f"root@{host.name}")
        write_host(upper, self.plan, host, part, self.state.public_key.read_text())
        part.rename(folder)
        return True

    def host_key(self, host: Host) -> str:
        """The public key with which a host shows that it is itself."""
        text = (self.state.host_folder(host.name) / "host_key.pub").read_text()
        return " ".join(text.split()[:2])

    def start(self, host: Host) -> bool:
        """Boot a host unless it runs.

        Returns:
            Whether it booted it. It answers SSH a few seconds later.
        """
        if self.pid(host.name):
            return False
        self.kill([host.name])
        folder = self.state.host_folder(host.name)
        if not (folder / "image").is_dir():
            raise LabError(
                f"the base image of {host.name} is gone ({(folder / 'image').resolve()}); remove the lab "
                "and make it anew"
            )
        machine = self._machine(host.name)
        own_cgroups = cgroups.make(machine)
        # In the background for good: a session of its own and no descriptor of the caller's, or
        # `make lab | tee log` would wait for the hosts to end.
        with (folder / "console.log").open("ab") as log:
            self._children[host.name] = subprocess.Popen(
                [
                    *("unshare", "--mount", "sh", "-euc", START, "sh", " ".join(own_cgroups)),
                    *("--quiet", f"--directory={folder / 'root'}", f"--machine={machine}"),
                    *(
                        f"--hostname={host.name}",
                        f"--uuid={self._uuid(host.name)}",
                        "--boot",
                        "--register=no",
                    ),
                    # Without a cgroup of its own, a host would share its units' cgroups with the other hosts.
                    *(["--keep-unit"] if own_cgroups else []),
                    *(f"--network-bridge={self.state.bridge}", "--resolv-conf=off", "--timezone=off"),
                    *("--private-users=no", "--link-journal=no", "--console=pipe"),
                    *disks.binds(folder, self.plan),
                ],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return True

    def stop(self, names: list[str]) -> None:
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

        def left_of_them() -> list[str]:
            # Killed anew at each look: a machine that was still starting may have forked meanwhile.
            found = {name: self._processes(name) for name in names}
            for pid in set().union(*found.values()):
                # It may have ended with one that was killed before it.
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return [name for name, processes in found.items() if processes]

        left = wait_until(lambda left: f"{left} to end", left_of_them, KILL_LIMIT_S)
        if left:
            raise LabError(f"{', '.join(left)}: killed, and still there after {KILL_LIMIT_S} s")
        for name in names:
            machine = self._machine(name)
            cgroups.remove(machine)
            # The kernel takes its time to end a killed machine's network, and the next start needs the name.
            run("ip", "link", "delete", f"vb-{machine}", may_fail=True)
            disks.wait_until_free(self.state.host_folder(name))

    def remove(self, name: str) -> None:
        """Remove the files of a host that does not run."""
        remove_tree(self.state.host_folder(name))

    def names(self) -> list[str]:
        """The hosts there are: those with files, half-made or whole, and those that run without any."""
        hosts = self.state.folder / "hosts"
        found = {path.name for path in hosts.glob("*")}
        option = f"--directory={hosts}/".encode()
        for _, arguments in _processes("cmdline"):
            found |= {Path(os.fsdecode(word)).parent.name for word in arguments if word.startswith(option)}
        return sorted(found)

    def pid(self, name: str) -> int | None:
        """The process of a host; None where it does not run.

        Looked up, not kept in a file: a number in a file may by now be somebody else's process, and the
        folder in its command line says for sure whose it is.
        """
        # For an instant within exec, a process has no command line; a child of this run is known without.
        child = self._children.get(name)
        if child and child.poll() is None:
            return child.pid
        directory = f"--directory={self.state.host_folder(name) / 'root'}".encode()
        return next((pid for pid, arguments in _processes("cmdline") if directory in arguments), None)

    def _processes(self, name: str) -> set[int]:
        found = {pid for pid in (self.pid(name), self._init(name)) if pid}
        return found | cgroups.processes(self._machine(name))

    def _init(self, name: str) -> int | None:
        """The host's own process 1, as this machine numbers it; all of the host's processes end with it."""
        mark = f"container_uuid={self._uuid(name)}".encode()
        return next(
            (pid for pid, variables in _processes("environ") if mark in variables and _is_init(pid)), None
        )

    def console(self, name: str) -> str:
        """The last lines of a host's console."""
        log = self.state.host_folder(name) / "console.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""

    def _machine(self, name: str) -> str:
        # nspawn makes the name of the host's interface on this machine of it (vb-NAME, 15 characters), so it
        # is short and differs from lab to lab; what the host calls itself is --hostname.
        return hashlib.sha256(str(self.state.host_folder(name)).encode()).hexdigest()[:12]

    def _uuid(self, name: str) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_URL, str(self.state.host_folder(name)))


def _processes(what: str) -> Iterator[tuple[int, list[bytes]]]:
    """Each process of the machine with its arguments ("cmdline") or variables ("environ")."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), (entry / what).read_bytes().split(b"\0")
            except OSError:
                continue


def _is_init(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
    return len(numbers) > 1 and numbers[-1] == "1"
