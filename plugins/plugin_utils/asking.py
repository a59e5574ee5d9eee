"""Actions that ask a cluster something: quick where the controller asks, and talking where they wait."""

from __future__ import annotations

import json
import time
from typing import Any, ClassVar

from ansible.module_utils.basic import missing_required_lib
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

STEP_S = 5.0
"""How long is waited at most until a progress line follows."""

display = Display()


class AskingAction(ActionBase):
    """Asks LOGIC from this process where the task runs on the controller, else by the module of its name.

    A module execution costs a quarter of a second even on the controller, more than the question itself.
    The answer's ``waiting_for`` lists what is outstanding; it is asked again, with a progress line, until
    there is nothing or ``timeout_s`` has passed.
    """

    LOGIC: ClassVar[Any]
    """The module_utils module with SPEC and ``ask(params, check_mode)``."""
    WAITS: ClassVar[bool] = True
    """Whether ``timeout_s`` is for waiting."""
    SAYS: ClassVar[bool] = False
    """Whether ``ask`` also takes ``say``, which shows a line of progress: it then waits by itself."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        try:
            limit_s = float(
                arguments.get("timeout_s", self.LOGIC.SPEC.get("timeout_s", {}).get("default", 0))
            )
        except ValueError:
            return self._ask(arguments, task_vars)  # whose refusal names the option
        if not self.WAITS or (self.SAYS and self._connection.transport == "local"):
            return self._ask(arguments, task_vars)
        deadline = time.monotonic() + limit_s
        while True:
            arguments["timeout_s"] = min(STEP_S, max(0.0, deadline - time.monotonic()))
            answer = self._ask(arguments, task_vars)
            left_s = deadline - time.monotonic()
            if not answer.get("waiting_for") or left_s <= 0:
                return answer
            waiting = ", ".join(answer["waiting_for"])
            display.display(f"{self._task.action}: waiting for {waiting}, {left_s:.0f} s left")

    def _ask(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        if self._connection.transport != "local":
            executed: dict[str, Any] = self._execute_module(module_args=arguments, task_vars=task_vars)
            return executed
        validated = ArgumentSpecValidator(self.LOGIC.SPEC).validate(arguments)
        if validated.error_messages:
            return {"failed": True, "msg": "; ".join(validated.error_messages)}
        # Plain text, as a module gets it: the Kafka client takes no subclass of str, such as Ansible's own.
        params = json.loads(json.dumps(validated.validated_parameters))
        more = {"say": lambda text: display.display(f"{self._task.action}: {text}")} if self.SAYS else {}
        try:
            return {"changed": False, **self.LOGIC.ask(params, self._task.check_mode, **more)}
        except ImportError as error:
            return {"failed": True, "msg": missing_required_lib(error.name)}
