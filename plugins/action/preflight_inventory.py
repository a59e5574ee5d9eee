# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Resolves every host's variables, role defaults included, and judges the inventory as a whole."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.barevm.kafka.plugins.module_utils import (
    cluster_model,
    findings,
    inventory_rules,
    role_variables,
    variable_names,
)
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding
from ansible_collections.barevm.kafka.plugins.modules.preflight_inventory import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils import variable_specs
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked

display = Display()
STAGE = "The inventory is not right"
GROUPS = ("zookeeper", "kafka", "syslog_ingest")


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        checked(self, DOCUMENTATION)
        variables = task_vars or {}
        groups = {name: list(variables["groups"].get(name, [])) for name in GROUPS}
        defaults = {
            role: self._load(role_variables.defaults_file(role)) for role in role_variables.DESCRIBING
        }
        entries = {
            role: yaml_load(role_variables.specs_file(role).read_text(encoding="utf-8"))["argument_specs"]
            for role in role_variables.roles()
        }
        specs = {role: entries[role]["main"]["options"] for role in role_variables.DESCRIBING}
        found: list[Finding] = []
        hosts = {
            host: self._resolve(host, groups, variables["hostvars"], defaults, specs, found)
            for host in dict.fromkeys(host for name in GROUPS for host in groups[name])
        }
        wrong = {(one.host, _base(one.variable)) for one in found}
        found += self._unknown_names(hosts, variables["hostvars"], entries)
        if all(hosts.values()):
            judged = inventory_rules.check(groups, hosts)
            found += [one for one in judged if not _follows(one, wrong, groups)]
        found = findings.merged(found, groups)
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
        cluster = cluster_model.build(groups, hosts)
        result.update(cluster)
        result.update(
            changed=False,
            # Every variable of every host, secrets among them, is nothing to print at -v.
            _ansible_verbose_override=True,
            findings=[one.as_dict() for one in found],
            reports_dir=str(Path.cwd() / hosts[groups["kafka"][0]]["kafka_reports_dir"]),
            hosts=hosts,
            reads={
                host: cluster_model.reads(
                    of_host,
                    host in groups["zookeeper"],
                    host in groups["kafka"],
                    cluster_model.peer_names(
                        cluster,
                        in_cluster=host in groups["zookeeper"] or host in groups["kafka"],
                        to_brokers=host in groups["kafka"] or host in groups["syslog_ingest"],
                    ),
                    host in groups["syslog_ingest"],
                )
                for host, of_host in hosts.items()
            },
        )
        return result

    def _unknown_names(
        self, hosts: Mapping[str, dict[str, Any]], hostvars: Any, entries: Mapping[str, Any]
    ) -> list[Finding]:
        """What the inventory says of the hosts that no role reads."""
        known = {
            name
            for of_role in entries.values()
            for entry in of_role.values()
            for name in entry.get("options") or {}
        }
        # What tasks registered or set before this one is no part of the inventory.
        made = getattr(getattr(hostvars, "_variable_manager", None), "_nonpersistent_fact_cache", {})
        given = {
            host: {
                name: value
                for name, value in hostvars.raw_get(host).items()
                if name not in known and name not in made.get(host, {})
            }
            for host in hosts
        }
        foreign = {host: of_host.get("preflight_foreign_variables", []) for host, of_host in hosts.items()}
        return list(variable_names.unknown(given, known, foreign))

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
        """The host's variables as their specs type them, what breaks its spec with its default instead.

        Empty where there is no default to go on with.
        """
        given = hostvars.raw_get(host)
        roles = [
            role
            for role in role_variables.DESCRIBING
            if host in groups.get(role_variables.OF_GROUP.get(role, ""), [host])
        ]
        raw = {name: value for role in roles for name, value in defaults[role].items()}
        options = {name: option for role in roles for name, option in specs[role].items()}
        templar = self._templar.copy_with_new_env(available_variables={**raw, **given})
        values: dict[str, Any] = {}
        whole = True
        for name, option in options.items():
            if name not in raw and given.get(name) is None:
                # An id, which a rule of its own asks for: it can say more than "missing".
                continue
            value, wrong = _judged(templar, host, name, option, given.get(name, raw.get(name)))
            found += wrong
            if not wrong:
                values[name] = value
            elif name in raw:
                value, wrong = _judged(templar, host, name, option, raw[name])
                values[name] = value
                whole = whole and not wrong
        return variable_specs.converted(options, values) if whole else {}


def _may_refer(raw: Any) -> bool:
    """Whether a value may hold a template; most do not, and for hundreds of hosts that saves seconds."""
    if isinstance(raw, str):
        return "{" in raw
    if isinstance(raw, dict):
        return any(_may_refer(part) for pair in raw.items() for part in pair)
    if isinstance(raw, list):
        return any(map(_may_refer, raw))
    return not isinstance(raw, (bool, int, float))


def _judged(
    templar: Any, host: str, name: str, option: dict[str, Any], raw: Any
) -> tuple[Any, list[Finding]]:
    """The value behind ``raw``, and what is wrong with it."""
    try:
        value = templar.template(raw) if _may_refer(raw) else raw
    except AnsibleError as error:
        rule = f"it cannot be resolved: {' '.join(str(error).split())}"
        return None, [Finding(host, name, raw, rule, "Define what it refers to")]
    return value, list(variable_specs.violations(host, name, option, value))


def _base(variable: str) -> str:
    """The inventory's variable behind a finding's, which may name a part of it."""
    return variable.split("[")[0]


def _follows(finding: Finding, wrong: set[tuple[str, str]], groups: Mapping[str, list[str]]) -> bool:
    """Whether a rule was broken by the default that stands in for what broke its spec."""
    group = finding.host.removeprefix("group ")
    hosts = groups.get(group, finding.host.split(", "))
    return any((host, _base(finding.variable)) in wrong for host in hosts)
