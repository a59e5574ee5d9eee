"""Rule a: what makes an acknowledgement a promise, as read back from topic and brokers before and after.

With acks=all an acknowledged record is in every in-sync replica's log; min.insync.replicas says how many
those are at least, and unclean leader election lets a replica lead that was not among them (Kafka
documentation, 4.7 Replication).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Optional

from ansible_collections.barevm.kafka.plugins.module_utils.durability_findings import Finding, Result

LEAST_REPLICAS = 3
LEAST_IN_SYNC = 2
ALL = ("all", "-1")
Settings = Mapping[str, Any]
Lack = tuple[Result, Optional[str], Optional[float], str]
"""Result, figure, count, and words with a place for when it was so."""


def guarantees(
    acks: str, idempotence: bool, before: Settings | None, after: Settings | None, group: bool
) -> Iterator[Finding]:
    """What is less than a durable cluster needs; with ``group``, of the topic of committed offsets too."""
    if str(acks) not in ALL:
        words = f"acks was {acks}: a leader acknowledged alone what no other broker may have. Set acks to all"
        yield Finding("a", "FAIL", "acks", None, words)
    if not idempotence:
        words = (
            "the producer was not idempotent: its retries may duplicate and reorder. Switch idempotence on"
        )
        yield Finding("a", "FAIL", "idempotence", None, words)
    told: dict[Lack, list[str]] = {}
    for when, settings in (("before", before), ("after", after)):
        for result, figure, count, words in _lacking(settings, group, when):
            told.setdefault((result, figure, count, words), []).append(when)
    for (result, figure, count, words), times in told.items():
        whole = words.format(when=f"{' and '.join(times)} the test")
        yield Finding("a", result, figure, count, whole)


def _lacking(settings: Settings | None, group: bool, when: str) -> Iterator[Lack]:
    if settings is None:
        words = "what topic and brokers were set to could not be read {when}. Run again once they answer"
        yield "INCONCLUSIVE", None, None, words
        return
    topics = {"the topic": settings.get("topic") or {}}
    if group:
        internal = settings.get("internal") or {}
        # Kafka makes the topic of committed offsets when the first group asks for it.
        topics |= internal if internal or when == "before" else {"__consumer_offsets": {}}
    for name, topic in topics.items():
        for figure, least, remedy in (
            ("replication_factor", LEAST_REPLICAS, "Give it more replicas: it is fixed at creation"),
            ("min_insync_replicas", LEAST_IN_SYNC, "Raise min.insync.replicas"),
        ):
            value = topic.get(figure)
            words = f"{figure} of {name} was {value} {{when}}, and must be at least {least}. {remedy}"
            if value is None:
                words = f"{figure} of {name} could not be read {{when}}"
                yield "INCONCLUSIVE", figure, None, words
            elif int(value) < least:
                yield "FAIL", figure, int(value), words
    brokers = settings.get("brokers") or {}
    if not brokers:
        yield "INCONCLUSIVE", None, None, "what the brokers were set to could not be read {when}"
    unclean = {name: topic.get("unclean_leader_election") for name, topic in topics.items()}
    for number in sorted(brokers):
        unclean[f"broker {number}"] = brokers[number].get("unclean_leader_election")
    figure, setting = "unclean_leader_election", "unclean.leader.election.enable"
    if hidden := [name for name, value in unclean.items() if value is None]:
        yield "INCONCLUSIVE", figure, None, f"{setting} of {', '.join(hidden)} could not be read {{when}}"
    if allowed := [name for name, value in unclean.items() if value]:
        words = (
            f"{setting} of {', '.join(allowed)} was on {{when}}: a replica that lacks acknowledged records "
            "may lead. Switch it off"
        )
        yield "FAIL", figure, len(allowed), words
