"""Asks a running cluster which one it is, who is registered, and which brokers hold replicas.

Source: Kafka's znode layout (kafka.zk.ZkData): /cluster/id, /brokers/ids/N, /brokers/topics/T.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.barevm.kafka.plugins.module_utils import registration_reading
from ansible_collections.barevm.kafka.plugins.module_utils.connection import REQUEST_TIMEOUT, ZOOKEEPER
from ansible_collections.barevm.kafka.plugins.module_utils.zookeeper import (
    ZooKeeperUnreachable,
    connected,
    parse_connect,
)

if TYPE_CHECKING:
    from kazoo.client import KazooClient

SPEC: dict[str, dict[str, Any]] = {
    **REQUEST_TIMEOUT,
    **ZOOKEEPER,
    "replicas_of": {"type": "list", "elements": "int", "default": []},
}
EXAMPLES = 3
"""So many partitions of a broker are named."""


def replicas(client: KazooClient, chroot: str, of: Collection[int]) -> list[dict[str, Any]]:
    """How many partitions each of the brokers ``of`` is to hold, with some of their names; none for none."""
    from kazoo.exceptions import NoNodeError

    try:
        topics = client.get_children(f"{chroot}/brokers/topics")
    except NoNodeError:
        return []
    waiting = {topic: client.get_async(f"{chroot}/brokers/topics/{topic}") for topic in sorted(topics)}
    held: dict[int, list[str]] = {}
    for topic, pending in waiting.items():
        try:
            assigned = json.loads(pending.get()[0])["partitions"]
        except NoNodeError:
            continue  # deleted between the two reads
        for partition, brokers in sorted(assigned.items(), key=lambda one: int(one[0])):
            for broker in set(brokers) & set(of):
                held.setdefault(broker, []).append(f"{topic}-{partition}")
    return [
        {"id": broker, "partitions": len(names), "examples": names[:EXAMPLES]}
        for broker, names in sorted(held.items())
    ]


def ask(params: Mapping[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """What the module answers to ``params``, which follow SPEC.

    An ensemble that does not answer is no failure: it may be new, or stopped.
    """
    from kazoo.exceptions import KazooException

    nothing = {"reachable": False, "reason": "", "cluster_id": "", "registered": [], "replicas": []}
    try:
        connect = parse_connect(params["zookeeper_connect"])
        with connected(connect.servers, params["request_timeout_s"]) as client:
            found = registration_reading.read(client, connect.chroot)
            wanted = params["replicas_of"]
            held = replicas(client, connect.chroot, wanted) if wanted else []
    except (ZooKeeperUnreachable, KazooException) as error:
        return {**nothing, "reason": str(error) or type(error).__name__}
    except ValueError as error:
        return {"failed": True, "msg": str(error)}
    return {
        "reachable": True,
        "reason": "",
        "cluster_id": found.cluster_id,
        "registered": [{"id": one.id, "endpoints": one.endpoints} for one in found.brokers.values()],
        "replicas": held,
    }
