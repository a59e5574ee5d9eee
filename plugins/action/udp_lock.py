# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes a host for this run's UDP test, and tells a run that has ended from one that is at work."""

from __future__ import annotations

import getpass
import os
import socket
from datetime import UTC, datetime
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.barevm.kafka.plugins.module_utils import udp_lock
from ansible_collections.barevm.kafka.plugins.modules.udp_lock import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked


class ActionModule(ActionBase):
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        asked = checked(self, DOCUMENTATION)
        # The run is this process's parent.
        asked["holder"] = udp_lock.holder(
            asked["run"],
            os.getppid(),
            user=getpass.getuser(),
            host=socket.gethostname(),
            since=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        name = (task_vars or {}).get("inventory_hostname", "")
        answer: dict[str, Any] = self._execute_module(module_args=asked, task_vars=task_vars)
        held = answer.get("held")
        if held and asked["state"] == "taken" and udp_lock.has_ended(held):
            # Said once: a test looks in check mode before it puts anything back, and takes the lock later.
            if self._task.check_mode:
                Display().display(
                    f"udp_test: {name}: the test of {udp_lock.told(held)} ended before its time; "
                    "what it left is put back"
                )
            asked["instead_of"] = held["run"]
            answer = self._execute_module(module_args=asked, task_vars=task_vars)
            held = answer.get("held")
        if held and asked["state"] == "taken":
            until = datetime.fromtimestamp(held["until"], UTC).isoformat(timespec="seconds")
            answer |= {
                "failed": True,
                "msg": f"Nothing was sent: {name} is in the UDP test of {udp_lock.told(held)}. Wait for its "
                "end. Where that run is dead, udp_test.yml with -e restore=true puts the host back and "
                f"releases it; at the latest it is free after {until}.",
            }
        elif held and held["run"] != asked["run"]:
            Display().display(f"udp_test: {name}: released what {udp_lock.told(held)} had")
        return result | answer
