"""Lets a module that waits show what it waits for: a module cannot print, an action can."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

STEP_S = 5.0
"""How long one execution of the module waits at most, so that a progress line follows it."""

display = Display()


class WaitingAction(ActionBase):
    """Runs the module of the same name until it waits for nothing more, or its ``timeout_s`` has passed.

    The module returns ``waiting_for``, a list of what is outstanding, and may fail all the while.
    """

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        try:
            deadline = time.monotonic() + float(arguments.get("timeout_s", 0))
        except ValueError:
            deadline = 0.0  # the module's refusal of what was given names the option
        while True:
            if deadline:
                arguments["timeout_s"] = min(STEP_S, max(0.0, deadline - time.monotonic()))
            result: dict[str, Any] = self._execute_module(module_args=arguments, task_vars=task_vars)
            left = deadline - time.monotonic()
            if not result.get("waiting_for") or left <= 0:
                return result
            display.display(
                f"{self._task.action}: waiting for {', '.join(result['waiting_for'])}, {left:.0f} s left"
            )
