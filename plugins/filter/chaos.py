# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What role chaos asks while a scenario runs; the answers are module_utils/chaos_steps'."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.barevm.kafka.plugins.module_utils import chaos_steps


def target(
    step: Mapping[str, Any], targets: Mapping[str, Any], struck: Sequence[Any], cluster: Mapping[str, Any]
) -> dict[str, Any]:
    """Whom a step strikes."""
    try:
        return chaos_steps.target(step, targets, struck, cluster)
    except chaos_steps.NoTargetError as error:
        raise AnsibleFilterError(str(error)) from None


def now_ns(ago_s: Any) -> int:
    """The controller's monotonic clock, which the marks of a durability test are of; or some seconds ago."""
    return time.monotonic_ns() - round(float(ago_s or 0) * 1_000_000_000)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "chaos_await_options": chaos_steps.await_options,
            "chaos_event": chaos_steps.event,
            "chaos_fault_options": chaos_steps.fault_options,
            "chaos_heal_check": chaos_steps.heal_check,
            "chaos_now_ns": now_ns,
            "chaos_target": target,
            "chaos_to_heal": chaos_steps.to_heal,
        }
