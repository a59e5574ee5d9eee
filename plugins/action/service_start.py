# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Starts a service and tells every few seconds how far it has come; the limit is the lack of progress."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.barevm.kafka.plugins.modules.service_start import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked

STEP_S = 5.0
display = Display()


class ActionModule(ActionBase):
    _supports_check_mode = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        given = checked(self, DOCUMENTATION)
        unit, stall_s = given["name"], given["stall_timeout_s"]
        began = advanced = time.monotonic()
        so_far, changed = None, False
        asked = {**given, "wait_s": min(STEP_S, stall_s)}
        while True:
            seen: dict[str, Any] = self._execute_module(module_args=asked, task_vars=task_vars)
            seen.pop("invocation", None)
            seen["changed"] = changed = changed or seen.get("changed", False)
            if "listening" not in seen:  # failed, or check mode
                return _with_journal(seen, unit)
            seen["waited_s"] = round(time.monotonic() - began, 2)
            if seen["listening"]:
                return seen
            if seen["dead"]:
                seen.update(failed=True, msg=f"{unit} died ({seen['active_state']}, {seen['sub_state']})")
                return _with_journal(seen, unit)
            if seen["recovery"] != so_far:
                so_far, advanced = seen["recovery"], time.monotonic()
            left_s = stall_s - (time.monotonic() - advanced)
            if left_s <= 0:
                seen.update(
                    failed=True,
                    msg=f"{unit} runs but does not listen on {_listed(given['ports'])}, and came no further "
                    f"in {stall_s:g} s ({_progress(so_far)}). It is left as it is: see its log",
                )
                return seen
            display.display(
                f"service_start: {unit} is not up yet: {_progress(so_far)}; given up in {left_s:.0f} s "
                "unless it comes further"
            )
            asked = {**given, "wait_s": min(STEP_S, left_s), "watch_since": seen["watch_since"]}


def _with_journal(seen: dict[str, Any], unit: str) -> dict[str, Any]:
    if seen.get("failed") and seen.get("journal"):
        seen["msg"] = "\n  ".join([f"{seen['msg']}. journalctl -u {unit} ends with:", *seen["journal"]])
    return seen


def _progress(recovery: dict[str, Any] | None) -> str:
    if recovery is None:
        return "it has loaded no log yet"
    if recovery["total"] is None:
        return f"{recovery['completed']} logs loaded"
    return f"{recovery['completed']} of {recovery['total']} logs loaded"


def _listed(ports: list[int]) -> str:
    return ", ".join(map(str, ports))
