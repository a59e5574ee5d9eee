"""What a durability test's topic and brokers are set to, read back from them before and after.

An acknowledgement is worth what these say at the time: rule a of the verdict is judged by them and not by
what the test asked for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.barevm.kafka.plugins.module_utils.wording import some

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient, ClusterMetadata, TopicMetadata

SETTINGS = "settings.json"
"""In the ledger: what the tester read before its first record, below ``before``."""
OFFSETS_TOPIC = "__consumer_offsets"
NAMES = {
    "min.insync.replicas": "min_insync_replicas",
    "unclean.leader.election.enable": "unclean_leader_election",
    "cleanup.policy": "cleanup_policy",
    "log.cleanup.policy": "cleanup_policy",
}
REQUEST_S = 15.0
KNOWN_S = 10.0
POLL_S = 0.5
TALK_S = 5.0

STOP_GRACE_S = 30.0
"""How long a tester may take to end beyond what its last records may take."""
FULL_ISR_S = 120.0
READ_S = 3600.0

Settings = dict[str, Any]
Say = Callable[[str], None]


def client(bootstrap: Sequence[str], properties: Mapping[str, Any]) -> dict[str, Any]:
    """librdkafka properties of every client that judges (librdkafka CONFIGURATION.md)."""
    return {
        "bootstrap.servers": ",".join(bootstrap),
        "client.id": "barevm-durability-judge",
        # What goes wrong is in the result; librdkafka's own lines on standard error would double it.
        "log_level": 0,
        "socket.timeout.ms": 10_000,
        "reconnect.backoff.max.ms": 1000,
        "topic.metadata.refresh.fast.interval.ms": 50,
        **properties,
    }


def judging_limit_s(request: Mapping[str, Any]) -> float:
    """How long the judging of ``request`` may take in all, in seconds."""
    waits = (
        float(request.get("hold_s") or 0.0),
        float(request.get("stop_timeout_s") or 600.0),
        float(request.get("full_isr_timeout_s", FULL_ISR_S)),
        2 * float(request.get("read_timeout_s", READ_S)),
    )
    return sum(waits) + 300.0


def settings(bootstrap: Sequence[str], properties: Mapping[str, Any], topic: str) -> Settings:
    """What topic, brokers and internal topics say now.

    ``topic`` and each of ``internal`` hold replication_factor (the smallest of their partitions),
    min_insync_replicas, unclean_leader_election and cleanup_policy; ``brokers`` the same by id, as text, less
    the replication factor; ``topic_id`` is the topic's own, ``starts`` and ``ends`` the
    offsets of its partitions, as text.

    Raises KafkaException where no broker answers or the topic is not there.
    """
    from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

    admin = AdminClient(client(bootstrap, properties))
    metadata = _metadata(admin, topic)
    topics = [name for name in (topic, OFFSETS_TOPIC) if name == topic or name in metadata.topics]
    resources = [
        *(ConfigResource(ResourceType.TOPIC, name) for name in topics),
        *(ConfigResource(ResourceType.BROKER, str(number)) for number in metadata.brokers),
    ]
    # librdkafka takes one broker a call.
    asked = [admin.describe_configs([each], request_timeout=REQUEST_S)[each] for each in resources]
    said = {
        (each.restype, each.name): _chosen(done.result()) for each, done in zip(resources, asked, strict=True)
    }
    of_topics = {
        name: {
            "replication_factor": _smallest(metadata.topics[name]),
            **said[ResourceType.TOPIC, name],
        }
        for name in topics
    }
    return {
        "topic": of_topics.pop(topic),
        "topic_id": _topic_id(admin, topic),
        "internal": of_topics,
        "brokers": {str(number): said[ResourceType.BROKER, str(number)] for number in metadata.brokers},
        **_offsets(admin, metadata.topics[topic]),
    }


def _topic_id(admin: AdminClient, topic: str) -> str:
    """What tells a topic from another of its name (KIP-516); "" where brokers before 2.8 have none."""
    from confluent_kafka import TopicCollection

    asked = admin.describe_topics(TopicCollection([topic]), request_timeout=REQUEST_S)
    said = str(asked[topic].result().topic_id)
    return "" if not said.strip("A") else said


def _metadata(admin: AdminClient, topic: str) -> ClusterMetadata:
    """The cluster's topics, ``topic`` among them; a broker may not know yet of one that was just made."""
    from confluent_kafka import KafkaError, KafkaException

    deadline = time.monotonic() + KNOWN_S
    while topic not in (metadata := admin.list_topics(timeout=REQUEST_S)).topics:
        if time.monotonic() > deadline:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, f"{topic} is not there"))
        time.sleep(POLL_S)
    return metadata


def write_before(folder: Path, bootstrap: Sequence[str], properties: Mapping[str, Any], topic: str) -> None:
    """Note in the ledger what holds before the first record; raises KafkaException and OSError."""
    found = {"before": settings(bootstrap, properties, topic)}
    (folder / SETTINGS).write_text(json.dumps(found, indent=2) + "\n")


def read_before(folder: Path) -> Settings | None:
    """What ``write_before`` noted; None where it did not come to it."""
    try:
        found: Settings = json.loads((folder / SETTINGS).read_text())["before"]
    except (FileNotFoundError, ValueError):
        return None
    return found


def _chosen(entries: Mapping[str, Any]) -> Settings:
    found: Settings = {}
    for theirs, ours in NAMES.items():
        if theirs in entries:
            value = entries[theirs].value
            found[ours] = {"true": True, "false": False}.get(value, int(value) if value.isdigit() else value)
    return found


def _smallest(topic: TopicMetadata) -> int:
    return min((len(partition.replicas) for partition in topic.partitions.values()), default=0)


def _offsets(admin: AdminClient, topic: TopicMetadata) -> Settings:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import OffsetSpec

    def of(spec: Any) -> dict[str, int]:
        wanted = {TopicPartition(topic.topic, number): spec for number in topic.partitions}
        answers = admin.list_offsets(wanted, request_timeout=REQUEST_S)
        return {str(one.partition): int(done.result().offset) for one, done in answers.items()}

    return {"starts": of(OffsetSpec.earliest()), "ends": of(OffsetSpec.latest())}


def lacking(metadata: ClusterMetadata, topics: Collection[str]) -> list[str]:
    """What keeps these topics' partitions from their full ISR, a phrase for each partition."""
    found = []
    for name in topics:
        topic = metadata.topics.get(name)
        if topic is None or not topic.partitions:
            found.append(f"{name} is not there")
            continue
        for number, partition in sorted(topic.partitions.items()):
            missing = sorted(set(partition.replicas) - set(partition.isrs))
            if partition.leader == -1:
                found.append(f"{name}-{number} has no leader")
            elif missing:
                found.append(f"{name}-{number} lacks broker {', '.join(map(str, missing))} in its ISR")
    return found


def wait_for_full_isr(
    bootstrap: Sequence[str],
    properties: Mapping[str, Any],
    topics: Collection[str],
    timeout_s: float,
    say: Say,
) -> str:
    """Wait until every partition of the topics has its full ISR, and says so twice in turn.

    Returns "" once it has, and what is still lacking after ``timeout_s`` seconds.
    """
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    admin = AdminClient(client(bootstrap, properties))
    began = time.monotonic()
    deadline = began + timeout_s
    told = began
    full = 0
    while True:
        left = deadline - time.monotonic()
        try:
            outstanding = lacking(admin.list_topics(timeout=max(1.0, min(REQUEST_S, left))), topics)
        except KafkaException as error:
            outstanding = [f"no broker answers ({error.args[0].str()})"]
        # One broker's answer can be stale; another moment is often another broker, and never an older answer.
        full = 0 if outstanding else full + 1
        if full == 2:
            return ""
        words = some(outstanding, "; ")
        left = deadline - time.monotonic()
        if outstanding and left <= 0:
            return words
        if outstanding and time.monotonic() >= told + TALK_S:
            say(f"waiting for every partition's full ISR: {words}, {left:.0f} s left")
            told = time.monotonic()
        time.sleep(POLL_S)
