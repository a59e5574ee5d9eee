# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The data of templates/prometheus_udp_rules.yml.j2; it is module_utils/udp_alerts'."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.barevm.kafka.plugins.module_utils import udp_alerts as alerts


def thresholds(asked: Mapping[str, Any]) -> dict[str, Any]:
    """All thresholds, those that are not asked for at their defaults."""
    try:
        return alerts.thresholds(asked)
    except alerts.ThresholdError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"udp_alerts": thresholds}
