"""Write a record to a partition led by each broker, through each client listener, and read it back."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.barevm.kafka.plugins.module_utils.cluster_findings import ClusterFinding, answer
from ansible_collections.barevm.kafka.plugins.module_utils.connection import (
    BROKERS,
    LISTENER_CONFIG,
    WAIT,
    Broker,
    client_config,
    usable_listeners,
)
from ansible_collections.barevm.kafka.plugins.module_utils.roundtrip_topic import TOPIC, lead

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

SPEC = {
    **BROKERS,
    **LISTENER_CONFIG,
    "timeout_s": {"type": "float", "default": 10.0},
    "down": WAIT["down"],
}
RECORD_BYTES = 1024
POLL_S = 0.05
"""How soon a record is tried again that met a broker behind the others."""


@dataclass
class Probe:
    """One record's way through one listener; times in milliseconds, connection set-up included."""

    broker: int
    host: str
    listener: str
    address: str
    partition: int
    offset: int | None = None
    produce_ms: float | None = None
    read_ms: float | None = None


@dataclass
class Report:
    """Everything that was tried, as the module returns it."""

    topic: str = TOPIC
    probes: list[Probe] = field(default_factory=list)
    skipped_listeners: list[dict[str, str]] = field(default_factory=list)
    """Listeners that were not tried, each with the reason."""
    elapsed_ms: float = 0.0
    findings: list[ClusterFinding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The report as the module returns it."""
        return asdict(self)


class _Way:
    """All probes through one listener: one producer, one consumer, a record for each broker."""

    def __init__(
        self, name: str, addresses: Mapping[int, str], config: Mapping[str, Any], timeout_s: float
    ) -> None:
        self.name, self.timeout_s = name, timeout_s
        self.config = client_config(addresses, config, timeout_s) | {"error_cb": self._trouble}
        self.troubles: list[str] = []
        self.payloads: dict[int, bytes] = {}
        """Partition to the value that was written to it."""
        self.refusals: dict[int, KafkaError] = {}

    def _trouble(self, error: KafkaError) -> None:
        self.troubles.append(error.str())

    def why(self, address: str) -> str:
        """What the client last met at an address, in librdkafka's words."""
        met = [trouble for trouble in self.troubles if address in trouble]
        return f" ({met[-1]})" if met else ""

    def produce(self, probes: Sequence[Probe]) -> None:
        """Begin to write a record for each probe; ``acknowledged`` waits for them."""
        from confluent_kafka import Producer

        self.producer = Producer(
            self.config
            | {
                "acks": "all",
                "linger.ms": 0,
                "message.timeout.ms": int(self.timeout_s * 1000),
                "socket.nagle.disable": True,
            }
        )
        for probe in probes:
            head = f"{uuid.uuid4()} broker {probe.broker} {probe.listener} ".encode()
            self.payloads[probe.partition] = head + os.urandom(RECORD_BYTES - len(head))
            self._produce(probe)

    def _produce(self, probe: Probe) -> None:
        from confluent_kafka import KafkaException

        def delivered(error: KafkaError | None, record: Message) -> None:
            if error is None:
                probe.offset = record.offset()
                probe.produce_ms = round(record.latency() * 1000, 1)
            else:
                self.refusals[probe.partition] = error

        try:
            self.producer.produce(
                TOPIC, self.payloads[probe.partition], partition=probe.partition, on_delivery=delivered
            )
        except KafkaException as error:
            # So a client refuses what a broker has already told it that it does not know.
            self.refusals[probe.partition] = error.args[0]

    def acknowledged(self, probes: Sequence[Probe]) -> None:
        """Wait until every record is acknowledged or refused: message.timeout.ms bounds it."""
        from confluent_kafka import KafkaError, KafkaException

        deadline = time.monotonic() + self.timeout_s
        while True:
            self.producer.flush(self.timeout_s + 1)
            # A broker that has not heard of a partition added a moment ago made the client refuse it.
            again = [
                probe
                for probe in probes
                if probe.offset is None
                and probe.partition in self.refusals
                and self.refusals[probe.partition].code() == KafkaError._UNKNOWN_PARTITION
            ]
            if not again or time.monotonic() > deadline:
                return
            time.sleep(POLL_S)
            with contextlib.suppress(KafkaException):
                self.producer.list_topics(TOPIC, timeout=self.timeout_s)
            for probe in again:
                del self.refusals[probe.partition]
                self._produce(probe)

    def read(self, probes: Sequence[Probe]) -> dict[int, bytes]:
        """The value at each probe's offset, by partition; what did not come in time is left out."""
        from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

        found: dict[int, bytes] = {}
        wanted = {probe.partition: probe for probe in probes if probe.offset is not None}
        if not wanted:
            return found
        consumer = Consumer(
            self.config
            | {
                "group.id": "barevm-verify",  # demanded by the client; no offset is ever committed
                "enable.auto.commit": False,
                "check.crcs": True,
                "fetch.wait.max.ms": 20,
                "auto.offset.reset": "error",
            }
        )
        began = time.perf_counter()
        deadline = time.monotonic() + self.timeout_s
        try:
            consumer.assign([TopicPartition(TOPIC, p, probe.offset) for p, probe in wanted.items()])
            while len(found) < len(wanted) and (left := deadline - time.monotonic()) > 0:
                record = consumer.poll(left)
                if record is None:
                    break
                if record.error():
                    self.troubles.append(record.error().str())
                    if record.error().code() == KafkaError._UNKNOWN_PARTITION:
                        with contextlib.suppress(KafkaException):
                            consumer.list_topics(TOPIC, timeout=left)
                elif record.offset() == wanted[record.partition()].offset:
                    found[record.partition()] = record.value()
                    wanted[record.partition()].read_ms = round((time.perf_counter() - began) * 1000, 1)
        finally:
            consumer.close()
        return found


def run(
    brokers: Sequence[Broker],
    listener_config: Mapping[str, Mapping[str, Any]],
    timeout_s: float,
    check_mode: bool = False,
    down: Sequence[str] = (),
) -> Report:
    """Prove every broker by a record through each listener that a client may use.

    ``timeout_s`` bounds each of three steps: leaders for the topic's partitions, writing, reading.
    A broker on one of the hosts ``down`` is not waited for. Under check mode nothing is created and
    nothing written.
    """
    from confluent_kafka import KafkaException

    began = time.perf_counter()
    report = Report()
    listeners = usable_listeners(brokers, listener_config)
    report.skipped_listeners = [
        {
            "listener": listener["name"],
            "broker": str(broker["id"]),
            "reason": f"listener_config has no client properties for this {listener['protocol']} listener",
        }
        for broker in brokers
        for listener in broker["listeners"]
        if listener["name"] not in listeners
    ]
    if not listeners:
        report.findings.append(
            ClusterFinding(
                what="no listener that a client could use",
                where=f"listeners of {len(brokers)} brokers",
                remedy="Give listener_config the client properties of at least one listener",
            )
        )
        return report
    ways = [
        _Way(name, addresses, listener_config.get(name, {}), timeout_s)
        for name, addresses in listeners.items()
    ]
    admin_way = ways[0]
    try:
        leaders, report.findings = lead(admin_way.config, brokers, timeout_s, check_mode, down)
    except KafkaException as error:
        addresses = listeners[admin_way.name].values()
        report.findings.append(
            ClusterFinding(
                what=f"no broker answers on listener {admin_way.name}: {error.args[0].str()}"
                + "".join(dict.fromkeys(admin_way.why(address) for address in addresses)),
                where=", ".join(addresses),
                remedy="See that the brokers run and that the controller reaches these addresses",
            )
        )
        return report
    if not check_mode:
        _probe(ways, listeners, brokers, leaders, report)
    report.elapsed_ms = round((time.perf_counter() - began) * 1000, 1)
    return report


def _probe(
    ways: Sequence[_Way],
    listeners: Mapping[str, Mapping[int, str]],
    brokers: Sequence[Broker],
    leaders: Mapping[int, int],
    report: Report,
) -> None:
    probes = {
        way.name: [
            Probe(b["id"], b["host"], way.name, listeners[way.name][b["id"]], leaders[b["id"]])
            for b in brokers
            if b["id"] in leaders and b["id"] in listeners[way.name]
        ]
        for way in ways
    }
    # All listeners at once: a broken one costs its time-out once, not once for each listener.
    for way in ways:
        way.produce(probes[way.name])
    for way in ways:
        way.acknowledged(probes[way.name])
    for way in ways:
        read = way.read(probes[way.name])
        for probe in probes[way.name]:
            report.probes.append(probe)
            what = _fault(way, probe, read)
            if what:
                report.findings.append(
                    ClusterFinding(
                        what=what + way.why(probe.address),
                        where=f"broker {probe.broker} ({probe.host}), listener {way.name} {probe.address}",
                        remedy="See that this is the broker's address and can be reached, and its server.log",
                    )
                )


def _fault(way: _Way, probe: Probe, read: Mapping[int, bytes]) -> str:
    name = f"{TOPIC}-{probe.partition}"
    if probe.offset is None:
        refusal = way.refusals.get(probe.partition)
        return f"a record for {name} could not be written: {refusal.str() if refusal else 'no answer came'}"
    if probe.partition not in read:
        return f"the record acknowledged at offset {probe.offset} of {name} could not be read"
    if read[probe.partition] != way.payloads[probe.partition]:
        return f"offset {probe.offset} of {name} holds another record than the one acknowledged there"
    return ""


def ask(params: Mapping[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """What the module answers to ``params``, which follow SPEC."""
    report = run(
        params["brokers"], params["listener_config"], params["timeout_s"], check_mode, params["down"]
    )
    return answer(report.as_dict())
