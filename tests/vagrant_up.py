"""`make vagrant-test`: what a person does with Vagrant, from `vagrant up` to a proven cluster and back.

The steps are those of docs/vagrant.md, by the same commands; each one's time is in the table at the end. What
was made is removed however it ends. Takes root or sudo; on emulated processors, ten minutes or more.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / ".venv" / "bin"
LAB = (sys.executable, "-m", "lab")
UP_LIMIT_S = 1800
PLAY_LIMIT_S = 2400
SHORT_LIMIT_S = 300

# What the last playbook said; its recap is read.
LOG = ROOT / "build" / "vagrant-test.log"
AGAIN = "site.yml again"
STEPS: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("vagrant up", ("vagrant", "up", "--no-tty"), UP_LIMIT_S),
    ("vagrant status", ("vagrant", "status"), SHORT_LIMIT_S),
    (
        "site.yml, with its proof",
        (str(TOOLS / "ansible-playbook"), "-i", "inventories/vagrant", "site.yml"),
        PLAY_LIMIT_S,
    ),
    (
        AGAIN,
        (str(TOOLS / "ansible-playbook"), "-i", "inventories/vagrant", "site.yml"),
        PLAY_LIMIT_S,
    ),
)
CLEANUP: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("vagrant destroy", ("vagrant", "destroy", "--force", "--no-tty"), SHORT_LIMIT_S),
    ("vagrant-done", (*LAB, "vagrant-done"), SHORT_LIMIT_S),
)


def run(name: str, command: tuple[str, ...], limit_s: int) -> tuple[bool, float]:
    """Run a step, its words shown.

    Returns:
        Whether it succeeded, and its seconds.
    """
    print(f"== {name}: {' '.join(command)}", flush=True)
    start = time.monotonic()
    try:
        code = subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, timeout=limit_s, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        print(f"no end after {limit_s} s", flush=True)
        code = -1
    return code == 0, time.monotonic() - start


def changed_nothing() -> bool:
    """Whether the last playbook found every host as it should be."""
    changed = re.findall(r"changed=(\d+)", LOG.read_text()) if LOG.exists() else []
    return set(changed) == {"0"}


def traces() -> list[str]:
    """What is left of machines of this checkout."""
    machines = sorted((ROOT / ".vagrant" / "machines").glob("*/*/id"))
    owner = f"kafka-lab-{ROOT.name}"
    processes = [
        command.decode(errors="replace")[:80]
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if f"guest={owner}-".encode() in (command := _read(path))
    ]
    return [*map(str, machines), *processes]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def main() -> int:
    """Run all steps.

    Returns:
        0; 1 where one failed, or something is left.
    """
    if left := traces():
        print(f"machines of this checkout are up, and this would remove them: {', '.join(left)}")
        return 1
    os.environ.setdefault("VAGRANT_CHECKPOINT_DISABLE", "1")
    LOG.parent.mkdir(exist_ok=True)
    os.environ["ANSIBLE_LOG_PATH"] = str(LOG)
    took: list[tuple[str, bool, float]] = []
    try:
        for step in (("vagrant-ready", (*LAB, "vagrant-ready"), UP_LIMIT_S), *STEPS):
            LOG.unlink(missing_ok=True)
            passed, seconds = run(*step)
            if passed and step[0] == AGAIN and not changed_nothing():
                print("a second run changed something", flush=True)
                passed = False
            took.append((step[0], passed, seconds))
            if not passed:
                break
    finally:
        for step in CLEANUP:
            took.append((step[0], *run(*step)))
    left = traces()
    width = max(len(name) for name, _, _ in took)
    print("")
    for name, passed, seconds in took:
        print(f"{'ok    ' if passed else 'FAILED'}  {name:{width}}  {seconds:7.1f} s")
    if left:
        print(f"FAILED  left behind: {', '.join(left)}")
    return (
        0 if not left and len(took) == 1 + len(STEPS) + len(CLEANUP) and all(ok for _, ok, _ in took) else 1
    )


if __name__ == "__main__":
    sys.exit(main())
