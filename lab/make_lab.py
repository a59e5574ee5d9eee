"""`make lab`: from a machine with git, make and Python 3 to a proven cluster and its figures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import lab.venv
from lab.errors import LabError
from lab.shell import say
from lab.state import CHECKOUT, State
from lab.summary import summary
from lab.verbs import inventory_folder, wanted_plan

PERF_SECONDS = 10


def make(name: str, up_arguments: list[str], wishes: dict[str, Any]) -> None:
    """Make hosts, a cluster on them, its proof and a short measurement, and sum it up.

    Runs as who called it: what takes root asks sudo for itself, so that keys, environment and reports are
    the caller's.

    Args:
        name: the lab's name.
        up_arguments: `up`'s command line.
        wishes: the same, as the plan's fields.

    Raises:
        LabError: a phase failed; it has said why.
    """
    state = State(name)
    # Before anything is installed: a lab of another shape is refused at once.
    wanted_plan(state, wishes)
    took: list[tuple[str, float]] = []

    def phase(title: str, work: Callable[[], Any]) -> None:
        say(f"== {title}")
        start = time.monotonic()
        work()
        took.append((title, time.monotonic() - start))

    phase("Packages", lambda: _lab("deps"))
    phase("Python environment", lab.venv.ensure)
    phase("Hosts", lambda: _lab("up", "--quiet", *up_arguments))
    plan = state.plan()
    if plan is None:
        raise LabError(f"lab {name} is gone; somebody removed it meanwhile")
    inventory = inventory_folder(state, plan)
    phase("Cluster, with its proof (site.yml)", lambda: play(inventory, "site.yml"))
    phase(
        f"Measurement (perf.yml, {PERF_SECONDS} s)",
        lambda: play(inventory, "playbooks/perf.yml", "-e", f"perf_duration_s={PERF_SECONDS}"),
    )
    say("")
    for line in summary(plan, took):
        say(line)


def _lab(*arguments: str) -> None:
    if _run([sys.executable, "-m", "lab", *arguments], os.environ) != 0:
        raise LabError(f"stopped at `python3 -m lab {arguments[0]}`; the message stands above")


def play(inventory: Path, playbook: str, *options: str) -> None:
    """Run a playbook against a lab with the checkout's own environment.

    Raises:
        LabError: it failed.
    """
    tools = CHECKOUT / ".venv" / "bin"
    command = [str(tools / "ansible-playbook"), "-i", str(inventory), playbook, *options]
    if _run(command, os.environ | {"PATH": f"{tools}:{os.environ.get('PATH', '')}"}) != 0:
        raise LabError(
            f"{playbook} failed; the hosts are left as they are. Mend it, then `make lab` goes on from there"
        )


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command to its end; one that is interrupted is given the time to undo what it has begun."""
    child = subprocess.Popen(command, cwd=CHECKOUT, env=environment)
    try:
        return child.wait()
    except KeyboardInterrupt as error:
        # The terminal's Ctrl-C has gone to it too.
        if error.args != (signal.SIGINT.name,):
            with suppress(PermissionError):
                child.send_signal(signal.SIGINT)
        child.wait()
        raise
