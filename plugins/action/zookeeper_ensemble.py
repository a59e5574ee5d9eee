# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Shows what module zookeeper_ensemble waits for."""

from __future__ import annotations

from ansible_collections.barevm.kafka.plugins.plugin_utils.waiting import WaitingAction


class ActionModule(WaitingAction):
    pass
