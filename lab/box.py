"""The Vagrant box: the same Debian as the other virtual machines of the lab, for vagrant-libvirt.

It has no boot loader: kernel and initrd are handed to it, from a folder that libvirt's own user can read. Its
own Vagrantfile says so, and what virtual machines run on here as it was found out when the box was made.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import accelerator, images, vmdisk
from lab.errors import LabError
from lab.hostfiles import HostFiles, add_account
from lab.plan import Plan
from lab.shell import run, say
from lab.state import IMAGES, locked, remove_tree

NAME = "barevm/kafka-lab"
# Open to every user who knows the name of what is in it, as it comes with libvirt.
KERNELS = Path("/var/lib/libvirt/boot")
KERNEL_PREFIX = "kafka-lab-"
# Its parts of vagrant-libvirt's virtual machine: eth0 is Vagrant's way in, and gets its address from libvirt.
MANAGEMENT_DNS = "192.168.121.1"
# Debian's sshd has no host keys of its own here: each machine makes its own when it first boots.
HOST_KEYS_UNIT = """\
[Unit]
Description=Make this machine's SSH host keys
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=ssh.service
"""
VAGRANTFILE = """\
Vagrant.configure("2") do |config|
  config.vm.provider :libvirt do |libvirt|
    libvirt.driver = "{driver}"
    libvirt.kernel = "{kernel}"
    libvirt.initrd = "{initrd}"
    libvirt.cmd_line = "root=/dev/vda rw console=ttyS0 net.ifnames=0 quiet"
  end
end
"""
DRIVERS = {accelerator.KVM: "kvm", accelerator.EMULATION: "qemu"}
VERSION = 1


def home() -> Path:
    """Where Vagrant keeps boxes."""
    return Path(os.environ.get("VAGRANT_HOME") or Path.home() / ".vagrant.d")


@contextmanager
def of_caller() -> Iterator[None]:
    """Work on the boxes of who called sudo, who will type `vagrant up` without it."""
    uid, gid = int(os.environ.get("SUDO_UID", -1)), int(os.environ.get("SUDO_GID", -1))
    if uid < 0:
        yield
        return
    os.environ.setdefault("VAGRANT_HOME", str(Path(pwd.getpwuid(uid).pw_dir) / ".vagrant.d"))
    try:
        yield
    finally:
        if home().is_dir():
            run("chown", "-R", f"{uid}:{gid}", str(home()))


def vagrant(*arguments: str, may_fail: bool = False) -> None:
    """Run a command of Vagrant's that concerns no machine.

    Without a trace in the checkout: root's `.vagrant` there would be one that its owner cannot use.

    Raises:
        LabError: it failed.
    """
    with tempfile.TemporaryDirectory() as state:
        run("env", f"VAGRANT_DOTFILE_PATH={state}", "vagrant", *arguments, may_fail=may_fail)


def box_name(plan: Plan) -> str:
    """The box of a plan: the plain name for what is made without any wish, others by what is in them."""
    if images.image_path(plan) == images.image_path(Plan(backend="vagrant")):
        return NAME
    return f"{NAME}-{images.image_path(plan).parent.name}"


def box_folder(name: str) -> Path:
    """Where Vagrant keeps a box."""
    return home() / "boxes" / name.replace("/", "-VAGRANTSLASH-") / "0" / "libvirt"


def ensure_box(plan: Plan) -> str:
    """Make the plan's box and give it to Vagrant, unless it has it.

    Returns:
        The box's name.

    Raises:
        LabError: it cannot be made.
    """
    name = box_name(plan)
    with locked(IMAGES, "another run that makes a box"):
        if not _current(plan, name):
            _make(plan, name)
    return name


def driver(plan: Plan) -> str:
    """What the plan's box runs on here, as it was found out when it was made: "kvm" or "qemu"."""
    found: str = json.loads((box_folder(box_name(plan)) / "metadata.json").read_text())["driver"]
    return found


def remove_all() -> None:
    """Remove the boxes that were made here, with their kernels."""
    for folder in (home() / "boxes").glob(f"{NAME.replace('/', '-VAGRANTSLASH-')}*"):
        remove_tree(folder)
    for kernel in KERNELS.glob(f"{KERNEL_PREFIX}*"):
        kernel.unlink()


def _recipe(plan: Plan) -> str:
    """What tells one box from another: its image, and what is done to it."""
    parts = [images.image_path(plan).parent.name, HOST_KEYS_UNIT, VAGRANTFILE, MANAGEMENT_DNS, str(VERSION)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _current(plan: Plan, name: str) -> bool:
    try:
        metadata = json.loads((box_folder(name) / "metadata.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    kernel, initrd = _kernels(plan)
    return metadata.get("recipe") == _recipe(plan) and kernel.is_file() and initrd.is_file()


def _kernels(plan: Plan) -> tuple[Path, Path]:
    start = f"{KERNEL_PREFIX}{_recipe(plan)}"
    return KERNELS / f"{start}.vmlinuz", KERNELS / f"{start}.initrd"


def _make(plan: Plan, name: str) -> None:
    image = images.ensure_image(plan)
    found, why = accelerator.find(*images.kernel(image))
    slow = f"emulated processors ({why})" if why else "KVM"
    say(f"  making box {name} (usually 15 s); its machines run on {slow}")
    if not KERNELS.is_dir():
        raise LabError(f"{KERNELS} is not there; install Debian's libvirt-daemon-system, which has it")
    kernel, initrd = _kernels(plan)
    for source, target in zip(images.kernel(image), (kernel, initrd)):
        shutil.copyfile(source, target)
    with tempfile.TemporaryDirectory(dir=IMAGES, prefix=".box-") as made:
        part = Path(made)
        _write_disk(image, part)
        texts = {
            "Vagrantfile": VAGRANTFILE.format(driver=DRIVERS[found], kernel=kernel, initrd=initrd),
            "metadata.json": json.dumps(
                {
                    **{"provider": "libvirt", "format": "qcow2", "virtual_size": vmdisk.ROOT_GB},
                    **{"driver": DRIVERS[found], "recipe": _recipe(plan)},
                }
            ),
        }
        for file, text in texts.items():
            (part / file).write_text(text)
        box = part / "kafka-lab.box"
        # Packed lightly: it is unpacked a moment later.
        run("tar", "-C", str(part), "-I", "gzip -1", "-cf", str(box), *texts, "box.img")
        vagrant("box", "add", "--force", "--name", name, str(box))


def _write_disk(image: Path, part: Path) -> None:
    build = part / "build"
    for name in ("upper", "work", "root"):
        (build / name).mkdir(parents=True)
    (build / "image").symlink_to(image)
    files = HostFiles(image, build / "upper")
    add_account(files, "vagrant", _insecure_key())
    files.write("/etc/hostname", "bare\n")
    files.write("/etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
    files.write("/etc/resolv.conf", f"nameserver {MANAGEMENT_DNS}\n")
    files.write("/etc/fstab", "/dev/vda\t/\text4\terrors=remount-ro\t0\t1\n")
    # Vagrant's own files are called 50-vagrant-*, and networkd takes the first that fits.
    files.write("/etc/systemd/network/99-dhcp.network", "[Match]\nName=eth0\n\n[Network]\nDHCP=ipv4\n")
    unit = "/etc/systemd/system/host-keys.service"
    files.write(unit, HOST_KEYS_UNIT)
    files.folder("/etc/systemd/system/ssh.service.wants")
    (build / "upper/etc/systemd/system/ssh.service.wants/host-keys.service").symlink_to(unit)
    raw = part / "root.img"
    vmdisk.write_root(build, raw)
    run("qemu-img", "convert", "-O", "qcow2", str(raw), str(part / "box.img"))
    raw.unlink()


def _insecure_key() -> str:
    """The public key that every new box has; Vagrant replaces it when a machine first comes up.

    Raises:
        LabError: Vagrant has none where it is looked for.
    """
    found = sorted(Path("/usr").glob("share/rubygems-integration/*/gems/vagrant-*/keys/vagrant.pub"))
    found += sorted(Path("/opt/vagrant/embedded/gems").glob("**/gems/vagrant-*/keys/vagrant.pub"))
    if not found:
        raise LabError(
            "Vagrant's insecure public key (keys/vagrant.pub) is not where Debian has it; install Debian's "
            "vagrant"
        )
    return found[-1].read_text()
