"""Runs of a playbook against a scenario's hosts, as an operator starts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CALLBACKS = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / "lab" / "molecule" / "callback"


@dataclass(frozen=True)
class Run:
    """What became of a run: its output, and what the callback ``changes`` wrote."""

    returncode: int
    output: str
    content: dict[str, Any]

    @property
    def changes(self) -> set[tuple[str, str, str]]:
        """Host, subject (a path, a unit, a package) and setting of everything that changed."""
        return {(host, subject, setting) for host, subject, setting in self.content["changes"]}

    @property
    def said(self) -> dict[str, str]:
        """What the plays told each host's operator, joined."""
        return {
            host: "\n".join(message for one, message in self.content["said"] if one == host)
            for host in self.content["hosts"]
        }

    @property
    def changed(self) -> dict[str, int]:
        """The recap's ``changed`` of each host."""
        return {host: counts["changed"] for host, counts in self.content["hosts"].items()}


def run(playbook: str, *options: str, succeeds: bool = True) -> Run:
    """Run a playbook of the collection; raises AssertionError unless it ends as expected."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["ansible-playbook", "-i", os.environ["MOLECULE_INVENTORY_FILE"], playbook, *options],
            env=os.environ
            | {
                "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
                "ANSIBLE_CALLBACKS_ENABLED": "changes",
                "CHANGES_DIR": folder,
                "ANSIBLE_NOCOLOR": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        written = [json.loads(path.read_text()) for path in Path(folder).iterdir()]
    assert (done.returncode == 0) == succeeds, done.stdout
    return Run(done.returncode, done.stdout, written[0] if written else {})


def killed(playbook: str, moment: str, *options: str) -> str:
    """Run a playbook that is killed with all its processes at a moment (callback ``killed`` says which there
    are), and return its output; raises AssertionError where the moment never came."""
    with tempfile.TemporaryFile("w+") as output:
        # What outlives the run (a kept SSH connection) may hold a pipe open for ever, and a file cannot hang.
        status = subprocess.run(
            ["ansible-playbook", "-i", os.environ["MOLECULE_INVENTORY_FILE"], playbook, *options],
            env=os.environ
            | {
                "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
                "ANSIBLE_CALLBACKS_ENABLED": "killed",
                "KILL_AT": moment,
                "ANSIBLE_NOCOLOR": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
        ).returncode
        output.seek(0)
        said = output.read()
    assert status == -signal.SIGKILL, f"{moment}: ended with {status}\n{said}"
    return said


def recorded(name: str, mode: str = "run") -> Run:
    """What a playbook did in molecule's own steps, the first time; with ``check`` what it said it would."""
    folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "changes"
    for file in sorted(folder.glob(f"*-{mode}.json")):
        content = json.loads(file.read_text())
        if content["playbook"] == name:
            return Run(0, "", content)
    raise LookupError(f"no {mode} of {name} was recorded")
