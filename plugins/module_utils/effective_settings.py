"""What one broker will run with: its settings over Kafka's own defaults of its version."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import (
    kafka_settings,
    properties,
    setting_definitions,
)
from ansible_collections.barevm.kafka.plugins.module_utils.cluster_model import Groups, Hosts

_BY_VARIABLE = {
    **{name: kafka_settings.variable(name) for name in kafka_settings.NAMED},
    **kafka_settings.OWNED,
    "log.retention.ms": "kafka_log_retention_hours",
}


class Effective:
    """One broker's settings by Kafka's names; what is not given has Kafka's default."""

    def __init__(self, host: str, variables: Mapping[str, Any]) -> None:
        self.host = host
        self.variables = variables
        # An id that is missing is told by a rule of its own.
        known = variables if "kafka_broker_id" in variables else {**variables, "kafka_broker_id": ""}
        self.settings = kafka_settings.broker_settings(known, "")
        self._definitions = setting_definitions.load(variables["kafka_version"])[1]

    def knows(self, name: str) -> bool:
        """Whether this version has the setting."""
        return name in self._definitions

    def given(self, name: str) -> bool:
        """Whether a variable or kafka_properties says it, so that the operator may be told of it."""
        return name in self.settings

    def text(self, name: str) -> str:
        """The value as Kafka reads it, blanks at its ends removed; empty where there is none."""
        if name in self.settings:
            return properties.text(self.settings[name]).strip()
        definition = self._definitions.get(name)
        return definition.unset if definition else ""

    def number(self, name: str) -> int | None:
        """The whole number; None where there is none, or a configuration provider fills it in."""
        text = self.text(name)
        return int(text) if re.fullmatch(r"[-+]?\d+", text) else None

    def items(self, name: str) -> list[str]:
        """The parts of a list."""
        return [item.strip() for item in self.text(name).split(",") if item.strip()]

    def says(self, name: str) -> bool:
        """Whether a setting of two values is true."""
        return self.text(name).lower() == "true"

    def provided(self, name: str) -> bool:
        """Whether a configuration provider fills it in, so that it cannot be judged here."""
        return "${" in self.text(name)

    def where(self, name: str) -> str:
        """The variable to blame for a setting."""
        if name in self.variables["kafka_properties"]:
            return f"kafka_properties[{name}]"
        return _BY_VARIABLE.get(name, f"kafka_properties[{name}]")

    def value(self, name: str) -> Any:
        """What the operator wrote where it was written, else what holds."""
        variable = _BY_VARIABLE.get(name, "")
        given: Mapping[str, Any] = self.variables["kafka_properties"]
        return given.get(name, self.variables.get(variable, self.settings.get(name, self.text(name))))


def brokers(groups: Groups, hosts: Hosts) -> Iterator[Effective]:
    """Every broker that has a listener, without which nothing can be said of the rest."""
    for host in groups["kafka"]:
        if hosts[host]["kafka_listeners"]:
            yield Effective(host, hosts[host])
