# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What role roll asks about settings that a running broker takes; module_utils/live_changes answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import live_changes


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "live_decisions": live_changes.decide,
            "live_names": live_changes.settings_to_read,
            "live_told": live_changes.told,
            "overrides_may_be_outlived": live_changes.may_be_outlived,
            "overrides_to_judge": live_changes.to_judge,
            "overrides_outlived": live_changes.outlived_on,
        }
