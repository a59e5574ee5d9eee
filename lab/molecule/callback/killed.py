# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kills a run at a moment that the environment names, as a power cut on the controller would."""

from __future__ import annotations

import os
import signal
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: killed
type: aggregate
short_description: Kills the run at a named moment
description:
  - Sends SIGKILL to the run's process group, which must be the run's own, when a task starts, before any
    host is asked, or when the first host has done it.
requirements:
  - E(KILL_AT), C(start:NAME) or C(end:NAME), where NAME is a task as the run prints it, role included, or how
    that begins.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "killed"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        kill_at(f"start:{task.get_name()}")

    def v2_runner_on_ok(self, result: Any) -> None:
        kill_at(f"end:{result._task.get_name()}")


def kill_at(moment: str) -> None:
    """Kill the run if this is the moment."""
    if not moment.startswith(os.environ["KILL_AT"]):
        return
    if os.getpgrp() != os.getpid():
        raise RuntimeError("KILL_AT: the run has no process group of its own")
    os.killpg(0, signal.SIGKILL)
