# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waits on the controller, where the ledger is: nothing is asked of the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.barevm.kafka.plugins.module_utils import durability_conditions, durability_following
from ansible_collections.barevm.kafka.plugins.modules.durability_await import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked

display = Display()


class ActionModule(ActionBase):
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = checked(self, DOCUMENTATION)
        result.update(changed=False, waited_s=0.0, at_ns=0, what="", timed_out=False)
        if given["condition"] in durability_conditions.OF_BROKERS and not given["brokers"]:
            return {**result, "failed": True, "msg": f"condition {given['condition']} needs brokers"}
        if self._task.check_mode:
            return result
        asked = durability_conditions.Asked(
            given["condition"], tuple(given["brokers"]), given["since"], given["for_s"], given["partitions"]
        )
        try:
            waited = durability_following.wait(
                Path(given["ledger"]),
                asked,
                given["timeout_s"],
                lambda text: display.display(f"{self._task.action}: {text}"),
            )
        except durability_following.NotSeen as error:
            result.update(failed=True, msg=f"{error}.", timed_out=error.timed_out, waited_s=error.waited_s)
        except (OSError, ValueError) as error:
            result.update(failed=True, msg=f"The ledger cannot be read: {error}")
        else:
            result.update(waited_s=waited.waited_s, at_ns=waited.at_ns, what=waited.what)
        return result
