"""How modules are told what to connect to: option specs, and the client configuration made of them.

The prose for these options is in ``doc_fragments/connection.py``; a test compares the two.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from ansible_collections.barevm.kafka.plugins.module_utils.cluster_model import address_port

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient, ClusterMetadata

POLL_S = 0.1


class Listener(TypedDict):
    """One listener of an expected broker."""

    name: str
    protocol: str
    advertised_address: str
    advertised_port: int


class Broker(TypedDict):
    """A broker as the inventory wants it; ``rack`` is "" where none is set."""

    id: int
    host: str
    rack: str
    listeners: list[Listener]


ZOOKEEPER: dict[str, dict[str, Any]] = {
    "zookeeper_connect": {"type": "str", "required": True},
}

REQUEST_TIMEOUT: dict[str, dict[str, Any]] = {
    "request_timeout_s": {"type": "float", "default": 5.0},
}

BROKERS: dict[str, dict[str, Any]] = {
    "brokers": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "id": {"type": "int", "required": True},
            "host": {"type": "str", "default": ""},
            "address": {"type": "str", "default": ""},
            "rack": {"type": "str", "default": ""},
            "listeners": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "protocol": {"type": "str", "required": True},
                    "port": {"type": "int"},
                    "address": {"type": "str", "default": ""},
                    "advertised_address": {"type": "str", "required": True},
                    "advertised_port": {"type": "int", "required": True},
                },
            },
        },
    },
}

LISTENER_CONFIG: dict[str, dict[str, Any]] = {
    "listener_config": {"type": "dict", "default": {}, "no_log": True},
}

WAIT: dict[str, dict[str, Any]] = {
    "timeout_s": {"type": "float", "default": 0.0},
    "down": {"type": "list", "elements": "str", "default": []},
}


def broker_name(broker: Broker) -> str:
    """How findings name a broker: its id, and the host that carries it where that is known."""
    return f"broker {broker['id']} ({broker['host']})" if broker["host"] else f"broker {broker['id']}"


def usable_listeners(
    brokers: Sequence[Broker], listener_config: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[int, str]]:
    """The listeners a client may use: for each name, broker id to ``host:port`` as advertised.

    PLAINTEXT needs no configuration; any other protocol is usable once ``listener_config`` holds the
    client's properties for the listener's name.
    """
    found: dict[str, dict[int, str]] = {}
    for broker in brokers:
        for listener in broker["listeners"]:
            if listener["protocol"] == "PLAINTEXT" or listener["name"] in listener_config:
                address = address_port(listener["advertised_address"], listener["advertised_port"])
                found.setdefault(listener["name"], {})[broker["id"]] = address
    return found


def client_config(
    addresses: Mapping[int, str], properties: Mapping[str, Any], timeout_s: float
) -> dict[str, Any]:
    """librdkafka properties for a short-lived client of one listener (librdkafka CONFIGURATION.md)."""
    return {
        "bootstrap.servers": ",".join(addresses.values()),
        "client.id": "barevm-verify",
        "socket.connection.setup.timeout.ms": max(1000, int(timeout_s * 1000)),
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 500,
        "topic.metadata.refresh.fast.interval.ms": 50,
        # What goes wrong is in the result; librdkafka's own lines on standard error would double it.
        "log_level": 0,
        **properties,
    }


def admin_client(config: Mapping[str, Any], timeout_s: float) -> tuple[AdminClient, ClusterMetadata]:
    """A client with the cluster's brokers and topics; raises KafkaException after ``timeout_s`` seconds.

    A broker that the controller cannot reach knows of no cluster ("Partial response" to librdkafka). A
    client that began with it stays with it, so a new one begins with another.
    """
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient

    deadline = time.monotonic() + timeout_s
    while True:
        admin = AdminClient(dict(config))
        try:
            return admin, admin.list_topics(timeout=max(POLL_S, deadline - time.monotonic()))
        except KafkaException as error:
            admin.poll(0)  # hands what the client met on the way to its error_cb
            if error.args[0].code() != KafkaError._PARTIAL or time.monotonic() > deadline:
                raise
        time.sleep(POLL_S)


def remove_topic(admin: AdminClient, name: str, limit_s: float) -> str:
    """Remove a topic; what went wrong, or "" once it is gone or was never there.

    A client that has met another controller asks that one, and is refused: it is asked again, once it has
    heard who it is now.
    """
    from confluent_kafka import KafkaError, KafkaException

    deadline = time.monotonic() + limit_s
    while True:
        try:
            admin.delete_topics([name], operation_timeout=limit_s, request_timeout=limit_s)[name].result()
        except KafkaException as error:
            refusal = error.args[0]
        else:
            return ""
        if refusal.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return ""
        if refusal.code() != KafkaError.NOT_CONTROLLER or time.monotonic() > deadline:
            return f"topic {name} could not be removed ({refusal.str()})"
        time.sleep(POLL_S)
        with contextlib.suppress(KafkaException):
            admin.list_topics(timeout=limit_s)
