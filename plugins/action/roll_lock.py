# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes a cluster's lock for this run, which is this process's parent."""

from __future__ import annotations

import getpass
import os
import socket
from datetime import UTC, datetime
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.barevm.kafka.plugins.module_utils import roll_lock
from ansible_collections.barevm.kafka.plugins.modules.roll_lock import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked


class ActionModule(ActionBase):
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = checked(self, DOCUMENTATION)
        result.update(changed=False, keeper=given["keeper"])
        if self._task.check_mode:
            return result
        try:
            if given["state"] == "taken":
                result["keeper"] = _taken(given)
            elif given["state"] == "released":
                roll_lock.release(given["keeper"])
            elif given["keeper"] and not roll_lock.is_held(given["keeper"]):
                raise roll_lock.NotHeld("the lock was lost: its session with ZooKeeper ended")
        except roll_lock.NotHeld as error:
            result.update(failed=True, msg=f"Nothing was restarted from here on: {error}.")
        return result


def _taken(given: dict[str, Any]) -> int:
    holder = {
        "user": getpass.getuser(),
        "host": socket.gethostname(),
        "pid": os.getppid(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    try:
        return roll_lock.take(given["zookeeper_connect"], holder, os.getppid())
    except roll_lock.Unreachable as error:
        if not given["optional"]:
            raise
        Display().warning(f"Another run could restart services at the same time: {error}.")
        return 0
