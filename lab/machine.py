"""What the machine must have before a lab can stand on it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from lab.errors import LabError
from lab.shell import say

# command -> Debian package. These, whatever makes the hosts; those of a backend below.
SHARED_TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "unshare": "util-linux",
    "setpriv": "util-linux",
}
HOST_TOOLS = {
    "nspawn": SHARED_TOOLS
    | {"systemd-nspawn": "systemd-container", "losetup": "mount", "mkfs.ext4": "e2fsprogs"},
    "qemu": SHARED_TOOLS
    | {"qemu-system-x86_64": "qemu-system-x86", "mke2fs": "e2fsprogs", "debugfs": "e2fsprogs"},
}
HOST_TOOLS["vagrant"] = HOST_TOOLS["qemu"] | {
    "vagrant": "vagrant",
    "virsh": "libvirt-clients",
    "libvirtd": "libvirt-daemon-system",
    "qemu-img": "qemu-utils",
    "dnsmasq": "dnsmasq-base",
    "iptables": "iptables",
}
# Where Debian's package of the plugin is, and where `vagrant plugin install` puts it.
VAGRANT_PLUGIN = "gems/vagrant-libvirt-*"
VAGRANT_PLUGIN_ROOTS = (
    *(Path("/usr/share/rubygems-integration/all"), Path("/usr/share/gems")),
    *(Path.home() / ".vagrant.d" / "gems").glob("*"),
)
# What the controller needs beside: releases come through the mvn client, which needs a Java.
CONTROLLER_TOOLS = {"java": "default-jre-headless", "mvn": "maven"}
# What the tests alone need: pages are opened and their points counted, alert rules are fed with series, and
# hosts of every kind are made.
TEST_TOOLS = {"chromium": "chromium", "promtool": "prometheus"} | HOST_TOOLS["qemu"]
MEMORY = Path("/proc/meminfo")
IMAGE_MB = 900
HOST_MB = 700


def require_linux() -> None:
    """Raise LabError elsewhere."""
    if sys.platform != "linux":
        raise LabError(
            f"the lab's hosts need Linux; this is {sys.platform}. Use a Debian 12 machine or virtual machine"
        )


def become_root(arguments: list[str]) -> None:
    """Go on as root: return where this is root already, else start again under sudo and never return.

    Args:
        arguments: the command line to repeat.

    Raises:
        LabError: neither root nor a usable sudo.
    """
    if os.geteuid() == 0:
        return
    # A sudo that asks for a password is fine as long as somebody is there to type it.
    if not shutil.which("sudo") or not (
        sys.stdin.isatty()
        or subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        raise LabError(
            "making hosts takes root: run this as root, or as a user whose sudo works without a password "
            "(`sudo -n true` must succeed)"
        )
    # -B: no root-owned bytecode in the user's checkout.
    os.execvp("sudo", ["sudo", sys.executable, "-B", "-m", "lab", *arguments])


def missing_packages(tools: dict[str, str]) -> list[str]:
    """The Debian packages of those tools that are not there."""
    return sorted({package for tool, package in tools.items() if not shutil.which(tool)})


def host_packages(backend: str = "nspawn") -> list[str]:
    """The Debian packages that making hosts by a backend needs and that are not there."""
    missing = missing_packages(HOST_TOOLS[backend])
    # A machine that is not Debian may have mmdebstrap without the key that Debian's archive is signed with.
    if not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists():
        missing.append("debian-archive-keyring")
    if backend == "vagrant" and not any(any(root.glob(VAGRANT_PLUGIN)) for root in VAGRANT_PLUGIN_ROOTS):
        missing.append("vagrant-libvirt")
    return missing


def controller_packages() -> list[str]:
    """The Debian packages that the controller needs beside and that are not there."""
    missing = missing_packages(CONTROLLER_TOOLS)
    if importlib.util.find_spec("ensurepip") is None:
        missing.append("python3-venv")
    return missing


def all_packages(for_tests: bool) -> list[str]:
    """The Debian packages that are not there, of all that hosts and controller, and maybe the tests, need."""
    found = [*host_packages(), *controller_packages()]
    return sorted({*found, *missing_packages(TEST_TOOLS), *host_packages("vagrant")}) if for_tests else found


def install(packages: Iterable[str]) -> None:
    """Install Debian packages; nothing to do where there are none. Takes root.

    Raises:
        LabError: this machine has no apt, or apt failed.
    """
    wanted = sorted(packages)
    if not wanted:
        return
    if not shutil.which("apt-get"):
        raise LabError(
            f"missing here: {', '.join(wanted)} (Debian's package names), and there is no apt-get to "
            "install them with. Install them the way this system does"
        )
    say(f"  installing {', '.join(wanted)} (usually 10 to 60 s)")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        # Another run of the lab may be at it.
        ["apt-get", "install", "-qq", "-o", "DPkg::Lock::Timeout=300", "--no-install-recommends", *wanted],
    ):
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            words = "\n  ".join((done.stdout + done.stderr).strip().splitlines()[-6:])
            raise LabError(
                f"missing here: {', '.join(wanted)}, and `{' '.join(command)}` failed:\n  {words}\n"
                "Mend apt's sources, or install them yourself"
            )


def require_memory(hosts: int, memory_mb: int) -> None:
    """Raise LabError where the machine's memory does not bear that many more hosts of that size."""
    need = hosts * memory_mb
    lines = dict(line.split(":", 1) for line in MEMORY.read_text().splitlines())
    available = int(lines["MemAvailable"].split()[0]) // 1024
    if available < need:
        raise LabError(
            f"too little memory: {hosts} hosts to boot with {memory_mb} MB each need {need} MB, "
            f"{available} MB are available. Make fewer (LAB_HOSTS) or smaller ones (LAB_MEMORY_MB), or end "
            "what uses the memory"
        )


def require_space(folder: Path, new_hosts: int, host_mb: int = HOST_MB, image_mb: int = 0) -> None:
    """Raise LabError where the disk is too small for what is to be made.

    Args:
        folder: where it is made.
        new_hosts: how many hosts.
        host_mb: what each takes.
        image_mb: what the image takes; 0 where it is there.
    """
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    need = new_hosts * host_mb + image_mb
    free = shutil.disk_usage(existing).free // 1_000_000
    if free < need:
        raise LabError(
            f"too little disk: {new_hosts} new hosts{' and an image' if image_mb else ''} need {need} MB in "
            f"{folder}, {free} MB are free there. Free some, or make fewer hosts (LAB_HOSTS)"
        )
