"""What a consumer group did, judged on histories made by hand, and on random ones with known defects."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils.durability_group_history import Offsets, Wrong
from ansible_collections.barevm.kafka.plugins.module_utils.durability_group_rules import Group, judge_group
from hypothesis import given, settings
from hypothesis import strategies as st

Lines = list[dict[str, Any]]
SECOND = 1_000_000_000


def at(second: float, kind: str, **more: Any) -> dict[str, Any]:
    return {"at_ns": int(second * SECOND), "kind": kind, **more}


def handled(began: float, ended: float, begin: int, end: int, partition: int = 0) -> dict[str, Any]:
    times = {"began_ns": int(began * SECOND), "ended_ns": int(ended * SECOND)}
    return at(ended, "handled", partition=partition, **{"from": begin, "to": end}, **times)


def committed(second: float, offset: int, partition: int = 0) -> dict[str, Any]:
    return at(second, "committed", offsets={str(partition): offset})


def assigned(second: float, offset: int | None, *partitions: int) -> dict[str, Any]:
    return at(second, "assigned", partitions={str(p): offset for p in partitions or (0,)})


KILLED = [assigned(1, 0), handled(1, 2, 0, 100), committed(2, 100), handled(2, 3, 100, 150)]
"""It handled 50 records that it never committed."""


def judged(members: dict[int, Lines], end: int, kept: int | None = None) -> Group:
    highest = max(
        (
            offset
            for lines in members.values()
            for line in lines
            for offset in line.get("offsets", {}).values()
        ),
        default=0,
    )
    return judge_group(members, {0: 0}, {0: end}, {0: highest if kept is None else kept})


def test_a_new_owner_handles_again_what_was_not_committed() -> None:
    took = [assigned(13, 100), handled(13.5, 15, 100, 200), committed(15, 200), at(16, "left")]
    group = judged({1: KILLED, 2: took}, 200)
    assert group.findings == []
    assert {
        name: group.figures[name]
        for name in ("members", "members_killed", "handled", "missing", "duplicates", "duplicates_allowed")
    } == {
        "members": 2,
        "members_killed": 1,
        "handled": 200,
        "missing": 0,
        "duplicates": 50,
        "duplicates_allowed": 50,
    }
    assert (group.figures["rebalances"], group.figures["longest_rebalance_s"]) == (1, 10.5)


@pytest.mark.parametrize(
    ("took", "end", "figure", "count"),
    [
        pytest.param([assigned(13, 90), handled(14, 15, 90, 200)], 200, "began_before_commit", 1, id="back"),
        pytest.param(
            [assigned(13, 90), handled(14, 15, 90, 200)], 200, "duplicates_not_allowed", 10, id="again"
        ),
        pytest.param([assigned(13, 160), handled(14, 15, 160, 200)], 200, "missing", 10, id="passed by"),
        pytest.param(
            [assigned(13, 160), handled(14, 15, 160, 200)], 200, "began_beyond_handled", 1, id="ahead"
        ),
        pytest.param(
            [assigned(13, 100), handled(14, 15, 100, 150), handled(15, 16, 170, 200)],
            200,
            "missing",
            20,
            id="jumped over",
        ),
        pytest.param(
            [assigned(13, 100), handled(14, 15, 100, 150), handled(15, 16, 170, 200)],
            200,
            "jumps",
            1,
            id="jump",
        ),
        pytest.param(
            [assigned(13, 100), handled(14, 15, 100, 200), committed(15, 201)],
            200,
            "commits_beyond_handled",
            1,
            id="committed what is not there",
        ),
        pytest.param([assigned(13, 100), handled(14, 15, 100, 200)], 180, "beyond_end", 20, id="lost tail"),
    ],
)
def test_anything_else_is_wrong(took: Lines, end: int, figure: str, count: int) -> None:
    group = judged({1: KILLED, 2: took}, end)
    assert group.figures[figure] == count
    (found,) = [found for found in group.findings if found.figure == f"group.{figure}"]
    assert (found.rule, found.result, found.count) == ("d", "FAIL", count)


def test_a_commit_before_the_handling_loses_what_lies_between() -> None:
    eager = [assigned(1, 0), handled(1, 2, 0, 100), committed(2.1, 130)]
    group = judged({1: eager, 2: [assigned(13, 130), handled(13, 14, 130, 200)]}, 200)
    assert (group.figures["missing"], group.figures["commits_beyond_handled"]) == (30, 1)
    assert group.figures["violations"] == 1


def test_what_nobody_came_to_is_not_called_lost() -> None:
    group = judged({1: KILLED}, 200)
    assert group.figures["missing"] == 0
    assert [(found.result, found.count) for found in group.findings] == [("INCONCLUSIVE", 50)]


def test_without_a_line_nothing_is_known() -> None:
    group = judged({}, 200)
    assert [found.result for found in group.findings] == ["INCONCLUSIVE"]
    assert judged({1: []}, 0).findings == group.findings


def test_commits_that_the_brokers_no_longer_have_are_told() -> None:
    lines = [*KILLED, handled(3, 4, 150, 200), committed(4, 200)]
    assert judged({1: lines}, 200).findings == []
    (found,) = judged({1: lines}, 200, kept=100).findings
    assert (found.result, found.figure) == ("FAIL", "group.commits_lost")
    (found,) = judge_group({1: lines}, {0: 0}, {0: 200}, None).findings
    assert (found.result, found.figure) == ("INCONCLUSIVE", "group.commits_lost")


def test_a_stopped_member_that_tells_of_its_commit_late_is_right() -> None:
    # Its commit of 150 was taken before it was stopped; the next owner began there.
    late = [*KILLED, committed(20, 150), at(20, "lost", partitions=[0]), at(21, "left")]
    took = [assigned(13, 150), handled(13, 14, 150, 200), committed(14, 200), at(22, "left")]
    group = judged({1: late, 2: took}, 200)
    assert (group.findings, group.figures["duplicates"]) == ([], 0)
    # What it tells then is not the group's last commit.
    back = judged({1: late, 2: took[:-1], 3: [assigned(23, 150)]}, 200)
    assert back.figures["began_before_commit"] == 1


def test_a_stopped_member_that_goes_on_did_not_keep_its_partition() -> None:
    goes_on = [*KILLED, handled(20, 20.1, 150, 160), at(20.2, "lost", partitions=[0]), at(21, "left")]
    took = [assigned(13, 100), handled(13, 14, 100, 200), committed(14, 200), at(22, "left")]
    group = judged({1: goes_on, 2: took}, 200)
    assert (group.findings, group.figures["duplicates"], group.figures["duplicates_allowed"]) == ([], 60, 60)
    assert (group.figures["partitions_moved"], group.figures["partitions_stayed"]) == (1, 0)


def test_moves_at_the_same_time_are_one_rebalance_and_what_stays_is_not_interrupted() -> None:
    stays = [assigned(1, 0, 2)] + [
        handled(1 + n / 5, 1 + n / 5 + 0.19, 10 * n, 10 * n + 10, 2) for n in range(100)
    ]
    gone = [assigned(1, 0, 0, 1), handled(1, 5, 0, 40), handled(1, 5.5, 0, 40, 1)]
    took = [assigned(15, 0, 0, 1), handled(15.1, 16, 0, 60), handled(15.4, 16, 0, 60, 1)]
    group = judge_group({1: gone, 2: stays, 3: took}, {}, {0: 60, 1: 60, 2: 1000}, {})
    figures = group.figures
    assert (figures["rebalances"], figures["partitions_moved"]) == (1, 2)
    assert figures["longest_rebalance_s"] == 10.1
    assert (figures["partitions_stayed"], figures["partitions_interrupted"]) == (1, 0)
    assert figures["longest_pause_of_stayed_s"] == 0.01
    # The same with a hole of more than two seconds in what stayed, and one after it is over.
    paused = [
        line for line in stays if not (10 < line["at_ns"] / SECOND < 12.1 or line["at_ns"] > 17 * SECOND)
    ]
    paused.append(handled(25, 25, 990, 1000, 2))
    figures = judge_group({1: gone, 2: paused, 3: took}, {}, {0: 60}, {}).figures
    assert (figures["partitions_stayed"], figures["partitions_interrupted"]) == (1, 1)
    assert 2 < figures["longest_pause_of_stayed_s"] < 2.5


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=30))
def test_offsets_are_a_set(added: list[tuple[int, int]]) -> None:
    offsets, there = Offsets(), set()
    for begin, length in added:
        again = offsets.add(begin, begin + length)
        found = [n for low, high in again for n in range(low, high)]
        assert sorted(found) == sorted(there & set(range(begin, begin + length)))
        there |= set(range(begin, begin + length))
        assert offsets.end == max(there) + 1
    assert offsets.count(0) == len(there)
    assert offsets.count(10, 30) == len(there & set(range(10, 30)))
    assert all(a[1] < b[0] for a, b in zip(offsets.intervals, offsets.intervals[1:], strict=False))


class Simulated:
    """A group of one partition's owners that follow each other; it counts what it is made to do wrong."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.now = 0.0
        self.members: dict[int, Lines] = {}
        self.position = self.commit = self.solid = self.begins_at = 0
        """Solid: where the last hole ended; below it nothing may be handled again, or it is no hole."""
        self.expected: Counter[str] = Counter()
        self.kept = 0
        self.join(0)

    def say(self, line: dict[str, Any]) -> None:
        self.now += 1
        self.members[max(self.members)].append({**line, "at_ns": int(self.now * SECOND)})

    def join(self, offset: int) -> None:
        self.members[len(self.members) + 1] = []
        self.say(assigned(0, offset))
        self.begins_at = offset

    def handle(self, begin: int, end: int) -> None:
        while begin < end:
            until = min(end, begin + self.random.randint(1, 9))
            self.say(handled(self.now, self.now + 0.5, begin, until))
            begin = until

    def go_on(self) -> None:
        end = self.position + self.random.randint(1, 30)
        self.handle(self.position, end)
        self.position = end

    def commits(self) -> None:
        self.say(committed(0, self.position))
        self.commit = self.position

    def next_owner(self) -> None:
        way = self.random.choice(["killed", "revoked", "lost"])
        if way == "revoked":
            self.commits()
        if way != "killed":
            self.say(at(0, way, partitions=[0]))
        self.join(self.commit)
        self.expected["duplicates_allowed"] += self.position - self.commit
        self.handle(self.commit, self.position)

    def hole(self) -> int:
        length = self.random.randint(1, 20)
        self.position += length
        self.expected["missing"] += length
        self.solid = self.position
        return self.position

    def eager(self) -> None:
        self.say(committed(0, self.hole()))
        self.commit = self.position
        self.expected["commits_beyond_handled"] += 1
        self.join(self.commit)

    def jump(self) -> None:
        self.hole()
        self.expected["jumps"] += 1
        self.go_on()
        self.commits()

    def ahead(self) -> None:
        self.join(self.hole())
        self.expected["began_beyond_handled"] += 1
        self.go_on()
        self.commits()

    def back(self) -> None:
        self.commits()
        if self.commit > self.solid:
            offset = self.random.randint(self.solid, self.commit - 1)
            self.join(offset)
            self.handle(offset, self.commit)
            self.expected["began_before_commit"] += 1
            self.expected["duplicates_not_allowed"] += self.commit - offset

    def twice(self) -> None:
        low = max(self.solid, self.begins_at)
        if self.position > low:
            begin = self.random.randint(low, self.position - 1)
            self.handle(begin, self.position)
            self.expected["duplicates_not_allowed"] += self.position - begin

    def end(self) -> int:
        self.go_on()
        self.commits()
        self.kept = self.commit
        what = self.random.choice(["whole", "behind", "truncated", "forgotten"])
        length = self.random.randint(1, 10)
        if what == "behind":
            self.expected["not_yet_handled"] = length
            return self.position + length
        if what == "truncated" and self.position - length >= self.solid:
            self.expected["beyond_end"] = length
            return self.position - length
        if what == "forgotten":
            self.expected["commits_lost"] = 1
            self.kept -= length
        return self.position


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 40), st.booleans())
def test_a_random_history_has_exactly_the_defects_that_were_put_in(
    seed: int, steps: int, defects: bool
) -> None:
    group = Simulated(Random(seed))
    right = [group.go_on, group.go_on, group.commits, group.next_owner]
    wrong = [group.eager, group.jump, group.ahead, group.back, group.twice]
    for _ in range(steps):
        group.random.choice(right + wrong if defects else right)()
    end = group.end()
    found = judge_group(group.members, {0: 0}, {0: end}, {0: group.kept})
    names = [
        *("missing", "not_yet_handled", "beyond_end", "duplicates_allowed"),
        *vars(Wrong()),
    ]
    assert {name: found.figures[name] for name in names} == {name: group.expected[name] for name in names}
    assert {each.figure.removeprefix("group.") for each in found.findings} == {
        name for name, count in group.expected.items() if count and name != "duplicates_allowed"
    }
