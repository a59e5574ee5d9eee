"""Hosts as Vagrant's virtual machines: one `vagrant up` by the Vagrantfile at the root, on libvirt.

What the Vagrantfile takes from the environment is the lab's plan here. Machines, network and disks carry the
lab's own name in libvirt, and Vagrant's state lies in the lab's folder: beside it, `vagrant up` by hand has
machines of its own. All that an aborted run may have left is found by that name, without Vagrant.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab import accelerator, box, libvirt, machine, processes
from lab.errors import LabError
from lab.plan import Host, Plan
from lab.shell import wait_until
from lab.state import CHECKOUT, SLOW_VARIABLES, State, remove_tree

# The network through which Vagrant itself reaches its machines: everybody's, so it goes with the last one.
MANAGEMENT_NETWORK = "vagrant-libvirt"
# A box of Vagrant's, the volume that libvirt has of it, and what a machine writes above it.
HOST_MB = 1500
IMAGE_MB = 2500
# What a process of qemu takes beside its host's memory.
OVERHEAD_MB = 350
UP_LIMIT_S = 1800.0
# They have answered Vagrant before.
SSH_LIMIT_S = 600.0
INTERRUPT_LIMIT_S = 60
VOLUMES = box.NAME.replace("/", "-VAGRANTSLASH-")
# Run in a host as root, once: it is given the key that the lab knows it by, and lets in whom the lab does.
SETUP = """\
set -eu
install -m 600 /dev/stdin /etc/ssh/ssh_host_ed25519_key <<'KEY'
{host_key}KEY
install -m 644 /dev/stdin /etc/ssh/ssh_host_ed25519_key.pub <<'KEY'
{host_key_pub}KEY
user={user}
if [ "$user" != root ]; then
  id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
  printf '%s ALL=(ALL:ALL) NOPASSWD: ALL\\n' "$user" > "/etc/sudoers.d/$user"
  chmod 440 "/etc/sudoers.d/$user"
  echo 'PermitRootLogin no' > /etc/ssh/sshd_config.d/root.conf
fi
home=$(getent passwd "$user" | cut -d: -f6)
install -d -m 700 -o "$user" -g "$user" "$home/.ssh"
grep -qxF {public_key} "$home/.ssh/authorized_keys" 2>/dev/null ||
  printf '%s\\n' {public_key} >> "$home/.ssh/authorized_keys"
chmod 600 "$home/.ssh/authorized_keys"
chown "$user:" "$home/.ssh/authorized_keys"
systemctl reload-or-restart ssh
"""


def ready(plan: Plan) -> str:
    """Make this machine ready for `vagrant up` by hand: packages, libvirt's daemon, the box.

    Returns:
        The box's name.

    Raises:
        LabError: it cannot be.
    """
    machine.install(machine.host_packages("vagrant"))
    libvirt.up(asked_for=True)
    with box.of_caller():
        return box.ensure_box(plan)


def release() -> str:
    """Give back what machines shared and nobody uses any more: boxes' volumes, Vagrant's network, the daemon.

    Returns:
        Who needs the daemon still; "" where none runs any more that was started here.
    """
    with libvirt.alone() as alone:
        if not alone:
            return "another run"
        if libvirt.answers():
            libvirt.remove_unused_volumes(VOLUMES)
            if not libvirt.domains(""):
                libvirt.remove_network(MANAGEMENT_NETWORK)
        user = libvirt.kept_for()
        if not user and libvirt.FOLDER.is_dir():
            libvirt.down()
        return user


def done() -> str:
    """What `release` does, and what a person asked for by `ready` is given back too.

    Returns:
        As `release`.
    """
    (libvirt.FOLDER / libvirt.ASKED_FOR).unlink(missing_ok=True)
    return release()


def forget() -> None:
    """Remove the boxes that were made here, and all that `done` does."""
    done()
    box.remove_all()
    with box.of_caller():
        box.remove_all()


class Vagrant:
    """The hosts of one lab. Every method may be called again after it was interrupted."""

    def __init__(self, state: State, plan: Plan) -> None:
        self.state = state
        self.plan = plan
        # What machines and network are called in libvirt.
        self.owner = state.bridge
        self.ssh_limit_s = SSH_LIMIT_S

    @property
    def bridge(self) -> str:
        """The interface that libvirt has made for the lab's network; "" before it has."""
        return libvirt.network_bridge(self.owner)

    def require_room(self, new: Sequence[Host]) -> None:
        """Raise LabError where the disk is too small for `new`, or the memory for what does not run."""
        there = box.box_folder(box.box_name(self.plan)).is_dir()
        machine.require_space(self.state.folder, len(new), HOST_MB, image_mb=0 if there else IMAGE_MB)
        asleep = [host for host in self.plan.members if self.pid(host.name) is None]
        machine.require_memory(len(asleep), self.plan.host_memory_mb + OVERHEAD_MB)

    def prepare(self) -> None:
        """Get libvirt's daemon and the box."""
        if self.plan.log_file_systems:
            raise LabError(
                "hosts of backend vagrant have no log file systems; take backend nspawn or qemu for them"
            )
        libvirt.up()
        box.ensure_box(self.plan)

    def network_up(self) -> None:
        """Nothing to do: it comes with the machines."""

    def network_down(self) -> None:
        """Remove the lab's network, and what nobody else uses of that which all machines share."""
        if libvirt.answers():
            libvirt.remove_network(self.owner)
            release()
        if self._folder.is_dir():
            remove_tree(self._folder)
            # Vagrant keeps a list of all machines of this user; those that are gone are dropped from it.
            box.vagrant("global-status", "--prune", may_fail=True)

    def network_present(self) -> bool:
        """Whether the lab's network is there."""
        return libvirt.network_present(self.owner)

    def create(self, host: Host, part: Path) -> None:
        """Write what shall be done in a host when it first comes up."""
        script = SETUP.format(
            host_key=(part / "host_key").read_text(),
            host_key_pub=(part / "host_key.pub").read_text(),
            user=self.plan.user,
            public_key=shlex.quote(self.state.public_key.read_text().strip()),
        )
        (part / "setup.sh").write_text(script)
        (part / "setup.sh").chmod(0o600)

    def start(self, hosts: Sequence[Host]) -> None:
        """Bring up hosts by one `vagrant up`, which returns when they let it in.

        Raises:
            LabError: Vagrant could not; the message carries its last words.
        """
        self._vagrant("up", "--provider=libvirt", "--no-destroy-on-error", *(host.name for host in hosts))

    def stop(self, names: Sequence[str]) -> None:
        """End hosts that are to be removed, or that were booted a moment ago: nothing to wait for."""
        self.kill(names)

    def kill(self, names: Sequence[str]) -> None:
        """End hosts as a power cut does: what a host had not yet written to its disk is lost."""
        processes.kill_all(names, lambda name: {pid for pid in (self.pid(name),) if pid})

    def remove(self, name: str) -> None:
        """Remove a host that does not run: its machine and its disk, and what is known of it."""
        # What a machine is made of outlasts the daemon: it may have been stopped, or the whole computer.
        libvirt.up()
        libvirt.remove_domain(self._domain(name))
        remove_tree(self._folder / "machines" / name)
        remove_tree(self.state.host_folder(name))

    def names(self) -> list[str]:
        """The hosts there are: those with files, half-made or whole, and those that libvirt alone knows."""
        files = {path.name for path in (self.state.folder / "hosts").glob("*")}
        known = {name[len(self._domain("")) :] for name in libvirt.domains(self._domain(""))}
        return sorted(files | known)

    def pid(self, name: str) -> int | None:
        """The process of a host; None where it does not run."""
        mark = f"guest={self._domain(name)},".encode()
        return next(
            (
                pid
                for pid, arguments in processes.processes("cmdline")
                if any(argument.startswith(mark) for argument in arguments)
            ),
            None,
        )

    def interface(self, name: str) -> str:
        """A running host's interface on this machine, of its two the one on the lab's network."""
        return libvirt.interface(self._domain(name), self.owner)

    def variables(self) -> dict[str, Path]:
        """The group variables that hosts of this kind need: emulated ones alone."""
        return {"qemu.yml": SLOW_VARIABLES} if self._accelerator() == accelerator.EMULATION else {}

    def facts(self) -> dict[str, Any]:
        """What the hosts run on."""
        return {"accelerator": self._accelerator()}

    def _accelerator(self) -> str:
        try:
            return accelerator.KVM if box.driver(self.plan) == "kvm" else accelerator.EMULATION
        except FileNotFoundError:
            return accelerator.EMULATION

    @property
    def _folder(self) -> Path:
        """Vagrant's own state of this lab."""
        return self.state.folder / "vagrant"

    def _domain(self, name: str) -> str:
        return f"{self.owner}-{name}"

    def _vagrant(self, *arguments: str) -> None:
        log = self.state.folder / "vagrant.log"
        with log.open("wb") as output:
            child = subprocess.Popen(
                # It ends with this process, however that ends: the next one would meet it.
                ["setpriv", "--pdeathsig=KILL", "vagrant", *arguments],
                cwd=CHECKOUT,
                env=os.environ | self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                slow = wait_until(
                    lambda _: f"`vagrant {arguments[0]}` (its words: {log})",
                    lambda: ["vagrant"] if child.poll() is None else [],
                    UP_LIMIT_S,
                )
            finally:
                self._end(child)
        if slow or child.returncode != 0:
            # Its progress overwrites lines.
            text = log.read_text(errors="replace").replace("\r", "\n")
            words = "\n  ".join([line for line in text.splitlines() if line.strip()][-12:])
            how = f"took more than {UP_LIMIT_S:.0f} s" if slow else "failed"
            raise LabError(f"`vagrant {arguments[0]}` {how}; its last words in {log}:\n  {words}")

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        if child.poll() is not None:
            return
        child.send_signal(signal.SIGINT)
        try:
            child.wait(INTERRUPT_LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def _environment(self) -> dict[str, str]:
        return {
            "LAB_HOSTS": str(self.plan.hosts),
            "LAB_SUBNET": self.plan.subnet,
            "LAB_FIRST": str(self.plan.first),
            "LAB_PREFIX": self.plan.prefix,
            "LAB_MEMORY_MB": str(self.plan.host_memory_mb),
            "LAB_CPUS": str(self.plan.host_cpus),
            "LAB_BOX": box.box_name(self.plan),
            "LAB_DRIVER": "",
            "LAB_PROVISION": "",
            "LAB_OWNER": self.owner,
            "LAB_HOST_FOLDERS": str(self.state.folder / "hosts"),
            "VAGRANT_CWD": str(CHECKOUT),
            "VAGRANT_DOTFILE_PATH": str(self._folder),
            "VAGRANT_CHECKPOINT_DISABLE": "1",
        }
