# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judges what was read of every host, and of the releases, in one message."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.barevm.kafka.plugins.module_utils import (
    change_rules,
    disk_rules,
    findings,
    host_rules,
)
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding
from ansible_collections.barevm.kafka.plugins.modules.preflight_hosts import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked

display = Display()
STAGE = "The hosts or the releases are not right"


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        arguments = checked(self, DOCUMENTATION)
        cluster, states, identity = (arguments[name] for name in ("cluster", "states", "identity"))
        found = [
            Finding(
                host,
                "ansible_host",
                (task_vars or {})["hostvars"][host].get("ansible_host", host),
                f"the host could not be read: {' '.join(why.split())}",
                "See that it is up, and that SSH, become and Python work there",
                "error" if arguments["refuse_unread"] else "warning",
            )
            for host, why in arguments["unread"].items()
        ]
        found += [
            finding
            for host, state in states.items()
            for finding in host_rules.check(host, cluster["hosts"][host], state, cluster["reads"][host])
        ]
        changes = change_rules.check(cluster, states)
        found += [*changes, *host_rules.peers(cluster, states)]
        found += change_rules.without_echoes(changes, disk_rules.check(cluster, states, identity))
        found += [Finding(**finding) for finding in arguments["findings"]]
        groups = {
            "zookeeper": [server["host"] for server in cluster["zookeeper"]["servers"]],
            "kafka": [broker["host"] for broker in cluster["kafka"]["brokers"]],
        }
        found = findings.merged(found, groups)
        for warning in findings.warnings(found):
            display.warning(str(warning))
        refused = findings.errors(found)
        result.update(
            changed=False,
            findings=[one.as_dict() for one in found],
        )
        if refused:
            result.update(failed=True, msg=findings.message(STAGE, refused))
        else:
            result.update(markers=disk_rules.markers(cluster, states, identity))
        return result
