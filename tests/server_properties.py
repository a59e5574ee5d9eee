"""server.properties as people have them, told as the inventory that would write them.

The first line of each says the version, how many brokers there are, and the plugins' names to allow.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import kafka_settings, properties

from tests.described import Groups, Hosts, together

FOLDER = Path(__file__).parent / "unit" / "data" / "server_properties"
FILES = sorted(FOLDER.glob("*.properties"))


def settings(path: Path) -> dict[str, str]:
    """What the file says."""
    return properties.parse(path.read_text(encoding="utf-8"))


def version(path: Path) -> str:
    """The Kafka that it is for."""
    return _told(path, r"kafka ([\d.]+)")


def described(path: Path) -> tuple[Groups, Hosts]:
    """A cluster whose brokers say the same as the file, each with an id and addresses of its own."""
    given = settings(path)
    allowed = _told(path, r"allow (\S+)")
    everywhere: dict[str, Any] = {
        "kafka_version": version(path),
        "kafka_listeners": _listeners(given),
        "kafka_inter_broker_listener": _chosen(given),
        "kafka_log_dirs": given["log.dirs"].split(","),
        "kafka_rack": given.get("broker.rack", ""),
        "kafka_allow_unknown_properties": [allowed] if allowed else [],
        "kafka_properties": {
            name: value for name, value in given.items() if name not in kafka_settings.OWNED
        },
    }
    cluster: tuple[Groups, Hosts] = together(int(_told(path, r"brokers (\d+)")), everywhere)
    # Servers beside an even number of brokers would be even, too.
    cluster[0]["zookeeper"] = cluster[0]["zookeeper"][: 3 if len(cluster[0]["kafka"]) > 1 else 1]
    first = cluster[1][cluster[0]["kafka"][0]]
    first["kafka_broker_id"] = int(given["broker.id"]) if int(given["broker.id"]) > 6 else 1
    return cluster


def _told(path: Path, pattern: str) -> str:
    found = re.search(pattern, path.read_text(encoding="utf-8").splitlines()[0])
    return found[1] if found else ""


def _listeners(given: dict[str, str]) -> list[dict[str, Any]]:
    protocols = dict(
        item.split(":") for item in given.get("listener.security.protocol.map", "").split(",") if item
    )
    return [
        {"name": name, "protocol": protocols.get(name, name), "address": address, "port": int(port)}
        for name, address, port in re.findall(r"(\w+)://([^:,]*):(\d+)", given["listeners"])
    ]


def _chosen(given: dict[str, str]) -> str:
    return given.get("inter.broker.listener.name") or given.get("security.inter.broker.protocol", "")
