"""What a check found wrong, and how it is told.

A finding names host, variable, value, the rule it breaks and what to do, so that the operator need
not look anything up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
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
        shown = asdict(self)
        if properties.SECRET_KEY.search(self.variable):
            shown["value"] = "<hidden>"
        return shown

    def __str__(self) -> str:
        value = self.as_dict()["value"]
        return f"{self.host}: {self.variable} = {value!r}: {self.rule}. {self.remedy}."


def errors(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity == "error"]


def warnings(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity == "warning"]


def message(stage: str, findings: Sequence[Finding]) -> str:
    """One message with every finding of a stage, numbered, in the order they were found."""
    count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    lines = [f"{stage}: {count}; no host was changed."]
    lines += [f"  {number}. {finding}" for number, finding in enumerate(findings, 1)]
    return "\n".join(lines)
