# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Works out what a UDP test will send, and refuses it where it must not be, before a datagram is sent."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.utils.vars import load_extra_vars
from ansible_collections.barevm.kafka.plugins.module_utils import udp_path, udp_plan
from ansible_collections.barevm.kafka.plugins.modules.udp_test_plan import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked

display = Display()


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        asked = checked(self, DOCUMENTATION)
        variables = task_vars or {}
        result["changed"] = False
        found = udp_plan.wrong(
            asked, variables["groups"], variables["ansible_play_hosts_all"], socket.gethostname()
        )
        if not found and (why := self._forbidden(asked["host"], variables)):
            found = [why]
        if found:
            return result | {"failed": True, "msg": f"Nothing was sent: {'; '.join(found)}."}
        try:
            address = udp_path.resolved(asked["address"])
            way = udp_path.way(address)
        except OSError as error:
            where = f"{asked['host']} ({asked['address']})"
            return result | {"failed": True, "msg": f"Nothing was sent: {where} is not reached: {error}."}
        warnings = udp_plan.warnings(asked["size"], way.mtu, asked["max_message_bytes"], ":" in address)
        for warning in warnings:
            display.warning(warning)
        if asked["port"]:
            display.display(f"udp_test: {udp_plan.intention({**asked, 'address': address})}")
        return result | {
            "run": secrets.token_hex(4),
            "address": address,
            "steps": udp_plan.steps(asked),
            "undo_after_s": udp_plan.undo_after_s(asked),
            "longest_s": udp_plan.undo_after_s(asked) * len(asked["profiles"]),
            "warnings_of_test": warnings,
        }

    def _forbidden(self, host: str, variables: Mapping[str, Any]) -> str:
        """Why datagrams may not be sent there; empty where they may.

        The command line cannot allow it: whoever types it may have another host in mind.
        """
        where = "Where such bursts may be sent, set udp_test_allowed: true for the host in the inventory"
        # Whatever it says: as a template it would allow what its text does not.
        if "udp_test_allowed" in load_extra_vars(self._loader):
            return f"on the command line udp_test_allowed does not count. {where}"
        if not boolean(variables["hostvars"][host].get("udp_test_allowed", False), strict=False):
            return (
                "this sends bursts of datagrams, lowers kernel settings for a while and restarts rsyslog, "
                f"and the inventory does not say udp_test_allowed: true of {host}. {where}"
            )
        return ""
