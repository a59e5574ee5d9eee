# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Works out what a chaos run will do, and refuses it where it must not be, before anything is struck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.utils.vars import load_extra_vars
from ansible_collections.barevm.kafka.plugins.module_utils import chaos_plan, chaos_scenarios
from ansible_collections.barevm.kafka.plugins.modules.chaos_plan import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked

display = Display()


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        asked = checked(self, DOCUMENTATION)
        result |= {"changed": False, "plans": [], "bounds": {}, "_ansible_verbose_override": True}
        names = [name.strip() for name in asked["scenarios"] if name.strip()]
        try:
            chaos_scenarios.chosen(names)
            if why := self._forbidden(task_vars or {}):
                return result | {"failed": True, "msg": why}
            if not asked["cluster"]:
                return result
            cluster = asked["cluster"]
            plans = chaos_plan.plans(cluster, asked["states"], names, asked["power_off"])
        except ValueError as error:
            return result | {"failed": True, "msg": f"Nothing was struck: {error}."}
        lacking = [plan for plan in plans if plan["missing"]]
        if lacking and "all" not in names:
            told = "; ".join(f"{plan['name']} needs {', '.join(plan['missing'])}" for plan in lacking)
            return result | {"failed": True, "msg": f"Nothing was struck: {told}."}
        for plan in plans:
            for line in chaos_plan.intention(plan):
                display.display(f"chaos: {line}")
        return result | {"plans": plans, "bounds": chaos_plan.bounds(cluster)}

    def _forbidden(self, variables: Mapping[str, Any]) -> str:
        """Why faults may not be made here; empty where they may.

        The command line cannot allow it: whoever types it may have another cluster in mind.
        """
        hosts = dict.fromkeys(
            [*variables["groups"].get("zookeeper", []), *variables["groups"].get("kafka", [])]
        )
        where = (
            "Where faults may be made, set chaos_allowed: true for all hosts in the inventory's group_vars"
        )
        # Whatever it says: as a template it would allow what its text does not.
        if "chaos_allowed" in load_extra_vars(self._loader):
            return f"Nothing was struck: on the command line chaos_allowed does not count. {where}."
        silent = [
            host
            for host in hosts
            if not boolean(variables["hostvars"][host].get("chaos_allowed", False), strict=False)
        ]
        if silent:
            return (
                "Nothing was struck: this kills processes, cuts hosts off and fills disks, and the inventory "
                f"does not say chaos_allowed: true of {', '.join(silent)}. {where}."
            )
        return ""
