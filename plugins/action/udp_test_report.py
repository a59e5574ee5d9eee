# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes the books of a UDP test: udp_test.json, udp_test.html, and one verdict."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.barevm.kafka.plugins.module_utils import udp_figures, udp_report
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result, write_result, write_text
from ansible_collections.barevm.kafka.plugins.modules.udp_test_report import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        returned: dict[str, Any] = super().run(tmp, task_vars)
        asked = checked(self, DOCUMENTATION)
        # The reports are the controller's; what the host has is as it was.
        returned["changed"] = False
        if self._task.check_mode:
            return returned | {"skipped": True, "msg": "Nothing is measured under check mode."}
        measured = [one for one in asked["steps"] if not one["step"]["warm_up"] or one.get("failed")]
        steps = [udp_figures.step(one) for one in measured]
        profiles = udp_figures.profiles(steps, asked["profiles"])
        bursts = [one["burst"] for one in measured if one.get("burst")]
        verdict, reasons = udp_figures.verdict(steps, asked["failed"])
        told = udp_figures.summary(profiles)
        started = datetime.fromisoformat(asked["started"])
        result = Result(
            verb="udp_test",
            started=started,
            duration_s=(datetime.now(UTC) - started).total_seconds(),
            result=verdict,
            reasons=reasons,
            figures={
                "summary": told,
                "parameters": asked["parameters"],
                "notes": [
                    *asked["warnings_of_test"],
                    *udp_figures.notes(steps, profiles, bursts[0] if bursts else {}),
                ],
                "profiles": profiles,
                "steps": steps,
            },
        )
        folder = Path(asked["reports_dir"])
        page = folder / "udp_test.html"
        write_text(page, udp_report.html(result))
        path = write_result(folder, result)
        returned |= {
            "result": verdict,
            "reasons": reasons,
            "profiles": profiles,
            "json_path": str(path),
            "html_path": str(page),
            "msg": f"{verdict}: {told} ({page})",
        }
        if verdict != "PASS":
            lines = [f"{verdict}: {told} ({page})", *(f"  {reason}" for reason in reasons)]
            returned |= {"failed": True, "msg": "\n".join(lines)}
        return returned
