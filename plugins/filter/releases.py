# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether hosts lack a release; see module_utils/releases.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import releases


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"lack": releases.lack}
