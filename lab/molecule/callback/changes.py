# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes what each run of a scenario changed, or would change, so that runs can be compared."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: changes
type: aggregate
short_description: Writes what a run changed as JSON
description:
  - One file a run, C(TIME-check.json) or C(TIME-run.json), in the folder that the environment names.
requirements:
  - E(CHANGES_DIR), the folder.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "changes"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.started = time.time_ns()
        self.playbook = ""
        self.changes: list[list[str]] = []
        self.said: list[list[str]] = []

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self.playbook = Path(playbook._file_name).name
        if self.playbook == "create.yml":
            # What an earlier run of the scenario did to other hosts is nobody's business any more.
            shutil.rmtree(os.environ["CHANGES_DIR"], ignore_errors=True)

    def v2_runner_on_ok(self, result: Any) -> None:
        host, outcome = result._host.get_name(), result._result
        if "msg" in outcome and result._task.action.endswith("debug"):
            told = outcome["msg"]
            self.said.append([host, told if isinstance(told, str) else "\n".join(told)])
        for item in outcome.get("results", [outcome]):
            if item.get("changed"):
                self.changes += [[host, subject, setting] for subject, setting in changed(result._task, item)]

    def v2_playbook_on_stats(self, stats: Any) -> None:
        folder = Path(os.environ["CHANGES_DIR"])
        folder.mkdir(parents=True, exist_ok=True)
        mode = "check" if context.CLIARGS["check"] else "run"
        content = {
            "playbook": self.playbook,
            "seconds": (time.time_ns() - self.started) / 1e9,
            "changes": self.changes,
            "said": self.said,
            "hosts": {host: stats.summarize(host) for host in sorted(stats.processed)},
        }
        (folder / f"{self.started}-{mode}.json").write_text(json.dumps(content, indent=1))


def changed(task: Any, outcome: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each thing that a task changed, and what of it: a file's path and a setting, a unit and its state."""
    arguments = outcome.get("invocation", {}).get("module_args", {})
    kind = task.action.rpartition(".")[2]
    if "changes" in outcome:
        for change in outcome["changes"]:
            for what in change.get("settings") or change["what"]:
                yield change["path"], what
    elif kind == "debug" and (words := re.fullmatch(r"(\S+) would be (.+)", outcome["msg"])):
        yield words[1], words[2]
    elif kind == "systemd_service":
        states = ["enabled"] if arguments["enabled"] else []
        states += [arguments["state"]] if arguments["state"] else []
        yield arguments["name"], " and ".join(states)
    elif kind == "package":
        for name in arguments.get("package") or arguments["name"]:
            yield name, "installed"
    elif kind == "kernel_tuning":
        for part in outcome["diff"]:
            yield part["after_header"], "in the running kernel"
    elif kind in ("user", "group"):
        yield f"{kind} {arguments['name']}", arguments["state"]
    elif kind == "release_push":
        yield outcome["path"], "release"
    else:
        # Nothing that changed goes unseen: what has no rule here is compared by its name.
        yield task.get_name(), kind
