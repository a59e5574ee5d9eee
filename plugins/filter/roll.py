# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What role roll asks of what it registered; the answers are module_utils/restarts'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import restarts


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "restart_candidates": restarts.candidates,
            "restart_down": restarts.down,
            "restarted": lambda gate, service, *results: restarts.restarted(service, gate, *results),
            "restarts_left": restarts.left,
            "restarts_told": restarts.told,
            "waiting_for_restart": restarts.waiting,
        }
