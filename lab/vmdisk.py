"""Disks of virtual machines, written as files: no loop device, and nothing mounted where anyone sees it."""

from __future__ import annotations

import uuid
from pathlib import Path

from lab.shell import run

# Both take up what is written to them, not their size.
ROOT_GB = 8
LOG_DISK_MB = 1024
# $1: a folder with image, upper, work and root; $2: the file; $3: its size. The overlay goes with it.
WRITE = """\
cd "$1"
mount -t overlay overlay -o lowerdir=image,upperdir=upper,workdir=work root
exec mke2fs -q -F -t ext4 -d root "$2" "$3"
"""


def write_root(folder: Path, target: Path) -> None:
    """Write an image and a host's own files above it to a disk.

    Args:
        folder: has the link `image`, the folder `upper`, and the empty folders `work` and `root`.
        target: the disk's file.
    """
    run(
        *("setpriv", "--pdeathsig=KILL", "unshare", "--mount", "sh", "-euc", WRITE, "sh"),
        *(str(folder), str(target), f"{ROOT_GB}G"),
    )


def make_log_disk(target: Path, identity: uuid.UUID) -> None:
    """Make a file system for Kafka's logs, empty, which the host mounts by its identity."""
    with target.open("wb") as stream:
        stream.truncate(LOG_DISK_MB << 20)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-U", str(identity), str(target))
    # What mke2fs leaves in it is no log directory of Kafka's.
    run("debugfs", "-w", "-R", "rmdir lost+found", str(target))
