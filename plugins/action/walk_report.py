# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings the two halves of a resiliency walk to one result and one page."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.barevm.kafka.plugins.module_utils import walk_report
from ansible_collections.barevm.kafka.plugins.module_utils.results import write_result, write_text
from ansible_collections.barevm.kafka.plugins.modules.walk_report import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked


class ActionModule(ActionBase):
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = super().run(tmp, task_vars)
        given = checked(self, DOCUMENTATION)
        answer["changed"] = False
        if self._task.check_mode:
            return answer | {"msg": f"Would write {walk_report.VERB}.json to {given['reports_dir']}."}
        started = datetime.fromisoformat(given["started"])
        walks = [
            walk_report.read(
                each["acks"], Path(each["path"]), datetime.fromisoformat(each["began"]), each["words"]
            )
            for each in given["walks"]
        ]
        duration_s = (datetime.now(UTC) - started).total_seconds()
        result = walk_report.result(walks, started, duration_s)
        reports = Path(given["reports_dir"])
        json_path = write_result(reports, result)
        html_path = reports / f"{walk_report.VERB}.html"
        write_text(html_path, walk_report.html(result, walks))
        answer |= {
            "result": result.result,
            "reasons": list(result.reasons),
            "json_path": str(json_path),
            "html_path": str(html_path),
            "msg": "; ".join(
                f"{walk.name}: {walk.document['records_acked']:,} records acknowledged, "
                f"{walk.document['acked_lost']} lost, {walk.document['unseen']} unseen"
                for walk in walks
                if walk.document
            ),
        }
        if result.result != "PASS":
            answer |= {"failed": True, "msg": f"{result.result}: {'; '.join(result.reasons)} ({json_path})."}
        return answer
