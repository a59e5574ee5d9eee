"""Changes a host's receiving side for a while, and puts it back. Runs on managed hosts.

What was there is kept on the host before anything is changed, as a script that puts it back: the module runs
it, and so does a timer of systemd after a while, whatever became of the controller. Files that the script
compares are on the disk, since a host may be booted meanwhile; kernel settings are those of the boot again by
then.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import commands

FOLDER = Path("/var/lib/barevm-udp-test")
SCRIPT = FOLDER / "restore"
TIMER = "barevm-udp-test-restore"
LIMIT_S = 60
SYSCTL = Path("/proc/sys")


class Profile:
    """What a test changes; ``folder`` is where it is kept, ``sysctls`` where the kernel has its settings."""

    def __init__(self, folder: Path = FOLDER, sysctls: Path = SYSCTL) -> None:
        self.folder = folder
        self.script = folder / SCRIPT.name
        self.sysctls = sysctls

    @property
    def stands(self) -> bool:
        """Whether there is something to put back."""
        return self.script.exists()

    def keep(self, names: Iterable[str], files: Iterable[str], unit: str) -> bool:
        """Keep what the host has now; False where an earlier keeping stands: it knows what was there first.

        Raises OSError.
        """
        if self.stands:
            return False
        restart = shlex.quote(str(self.folder / "restart"))
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = ["#!/bin/sh", "# Puts back what a UDP test has changed, and is gone itself then."]
        for name in names:
            path = self._path(name)
            if path.exists():
                value = path.read_text().strip()
                # Where the kernel's settings belong to the machine around, nothing was changed either.
                lines.append(f"[ -w {path} ] && echo {shlex.quote(value)} >{path} 2>/dev/null")
        for number, file in enumerate(files):
            kept = self.folder / f"file{number}"
            shutil.copy2(file, kept)
            owner = os.stat(file)
            os.chown(kept, owner.st_uid, owner.st_gid)
            one, other = shlex.quote(str(kept)), shlex.quote(file)
            # Noted first: an attempt that fails behind the copy is to restart the next time.
            lines.append(f"cmp -s {one} {other} || {{ : >{restart} && cp -p {one} {other}; }} || exit 1")
        lines.append(f"[ ! -e {restart} ] || systemctl restart {shlex.quote(unit)} || exit 1")
        # Run by the timer's own service, it would be run again each minute.
        lines.append(f"systemctl stop {TIMER}.timer 2>/dev/null")
        lines.append(f"rm -rf {shlex.quote(str(self.folder))}")
        beside = self.folder / "restore.new"
        beside.write_text("\n".join(lines) + "\n")
        beside.chmod(0o700)
        os.replace(beside, self.script)
        return True

    def set(self, settings: Mapping[str, Any]) -> tuple[list[str], list[dict[str, str]]]:
        """Give the kernel these very values, lower ones too; which changed, and what it refused, and why."""
        changed, refused = [], []
        for name, value in sorted(settings.items()):
            path, wanted = self._path(name), str(value)
            try:
                if path.read_text().strip() == wanted:
                    continue
                path.write_text(wanted)
                if path.read_text().strip() != wanted:
                    raise OSError(0, f"the kernel kept {path.read_text().strip()}")
                changed.append(name)
            except OSError as error:
                refused.append({"name": name, "wanted": wanted, "reason": error.strerror or str(error)})
        return changed, refused

    def values(self, names: Iterable[str]) -> dict[str, str | None]:
        """What the kernel has of these settings, None where it shows none."""
        found: dict[str, str | None] = {}
        for name in names:
            try:
                found[name] = " ".join(self._path(name).read_text().split())
            except OSError:
                found[name] = None
        return found

    def put_back(self) -> bool:
        """Put back what was kept; False where nothing was. Raises OSError, and it can be tried again."""
        if not self.stands:
            return False
        commands.said(str(self.script), limit_s=LIMIT_S)
        return True

    def _path(self, name: str) -> Path:
        return self.sysctls / name.replace(".", "/")


def arm(script: Path, after_s: int) -> None:
    """Let the host run the script by itself after a while, and again each minute until that has worked."""
    disarm()
    commands.said(
        "systemd-run",
        f"--unit={TIMER}",
        f"--on-active={after_s}",
        "--on-unit-inactive=60",
        "--description=Put back what a UDP test has changed",
        "--collect",
        str(script),
        limit_s=LIMIT_S,
    )


def disarm() -> None:
    """Take the timer away; none is no error."""
    subprocess.run(["systemctl", "stop", f"{TIMER}.timer"], capture_output=True, check=False, timeout=LIMIT_S)
