# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes what a run did into the ledger of a durability test, so that its page can show it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: durability_events
type: notification
short_description: Note each task that changed something in the ledger of a durability test
version_added: 0.1.0
description:
  - Adds an event for each host on which a task changed something or failed, with when it began and ended.
  - Action P(barevm.kafka.operation#module) enables it for the playbook that it runs. Without a ledger it does
    nothing.
options:
  ledger:
    description: The folder of the test's ledger.
    type: path
    default: ""
    env:
      - name: BAREVM_KAFKA_LEDGER
author:
  - barevm.kafka contributors (@barevm)
"""

import re
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible_collections.barevm.kafka.plugins.module_utils import durability_files

HERE = ("localhost", "127.0.0.1", "::1")
LONGEST = 300
REMARK = re.compile(r"\s*\([^()]*\)(?=\s*(:|$))")
"""What a task's name says in brackets at its end, or before a colon: how long it usually takes, say."""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "barevm.kafka.durability_events"
    CALLBACK_NEEDS_ENABLED = True

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        self._ledger = Path(self.get_option("ledger") or "")
        self._began: dict[tuple[str, str], int] = {}
        # Its name with the variables filled in, which results no longer have.
        self._name: dict[str, str] = {}
        # A test that has ended, and taken its folder along, is told nothing.
        self.disabled = not self.get_option("ledger") or not self._ledger.is_dir()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._name[task._uuid] = self._told(task)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._name[task._uuid] = self._told(task)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._began[task._uuid, host.get_name()] = time.monotonic_ns()

    def v2_runner_on_ok(self, result: Any) -> None:
        if result._result.get("changed"):
            self._mark(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if ignore_errors:
            self._mark(result, "ignored: ")
        else:
            self._mark(result, "failed: ", failed=True)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._mark(result, "unreachable: ", failed=True)

    def _told(self, task: Any) -> str:
        return REMARK.sub("", task.name or task.action).strip()[:LONGEST]

    def _mark(self, result: Any, how: str = "", failed: bool = False) -> None:
        ran_for, task = result._host.get_name(), result._task._uuid
        ended_ns = time.monotonic_ns()
        began_ns = self._began.pop((task, ran_for), ended_ns)
        host = result._task_fields.get("delegate_to") or ran_for
        name = self._name.get(task, self._told(result._task))
        why = "" if result._task_fields.get("no_log") else str(result._result.get("msg") or "")
        words = f"{how}{name}: {why}" if how and why else f"{how}{name}"
        try:
            durability_files.mark(
                self._ledger,
                "task",
                " ".join(words.split())[:LONGEST],
                at_ns=began_ns,
                ended_ns=ended_ns,
                host="" if host in HERE else host,
                **({"failed": True} if failed else {}),
            )
        except OSError as error:
            # The run that is watched goes on all the same.
            self._display.warning(f"The durability test was not told of this: {error}")
            self.disabled = True
