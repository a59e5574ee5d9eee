# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role host_tuning computes; all of it lives in module_utils."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import host_tuning


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "finding_line": lambda finding: f"{finding['variable']} = {finding['value']}: {finding['rule']}",
            "kernel_differs": host_tuning.differs,
            "kernel_settings": host_tuning.settings,
            "kernel_missed": host_tuning.missed,
            "mount_advice": lambda disks, host: host_tuning.advice(host, disks, sorted(disks)),
            "not_effective": host_tuning.not_effective,
        }
