"""Small file systems of a host's own: a full one fills nothing else, and what is in it outlasts a kill.

Each is a file beside the host's others, mounted where its overlay is: in the mount namespace of the host's
own process, so that it too goes with that process.
"""

from __future__ import annotations

from pathlib import Path

from lab.errors import LabError
from lab.plan import Plan
from lab.shell import run, wait_until

SIZE_MB = 1024
FREE_LIMIT_S = 30
# Run in the host's folder. What mke2fs leaves in a file system is no log directory of Kafka's.
MOUNT = """\
for image in disks/*.img; do
  [ -e "$image" ] || continue
  mount -o loop "$image" "${image%.img}"
  rmdir "${image%.img}/lost+found" 2>/dev/null || true
done
"""


def make(folder: Path, plan: Plan) -> None:
    """Make a host's file systems, empty, in its folder."""
    for name in _names(plan):
        (folder / "disks" / name).mkdir(parents=True)
        image = folder / "disks" / f"{name}.img"
        with image.open("wb") as stream:
            # Takes up what is written to it, not its size.
            stream.truncate(SIZE_MB << 20)
        run("mkfs.ext4", "-q", "-F", "-m", "0", str(image))


def binds(folder: Path, plan: Plan) -> list[str]:
    """systemd-nspawn's options that show a host its file systems."""
    sources = [
        str(folder / "disks" / name).replace("\\", "\\\\").replace(":", "\\:") for name in _names(plan)
    ]
    return [f"--bind={source}:{path}" for source, path in zip(sources, plan.log_dirs)]


def wait_until_free(folder: Path) -> None:
    """Wait until the kernel has let go of a killed host's file systems: mounted twice, one would be spoilt.

    Raises:
        LabError: it did not in time.
    """
    images = sorted(folder.glob("disks/*.img"))
    left = wait_until(
        lambda names: f"the kernel to let go of {names}",
        lambda: [image.name for image in images if run("losetup", "--associated", str(image)).strip()],
        FREE_LIMIT_S,
    )
    if left:
        raise LabError(f"{', '.join(left)} of {folder} is still in use; look at `losetup --list`")


def _names(plan: Plan) -> list[str]:
    return [Path(path).name for path in plan.log_dirs]
