"""What a check found wrong, and how it is told.

A finding names host, variable, value, the rule it breaks and what to do, so that the operator need
not look anything up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from ansible_collections.barevm.kafka.plugins.module_utils import properties

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """``host`` may be a group or "controller"; ``value`` is shown as given, secrets hidden by name."""

    host: str
    variable: str
    value: Any
    rule: str
    remedy: str
    severity: Severity = "error"

    def as_dict(self) -> dict[str, Any]:
        """The finding as a result has it, with secrets hidden."""
        return {**asdict(self), "value": _without_secrets(self.variable, self.value)}

    def __str__(self) -> str:
        value = self.as_dict()["value"]
        return f"{self.host}: {self.variable} = {value!r}: {self.rule.rstrip('.')}. {self.remedy}."


def _without_secrets(name: str, value: Any) -> Any:
    """The value, with what secret names hold hidden, also within dictionaries and lists."""
    if properties.is_secret(name):
        return "<hidden>"
    if isinstance(value, Mapping):
        return {key: _without_secrets(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_secrets(name, item) for item in value]
    return value


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Those that refuse a run."""
    return [finding for finding in findings if finding.severity == "error"]


def warnings(findings: Iterable[Finding]) -> list[Finding]:
    """Those that are told and refuse nothing."""
    return [finding for finding in findings if finding.severity == "warning"]


def merged(found: Iterable[Finding], groups: Mapping[str, Sequence[str]]) -> list[Finding]:
    """The findings, those that say the same of several hosts as one; a whole group by its name."""
    alike: dict[tuple[str, ...], list[Finding]] = {}
    for one in found:
        alike.setdefault((one.variable, repr(one.value), one.rule, one.remedy, one.severity), []).append(one)
    together = []
    for same in alike.values():
        hosts = [one.host for one in same]
        whole = [name for name, members in groups.items() if list(members) == hosts and len(hosts) > 1]
        # Of two groups of the same hosts, the one whose variable it is.
        its_own = [name for name in whole if same[0].variable.startswith(name)]
        named = f"group {(its_own or whole)[0]}" if whole else ", ".join(hosts)
        together.append(replace(same[0], host=named))
    return together


def message(stage: str, findings: Sequence[Finding]) -> str:
    """One message with every finding of a stage, numbered, in the order they were found."""
    count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    lines = [f"{stage}: {count}; no host was changed."]
    lines += [f"  {number}. {finding}" for number, finding in enumerate(findings, 1)]
    return "\n".join(lines)
