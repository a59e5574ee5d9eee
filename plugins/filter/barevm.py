# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The computations that templates and tasks print; all of them live in module_utils."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import (
    cluster_model,
    disk_rules,
    heap,
    kafka_settings,
    releases,
    service_units,
    zookeeper_settings,
)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "account_differs": service_units.account_differs,
            "bootstrap_servers": cluster_model.bootstrap_servers,
            "broker_settings": kafka_settings.broker_settings,
            "folder": lambda path, owner, group, mode: {
                "path": path,
                "owner": owner,
                "group": group,
                "mode": mode,
            },
            "hardened": service_units.hardened,
            "heap_size": lambda memory_mb, product, asked="": heap.size(product, memory_mb, asked),
            "hosts_read": lambda answers: {
                host: state for host, state in answers.items() if "units" in state
            },
            "hosts_unread": lambda answers: {
                host: state.get("msg", "no answer") for host, state in answers.items() if "units" not in state
            },
            "identity_question": disk_rules.question,
            "lacking": lambda wanted, states: [one for one in wanted if releases.lack(list(states), one)],
            "listener_refusal": cluster_model.listener_refusal,
            "link_in": lambda name, folder, target: {"path": f"{folder}/{name}", "target": target},
            "marker": lambda path, owner, group: {
                "path": path,
                "content": disk_rules.MARKER,
                "owner": owner,
                "group": group,
            },
            "needs_start": service_units.needs_start,
            "release_of": lambda variables, product: cluster_model.release(product, variables),
            "restart_delay_s": service_units.restart_delay_s,
            "server_settings": zookeeper_settings.server_settings,
            "uses_log4j": cluster_model.zookeeper_uses_log4j,
            "with_digest": service_units.with_digest,
            "with_digest_after": service_units.with_digest_after,
        }
