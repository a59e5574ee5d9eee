# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks from the controller itself what module restart_gate asks from a probe host, with one client a wait."""

from __future__ import annotations

from typing import ClassVar

from ansible_collections.barevm.kafka.plugins.module_utils import restart_gate
from ansible_collections.barevm.kafka.plugins.plugin_utils.asking import AskingAction


class ActionModule(AskingAction):
    LOGIC = restart_gate
    SAYS: ClassVar[bool] = True
