# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judges what verify saw, writes verify.json, and fails unless everything holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.barevm.kafka.plugins.module_utils import host_effect, verdict
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result, write_result
from ansible_collections.barevm.kafka.plugins.modules.verify_report import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked

display = Display()


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        returned = super().run(tmp, task_vars)
        asked = checked(self, DOCUMENTATION)
        states = asked["states"]
        products = {"zookeeper.service": "ZooKeeper", "kafka.service": "the broker"}
        journals = {
            host: {one["item"]: one.get("stdout", "") for one in read.get("results", [])}
            for host, read in asked["journals"].items()
        }
        found = verdict.judge(states, journals, asked["outcomes"], products)
        drift = verdict.judge_drift(asked["cluster"], states, asked["overrides"], found)
        # On bare hosts all is still to come.
        bare = self._task.check_mode and verdict.nothing_installed(states)
        effects = [] if bare else verdict.judge_effects(asked["cluster"], states, found)
        reasons = found.reasons
        passed = not reasons
        for note in found.notes:
            display.display(f"note: {note}")
        for line in host_effect.table(effects, len(states), every=display.verbosity > 0):
            display.display(line)
        for one in drift:
            display.warning(one)
        returned.update(
            changed=False,
            result="PASS" if passed else "FAIL",
            reasons=reasons,
            notes=found.notes,
            drift=drift,
            path="",
        )
        if self._task.check_mode:
            # What a real run would cure must not fail its prediction.
            if bare:
                display.display("verify: nothing is installed on these hosts yet: no cluster to prove")
            else:
                for reason in reasons:
                    display.warning(f"as things stand, verify would fail: {reason}")
            return returned
        started = datetime.fromisoformat(asked["started"])
        result = Result(
            verb="verify",
            started=started,
            duration_s=(datetime.now(UTC) - started).total_seconds(),
            result="PASS" if passed else "FAIL",
            reasons=reasons,
            figures={**found.figures, "notes": found.notes, "findings": found.findings},
        )
        returned["path"] = str(write_result(Path(asked["reports_dir"]), result))
        if passed:
            returned["msg"] = f"PASS: {verdict.summary(found)} ({returned['path']})"
            display.display(f"verify: {returned['msg']}")
            return returned
        count = "1 finding" if len(reasons) == 1 else f"{len(reasons)} findings"
        told = [f"The cluster is not as it should be: {count} ({returned['path']})."]
        told += [f"  {number}. {reason}" for number, reason in enumerate(reasons, 1)]
        returned.update(failed=True, msg="\n".join(told))
        return returned
