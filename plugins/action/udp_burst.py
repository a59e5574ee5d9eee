# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One step of a UDP test on the controller: a child process sends or reads, this prints what it says."""

from __future__ import annotations

import importlib.util
from typing import Any

from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.barevm.kafka.plugins.modules.udp_burst import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked
from ansible_collections.barevm.kafka.plugins.plugin_utils.supervised import run_child

CHILDREN = {"begun": "udp_reading", "sent": "udp_sender", "read_back": "udp_reading"}
START_S = 30.0
"""What a child may need beside its work: to start, and to ask Kafka."""


class ActionModule(ActionBase):
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        asked = checked(self, DOCUMENTATION)
        result["changed"] = False
        if self._task.check_mode:
            return result | {"skipped": True, "msg": "Nothing is sent under check mode."}
        if importlib.util.find_spec("confluent_kafka") is None:
            return result | {"failed": True, "msg": missing_required_lib("confluent-kafka")}
        state = asked["state"]
        # A sender that is held up takes longer than its schedule; twice as long is no test any more.
        work_s = {"begun": 0.0, "sent": 2 * asked["duration_s"], "read_back": asked["read_limit_s"]}[state]
        answer = run_child(Display(), CHILDREN[state], asked, START_S + work_s)
        if "error" in answer:
            done = "be read back" if state == "read_back" else "begin: nothing was sent"
            return result | {"failed": True, "msg": f"The step could not {done}: {answer['error']}."}
        return result | answer
