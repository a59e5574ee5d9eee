"""What is told of a cluster from hand-made observations: sentences, times, maxima, steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils.durability_story import Story, story

from tests.unit.durability_lines import (
    ALL,
    BEGAN,
    KILLED,
    START,
    TEST,
    brokers,
    cluster,
    ensemble,
    line,
    partitions,
    reachable,
    unreachable,
)

STRIKE = line(10, "strike", what="kill -9", broker=2, host="zkkafka2")
HEALED = line(20, "healed", what="started", broker=2, host="zkkafka2")


def tell(events: list[dict[str, Any]], observed: list[dict[str, Any]]) -> Story:
    return story(TEST, events, observed)


def said(found: Story) -> list[str]:
    return [each["what"] for each in found.events if each["kind"] == "observed"]


def times(found: Story) -> list[float | int | None]:
    names = ("deregister", "leader", "reregister", "full_isr")
    return [found.figures[f"time_to_{name}_s"] for name in names]


def test_a_broker_that_is_killed_and_started_again() -> None:
    found = tell([STRIKE, HEALED], KILLED)
    assert times(found) == [5.0, 5.2, 4.0, 6.5]
    assert [(each["second"], each["kind"], each["what"], each["host"]) for each in found.events] == [
        (10.0, "strike", "kill -9", "zkkafka2"),
        (15.0, "observed", "broker 2 deregistered", "zkkafka2"),
        (15.0, "observed", "controller: broker 3", "zkkafka3"),
        (15.2, "observed", "broker 3 leads what broker 2 led", "zkkafka3"),
        (15.2, "observed", "broker 2 is in no ISR", "zkkafka2"),
        (20.0, "healed", "started", "zkkafka2"),
        (24.0, "observed", "broker 2 registered", "zkkafka2"),
        (26.5, "observed", "broker 2 is back in 3 of 3 ISRs", "zkkafka2"),
        (26.5, "observed", "full ISR", ""),
    ]
    assert found.figures["max_under_replicated"] == 3
    assert found.figures["max_offline"] == 0


def test_a_task_lasts_until_it_ended() -> None:
    task = line(10, "task", what="Stop it", host="zkkafka2", ended_ns=BEGAN + 12_500_000_000, failed=True)
    (event,) = tell([task], []).events
    assert event == {
        "second": 10.0,
        "kind": "task",
        "what": "Stop it",
        "host": "zkkafka2",
        "until": 12.5,
        "failed": True,
    }


def test_steps_are_the_values_from_each_time_on() -> None:
    assert tell([], KILLED).cluster == {
        "second": [0.1, 15.0, 16.0, 24.0, 27.0],
        "brokers": [3, 2, 2, 3, 3],
        "under_replicated": [0, 0, 3, 3, 0],
        "under_min_isr": [0, 0, 0, 0, 0],
        "offline": [0, 0, 0, 0, 0],
        "controller": [2, 3, 3, 3, 3],
    }


def test_a_test_without_faults_has_no_times() -> None:
    found = tell([line(1, "note", what="x")], KILLED)
    assert times(found) == [None] * 4


def test_nothing_observed_is_nothing_known() -> None:
    found = tell([STRIKE, HEALED], [])
    assert set(found.figures.values()) == {None}
    assert found.cluster["second"] == []


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        (6, [None, None, None, 0.0]),  # it never left, so its ISR was full all the time
        (8, [5.0, None, None, 0.0]),
        (10, [5.0, 5.2, None, None]),
        (11, [5.0, 5.2, 4.0, None]),
    ],
)
def test_what_did_not_come_has_no_time(until: int, expected: list[float | None]) -> None:
    assert times(tell([STRIKE, HEALED], KILLED[:until])) == expected


def test_a_session_that_was_never_lost_is_no_registration() -> None:
    back = [*KILLED[:10], brokers(24.0, ALL), partitions(26.5, (1, 3, 3))]
    assert times(tell([STRIKE, HEALED], back))[2] is None


def test_of_several_strikes_the_longest_counts_and_one_that_is_missing_leaves_none() -> None:
    events = [
        STRIKE,
        HEALED,
        line(30, "strike", what="kill -9", brokers=[3]),
        line(45, "healed", what="started", brokers=[3]),
    ]
    third = [
        brokers(37.0, {1: "0xa1", 2: "0xb2"}),
        partitions(37.5, (1, 1, 2), ([1, 2], [1, 2], [1, 2])),
        brokers(46.0, {1: "0xa1", 2: "0xb2", 3: "0xb3"}),
        partitions(47.0, (1, 1, 2)),
    ]
    assert times(tell(events, [*KILLED, *third])) == [7.0, 7.5, 4.0, 6.5]
    assert times(tell(events, [*KILLED, *third[:2]])) == [7.0, 7.5, None, None]


def test_brokers_that_are_killed_one_by_one_until_none_is_left() -> None:
    events = [
        *(line(10 * broker, "strike", what="kill -9", broker=broker) for broker in (1, 2, 3)),
        *(line(40 + 5 * n, "healed", what="started", broker=broker) for n, broker in enumerate((3, 2, 1))),
    ]
    observed = [
        *START,
        brokers(16.0, {2: "0xa2", 3: "0xa3"}),
        partitions(16.5, (2, 2, 3), ([2, 3], [2, 3], [2, 3])),
        brokers(26.0, {3: "0xa3"}),
        partitions(26.2, (3, 3, 3), ([3], [3], [3])),
        brokers(36.0, {}),
        partitions(36.4, (-1, -1, -1), ([3], [3], [3])),
        brokers(42.0, {3: "0xb3"}),
        partitions(42.2, (3, 3, 3), ([3], [3], [3])),
        brokers(47.0, {2: "0xb2", 3: "0xb3"}),
        partitions(48.0, (3, 3, 3), ([2, 3], [2, 3], [2, 3])),
        brokers(51.5, {1: "0xb1", 2: "0xb2", 3: "0xb3"}),
        partitions(53.0, (3, 3, 3)),
    ]
    found = tell(events, observed)
    # The last one was in sync alone: nobody could lead after it. Only the last healing makes the ISR full.
    assert times(found) == [6.0, 6.5, 2.0, 3.0]
    assert "3 partitions without a leader, broker 3 led before" in said(found)
    assert "broker 3 leads 3 partitions that had no leader" in said(found)


def test_a_strike_of_a_zookeeper_server_is_none_of_its_hosts_broker() -> None:
    events = [
        line(10, "strike", what="kill -9", host="zkkafka2", unit="zookeeper"),
        line(20, "healed", what="started", host="zkkafka2", unit="zookeeper.service"),
    ]
    assert times(tell(events, KILLED)) == [None, None, None, 6.5]
    assert times(tell([{**events[0], "unit": "kafka"}], KILLED))[0] == 5.0
    nested = line(10, "strike", what="kill -9", host="", data={"broker": 2})
    assert times(tell([nested], KILLED))[0] == 5.0


def test_while_zookeeper_is_away_nothing_is_made_up_and_nothing_told_twice() -> None:
    observed = [
        *START,
        ensemble(10.0, "down", "looking", "down", quorum=False),
        unreachable(11.0),
        {**partitions(16.0, (1, 2, 3)), "by": "brokers"},
        ensemble(30.0, "follower", "follower", "leader"),
        reachable(30.5),
        brokers(30.5, ALL),
        line(30.5, "controller", id=2),
        partitions(30.5, (1, 2, 3)),
        cluster(30.5),
    ]
    found = tell([], observed)
    assert said(found) == [
        "ZooKeeper on zkkafka1 is down",
        "ZooKeeper on zkkafka3 is down",
        "ZooKeeper has no quorum",
        "ZooKeeper does not answer: no session within 2 s",
        "ZooKeeper on zkkafka1 answers",
        "ZooKeeper on zkkafka3 answers",
        "ZooKeeper has a quorum",
        "ZooKeeper leader: zkkafka3",
        "ZooKeeper answers again",
    ]
    assert found.cluster["brokers"] == [3, None, 3]
    assert found.cluster["offline"] == [0, None, 0]


def test_who_led_before_zookeeper_was_away_needs_a_successor_after_it() -> None:
    observed = [
        *START,
        unreachable(9.0),
        reachable(30.0),
        brokers(30.0, {1: "0xa1", 3: "0xa3"}),
        partitions(30.5, (1, 3, 3), ([1, 3],) * 3),
    ]
    assert times(tell([STRIKE], observed))[:2] == [20.0, 20.5]


def test_what_changed_while_zookeeper_was_away_is_told_once_it_is_back() -> None:
    observed = [*START, unreachable(9.0), reachable(30.0), line(30.0, "controller", id=3)]
    assert "controller: broker 3" in said(tell([], observed))


def test_a_count_that_was_not_known_at_first_is_no_zero() -> None:
    assert tell([], [cluster(1.0, below=None)]).figures["max_under_min_isr"] is None
    assert tell([], [cluster(1.0, below=None), cluster(3.0, below=2)]).figures["max_under_min_isr"] == 2


def test_several_heirs_and_a_part_of_what_one_led() -> None:
    whole = replace(TEST, partitions=4)
    before = partitions(0.1, (1, 1, 1, 2), ([1, 2, 3],) * 4)
    both = story(whole, [], [before, partitions(1.0, (2, 3, 2, 2), ([1, 2, 3],) * 4)])
    assert said(both) == ["brokers 2 and 3 lead what broker 1 led"]
    part = story(whole, [], [before, partitions(1.0, (2, 1, 1, 2), ([1, 2, 3],) * 4)])
    assert said(part) == ["broker 2 leads 1 of 3 partitions that broker 1 led"]
