"""Hosts as systemd-nspawn machines: whole systemd hosts with SSH, in seconds, on the machine's own kernel.

A host's root is an overlay: the shared image below, the host's own files above. The overlay is mounted in a
mount namespace that only the host's process has, so it goes when that process goes: there is never a mount
to undo, however the host ended. (A copy by `cp --reflink=auto` costs 300 to 500 MB and seconds a host on ext4.)
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from lab import network
from lab.errors import LabError
from lab.images import ensure_image, image_path
from lab.plan import Host, Plan
from lab.shell import run, say, wait_until
from lab.state import State, remove_tree

STOP_LIMIT_S = 30
# Paths relative to the host's folder: an absolute one could hold the ':' and ',' that mount options are split at.
START = """\
mount -t overlay overlay -o "lowerdir=$1,upperdir=upper,workdir=work" root
shift
exec systemd-nspawn "$@"
"""


class Nspawn:
    """The hosts of one lab. Every method may be called again after it was interrupted."""

    def __init__(self, state: State, plan: Plan) -> None:
        self.state = state
        self.plan = plan

    def prepare(self) -> None:
        """Get what all hosts share: the image, and a file system that can carry overlays."""
        ensure_image(self.plan)
        probe = self.state.folder / "probe"
        try:
            for part in ("upper", "work", "root"):
                (probe / part).mkdir(parents=True)
            script = "cd \"$1\" && mount -t overlay overlay -o lowerdir=/etc,upperdir=upper,workdir=work root"
            run("unshare", "--mount", "sh", "-c", script, "sh", str(probe))
        except LabError as error:
            raise LabError(
                f"the file system of {self.state.folder} cannot carry an overlay ({error}); put the checkout on "
                "ext4, xfs or btrfs"
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
        upper = HostFiles(image_path(self.plan), part / "upper")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"root@{host.name}", "-f", str(part / "host_key"))
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
        folder = self.state.host_folder(host.name)
        image = os.path.relpath(image_path(self.plan), folder)
        # In the background for good: a session of its own and no descriptor of the caller's, or `make lab | tee
        # log` would wait for the hosts to end.
        with (folder / "console.log").open("ab") as log:
            subprocess.Popen(
                [
                    *("unshare", "--mount", "sh", "-euc", START, "sh", image),
                    *("--quiet", f"--directory={folder / 'root'}", f"--machine={self._machine(host.name)}"),
                    *(f"--hostname={host.name}", "--boot", "--register=no", "--keep-unit"),
                    *(f"--network-bridge={self.state.bridge}", "--resolv-conf=off", "--timezone=off"),
                    *("--private-users=no", "--link-journal=no", "--console=pipe"),
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
                os.kill(pid, signal.SIGTERM)
        slow = wait_until(
            lambda left: f"{left} to shut down",
            lambda: [name for name in names if self.pid(name)],
            STOP_LIMIT_S,
        )
        for name in slow:
            say(f"  {name} did not shut down within {STOP_LIMIT_S} s and is killed")
            if pid := self.pid(name):
                os.kill(pid, signal.SIGKILL)
        wait_until(
            lambda left: f"{left} to end",
            lambda: [name for name in slow if self.pid(name)],
            STOP_LIMIT_S,
        )

    def remove(self, name: str) -> None:
        """Remove the files of a host that does not run."""
        remove_tree(self.state.host_folder(name))

    def pid(self, name: str) -> int | None:
        """The process of a host; None where it does not run.

        Looked up, not kept in a file: a number in a file may by now be somebody else's process, and the folder
        in its command line says for sure whose it is.
        """
        directory = f"--directory={self.state.host_folder(name) / 'root'}".encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if directory in arguments:
                return int(entry.name)
        return None

    def console(self, name: str) -> str:
        """The last lines of a host's console."""
        log = self.state.host_folder(name) / "console.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""

    def _machine(self, name: str) -> str:
        # nspawn makes the name of the host's network interface on this machine of it, so it differs from lab to
        # lab; what the host calls itself is --hostname.
        return f"{name}-{hashlib.sha256(str(self.state.folder).encode()).hexdigest()[:6]}"


class HostFiles:
    """Writes files above an image, folders with the owner and mode that they have in the image."""

    def __init__(self, image: Path, upper: Path) -> None:
        self.image = image
        self.upper = upper
        self._copy_folder(Path())

    def folder(self, path: str, mode: int | None = None, owner: int = 0) -> None:
        """Make a folder and those above it."""
        relative = Path(path.lstrip("/"))
        for part in reversed([relative, *relative.parents]):
            self._copy_folder(part)
        if mode is not None:
            (self.upper / relative).chmod(mode)
            os.chown(self.upper / relative, owner, owner)

    def write(self, path: str, text: str, mode: int = 0o644, owner: int = 0) -> None:
        """Write a file."""
        target = self.upper / path.lstrip("/")
        self.folder(str(target.parent.relative_to(self.upper)))
        target.write_text(text)
        target.chmod(mode)
        os.chown(target, owner, owner)

    def append(self, path: str, line: str) -> None:
        """Write a file of the image again with one more line, its owner and mode kept."""
        source = self.image / path.lstrip("/")
        self.write(path, source.read_text() + line + "\n")
        target = self.upper / path.lstrip("/")
        shutil.copymode(source, target)
        os.chown(target, source.stat().st_uid, source.stat().st_gid)

    def _copy_folder(self, relative: Path) -> None:
        target, source = self.upper / relative, self.image / relative
        target.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copymode(source, target)
            os.chown(target, source.stat().st_uid, source.stat().st_gid)


def write_host(files: HostFiles, plan: Plan, host: Host, keys: Path, public_key: str) -> None:
    """Write what makes a host that host, and nothing that it would not have elsewhere.

    Args:
        files: where to write.
        plan: the lab's plan.
        host: the host.
        keys: the folder with its host_key and host_key.pub.
        public_key: who may log in.
    """
    files.write("/etc/hostname", f"{host.name}\n")
    # As Debian's installer writes it for a static address. For a dynamic one it is 127.0.1.1, which a broker
    # would hand to its clients.
    files.write(
        "/etc/hosts",
        f"127.0.0.1\tlocalhost\n{host.address}\t{host.name}\n\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n",
    )
    files.write("/etc/resolv.conf", "".join(f"nameserver {server}\n" for server in network.nameservers()))
    files.write(
        "/etc/systemd/network/10-static.network",
        f"[Match]\nName=host0\n\n[Network]\nAddress={host.address}/{plan.network.prefixlen}\n"
        f"Gateway={plan.gateway}\nLinkLocalAddressing=no\n",
    )
    files.write("/etc/ssh/ssh_host_ed25519_key", (keys / "host_key").read_text(), mode=0o600)
    files.write("/etc/ssh/ssh_host_ed25519_key.pub", (keys / "host_key.pub").read_text())
    if plan.user == "root":
        files.folder("/root/.ssh", mode=0o700)
        files.write("/root/.ssh/authorized_keys", public_key, mode=0o600)
        return
    home, uid = f"/home/{plan.user}", 1000
    files.append("/etc/passwd", f"{plan.user}:x:{uid}:{uid}::{home}:/bin/bash")
    files.append("/etc/group", f"{plan.user}:x:{uid}:")
    files.append("/etc/shadow", f"{plan.user}:*:20000:0:99999:7:::")
    files.append("/etc/gshadow", f"{plan.user}:!::")
    files.folder(home, mode=0o755, owner=uid)
    files.folder(f"{home}/.ssh", mode=0o700, owner=uid)
    files.write(f"{home}/.ssh/authorized_keys", public_key, mode=0o600, owner=uid)
    files.write(f"/etc/sudoers.d/{plan.user}", f"{plan.user} ALL=(ALL:ALL) NOPASSWD: ALL\n", mode=0o440)
    files.write("/etc/ssh/sshd_config.d/root.conf", "PermitRootLogin no\n")
