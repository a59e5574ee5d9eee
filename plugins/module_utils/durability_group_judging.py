"""The consumer group's part of a durability test's judging: its figures and findings, and its removal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.durability_files import Line, Started, lines
from ansible_collections.barevm.kafka.plugins.module_utils.durability_findings import Finding
from ansible_collections.barevm.kafka.plugins.module_utils.durability_group import HEARTBEAT_MS, SESSION_MS
from ansible_collections.barevm.kafka.plugins.module_utils.durability_group_rules import Group, judge_group
from ansible_collections.barevm.kafka.plugins.module_utils.durability_group_running import group_name
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

REQUEST_S = 15.0


def judge(
    folder: Path,
    test: Started,
    client: Mapping[str, Any],
    starts: Mapping[int, int],
    ends: Mapping[int, int],
) -> Group:
    """The group's figures and findings, from its members' files and what the brokers keep of its commits.

    ``client``: librdkafka's properties, with bootstrap.servers; ``starts`` and ``ends``: what was read back.
    """
    try:
        group = judge_group(members(folder), starts, ends, kept(client, test))
    except (OSError, KeyError, TypeError, ValueError) as error:
        words = f"what the consumer group wrote down in {folder} cannot be read: {error!r}"
        return Group({}, [Finding("d", "INCONCLUSIVE", "group.handled", None, words)])
    fixed = {
        "commit_s": test.options.get("group_commit_s", 1.0),
        "session_timeout_s": SESSION_MS / 1000,
        "heartbeat_interval_s": HEARTBEAT_MS / 1000,
    }
    return Group(group.figures | fixed, group.findings)


def members(folder: Path) -> dict[int, Iterator[Line]]:
    """Each member's lines."""
    files = {int(path.stem.partition("-")[2]): path for path in folder.glob("group-*.jsonl")}
    return {number: lines(files[number]) for number in sorted(files)}


def kept(client: Mapping[str, Any], test: Started) -> dict[int, int] | None:
    """The offsets that the brokers keep as committed; None where they cannot be asked."""
    consumer = Consumer({**client, "group.id": group_name(test), "log_level": 0})
    try:
        wanted = [TopicPartition(test.topic, number) for number in range(test.partitions)]
        found = consumer.committed(wanted, timeout=REQUEST_S)
    except KafkaException:
        return None
    finally:
        consumer.close()
    if any(each.error is not None for each in found):
        return None
    return {each.partition: max(each.offset, 0) for each in found}


def remove(client: Mapping[str, Any], test: Started) -> None:
    """Remove the group, which nobody is in any more; Kafka forgets it by itself where that fails."""
    admin = AdminClient({**client, "log_level": 0})
    name = group_name(test)
    with contextlib.suppress(KafkaException):
        admin.delete_consumer_groups([name], request_timeout=REQUEST_S)[name].result(REQUEST_S)
