# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Puts the results of chaos scenarios together: chaos.json, chaos.html, and one verdict."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.barevm.kafka.plugins.module_utils import chaos_report
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result, write_result, write_text
from ansible_collections.barevm.kafka.plugins.modules.chaos_report import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked

display = Display()


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        returned: dict[str, Any] = super().run(tmp, task_vars)
        asked = checked(self, DOCUMENTATION)
        rows = [
            chaos_report.row(one["plan"], float(one["seconds"]), one["tested"]) for one in asked["outcomes"]
        ]
        reasons = chaos_report.reasons(rows)
        verdict = chaos_report.verdict(rows)
        told = chaos_report.summary(rows)
        # A page that is written says what was done to the cluster; to the cluster nothing is done here.
        returned |= {"changed": False, "result": verdict, "reasons": reasons, "rows": rows, "msg": told}
        if self._task.check_mode:
            return returned
        started = datetime.fromisoformat(asked["started"])
        result = Result(
            verb="chaos",
            started=started,
            duration_s=(datetime.now(UTC) - started).total_seconds(),
            result=verdict,
            reasons=reasons,
            figures={
                "cluster": asked["cluster"],
                "summary": told,
                "complete": asked["final"],
                "bounds": asked["bounds"],
                "scenarios": rows,
            },
        )
        folder = Path(asked["reports_dir"])
        returned["json_path"] = str(write_result(folder, result))
        page = folder / "chaos.html"
        write_text(page, chaos_report.html(result))
        returned["html_path"] = str(page)
        last = rows[-1] if rows else {}
        if not asked["final"]:
            display.display(
                f"chaos: {last['scenario']}: {last['result']} after {last['duration_s']:.0f} s; {told}"
            )
            for reason in last["reasons"]:
                display.display(f"chaos:   {reason}")
        elif verdict != "PASS":
            lines = [f"{verdict}: {told} ({page})", *(f"  {reason}" for reason in reasons)]
            returned |= {"failed": True, "msg": "\n".join(lines)}
        return returned
