# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks from the controller itself what module cluster_identity asks from a probe host."""

from __future__ import annotations

from ansible_collections.barevm.kafka.plugins.module_utils import cluster_identity
from ansible_collections.barevm.kafka.plugins.plugin_utils.asking import AskingAction


class ActionModule(AskingAction):
    LOGIC = cluster_identity
    WAITS = False
