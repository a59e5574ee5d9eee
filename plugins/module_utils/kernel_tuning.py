"""Brings a running kernel to what is wanted, and reads back what it really has. Runs on managed hosts."""

from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import host_tuning


class Kernel:
    """The kernel's settings as files below ``root``, "/" for the real one.

    With ``dry`` nothing is written, and what would be refused is told by asking whether it may be written.
    """

    def __init__(self, dry: bool, root: Path = Path("/")) -> None:
        self.dry = dry
        self.root = root

    def sysctl(self, name: str, wanted: str) -> dict[str, Any]:
        """Set one setting unless it is effective; what came of it."""
        return self._set(name, wanted, self.root / "proc/sys" / name.replace(".", "/"))

    def transparent_hugepages(self, wanted: str) -> dict[str, Any]:
        """Choose the mode of transparent huge pages; what came of it."""
        path = self.root / "sys/kernel/mm/transparent_hugepage/enabled"
        return self._set("transparent_hugepage", wanted, path)

    def _set(self, name: str, wanted: str, path: Path) -> dict[str, Any]:
        before = after = self._read(path)
        problem = ""
        if before is None:
            problem = "the kernel shows no such setting"
        elif not host_tuning.is_effective(name, wanted, before):
            try:
                after = self._write(path, wanted)
            except OSError as refused:
                problem = f"the kernel refused: {refused.strerror}"
        return _outcome(name, wanted, before, after, problem)

    def _read(self, path: Path) -> str | None:
        try:
            content = host_tuning.text(path.read_text())
        except OSError:
            return None
        # Where there are choices, the kernel prints all of them and the one in force in brackets.
        chosen = re.search(r"\[(\w+)\]", content)
        return chosen[1] if chosen else content

    def _write(self, path: Path, wanted: str) -> str | None:
        if self.dry:
            if not os.access(path, os.W_OK):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            return wanted
        path.write_text(wanted)
        return self._read(path)

    def swap_off(self) -> dict[str, Any]:
        """Stop using swap now; what came of it."""
        before = after = self.swaps()
        problem = ""
        if before and self.dry:
            after = [device for device in before if not os.path.exists(device)]
        elif before:
            done = subprocess.run(["swapoff", "--all"], capture_output=True, text=True, check=False)
            after = self.swaps()
            problem = done.stderr.strip()
        if after:
            problem = problem or "its devices belong to the machine around this host"
        return _outcome("swap", "off", ", ".join(before) or "off", ", ".join(after) or "off", problem)

    def swaps(self) -> list[str]:
        """The swap devices and files in use."""
        lines = (self.root / "proc/swaps").read_text().splitlines()[1:]
        return [line.split()[0] for line in lines if line.strip()]

    def fstab(self) -> dict[str, str] | None:
        """Comment out the swap lines of /etc/fstab in one step; the diff, None where there is none."""
        path = self.root / "etc/fstab"
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        after = host_tuning.without_swap(before)
        if after == before:
            return None
        if not self.dry:
            mode = path.stat()
            handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".fstab.")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as stream:
                    stream.write(after)
                os.chmod(beside, stat.S_IMODE(mode.st_mode))
                os.chown(beside, mode.st_uid, mode.st_gid)
                os.replace(beside, path)
            except BaseException:
                os.unlink(beside)
                raise
        return {"before_header": "/etc/fstab", "after_header": "/etc/fstab", "before": before, "after": after}


def _outcome(name: str, wanted: str, before: str | None, after: str | None, problem: str) -> dict[str, Any]:
    effective = host_tuning.is_effective(name, wanted, after)
    return {
        "name": name,
        "wanted": wanted,
        "before": before,
        "after": after,
        "effective": effective,
        "reason": "" if effective else problem or f"the kernel kept {after}",
    }


def tune(kernel: Kernel, sysctl: Mapping[str, Any], hugepages: str, swap_off: bool) -> dict[str, Any]:
    """Bring everything to what is wanted; ``settings``, ``changed`` and ``diff`` as the module returns them.

    Changed is what the kernel has now and had not before: a refused write is no change. Raises OSError where
    fstab cannot be written.
    """
    outcomes = [kernel.sysctl(name, host_tuning.text(value)) for name, value in sorted(sysctl.items())]
    pages = kernel.transparent_hugepages(hugepages)
    if pages["before"] is not None:  # else this kernel was built without them
        outcomes.append(pages)
    diff = []
    if swap_off:
        outcomes.append(kernel.swap_off())
        fstab = kernel.fstab()
        diff += [fstab] if fstab else []
    for outcome in outcomes:
        if outcome["before"] != outcome["after"]:
            header = f"kernel: {outcome['name']}"
            sides = {side: f"{outcome[side]}\n" for side in ("before", "after")}
            diff.append({"before_header": header, "after_header": header, **sides})
    return {"settings": outcomes, "changed": bool(diff), "diff": diff}
