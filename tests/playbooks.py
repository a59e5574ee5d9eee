"""Runs a play with the real ansible-playbook of this interpreter and hands back what every task returned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]

# Writes each result as one line; the display would fold, colour and shorten them.
RECORDER = '''
DOCUMENTATION = """
name: recorder
type: aggregate
short_description: Records results
description: Records results.
"""
import json, os
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "recorder"

    def record(self, result, failed=False):
        told = {"host": result._host.get_name(), "task": result._task.get_name()}
        told["result"] = {**result._result, "failed": failed}
        with open(os.environ["RECORDED"], "a") as stream:
            stream.write(json.dumps(told, default=str) + "\\n")

    v2_runner_on_ok = v2_runner_on_skipped = record

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.record(result, failed=True)

    def v2_runner_on_unreachable(self, result):
        self.record(result, failed=True)
'''


@dataclass(frozen=True)
class Run:
    """One run: its status, what it printed, and each task's result in order."""

    status: int
    printed: str
    results: list[dict[str, Any]]

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        """What each task returned."""
        return [one["result"] for one in self.results]


def run(folder: Path, play: list[dict[str, Any]], inventory: Any, *arguments: str, **environment: str) -> Run:
    """Run ``play`` (tasks and hosts as data) on ``inventory`` (data, or a path) from ``folder``."""
    plugins, recorded = folder / "recorder", folder / "recorded"
    plugins.mkdir(exist_ok=True)
    (plugins / "recorder.py").write_text(RECORDER.replace("\\\\n", "\\n"))
    (folder / "play.yml").write_text(yaml.safe_dump(play, sort_keys=False))
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory, sort_keys=False))
    recorded.write_text("")
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "hosts.yml", *arguments, "play.yml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_CALLBACK_PLUGINS": str(plugins),
            "ANSIBLE_CALLBACKS_ENABLED": "recorder",
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_NOCOLOR": "1",
            "RECORDED": str(recorded),
            **environment,
        },
    )
    results = [json.loads(line) for line in recorded.read_text().splitlines()]
    return Run(done.returncode, done.stdout + done.stderr, results)
