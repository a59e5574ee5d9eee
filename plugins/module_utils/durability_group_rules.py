"""What a consumer group did, judged from what its members wrote down. Pure.

At least once: every record from the first to the high watermark was handled by some member. Twice is right
only for what lies beyond the last commit: a new owner of a partition begins at the committed offset, and
handles again what the former one had handled since. A commit says that all before it was handled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.durability_findings import Finding, plural
from ansible_collections.barevm.kafka.plugins.module_utils.durability_group_history import (
    History,
    Line,
    Ownership,
    Partition,
)

INTERRUPTED_S = 2.0
"""A partition that keeps its owner and is not handled for longer was interrupted. (librdkafka pauses what it
keeps, too, when it is given or loses something: measured, for 1.0 s with 2.16.)"""


@dataclass(frozen=True)
class Rebalance:
    """Partitions that changed hands at the same time."""

    began_ns: int
    seconds: float
    """The longest that one of them was not handled: from its last record to its new owner's first."""
    moved: int
    stayed: int
    """Partitions that kept their owner."""
    kept_pause_s: float
    """The longest that one of these was not handled meanwhile."""
    interrupted: int
    """Those of them that were not handled for more than INTERRUPTED_S."""


@dataclass(frozen=True)
class Group:
    """What the group did; ``figures`` are those of the result."""

    figures: dict[str, Any]
    findings: list[Finding]


def rebalances(partitions: Mapping[int, Sequence[Ownership]]) -> list[Rebalance]:
    """Every time that partitions changed hands, in the order of time.

    A partition is moving from the last record that an owner handled to the first of the next one; moves that
    overlap are one rebalance. One that was moved and met no record afterwards is not in it.
    """
    moves = sorted(move for ownerships in partitions.values() for move in _moves(ownerships))
    together: list[list[tuple[int, int]]] = []
    until_ns = 0
    for move in moves:
        if not together or move[0] > until_ns:
            together.append([])
        together[-1].append(move)
        until_ns = max(until_ns, move[1])
    found = []
    for group in together:
        began_ns, ended_ns = group[0][0], max(ended for _began, ended in group)
        kept = [
            owned
            for ownerships in partitions.values()
            if (owned := _keeper(ownerships, began_ns, ended_ns)) is not None
        ]
        pauses = [_pause_s(owned, began_ns, ended_ns) for owned in kept]
        found.append(
            Rebalance(
                began_ns,
                round(max(ended - began for began, ended in group) / 1e9, 3),
                len(group),
                len(kept),
                round(max(pauses, default=0.0), 3),
                sum(pause > INTERRUPTED_S for pause in pauses),
            )
        )
    return found


def _moves(ownerships: Sequence[Ownership]) -> Iterator[tuple[int, int]]:
    for index, owned in enumerate(ownerships):
        if not owned.intervals:
            continue
        first_ns = owned.intervals[0].began_ns
        # A former owner that did not know that it had lost the partition may still have been at it.
        before = [
            min(each.ended_ns, first_ns)
            for former in ownerships[:index]
            for each in former.intervals
            if each.began_ns <= first_ns
        ]
        if before:
            yield max(before), first_ns


def _keeper(ownerships: Sequence[Ownership], began_ns: int, ended_ns: int) -> Ownership | None:
    """Who handled the partition before, after, and all the time between."""
    for index, owned in enumerate(ownerships):
        following = [each.since_ns for each in ownerships[index + 1 :]]
        until_ns = min([*following, *([] if owned.until_ns is None else [owned.until_ns])], default=None)
        if (
            owned.intervals
            and owned.intervals[0].began_ns <= began_ns
            and owned.intervals[-1].ended_ns >= ended_ns
            and (until_ns is None or until_ns > ended_ns)
        ):
            return owned
    return None


def _pause_s(owned: Ownership, began_ns: int, ended_ns: int) -> float:
    """The longest time without a handled record that reaches into a time."""
    return max(
        (
            (after.began_ns - before.ended_ns) / 1e9
            for before, after in zip(owned.intervals, owned.intervals[1:])
            if before.ended_ns < ended_ns and after.began_ns > began_ns
        ),
        default=0.0,
    )


def judge_group(
    members: Mapping[int, Iterable[Line]],
    starts: Mapping[int, int],
    ends: Mapping[int, int],
    kept: Mapping[int, int] | None,
) -> Group:
    """Judge a group by its members' lines, the topic's start offsets and high watermarks, and the commits
    that the brokers have in the end (``kept``; None where they could not be asked).

    Raises KeyError, TypeError or ValueError where a line is none of ``durability_group``'s.
    """
    history = History(members, starts)
    if kept is not None:
        for number, partition in history.partitions.items():
            history.wrong.commits_lost += kept.get(number, 0) < partition.committed
    missing, behind, beyond, handled = 0, 0, 0, 0
    for number, end in ends.items():
        begin = starts.get(number, 0)
        partition = history.partitions.get(number, Partition(begin))
        # What the group has passed: nobody will come back to what was left out below.
        passed = min(end, max(partition.handled.end, partition.committed, begin))
        missing += passed - begin - partition.handled.count(begin, passed)
        behind += max(0, end - passed)
        beyond += partition.handled.count(end)
        handled += partition.handled.count(0)
    times = sum(partition.times for partition in history.partitions.values())
    duplicates = times - sum(partition.handled.count(0) for partition in history.partitions.values())
    found = rebalances({number: each.ownerships for number, each in history.partitions.items()})
    wrong = history.wrong
    figures = {
        "members": len(members),
        "members_killed": len(members) - len(history.left),
        "handled": handled,
        "missing": missing,
        "not_yet_handled": behind,
        "beyond_end": beyond,
        "duplicates": duplicates,
        "duplicates_allowed": duplicates - wrong.duplicates_not_allowed,
        **vars(wrong),
        "violations": wrong.total(),
        "commits": history.commits,
        "rebalances": len(found),
        "partitions_moved": sum(each.moved for each in found),
        "longest_rebalance_s": max((each.seconds for each in found), default=None),
        "rebalance_s": [each.seconds for each in found],
        "partitions_stayed": sum(each.stayed for each in found),
        "longest_pause_of_stayed_s": max((each.kept_pause_s for each in found), default=None),
        "partitions_interrupted": sum(each.interrupted for each in found),
        "errors": dict(sorted(history.errors.items())),
    }
    findings = list(_findings(figures, history))
    if kept is None:
        words = "what the consumer group has committed could not be asked in the end"
        findings.append(Finding("d", "INCONCLUSIVE", "group.commits_lost", None, words))
    return Group(figures, findings)


FAILURES = {
    "missing": (
        "record was passed by: no member of the consumer group handled it",
        "records were passed by: no member of the consumer group handled them",
    ),
    "beyond_end": (
        "record that the consumer group handled is beyond the end of the topic now",
        "records that the consumer group handled are beyond the end of the topic now",
    ),
    "duplicates_not_allowed": (
        "record was handled twice, though committed before or by one owner",
        "records were handled twice, though committed before or by one owner",
    ),
    "commits_beyond_handled": (
        "commit of the consumer group was beyond what its member had handled",
        "commits of the consumer group were beyond what their members had handled",
    ),
    "began_before_commit": (
        "time an owner of a partition began before the consumer group's last commit",
        "times an owner of a partition began before the consumer group's last commit",
    ),
    "began_beyond_handled": (
        "time an owner of a partition began beyond all that was handled",
        "times an owner of a partition began beyond all that was handled",
    ),
    "jumps": (
        "time a member of the consumer group jumped over records",
        "times members of the consumer group jumped over records",
    ),
    "commits_lost": (
        "partition has an older commit of the consumer group now than it was told",
        "partitions have an older commit of the consumer group now than it was told",
    ),
}


def _findings(figures: Mapping[str, Any], history: History) -> Iterator[Finding]:
    for figure, (one, many) in FAILURES.items():
        if count := figures[figure]:
            yield Finding("d", "FAIL", f"group.{figure}", count, plural(count, one, many))
    if not any(each.ownerships for each in history.partitions.values()):
        words = "no member of the consumer group wrote down that it was given a partition"
        yield Finding("d", "INCONCLUSIVE", "group.handled", None, words)
    elif behind := figures["not_yet_handled"]:
        words = plural(behind, "record was", "records were")
        words += " not handled yet when the consumer group ended"
        yield Finding("d", "INCONCLUSIVE", "group.not_yet_handled", behind, words)
    if history.strays:
        words = plural(history.strays, "line", "lines")
        words += " of the consumer group's members tell of partitions that they did not own"
        yield Finding("d", "INCONCLUSIVE", "group.handled", history.strays, words)
