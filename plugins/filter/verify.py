# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What role verify asks of the hosts' states; the answers are module_utils/verdict's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import verdict


def hosts_without(states: Mapping[str, Any], unit: str) -> list[str]:
    """The hosts whose ``unit`` is known not to run, and those that could not be looked at."""
    return [
        host for host, state in states.items() if "units" not in state or unit in verdict.not_running(state)
    ]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "hosts_without": hosts_without,
            "not_running": verdict.not_running,
            "nothing_installed": verdict.nothing_installed,
        }
