"""Proves a syslog ingest by lines that come back out of Kafka."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ansible_collections.barevm.kafka.plugins.module_utils.syslog_topic import REQUEST_S, client_config

if TYPE_CHECKING:
    from confluent_kafka import Consumer

POLL_S = 0.2
TRIES = 3
"""How often a line is sent: a datagram may be lost on the way, which is no fault of the ingest."""


class Unproven(Exception):
    """What could not be had, as one sentence with its remedy."""


def prove(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Send one numbered line over each protocol and wait until Kafka gives it back.

    Returns:
        For each line its protocol, partition, offset, the tries, and milliseconds from sending to reading.

    Raises:
        Unproven: a line did not come back within ``timeout_s`` seconds, or no broker answered.
    """
    from confluent_kafka import Consumer, KafkaException

    config = {
        **client_config(options),
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
