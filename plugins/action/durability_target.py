# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads who is what from the ledger, which is on the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.barevm.kafka.plugins.module_utils import durability_following
from ansible_collections.barevm.kafka.plugins.modules.durability_target import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked


class ActionModule(ActionBase):
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = checked(self, DOCUMENTATION)
        result["changed"] = False
        if self._task.check_mode:
            return {**result, "skipped": True, "msg": "No test runs under check mode."}
        try:
            result.update(durability_following.target(Path(given["ledger"]), given["timeout_s"]))
        except durability_following.NotSeen as error:
            result.update(failed=True, msg=f"{error}.")
        except (OSError, ValueError) as error:
            result.update(failed=True, msg=f"The ledger cannot be read: {error}")
        return result
