# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether hosts lack a release, and whether their Java runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import java_matrix, releases


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "java_missing": java_matrix.missing,
            "java_package": java_matrix.package,
            "java_refusals": java_matrix.refusals,
            "lack": releases.lack,
        }
