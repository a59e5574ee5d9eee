"""The files that make a host that host, written above the image that all hosts share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lab import network
from lab.plan import Host, Plan


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


def write_host(files: HostFiles, plan: Plan, host: Host, keys: Path, public_key: str, interface: str) -> None:
    """Write what makes a host that host, and nothing that it would not have elsewhere.

    Args:
        files: where to write.
        plan: the lab's plan.
        host: the host.
        keys: the folder with its host_key and host_key.pub.
        public_key: who may log in.
        interface: what the host calls its network interface.
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
        f"[Match]\nName={interface}\n\n[Network]\nAddress={host.address}/{plan.network.prefixlen}\n"
        f"Gateway={plan.gateway}\nLinkLocalAddressing=no\n",
    )
    files.write("/etc/ssh/ssh_host_ed25519_key", (keys / "host_key").read_text(), mode=0o600)
    files.write("/etc/ssh/ssh_host_ed25519_key.pub", (keys / "host_key.pub").read_text())
    if plan.user == "root":
        files.folder("/root/.ssh", mode=0o700)
        files.write("/root/.ssh/authorized_keys", public_key, mode=0o600)
        return
    add_account(files, plan.user, public_key)
    files.write("/etc/ssh/sshd_config.d/root.conf", "PermitRootLogin no\n")


def add_account(files: HostFiles, user: str, public_key: str) -> None:
    """Add somebody who logs in with a key and may become root without a password."""
    home, uid = f"/home/{user}", 1000
    files.append("/etc/passwd", f"{user}:x:{uid}:{uid}::{home}:/bin/bash")
    files.append("/etc/group", f"{user}:x:{uid}:")
    files.append("/etc/shadow", f"{user}:*:20000:0:99999:7:::")
    files.append("/etc/gshadow", f"{user}:!::")
    files.folder(home, mode=0o755, owner=uid)
    files.folder(f"{home}/.ssh", mode=0o700, owner=uid)
    files.write(f"{home}/.ssh/authorized_keys", public_key, mode=0o600, owner=uid)
    files.write(f"/etc/sudoers.d/{user}", f"{user} ALL=(ALL:ALL) NOPASSWD: ALL\n", mode=0o440)
