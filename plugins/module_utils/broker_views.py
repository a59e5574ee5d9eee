"""What each broker says of the cluster when it is asked by itself.

One client for all brokers would be answered by any of them, and the metadata of one can be stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.barevm.kafka.plugins.module_utils.connection import client_config

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

NO_CONTROLLER = -1
NO_LISTENER = "it has no listener that a client could use"


@dataclass(frozen=True)
class View:
    """One broker's answer."""

    error: str = ""
    """Why there is no answer; "" when there is."""
    controller: int | None = None
    """The controller that it names; NO_CONTROLLER where it knows none, None where it did not answer."""
    brokers: frozenset[int] = frozenset()
    leaders: Mapping[str, int] | None = None
    """``topic-number`` to the leader that it tells clients, -1 for none; None where it was not asked."""
    min_insync: int | None = None
    """The min.insync.replicas that it gives topics without one of their own; None where it was not asked."""


def _min_insync(admin: AdminClient, broker_id: int, timeout_s: float) -> int:
    from confluent_kafka.admin import ConfigResource, ResourceType

    resource = ConfigResource(ResourceType.BROKER, str(broker_id))
    asked = admin.describe_configs([resource], request_timeout=timeout_s)
    return int(asked[resource].result()["min.insync.replicas"].value)


def _view(admin: AdminClient, broker_id: int, timeout_s: float, partitions: bool) -> View:
    if not partitions:
        cluster = admin.describe_cluster(request_timeout=timeout_s).result()
        controller = cluster.controller.id if cluster.controller is not None else NO_CONTROLLER
        return View(controller=controller, brokers=frozenset(node.id for node in cluster.nodes))
    metadata = admin.list_topics(timeout=timeout_s)
    return View(
        controller=metadata.controller_id,
        brokers=frozenset(metadata.brokers),
        leaders={
            f"{name}-{number}": partition.leader
            for name, topic in metadata.topics.items()
            for number, partition in topic.partitions.items()
        },
        min_insync=_min_insync(admin, broker_id, timeout_s),
    )


def ask_each(
    addresses: Mapping[int, str], properties: Mapping[str, Any], timeout_s: float, partitions: bool
) -> dict[int, View]:
    """Ask every broker at once, each through a client of its own that knows no other yet.

    ``partitions`` asks for the leaders and min_insync too. ``timeout_s`` bounds each request.
    """
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    def ask(broker_id: int) -> View:
        config = client_config({broker_id: addresses[broker_id]}, properties, timeout_s)
        troubles: list[str] = []
        config["error_cb"] = lambda error: troubles.append(error.str())
        try:
            admin = AdminClient(config)  # a client that nobody holds takes its pending answers with it
        except KafkaException as error:
            return View(error=f"its client cannot be made: {error.args[0].str()}")
        try:
            return _view(admin, broker_id, timeout_s, partitions)
        except KafkaException as error:
            admin.poll(0)  # hands what the client met on the way to its error_cb
            said = error.args[0].str()
            return View(error=f"{said} ({troubles[-1]})" if troubles else said)

    if not addresses:
        return {}
    with ThreadPoolExecutor(max_workers=min(32, len(addresses))) as pool:
        return dict(zip(addresses, pool.map(ask, addresses), strict=True))
