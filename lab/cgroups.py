"""A cgroup of its own for each host, where no systemd gives it one.

On a machine that systemd runs, systemd-nspawn asks it for a scope. Elsewhere (a build machine, a container)
every nspawn would put its host into the same cgroup, and units of the same name on all hosts would share
theirs: `systemctl kill` on one host then meets processes that it cannot see.
"""

from __future__ import annotations

from pathlib import Path

from lab.shell import run, wait_until

REMOVE_LIMIT_S = 5


def _run_by_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def _roots() -> list[Path]:
    """Where the hierarchies that systemd uses are mounted: version 2, and version 1's named one."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [
        Path(point)
        for _, point, kind, options, *_ in mounts
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(","))
    ]


def make(machine: str) -> list[str]:
    """Make the cgroups of a machine.

    Returns:
        Their folders; none where systemd sees to it.
    """
    if _run_by_systemd():
        return []
    folders = [root / f"kl-{machine}" for root in _roots()]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    return [str(folder) for folder in folders]


def processes(machine: str) -> set[int]:
    """All processes of a machine that has cgroups of its own, as this machine numbers them."""
    found: set[int] = set()
    for folder in (root / f"kl-{machine}" for root in _roots()):
        for listed in folder.rglob("cgroup.procs"):
            try:
                found |= {int(word) for word in listed.read_text().split()}
            except OSError:
                # Gone since it was listed: so are its processes.
                continue
    return found


def remove(machine: str) -> None:
    """Remove the cgroups of a machine whose processes have ended."""
    if _run_by_systemd():
        # Otherwise it may still be there when a killed machine is started again, which is then refused one.
        for verb in ("stop", "reset-failed"):
            run("systemctl", verb, f"{machine}.scope", may_fail=True)
        return

    def left() -> list[str]:
        remaining = []
        for folder in (root / f"kl-{machine}" for root in _roots()):
            for path in [*sorted(folder.rglob("*/"), reverse=True), folder]:
                try:
                    path.rmdir()
                except FileNotFoundError:
                    continue
                except OSError:
                    # The kernel takes a moment after the last process has ended.
                    remaining.append(str(path))
        return remaining

    wait_until(lambda names: f"the kernel to let go of {names}", left, REMOVE_LIMIT_S)
