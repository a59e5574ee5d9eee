"""What the members of a consumer group wrote down (``durability_group``), read in the order of time. Pure.

An *ownership* is the time from a partition's ``assigned`` line to its ``revoked`` or ``lost`` line, or to the
end of the member's file.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Line = Mapping[str, Any]


class Offsets:
    """A set of offsets, as intervals that neither overlap nor touch, in order."""

    def __init__(self) -> None:
        self.intervals: list[list[int]] = []

    def add(self, begin: int, end: int) -> list[tuple[int, int]]:
        """Add begin..end-1; returns what of it was there already."""
        first = len(self.intervals)
        # What is added lies at or near the end, whatever the length of the history.
        while first and self.intervals[first - 1][1] >= begin:
            first -= 1
        last = first
        again = []
        low, high = begin, end
        while last < len(self.intervals) and self.intervals[last][0] <= end:
            there = self.intervals[last]
            if max(begin, there[0]) < min(end, there[1]):
                again.append((max(begin, there[0]), min(end, there[1])))
            low, high = min(low, there[0]), max(high, there[1])
            last += 1
        self.intervals[first:last] = [[low, high]]
        return again

    def count(self, begin: int, end: int | None = None) -> int:
        """How many lie in begin..end-1; without an end, from ``begin`` on."""
        return sum(
            max(0, (high if end is None else min(high, end)) - max(low, begin))
            for low, high in self.intervals
        )

    @property
    def end(self) -> int:
        """One more than the highest; 0 where there is none."""
        return self.intervals[-1][1] if self.intervals else 0


class Interval(NamedTuple):
    """A ``handled`` line of an ownership."""

    begin: int
    end: int
    began_ns: int
    ended_ns: int


@dataclass
class Ownership:
    """One member's time with one partition."""

    member: int
    partition: int
    since_ns: int
    begins_at: int | None
    """The offset that it was told to begin at; None where that is not known."""
    committed: int
    """The group's last commit when it began; 0 where there was none."""
    until_ns: int | None = None
    intervals: list[Interval] = field(default_factory=list)
    handled: Offsets = field(default_factory=Offsets)

    @property
    def position(self) -> int | None:
        """The offset that comes next."""
        return self.handled.end if self.intervals else self.begins_at


@dataclass
class Partition:
    """What is known of one partition while the lines are read."""

    begin: int
    handled: Offsets = field(default_factory=Offsets)
    committed: int = 0
    times: int = 0
    """Records handled, each as often as it was."""
    ownerships: list[Ownership] = field(default_factory=list)


@dataclass
class Wrong:
    """What a group must not do; each a count."""

    duplicates_not_allowed: int = 0
    commits_beyond_handled: int = 0
    began_before_commit: int = 0
    began_beyond_handled: int = 0
    jumps: int = 0
    commits_lost: int = 0

    def total(self) -> int:
        """All together: records handled twice without need, and every other occurrence."""
        return sum(vars(self).values())


class History:
    """The members' lines, read in the order of time."""

    def __init__(self, members: Mapping[int, Iterable[Line]], starts: Mapping[int, int]) -> None:
        self.wrong = Wrong()
        self.errors: Counter[str] = Counter()
        self.left: set[int] = set()
        self.commits = 0
        self.strays = 0
        """Handled lines of a partition that the member did not own."""
        self._starts = starts
        self.partitions: dict[int, Partition] = {}
        self._owned: dict[tuple[int, int], Ownership] = {}
        self._reached: dict[tuple[int, int], int] = {}
        """How far a member has handled a partition, whenever it owned it."""
        for member, line in _in_time(members):
            self._take(member, line)

    def _partition(self, number: int) -> Partition:
        return self.partitions.setdefault(number, Partition(self._starts.get(number, 0)))

    def _take(self, member: int, line: Line) -> None:
        kind = line["kind"]
        if kind == "assigned":
            for name, begins_at in line["partitions"].items():
                self._assigned(member, int(name), begins_at, line["at_ns"])
        elif kind == "handled":
            self._handled(member, line)
        elif kind == "committed":
            for name, offset in line["offsets"].items():
                self._committed(member, int(name), offset)
        elif kind in ("revoked", "lost"):
            for number in line["partitions"]:
                if (owned := self._owned.pop((member, number), None)) is not None:
                    owned.until_ns = line["at_ns"]
        elif kind == "error":
            self.errors[line["name"]] += line["count"]
        elif kind == "left":
            self.left.add(member)

    def _assigned(self, member: int, number: int, begins_at: int | None, at_ns: int) -> None:
        partition = self._partition(number)
        if begins_at is not None:
            self.wrong.began_before_commit += begins_at < partition.committed
            reached = max(partition.handled.end, partition.committed, partition.begin)
            self.wrong.began_beyond_handled += begins_at > reached
        owned = Ownership(member, number, at_ns, begins_at, partition.committed)
        partition.ownerships.append(owned)
        self._owned[member, number] = owned
        key = (member, number)
        self._reached[key] = max(self._reached.get(key, 0), begins_at or 0)

    def _handled(self, member: int, line: Line) -> None:
        number, begin, end = line["partition"], line["from"], line["to"]
        partition = self._partition(number)
        owned = self._owned.get((member, number))
        if owned is None:
            self.strays += 1
            return
        if owned.position is not None:
            self.wrong.jumps += begin > max(owned.position, partition.begin)
        partition.times += end - begin
        mine = Offsets()
        for low, high in owned.handled.add(begin, end):
            mine.add(low, high)
            self.wrong.duplicates_not_allowed += high - low
        for low, high in partition.handled.add(begin, end):
            # What an owner handles twice by itself is wrong anyhow, and counted once.
            below = min(high, owned.committed)
            self.wrong.duplicates_not_allowed += max(0, below - low) - mine.count(low, max(low, below))
        owned.intervals.append(Interval(begin, end, line["began_ns"], line["ended_ns"]))
        key = (member, number)
        self._reached[key] = max(self._reached.get(key, 0), end)

    def _committed(self, member: int, number: int, offset: int) -> None:
        partition = self._partition(number)
        self.commits += 1
        self.wrong.commits_beyond_handled += offset > self._reached.get((member, number), 0)
        # The highest: a member that was stopped for a while tells of its commit after those that followed.
        partition.committed = max(partition.committed, offset)


def _in_time(members: Mapping[int, Iterable[Line]]) -> Iterator[tuple[int, Line]]:
    def of_one(member: int, lines: Iterable[Line]) -> Iterator[tuple[int, int, int, Line]]:
        for index, line in enumerate(lines):
            yield line["at_ns"], member, index, line

    for _at_ns, member, _index, line in heapq.merge(*(of_one(*each) for each in members.items())):
        yield member, line
