# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tells what a run would do, writes plan.json, and fails unless it could be carried out as things stand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.barevm.kafka.plugins.module_utils import plan_text, setting_definitions
from ansible_collections.barevm.kafka.plugins.module_utils.plan import build
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result, write_result
from ansible_collections.barevm.kafka.plugins.modules.plan_report import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked

display = Display()


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        returned = super().run(tmp, task_vars)
        asked = checked(self, DOCUMENTATION)
        cluster, states = asked["cluster"], asked["states"]
        files = {
            host: {role: of_role.get(host, {}) for role, of_role in asked["files"].items()} for host in states
        }
        plan = build(
            cluster,
            states,
            files,
            asked["candidates"],
            asked["decisions"],
            asked["gates"],
            asked["validated"],
        )
        _taken_from, definitions = setting_definitions.load(cluster["kafka"]["version"])
        text = plan_text.told(plan, {name: one.default for name, one in definitions.items()})
        reasons = plan.reasons
        result = plan.result
        display.display(text)
        returned.update(changed=False, result=result, reasons=reasons, path="")
        if self._task.check_mode:
            return returned
        started = datetime.fromisoformat(asked["started"])
        path = write_result(
            Path(cluster["reports_dir"]),
            Result(
                verb="plan",
                started=started,
                duration_s=(datetime.now(UTC) - started).total_seconds(),
                result=result,
                reasons=reasons,
                figures=plan.as_dict(),
            ),
        )
        returned.update(path=str(path), msg=f"{result}: {plan_text.summary(plan)} ({path})")
        display.display(f"plan: {returned['msg']}")
        if reasons:
            returned["failed"] = True
        return returned
