# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fetch releases into the controller's cache: a child process works, this prints how far it is."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding, message
from ansible_collections.barevm.kafka.plugins.plugin_utils.supervised import run_child

RELEASE_SPEC = {
    "product": {"type": "str", "choices": ["kafka", "zookeeper"], "required": True},
    "version": {"type": "str", "required": True},
    "scala_version": {"type": "str", "default": ""},
    "source": {"type": "str", "choices": ["archive", "maven", "local"], "default": "maven"},
    "url": {"type": "str", "default": ""},
    "sha512": {"type": "str", "default": ""},
    "dir": {"type": "str", "default": ""},
    "path": {"type": "str", "default": ""},
}

ARGUMENT_SPEC = {
    "releases": {"type": "list", "elements": "dict", "required": True, "options": RELEASE_SPEC},
    "cache_dir": {"type": "path", "required": True},
    "findings_only": {"type": "bool", "default": False},
    "timeout_s": {"type": "int", "default": 3600},
}


class ActionModule(ActionBase):
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        request = {
            "releases": given["releases"],
            "cache_dir": given["cache_dir"],
            "check_only": self._task.check_mode,
        }
        result |= run_child(Display(), "releases_fetch", request, timeout_s=given["timeout_s"])
        # The cache belongs to the controller: filling it changes no host.
        result["changed"] = False
        findings = [Finding(**finding) for finding in result["findings"]]
        if findings and not given["findings_only"]:
            result |= {"failed": True, "msg": message("Fetching releases", findings)}
        return result
