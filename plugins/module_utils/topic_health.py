"""Whether a cluster's partitions are led and in sync, its internal topics safe, its brokers of one mind."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from ansible_collections.barevm.kafka.plugins.module_utils.broker_views import ask_each
from ansible_collections.barevm.kafka.plugins.module_utils.cluster_findings import ClusterFinding, answer
from ansible_collections.barevm.kafka.plugins.module_utils.connection import (
    BROKERS,
    LISTENER_CONFIG,
    REQUEST_TIMEOUT,
    WAIT,
    Broker,
    admin_client,
    broker_name,
    client_config,
    usable_listeners,
)
from ansible_collections.barevm.kafka.plugins.module_utils.wording import some

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient, ClusterMetadata

SPEC: dict[str, dict[str, Any]] = {
    **REQUEST_TIMEOUT,
    **BROKERS,
    **LISTENER_CONFIG,
    **WAIT,
    "internal_topics": {"type": "dict", "default": {}},
}
POLL_S = 0.2


class Wanted(TypedDict):
    """What the inventory asks of an internal topic."""

    replication_factor: int
    min_insync_replicas: int


@dataclass
class Report:
    """The cluster's partitions, as the module returns them."""

    topics: int = 0
    partitions: int = 0
    offline: list[str] = field(default_factory=list)
    under_replicated: list[str] = field(default_factory=list)
    internal_topics: dict[str, dict[str, int] | None] = field(default_factory=dict)
    """Partitions, lowest replication_factor and min_insync_replicas; None: not created yet."""
    controllers: dict[str, int | None] = field(default_factory=dict)
    """Broker id to the controller it names; None where it did not answer."""
    elapsed_ms: float = 0.0
    waiting_for: list[str] = field(default_factory=list)
    """What is not right yet and may come right by itself."""
    findings: list[ClusterFinding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The report as the module returns it."""
        return asdict(self)


def judge_partitions(metadata: ClusterMetadata, report: Report) -> None:
    """Find partitions without a leader, and those that lack in-sync replicas.

    Replicas on brokers that are up catch up by themselves, and one that is in sync is made the leader. Those
    on missing brokers are not waited for.
    """
    alive = set(metadata.brokers)
    catching_up = electing = 0
    for name, topic in sorted(metadata.topics.items()):
        report.topics += 1
        for number, partition in sorted(topic.partitions.items()):
            report.partitions += 1
            lagging = set(partition.replicas) - set(partition.isrs)
            if partition.leader == -1:
                report.offline.append(f"{name}-{number}")
                electing += bool(set(partition.isrs) & alive)
            if lagging:
                report.under_replicated.append(f"{name}-{number}")
            catching_up += bool(lagging & alive)
    if catching_up:
        report.waiting_for.append(f"{catching_up} partitions whose replicas are catching up")
    if electing:
        report.waiting_for.append(f"{electing} partitions whose leader is to be elected")
    if report.offline:
        report.findings.append(
            ClusterFinding(
                what=f"{len(report.offline)} partitions have no leader: {some(report.offline)}",
                where="partitions",
                remedy="Start a broker that was in sync for them: only those have every acknowledged record",
            )
        )
    if report.under_replicated:
        report.findings.append(
            ClusterFinding(
                what=f"{len(report.under_replicated)} partitions are under-replicated: "
                + some(report.under_replicated),
                where="partitions",
                remedy="Start the brokers that are missing; if none is, see ReplicaFetcher in server.log",
            )
        )


def judge_internal(wanted: Mapping[str, Wanted], found: Mapping[str, dict[str, int]], report: Report) -> None:
    """Compare the internal topics with what the inventory asks; their replicas were fixed when created."""
    for name, wish in sorted(wanted.items()):
        report.internal_topics[name] = has = found.get(name)
        if has is None:
            continue
        if has["replication_factor"] < wish["replication_factor"]:
            report.findings.append(
                ClusterFinding(
                    what=f"{name} has replication factor {has['replication_factor']}, "
                    f"the inventory asks for {wish['replication_factor']}",
                    where=f"topic {name}",
                    remedy="It was fixed when the topic was created, whatever the file says now: "
                    "add replicas with kafka-reassign-partitions.sh",
                )
            )
        if has["min_insync_replicas"] < wish["min_insync_replicas"]:
            report.findings.append(
                ClusterFinding(
                    what=f"{name} has min.insync.replicas {has['min_insync_replicas']}, "
                    f"the inventory asks for {wish['min_insync_replicas']}",
                    where=f"topic {name}",
                    remedy=f"kafka-configs.sh --alter --entity-type topics --entity-name {name} "
                    f"--add-config min.insync.replicas={wish['min_insync_replicas']}",
                )
            )


def judge_controllers(brokers: Sequence[Broker], report: Report) -> None:
    """Find brokers that name different controllers; ``report.controllers`` holds their answers."""
    answers = {named for named in report.controllers.values() if named is not None}
    if len(answers) > 1 or -1 in answers:
        said = ", ".join(
            f"{broker_name(b)} says {report.controllers[str(b['id'])]}"
            for b in brokers
            if report.controllers.get(str(b["id"])) is not None
        )
        report.waiting_for.append("one controller")
        report.findings.append(
            ClusterFinding(
                what=f"the brokers do not name one controller: {said}",
                where="controller",
                remedy="They agree within seconds of an election; one that stays behind has lost its "
                "ZooKeeper session: see its server.log",
            )
        )


def _min_insync(admin: AdminClient, topics: Sequence[str], timeout_s: float) -> dict[str, int]:
    from confluent_kafka.admin import ConfigResource, ResourceType

    asked = admin.describe_configs(
        [ConfigResource(ResourceType.TOPIC, name) for name in topics], request_timeout=timeout_s
    )
    return {
        resource.name: int(done.result()["min.insync.replicas"].value) for resource, done in asked.items()
    }


def observe(
    brokers: Sequence[Broker],
    listener_config: Mapping[str, Mapping[str, Any]],
    internal_topics: Mapping[str, Wanted],
    timeout_s: float,
    request_timeout_s: float,
    down: Collection[str] = (),
) -> Report:
    """Judge the cluster until nothing that comes right by itself is outstanding, or the time has passed.

    Uses the first listener that a client may use. ``timeout_s`` bounds the waiting, ``request_timeout_s``
    each request. With every broker's host in ``down`` there is nothing to wait for.
    """
    from confluent_kafka import KafkaException

    deadline = time.monotonic() + timeout_s
    listeners = usable_listeners(brokers, listener_config)
    name = next(iter(listeners), "")
    troubles: list[str] = []
    if not name:
        return Report(
            findings=[
                ClusterFinding(
                    what="no listener that a client could use",
                    where=f"listeners of {len(brokers)} brokers",
                    remedy="Give listener_config the client properties of at least one listener",
                )
            ]
        )
    config = client_config(listeners[name], listener_config.get(name, {}), request_timeout_s)
    config["error_cb"] = lambda error: troubles.append(error.str())
    while True:
        began = time.perf_counter()
        report = Report()
        try:
            admin, metadata = admin_client(config, request_timeout_s)
            judge_partitions(metadata, report)
            existing = [topic for topic in internal_topics if topic in metadata.topics]
            smallest = _min_insync(admin, existing, request_timeout_s) if existing else {}
            judge_internal(
                internal_topics,
                {
                    topic: {
                        "partitions": len(parts := metadata.topics[topic].partitions),
                        "replication_factor": min(len(each.replicas) for each in parts.values()),
                        "min_insync_replicas": smallest[topic],
                    }
                    for topic in existing
                },
                report,
            )
            # A broker that the cluster does not name is already a finding of its registration.
            known = {i: address for i, address in listeners[name].items() if i in metadata.brokers}
            views = ask_each(known, listener_config.get(name, {}), request_timeout_s, partitions=False)
            report.controllers = {str(i): view.controller for i, view in views.items()}
            judge_controllers(brokers, report)
        except KafkaException as error:
            met = f" ({troubles[-1]})" if troubles else ""
            if any(broker["host"] not in down for broker in brokers):
                report.waiting_for.append("a broker that answers")
            report.findings.append(
                ClusterFinding(
                    what=f"no broker answers on listener {name}: {error.args[0].str()}{met}",
                    where=", ".join(listeners[name].values()),
                    remedy="See that the brokers run and that the controller reaches these addresses",
                )
            )
        report.elapsed_ms = round((time.perf_counter() - began) * 1000, 1)
        left = deadline - time.monotonic()
        if not report.waiting_for or left <= 0:
            return report
        time.sleep(min(POLL_S, left))


def ask(params: Mapping[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """What the module answers to ``params``, which follow SPEC."""
    report = observe(
        params["brokers"],
        params["listener_config"],
        # Under ansible-core 2.18 a template gives text.
        {
            name: Wanted(
                replication_factor=int(wish["replication_factor"]),
                min_insync_replicas=int(wish["min_insync_replicas"]),
            )
            for name, wish in params["internal_topics"].items()
        },
        params["timeout_s"],
        params["request_timeout_s"],
        params["down"],
    )
    return answer(report.as_dict())
