# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Resolves every host's variables, role defaults included, and judges the inventory as a whole."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.barevm.kafka.plugins.module_utils import (
    cluster_model,
    findings,
    inventory_rules,
    role_variables,
)
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding
from ansible_collections.barevm.kafka.plugins.modules.preflight_inventory import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked

display = Display()
STAGE = "The inventory is not right"


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        checked(self, DOCUMENTATION)
        variables = task_vars or {}
        groups = {name: list(variables["groups"].get(name, [])) for name in ("zookeeper", "kafka")}
        defaults = {
            role: self._load(role_variables.defaults_file(role)) for role in role_variables.DESCRIBING
        }
        specs = {
            role: self._load(role_variables.specs_file(role))["argument_specs"]["main"]["options"]
            for role in role_variables.DESCRIBING
        }
        found: list[Finding] = []
        hosts = {
            host: self._resolve(host, groups, variables["hostvars"], defaults, specs, found)
            for host in dict.fromkeys([*groups["zookeeper"], *groups["kafka"]])
        }
        # What broke its spec has no type to rely on, so the rules wait until all of it is right.
        if not findings.errors(found):
            found += inventory_rules.check(groups, hosts)
        for warning in findings.warnings(found):
            display.warning(str(warning))
        refused = findings.errors(found)
        if refused:
            result.update(
                failed=True,
                msg=findings.message(STAGE, refused),
                findings=[one.as_dict() for one in found],
            )
            return result
        result.update(cluster_model.build(groups, hosts))
        result.update(
            changed=False,
            # Every variable of every host, secrets among them, is nothing to print at -v.
            _ansible_verbose_override=True,
            findings=[one.as_dict() for one in found],
            reports_dir=str(Path.cwd() / hosts[groups["kafka"][0]]["kafka_reports_dir"]),
            hosts=hosts,
            reads={
                host: cluster_model.reads(of_host, host in groups["zookeeper"], host in groups["kafka"])
                for host, of_host in hosts.items()
            },
        )
        return result

    def _load(self, path: Path) -> dict[str, Any]:
        # From 2.19 on, only what is marked as trusted is templated.
        trust = (
            {"trusted_as_template": True}
            if "trusted_as_template" in inspect.signature(self._loader.load_from_file).parameters
            else {}
        )
        return self._loader.load_from_file(str(path), **trust) or {}

    def _resolve(
        self,
        host: str,
        groups: Mapping[str, list[str]],
        hostvars: Any,
        defaults: Mapping[str, dict[str, Any]],
        specs: Mapping[str, dict[str, Any]],
        found: list[Finding],
    ) -> dict[str, Any]:
        given = hostvars.raw_get(host)
        roles = [
            role
            for role in role_variables.DESCRIBING
            if host in groups.get(role_variables.OF_GROUP.get(role, ""), [host])
        ]
        raw = {name: value for role in roles for name, value in defaults[role].items()}
        templar = self._templar.copy_with_new_env(available_variables={**raw, **given})
        values: dict[str, Any] = {}
        for role in roles:
            mine: dict[str, Any] = {}
            for name in specs[role]:
                if name not in raw and name not in given:
                    continue
                try:
                    mine[name] = templar.template(given.get(name, raw.get(name)))
                except AnsibleError as error:
                    found.append(_unresolved(host, name, given.get(name, raw.get(name)), error))
            values.update(_validated(host, specs[role], mine, found))
        return values


def _unresolved(host: str, name: str, value: Any, error: AnsibleError) -> Finding:
    return Finding(
        host,
        name,
        str(value),
        f"it cannot be resolved: {str(error).splitlines()[0]}",
        "Define what it refers to",
    )


def _validated(
    host: str, spec: Mapping[str, Any], values: dict[str, Any], found: list[Finding]
) -> dict[str, Any]:
    # Ids are asked for by a rule of their own, which can say more than "missing".
    options = {name: {**option, "required": False} for name, option in spec.items()}
    outcome = ArgumentSpecValidator(options).validate(values)
    for error in outcome.errors:
        name = next((name for name in values if name in error.msg), "")
        found.append(
            Finding(
                host,
                name or "a variable",
                values.get(name),
                error.msg,
                "See docs/variables.md for what it takes",
            )
        )
    return {name: value for name, value in outcome.validated_parameters.items() if name in values}
