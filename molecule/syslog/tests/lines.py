"""Numbered lines to the ingest host, what came back of them from Kafka, and what its kernel counted."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass

from cluster_client import wait_until
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from testinfra.host import Host

BROKER = "192.168.30.20:9092"
INGEST = ("192.168.30.21", 514)
TOPIC = "syslog"


class Sender(threading.Thread):
    """Datagrams at a steady rate until they are stopped; ``sent`` is how many there were."""

    def __init__(self, rate: int) -> None:
        super().__init__(daemon=True)
        self.run_id = uuid.uuid4().hex[:12]
        self.sent = 0
        self._rate = rate
        self._end = threading.Event()

    def run(self) -> None:
        began = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            while not self._end.wait(0.002):
                while self.sent < (time.monotonic() - began) * self._rate:
                    # A clock that is far behind, as some sender's is: nothing may depend on it.
                    line = f"<134>1 2026-01-01T00:00:00Z here lines - - - {self.run_id} {self.sent} of many"
                    datagrams.sendto(line.encode(), INGEST)
                    self.sent += 1

    def stop(self) -> int:
        self._end.set()
        self.join()
        return self.sent


def udp(line: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.sendto(line, INGEST)


def tcp(data: bytes) -> None:
    with socket.create_connection(INGEST, timeout=10) as stream:
        stream.sendall(data)


def records(token: str) -> list[bytes]:
    """Every record of the topic that holds ``token``."""
    consumer = Consumer({"bootstrap.servers": BROKER, "group.id": "lines", "enable.partition.eof": True})

    def partitions() -> list[int]:
        """Those of the topic; none where the broker has only just started."""
        try:
            return list(consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions)
        except KafkaException:
            return []

    try:
        numbers = wait_until("the broker knows the topic", partitions)
        consumer.assign([TopicPartition(TOPIC, number, OFFSET_BEGINNING) for number in numbers])
        found, ended = [], set()
        deadline = time.monotonic() + 240
        while len(ended) < len(numbers):
            assert time.monotonic() < deadline, (
                f"partitions {set(numbers) - ended} were not read to their end"
            )
            for message in consumer.consume(2000, 1):
                if error := message.error():
                    # Others pass: a leader that is just being elected, a connection that is made anew.
                    if error.code() == KafkaError._PARTITION_EOF:
                        ended.add(message.partition())
                elif token.encode() in message.value():
                    found.append(message.value())
    finally:
        consumer.close()
    return found


def awaited(token: str, number: int, limit_s: float = 180) -> list[bytes]:
    """The records with ``token``, once there are ``number`` of them, or those there are after a while."""
    deadline = time.monotonic() + limit_s
    while len(found := records(token)) < number and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def numbers(run_id: str) -> Counter[int]:
    """How often each number of a run came back."""
    return Counter(int(record.split(run_id.encode())[1].split()[0]) for record in records(run_id))


@dataclass(frozen=True)
class Datagrams:
    """The kernel's counters of the host's UDP: those taken from a socket, and those that were not."""

    taken: int
    no_port: int
    no_room: int

    def __sub__(self, before: Datagrams) -> Datagrams:
        return Datagrams(
            self.taken - before.taken, self.no_port - before.no_port, self.no_room - before.no_room
        )


def datagrams(host: Host) -> Datagrams:
    """What /proc/net/snmp says now."""
    names, values = (line.split()[1:] for line in host.check_output("grep ^Udp: /proc/net/snmp").splitlines())
    counted = dict(zip(names, map(int, values), strict=True))
    return Datagrams(counted["InDatagrams"], counted["NoPorts"], counted["RcvbufErrors"])
