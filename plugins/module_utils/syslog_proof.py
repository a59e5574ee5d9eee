"""Proves a syslog ingest by lines that come back out of Kafka, and makes its topic."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ansible_collections.barevm.kafka.plugins.module_utils import connection

if TYPE_CHECKING:
    from confluent_kafka import Consumer

REQUEST_S = 10.0
POLL_S = 0.2
TRIES = 3
"""How often a line is sent: a datagram may be lost on the way, which is no fault of the ingest."""

TOPIC_SPEC: dict[str, dict[str, Any]] = {
    "bootstrap_servers": {"type": "list", "elements": "str", "required": True},
    "client_properties": {"type": "dict", "default": {}, "no_log": True},
    "topic": {"type": "str", "required": True},
    "timeout_s": {"type": "float", "default": 30.0},
}


# omkafka gives each record the time that the sender wrote into its line. Kafka would delete by it: a line of
# a sender whose clock is a month behind would be gone with the next segment.
TIMESTAMPS = ("message.timestamp.type", "LogAppendTime")


class Unproven(Exception):
    """What could not be had, as one sentence with its remedy."""


def _config(options: Mapping[str, Any]) -> dict[str, Any]:
    addresses = dict(enumerate(options["bootstrap_servers"]))
    return connection.client_config(addresses, options["client_properties"], REQUEST_S)


def make_topic(options: Mapping[str, Any], check_mode: bool) -> tuple[bool, list[str]]:
    """Make the topic where it is missing.

    Returns:
        Whether it was, or would be, made, and what an existing one has otherwise than asked.

    Raises:
        Unproven: no broker answered, or the topic was refused.
    """
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import ConfigResource, NewTopic, ResourceType

    name = options["topic"]
    least = str(options["min_insync_replicas"])
    try:
        admin, metadata = connection.admin_client(_config(options), options["timeout_s"])
        if name not in metadata.topics:
            new = NewTopic(
                name,
                options["partitions"],
                options["replication_factor"],
                config=dict([("min.insync.replicas", least), TIMESTAMPS]),
            )
            if not check_mode:
                admin.create_topics([new], request_timeout=REQUEST_S)[name].result()
            return True, []
        resource = ConfigResource(ResourceType.TOPIC, name)
        config = admin.describe_configs([resource], request_timeout=REQUEST_S)[resource].result()
    except KafkaException as error:
        # Another ingest host's task made it in between.
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False, []
        raise Unproven(
            f"topic {name} could not be looked at or made through {', '.join(options['bootstrap_servers'])}: "
            f"{error.args[0].str()}. Lines wait in the queue; see that brokers run and are reached, and run "
            "this again"
        ) from None
    partitions = metadata.topics[name].partitions
    has = {
        "partitions": len(partitions),
        "replication_factor": min(len(one.replicas) for one in partitions.values()),
        "min_insync_replicas": int(config["min.insync.replicas"].value),
    }
    differs = [
        f"topic {name} has {option} {value}, the inventory asks for {options[option]}: it is left as it is"
        for option, value in has.items()
        if value != options[option]
    ]
    setting, wanted = TIMESTAMPS
    if config[setting].value != wanted:
        differs.append(
            f"topic {name} has {setting} {config[setting].value}, so Kafka keeps each line by its sender's "
            f"clock, and deletes at once what an old one wrote: set it to {wanted}"
        )
    return False, differs


def prove(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Send one numbered line over each protocol and wait until Kafka gives it back.

    Returns:
        For each line its protocol, partition, offset, the tries, and milliseconds from sending to reading.

    Raises:
        Unproven: a line did not come back within ``timeout_s`` seconds, or no broker answered.
    """
    from confluent_kafka import Consumer, KafkaException

    config = {
        **_config(options),
        "group.id": f"barevm-syslog-{uuid.uuid4().hex[:12]}",
        "enable.auto.commit": False,
        "auto.offset.reset": "latest",
    }
    consumer = Consumer(config)
    try:
        _at_end(consumer, options)
        return _sent_and_read(consumer, options)
    except KafkaException as error:
        raise Unproven(
            f"Kafka did not answer at {', '.join(options['bootstrap_servers'])} ({error.args[0].str()}), so "
            f"no line could be read back. rsyslog on {options['address']} queues lines; see that "
            "brokers run and are reached, and run this again"
        ) from None
    finally:
        consumer.close()


def _at_end(consumer: Consumer, options: Mapping[str, Any]) -> None:
    from confluent_kafka import TopicPartition

    topic = options["topic"]
    found = consumer.list_topics(topic, timeout=REQUEST_S).topics[topic]
    if found.error is not None:
        raise Unproven(f"topic {topic} cannot be read: {found.error.str()}. Run this again once it is there")
    wanted = []
    for number in found.partitions:
        _first, end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=REQUEST_S)
        wanted.append(TopicPartition(topic, number, end))
    consumer.assign(wanted)


def _sent_and_read(consumer: Consumer, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    run = uuid.uuid4().hex[:16]
    ports = {"udp": options["udp_port"], "tcp": options["tcp_port"]}
    waiting = {protocol: f"{run}-{protocol}" for protocol, port in ports.items() if port}
    first: dict[str, float] = {}
    tries = dict.fromkeys(waiting, 0)
    found = []
    began = time.monotonic()
    while waiting and (now := time.monotonic() - began) < options["timeout_s"]:
        for protocol, token in waiting.items():
            if now >= tries[protocol] * options["timeout_s"] / TRIES:
                tries[protocol] += 1
                first.setdefault(protocol, time.monotonic())
                _send(protocol, options["address"], ports[protocol], _line(token, tries[protocol]))
        message = consumer.poll(POLL_S)
        if message is None or message.error():
            continue
        value = (message.value() or b"").decode(errors="replace")
        for protocol in [one for one, token in waiting.items() if token in value]:
            del waiting[protocol]
            found.append(
                {
                    "protocol": protocol,
                    "partition": message.partition(),
                    "offset": message.offset(),
                    "tries": tries[protocol],
                    "elapsed_ms": round(1000 * (time.monotonic() - first[protocol])),
                }
            )
    if waiting:
        raise Unproven(
            f"of the lines sent to {options['address']}, that over {_named(list(waiting))} did not come back "
            f"from topic {options['topic']} within {options['timeout_s']:g} s. See `systemctl status "
            "syslog-ingest` there and what its counters say; a firewall, and a template without the message, "
            "keep a line away too"
        )
    return found


def _named(protocols: Sequence[str]) -> str:
    return " and ".join(one.upper() for one in protocols)


def _line(token: str, number: int) -> bytes:
    """A line of RFC 5424, facility local0 and severity informational."""
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"<134>1 {now} {socket.gethostname()} barevm-proof - - - proof {token} number {number}".encode()


def _send(protocol: str, address: str, port: int, line: bytes) -> None:
    try:
        if protocol == "tcp":
            with socket.create_connection((address, port), timeout=REQUEST_S) as stream:
                stream.sendall(line + b"\n")
            return
        family, kind, number, _name, where = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, number) as datagrams:
            datagrams.sendto(line, where)
    except OSError as error:
        raise Unproven(
            f"nothing could be sent to {address}, {protocol.upper()} port {port}: {error}. See that "
            "syslog-ingest.service runs there, and what lies between"
        ) from None
