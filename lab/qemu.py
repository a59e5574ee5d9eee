"""Hosts as virtual machines of qemu: each boots Debian's kernel, its own, so its kernel settings are its own.

A host is a disk, which the image and the host's own files are written to once, and one process: kernel and
initrd are handed to it, its network is a tap device on the lab's bridge, its console a file. By KVM where
that boots a kernel here, by emulated processors elsewhere.
"""

from __future__ import annotations

import hashlib
import math
import os
import platform
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab import accelerator, images, machine, network, processes, vmdisk
from lab.errors import LabError
from lab.hostfiles import HostFiles, write_host
from lab.plan import Host, Plan
from lab.shell import run, say
from lab.state import SLOW_VARIABLES, State, remove_tree, write_whole

TUN = Path("/dev/net/tun")
# By net.ifnames=0: the one name that is the same whatever slot the machine gives the device.
INTERFACE = "eth0"
KERNEL_ARGUMENTS = "root=/dev/vda rw console=ttyS0 net.ifnames=0 quiet"
# What a process of qemu takes beside its host's memory: translated code, and itself.
TRANSLATED_MB = 256
OVERHEAD_MB = 100
# A Debian with a kernel, and a Kafka.
HOST_MB = 1500
IMAGE_MB = 1200
# Emulated, seen on processors with six times their load: 238 s.
SSH_LIMIT_S = {accelerator.KVM: 120.0, accelerator.EMULATION: 600.0}


class Qemu(network.OnBridge):
    """The hosts of one lab. Every method may be called again after it was interrupted."""

    def __init__(self, state: State, plan: Plan) -> None:
        self.state = state
        self.plan = plan
        self.bridge = state.bridge
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def ssh_limit_s(self) -> float:
        """Seconds: emulated processors are slow, and slower where they share too few real ones."""
        crowd = self.plan.hosts * self.plan.host_cpus / (os.cpu_count() or 1)
        return SSH_LIMIT_S[self._accelerator()] * max(1, math.ceil(crowd))

    def require_room(self, new: Sequence[Host]) -> None:
        """Raise LabError where the disk is too small for `new`, or the memory for what does not run."""
        image = self._image()
        machine.require_space(
            self.state.folder, len(new), HOST_MB, image_mb=0 if image.is_dir() else IMAGE_MB
        )
        asleep = [host for host in self.plan.members if self.pid(host.name) is None]
        machine.require_memory(len(asleep), self.plan.host_memory_mb + TRANSLATED_MB + OVERHEAD_MB)

    def prepare(self) -> None:
        """Get the image, and find out what virtual machines run on here."""
        if platform.machine() != "x86_64":
            raise LabError(
                f"backend qemu boots Debian's kernel for x86_64; this machine is {platform.machine()}. Take "
                "backend nspawn (LAB_BACKEND=nspawn)"
            )
        try:
            os.close(os.open(TUN, os.O_RDWR))
        except OSError as error:
            raise LabError(
                f"{TUN} cannot be opened ({error.strerror}), and hosts of backend qemu hang on tap devices: "
                "`modprobe tun`; in a container, give it the device"
            ) from None
        image = images.ensure_image(self.plan)
        if any(self.pid(host.name) is None for host in self.plan.members):
            found, why = accelerator.find(*images.kernel(image))
            write_whole(self._accelerator_file, found + "\n")
            slow = "emulated processors, 10 to 20 times slower than real ones" if why else "KVM"
            say(f"  virtual machines run on {slow}" + (f": {why}" if why else ""))

    def create(self, host: Host, part: Path) -> None:
        """Make a host's disks."""
        build = part / "build"
        for name in ("upper", "work", "root"):
            (build / name).mkdir(parents=True)
        image = self._image()
        (build / "image").symlink_to(image)
        # The link keeps a host on the kernel that it was made with when the recipe changes later.
        (part / "boot").symlink_to(os.path.relpath(image.parent, part))
        files = HostFiles(image, build / "upper")
        write_host(files, self.plan, host, part, self.state.public_key.read_text(), INTERFACE)
        mounts = ["/dev/vda\t/\text4\terrors=remount-ro\t0\t1"]
        for path in self.plan.log_dirs:
            disk = self._uuid(host.name, path)
            vmdisk.make_log_disk(part / f"{Path(path).name}.img", disk)
            files.folder(path)
            mounts.append(f"UUID={disk}\t{path}\text4\tdefaults\t0\t2")
        files.write("/etc/fstab", "".join(f"{line}\n" for line in mounts))
        vmdisk.write_root(build, part / "root.img")
        remove_tree(build)

    def start(self, hosts: Sequence[Host]) -> None:
        """Boot hosts, all at once. They answer SSH when they have booted."""
        for host in hosts:
            self._boot(host)

    def _boot(self, host: Host) -> None:
        folder = self.state.host_folder(host.name)
        if not (folder / "boot" / "vmlinuz").is_file():
            raise LabError(
                f"the kernel of {host.name} is gone ({(folder / 'boot').resolve()}); remove the lab and make "
                "it anew"
            )
        self.kill([host.name])
        tap = self.interface(host.name)
        run("ip", "tuntap", "add", "dev", tap, "mode", "tap")
        run("ip", "link", "set", tap, "master", self.bridge, "up")
        self._children[host.name] = processes.start(self._command(host, tap), folder)

    def _command(self, host: Host, tap: str) -> list[str]:
        identity = self._uuid(host.name)
        # Paths relative to the host's folder: an absolute one could hold the ',' that splits qemu's options.
        disks = ["root", *(Path(path).name for path in self.plan.log_dirs)]
        mac = ":".join(["52:54:00", *(f"{byte:02x}" for byte in identity.bytes[:3])])
        accelerated = self._accelerator() == accelerator.KVM
        return [
            "qemu-system-x86_64",
            # What the process is found by.
            *("-D", self._mark(host.name)),
            *("-name", host.name, "-uuid", str(identity), "-nodefaults", "-no-user-config"),
            *("-accel", "kvm" if accelerated else f"tcg,thread=multi,tb-size={TRANSLATED_MB}"),
            *("-cpu", "max"),
            *("-m", str(self.plan.host_memory_mb), "-smp", str(self.plan.host_cpus)),
            *("-kernel", "boot/vmlinuz", "-initrd", "boot/initrd", "-append", KERNEL_ARGUMENTS),
            # The machine's page cache outlives a killed qemu, so nothing is gained by waiting for its disk.
            *(
                word
                for disk in disks
                for word in ("-drive", f"file={disk}.img,format=raw,if=virtio,cache=unsafe")
            ),
            *("-netdev", f"tap,id=net,ifname={tap},script=no,downscript=no"),
            *("-device", f"virtio-net-pci,netdev=net,mac={mac},romfile="),
            *("-chardev", "file,id=console,path=console.log,append=on", "-serial", "chardev:console"),
            *("-display", "none", "-vga", "none", "-monitor", "none"),
        ]

    def stop(self, names: Sequence[str]) -> None:
        """End hosts that are to be removed, or that were booted a moment ago: nothing to wait for."""
        self.kill(names)

    def kill(self, names: Sequence[str]) -> None:
        """End hosts as a power cut does: what a host had not yet written to its disk is lost."""
        processes.kill_all(names, lambda name: {pid for pid in (self.pid(name),) if pid})
        for name in names:
            run("ip", "link", "delete", self.interface(name), may_fail=True)

    def remove(self, name: str) -> None:
        """Remove the files of a host that does not run."""
        remove_tree(self.state.host_folder(name))

    def names(self) -> list[str]:
        """The hosts there are: those with files, half-made or whole, and those that run without any."""
        hosts = self.state.folder / "hosts"
        running = processes.arguments_below(f"{hosts}/")
        marked = {path.parts[0] for path in running if path.name == Path(self._mark("any")).name}
        return sorted({path.name for path in hosts.glob("*")} | marked)

    def pid(self, name: str) -> int | None:
        """The process of a host; None where it does not run."""
        # For an instant within exec, a process has no command line; a child of this run is known without.
        child = self._children.get(name)
        if child and child.poll() is None:
            return child.pid
        return processes.with_argument(self._mark(name))

    def interface(self, name: str) -> str:
        """A running host's tap device: 15 characters at most, and another one in each lab."""
        lab = hashlib.sha256(str(self.state.folder).encode()).hexdigest()[:6]
        return f"{name[-8:].lstrip('-')}-{lab}"

    def variables(self) -> dict[str, Path]:
        """The group variables that hosts of this kind need: emulated ones alone."""
        return {"qemu.yml": SLOW_VARIABLES} if self._accelerator() == accelerator.EMULATION else {}

    def facts(self) -> dict[str, Any]:
        """What the hosts run on."""
        return {"accelerator": self._accelerator()}

    @property
    def _accelerator_file(self) -> Path:
        return self.state.folder / "accelerator"

    def _accelerator(self) -> str:
        """As it was found when hosts were last booted."""
        try:
            return self._accelerator_file.read_text().strip()
        except FileNotFoundError:
            return accelerator.EMULATION

    def _image(self) -> Path:
        return images.image_path(self.plan)

    def _mark(self, name: str) -> str:
        return str(self.state.host_folder(name) / "qemu.log")

    def _uuid(self, name: str, part: str = "") -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_URL, str(self.state.host_folder(name)) + part)
