# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measure a cluster: a child process tree works, this prints what it says and judges the end."""

from __future__ import annotations

import importlib.util
from typing import Any

from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.barevm.kafka.plugins.module_utils import perf_options
from ansible_collections.barevm.kafka.plugins.plugin_utils.supervised import run_child

LIBRARIES = {
    "confluent_kafka": "confluent-kafka",
    "hdrh": "hdrhistogram",
    "numpy": "numpy",
    "plotly": "plotly",
}
COLUMNS = ("series", "produce_distribution", "end_to_end_distribution")
"""What is for plots: in perf.json and on the page, and left out of what a task prints."""


class ActionModule(ActionBase):
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(argument_spec=perf_options.ARGUMENT_SPEC)
        # The topic is gone again at the end, and the reports are the controller's: nothing is changed.
        result["changed"] = False
        if wrong := perf_options.contradictions(options):
            return result | {"failed": True, "msg": f"Nothing was measured: {'; '.join(wrong)}."}
        if self._task.check_mode:
            return result | {"msg": perf_options.intention(options)}
        for module, library in LIBRARIES.items():
            if importlib.util.find_spec(module) is None:
                return result | {"failed": True, "msg": missing_required_lib(library)}

        answer = run_child(Display(), "perf_run", options, perf_options.time_limit_s(options))
        if "error" in answer:
            return result | {"failed": True, "msg": f"Nothing was measured: {answer['error']}."}
        document = answer["document"]
        result |= {
            "result": document["result"],
            "reasons": document["reasons"],
            "figures": {name: value for name, value in document.items() if name not in COLUMNS},
            "json_path": answer["json_path"],
            "html_path": answer["html_path"],
            "msg": answer["summary"],
        }
        if document["result"] != "PASS":
            result |= {
                "failed": True,
                "msg": f"The perf test failed: {'; '.join(document['reasons'])} ({answer['json_path']}).",
            }
        return result
