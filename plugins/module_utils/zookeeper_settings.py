"""A ZooKeeper server's settings, computed from its variables: what zoo.cfg will say.

Source of names: ZooKeeper administrator's guide, "Configuration Parameters".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NAMED = {
    "tickTime": "zookeeper_tick_time_ms",
    "initLimit": "zookeeper_init_limit",
    "syncLimit": "zookeeper_sync_limit",
    "dataDir": "zookeeper_data_dir",
    "dataLogDir": "zookeeper_txn_log_dir",
    "clientPort": "zookeeper_client_port",
    "maxClientCnxns": "zookeeper_max_client_cnxns",
    "autopurge.snapRetainCount": "zookeeper_autopurge_snap_retain_count",
    "autopurge.purgeInterval": "zookeeper_autopurge_purge_interval_h",
    "4lw.commands.whitelist": "zookeeper_four_letter_words",
    "admin.enableServer": "zookeeper_admin_server_enable",
}

# Settings that preflight must know as variables: in zookeeper_properties they would hide the truth from it.
OWNED = {
    "dataDir": "zookeeper_data_dir",
    "dataLogDir": "zookeeper_txn_log_dir",
    "clientPort": "zookeeper_client_port",
    "tickTime": "zookeeper_tick_time_ms",
}


def server_settings(variables: Mapping[str, Any], servers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Every setting of one server by ZooKeeper's own name.

    A single server stands alone; it gets no server list, which would only make it warn.
    """
    settings = {name: variables[variable] for name, variable in NAMED.items()}
    if len(servers) > 1:
        for one in servers:
            address = f"[{one['address']}]" if ":" in one["address"] else one["address"]
            settings[f"server.{one['id']}"] = f"{address}:{one['peer_port']}:{one['election_port']}"
    return {**settings, **variables["zookeeper_properties"]}
