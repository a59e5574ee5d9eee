"""The lab that the bench measures on: hosts and an address range of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NAME = "bench"
SUBNET = "192.168.29.0/24"
JAVA = "openjdk-17-jre-headless"


def up(count: int = 3) -> None:
    """Hosts with Java on them and nothing of ours."""
    options = ("--subnet", SUBNET, "--packages", JAVA, "--hosts", str(count), "--quiet")
    subprocess.run(lab("up", *options), cwd=ROOT, check=True)


def down() -> None:
    """Remove them."""
    subprocess.run(lab("down"), cwd=ROOT, check=True)


def facts() -> dict[str, Any]:
    """What the lab says of itself; ``members`` holds name and address of each host."""
    done = subprocess.run(lab("status", "--json"), cwd=ROOT, check=False, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def lab(verb: str, *options: str) -> list[str]:
    """The lab's command line."""
    return [sys.executable, "-m", "lab", verb, "--name", NAME, *options]


def play(playbook: str, *options: str) -> tuple[float, str]:
    """Run a playbook against the lab: seconds of wall time, and what it said.

    Raises:
        SystemExit: it failed.
    """
    tools = Path(sys.executable).parent
    inventory = facts()["inventory"]
    began = time.monotonic()
    done = subprocess.run(
        [tools / "ansible-playbook", "-i", inventory, playbook, *options],
        cwd=ROOT,
        env=os.environ | {"PATH": f"{tools}:{os.environ.get('PATH', '')}"},
        capture_output=True,
        text=True,
        check=False,
    )
    took_s = time.monotonic() - began
    if done.returncode:
        raise SystemExit(f"{playbook} failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    return took_s, done.stdout
