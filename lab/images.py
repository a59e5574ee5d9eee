"""Base images: a Debian root as it is right after installation, built once and shared by all labs."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from lab.errors import LabError
from lab.plan import Plan
from lab.shell import say, wait_until
from lab.state import IMAGES, locked, remove_tree

PACKAGES = [
    *("systemd", "systemd-sysv", "dbus", "python3", "openssh-server", "iproute2", "procps"),
    *("sudo", "netbase", "ca-certificates", "nftables"),
]
# A virtual machine boots its own kernel, keeps its own time and checks its own file systems.
VM_PACKAGES = [
    *("linux-image-cloud-amd64", "initramfs-tools", "zstd", "e2fsprogs", "systemd-timesyncd"),
]
# What must not be shared by hosts made of one image goes; each host gets its own.
RECIPE = """\
set -eu
chroot "$1" systemctl -q enable systemd-networkd
rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/hostname "$1"/etc/hosts "$1"/etc/resolv.conf
rm -f "$1"/var/lib/dbus/machine-id
: > "$1"/etc/machine-id
"""
# Beside the image, what boots its kernel: an initrd with the modules that find the disk and no others, which
# is unpacked sooner. The image keeps the one that Debian made, as any machine has it.
VM_RECIPE = """\
set -eu
cp -a "$1/etc/initramfs-tools" "$1/tmp/boot"
printf 'MODULES=list\nBUSYBOX=n\n' >> "$1/tmp/boot/initramfs.conf"
printf '%s\n' virtio_pci virtio_blk ext4 >> "$1/tmp/boot/modules"
chroot "$1" sh -c 'mkinitramfs -d /tmp/boot -o /tmp/initrd "$(basename /lib/modules/*)"'
mv "$1/tmp/initrd" "$(dirname "$1")/initrd"
cp -L "$1/vmlinuz" "$(dirname "$1")/vmlinuz"
rm -r "$1/tmp/boot"
"""
BUILD_LIMIT_S = 600


def image_name(release: str, packages: tuple[str, ...], with_kernel: bool = False) -> str:
    """The folder of an image; another list of packages or another recipe gives another name."""
    content = "\n".join([*PACKAGES, *sorted(set(packages)), RECIPE])
    if with_kernel:
        content += "\n".join([*VM_PACKAGES, VM_RECIPE])
    return f"{release}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def image_path(plan: Plan) -> Path:
    """Where the plan's image is, built or not."""
    return IMAGES / image_name(plan.release, plan.packages, plan.own_kernel) / "root"


def kernel(image: Path) -> tuple[Path, Path]:
    """The kernel and the initrd that boot an image of hosts with their own kernel."""
    return image.with_name("vmlinuz"), image.with_name("initrd")


def ensure_image(plan: Plan) -> Path:
    """Build the plan's image unless it is there.

    Built beside and renamed, under a lock of its own: several labs may want it at once, and an interrupted
    build leaves nothing that looks finished.

    Returns:
        The image's root folder.

    Raises:
        LabError: mmdebstrap failed; the message carries its last words.
    """
    root = image_path(plan)
    if root.is_dir():
        return root
    with locked(root.parent, f"another run that is building the {plan.release} image"):
        if root.is_dir():
            return root
        say(f"  building the {plan.release} image, once (usually 25 to 60 s)")
        part = root.with_name("part")
        remove_tree(part)
        try:
            _build(plan, part)
            part.rename(root)
        finally:
            remove_tree(part)
    return root


def _build(plan: Plan, part: Path) -> None:
    log = part.with_name("build.log")
    packages = [*PACKAGES, *(VM_PACKAGES if plan.own_kernel else []), *plan.packages]
    recipes = [RECIPE, *([VM_RECIPE] if plan.own_kernel else [])]
    command = [
        # All of a build's processes end when this one does, however it does: an orphan that goes on writing
        # would spoil the next build.
        *("setpriv", "--pdeathsig=KILL", "unshare", "--pid", "--mount-proc", "--fork", "--kill-child"),
        "mmdebstrap",
        "--variant=minbase",
        f"--include={','.join(packages)}",
        *(f"--customize-hook={recipe}" for recipe in recipes),
        plan.release,
        str(part),
    ]
    with log.open("wb") as output:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_until(
                lambda _: f"mmdebstrap ({plan.release})",
                lambda: ["mmdebstrap"] if child.poll() is None else [],
                BUILD_LIMIT_S,
            )
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    if child.returncode != 0:
        words = "\n  ".join(log.read_text(errors="replace").splitlines()[-8:])
        raise LabError(f"the {plan.release} image could not be built; the end of {log}:\n  {words}")
