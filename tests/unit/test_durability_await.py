"""When a wait of a durability test ends, by hand-made observations, and what it says when it does not."""

from __future__ import annotations

import array
import fcntl
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.barevm.kafka.plugins.module_utils import durability_files, durability_following
from ansible_collections.barevm.kafka.plugins.module_utils.durability_conditions import (
    CONDITIONS,
    Answer,
    Asked,
    Seen,
    judge,
)
from ansible_collections.barevm.kafka.plugins.module_utils.durability_following import NotSeen, roles, wait
from ansible_collections.barevm.kafka.plugins.module_utils.durability_history import states
from ansible_collections.barevm.kafka.plugins.modules.durability_await import DOCUMENTATION

from tests.unit.durability_lines import (
    ALL,
    BEGAN,
    KILLED,
    SECOND,
    START,
    TEST,
    brokers,
    ensemble,
    line,
    partitions,
    reachable,
    unreachable,
)

STRIKE = BEGAN + 10 * SECOND
LOST = [*START, ensemble(12.0, "down", "looking", "down", quorum=False), unreachable(14.0)]
BACK = [
    *LOST,
    ensemble(20.0, "follower", "follower", "leader"),
    reachable(20.5),
    brokers(20.5, ALL),
    line(20.5, "controller", id=2),
    partitions(20.5, (1, 2, 3)),
]


def ask(
    condition: str,
    observed: list[dict[str, Any]],
    *which: int,
    since: float = 10,
    acks: dict[int, float] | None = None,
    probe: list[dict[str, Any]] | None = None,
    now: float = 60,
    **more: Any,
) -> Answer:
    acknowledged = {number: BEGAN + int(second * SECOND) for number, second in (acks or {}).items()}
    seen = Seen(TEST, states(observed), acknowledged, probe or [], BEGAN + int(now * SECOND))
    since_ns = BEGAN + int(since * SECOND) if since else 0
    return judge(Asked(condition, which, since_ns, **more), seen)


@pytest.mark.parametrize(
    ("condition", "brokers_asked", "lines", "since"),
    [
        ("deregistered", (2,), 7, 15.0),
        ("deregistered", (2,), 13, 15.0),  # it was; it is back since
        ("registered", (2,), 11, 24.0),
        ("registered", (1, 3), 6, 0.1),
        ("led_elsewhere", (2,), 9, 15.2),
        ("isr_without", (2,), 9, 15.2),
        ("isr_only", (1, 3), 9, 15.2),
        ("full_isr", (), 6, 0.1),
        ("full_isr", (), 13, 26.5),
        ("controller_moved", (), 8, 15.0),
    ],
)
def test_what_holds_and_since_when(
    condition: str, brokers_asked: tuple[int, ...], lines: int, since: float
) -> None:
    began = 0 if (condition, lines) == ("registered", 6) else 10
    found = ask(condition, KILLED[:lines], *brokers_asked, since=began)
    assert found.holds, found.what
    assert found.at_ns == BEGAN + int(since * SECOND)


@pytest.mark.parametrize(
    ("condition", "brokers_asked", "lines", "words"),
    [
        ("deregistered", (2,), 6, "broker 2 (zkkafka2) is registered, session 0xa2"),
        ("deregistered", (1, 2), 8, "broker 1 (zkkafka1) is registered, session 0xa1"),
        ("deregistered", (2,), 0, "who is registered is not known"),
        ("registered", (2,), 6, "broker 2 (zkkafka2) is registered under the session that it had, 0xa2"),
        ("registered", (2,), 8, "broker 2 (zkkafka2) is not registered"),
        ("led_elsewhere", (2,), 8, "broker 2 (zkkafka2) leads 1 partition(s)"),
        ("isr_without", (2,), 8, "broker 2 (zkkafka2) is in 3 of 3 ISRs"),
        ("isr_only", (3,), 9, "all 2 ISRs hold others too, partition 1: [1, 3]"),
        ("isr_only", (2,), 9, "broker 2 (zkkafka2) is the leader of no partition"),
        ("full_isr", (), 9, "3 partition(s) lack replicas in sync, partition 0 has [1, 3]"),
        ("controller_moved", (), 6, "the controller is broker 2 (zkkafka2)"),
        ("zookeeper_leader_moved", (), 6, "ZooKeeper's leader is zkkafka2"),
        ("quorum_lost", (), 6, "ZooKeeper: zkkafka1: follower, zkkafka2: leader, zkkafka3: follower"),
    ],
)
def test_what_does_not_hold_and_what_is_there_instead(
    condition: str, brokers_asked: tuple[int, ...], lines: int, words: str
) -> None:
    found = ask(condition, KILLED[:lines], *brokers_asked)
    assert not found.holds
    assert found.what == words


def test_partitions_without_a_leader_are_led_by_nobody_else() -> None:
    gone = [*KILLED[:8], partitions(15.2, (1, -1, 3), ([1, 3], [2], [1, 3]))]
    found = ask("led_elsewhere", gone, 2)
    assert not found.holds
    assert found.what == "broker 2 (zkkafka2) leads 0 partition(s), 1 partition(s) have no leader"
    assert not ask("full_isr", [*START, partitions(15.2, (1, -1, 3))]).holds
    assert ask("full_isr", [*START, partitions(15.2, (1, 2), ([1, 2, 3],) * 2)]).what == (
        "2 of 3 partitions are there"
    )


def test_a_broker_that_is_cut_off_stays_in_sync_alone_where_it_leads() -> None:
    cut = [*START, partitions(20.0, (1, 2, 3), ([1], [2, 3], [2, 3]))]
    assert ask("isr_only", cut, 1).what == "broker 1 (zkkafka1) is alone in 1 of the 1 ISRs led"
    one_of_two = ask("isr_only", [*START, partitions(20.0, (1, 2, 1), ([1], [1, 2, 3], [1, 2, 3]))], 1)
    assert one_of_two.what == "broker 1 (zkkafka1) is alone in 1 of the 2 ISRs led"
    assert not ask("isr_only", [*START, partitions(20.0, (1, 2, 3), ([1, 2], [1], [2, 3]))], 1).holds


def test_zookeeper_without_a_quorum() -> None:
    lost = ask("quorum_lost", LOST)
    assert (lost.holds, lost.at_ns) == (True, BEGAN + 12 * SECOND)
    assert ask("quorum_lost", BACK).at_ns == BEGAN + 12 * SECOND
    assert not ask("quorum_lost", BACK, since=0).holds
    assert not ask("quorum_back", LOST).holds
    assert not ask("quorum_back", BACK[:-4]).holds  # a quorum that answers nobody yet
    assert ask("quorum_back", BACK).holds
    assert ask("zookeeper_leader_moved", BACK).holds
    assert not ask("zookeeper_leader_moved", LOST).holds
    alone = [*LOST, ensemble(16.0, "leader", "looking", "down", quorum=False)]
    assert not ask("zookeeper_leader_moved", alone).holds


def test_what_zookeeper_said_last_is_not_taken_for_now() -> None:
    for condition in ("deregistered", "registered", "led_elsewhere", "isr_without", "full_isr"):
        found = ask(condition, LOST, 2)
        assert not found.holds, condition
        assert "is not known; ZooKeeper does not answer: no session within 2 s" in found.what
        assert found.at_ns == BEGAN + 14 * SECOND
    # What the brokers say meanwhile counts.
    assert ask("full_isr", [*LOST, partitions(19.0, (1, 2, 3))]).holds


def test_a_session_that_is_new_after_zookeeper_was_away_is_compared_with_the_last_known() -> None:
    assert not ask("registered", BACK, 2, since=15).holds
    renewed = [*BACK, brokers(21.0, {**ALL, 2: "0xb2"})]
    assert ask("registered", renewed, 2, since=15).holds


def test_a_session_of_before_is_known_while_a_broker_is_away() -> None:
    gone = [*START, brokers(5.0, {1: "0xa1", 3: "0xa3"})]
    assert not ask("registered", [*gone, brokers(20.0, ALL)], 2).holds
    assert ask("registered", [*gone, brokers(20.0, {**ALL, 2: "0xb2"})], 2).holds


def test_refusals_of_the_probe() -> None:
    answers = [line(9, "x", error="NOT_ENOUGH_REPLICAS"), line(11, "x", error="")]
    found = ask("refused", START, probe=answers)
    assert (found.holds, found.what) == (False, "the probe's last answer since then is an acknowledgement")
    answers.append(line(12, "x", error="NOT_ENOUGH_REPLICAS_AFTER_APPEND"))
    assert ask("refused", START, probe=answers).at_ns == BEGAN + 12 * SECOND
    assert ask("refused", START, probe=answers[:1]).what == "the probe had no answer since then"


def test_acknowledgements_since_a_mark() -> None:
    assert ask("acknowledged", START, acks={0: 10.5}).holds
    assert not ask("acknowledged", START, acks={0: 9.5, 1: 10.0}).holds
    everywhere = ask("acknowledged", START, acks={0: 10.5, 2: 11}, partitions="all")
    assert everywhere.what == "nothing was acknowledged since then in 1 partition(s), such as 1"
    assert ask("acknowledged", START, acks={0: 10.5, 1: 11, 2: 12}, partitions="all").holds
    assert not ask("acknowledged", START, acks={-1: 10.5}, partitions="all").holds


def test_silence_counts_from_the_mark_or_the_last_acknowledgement() -> None:
    assert ask("silent", START, acks={0: 3, 1: 55}, now=60, for_s=5).holds
    assert not ask("silent", START, acks={0: 3, 1: 55.1}, now=60, for_s=5).holds
    assert not ask("silent", START, acks={0: 3}, since=56, now=60, for_s=5).holds
    assert not ask("silent", START, since=0, now=4, for_s=5).holds


def test_every_condition_is_documented_and_known() -> None:
    assert yaml.safe_load(DOCUMENTATION)["options"]["condition"]["choices"] == list(CONDITIONS)


def test_who_is_what() -> None:
    def told(*lines: dict[str, Any]) -> dict[str, Any]:
        return roles(Seen(TEST, states([*START, *lines]), {}, [], 0))

    assert told(partitions(1.0, (1, 1, 2))) == {
        "leader": {"id": 1, "host": "zkkafka1"},
        "follower": {"id": 3, "host": "zkkafka3"},
        "controller": {"id": 2, "host": "zkkafka2"},
        "zookeeper_leader": "zkkafka2",
        "zookeeper_followers": ["zkkafka1", "zkkafka3"],
        "brokers": [
            {"id": 1, "host": "zkkafka1", "leads": 2},
            {"id": 2, "host": "zkkafka2", "leads": 1},
            {"id": 3, "host": "zkkafka3", "leads": 0},
        ],
    }
    assert told(partitions(1.0, (1, 1, 1)))["follower"]["id"] == 3
    assert told(line(1.0, "controller", id=3), partitions(1.0, (1, 1, 1)))["follower"]["id"] == 2
    # A broker that is gone may still be called a leader.
    gone = told(brokers(1.0, {2: "0xa2", 3: "0xa3"}), partitions(1.0, (1, 1, 3)))
    assert (gone["leader"]["id"], gone["follower"]["id"]) == (3, 2)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Path]:
    """A ledger whose tester runs."""
    durability_files.write_test(tmp_path, TEST)
    with (tmp_path / durability_files.LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield tmp_path


def write(ledger: Path, *lines: dict[str, Any]) -> None:
    with (ledger / durability_files.OBSERVED).open("a") as stream:
        stream.writelines(json.dumps(each) + "\n" for each in lines)


def test_a_wait_follows_the_ledger(ledger: Path) -> None:
    write(ledger, *KILLED[:6])
    with (ledger / durability_files.OBSERVED).open("a") as stream:
        stream.write('{"at_ns": 1, "half')  # being written
        stream.flush()
        follower = durability_following.Follower(ledger)
        assert follower.look().now.registered == ALL
        stream.write('": 1, "kind": "x"}\n')
    write(ledger, *KILLED[6:8])
    assert follower.look().now.registered == {1: "0xa1", 3: "0xa3"}
    found = wait(ledger, Asked("deregistered", (2,), STRIKE), 10, print)
    assert found.what == "broker 2 (zkkafka2) is not registered"


class Clock:
    """Moves on where somebody sleeps, and nowhere else: a machine that stalls changes no answer."""

    def __init__(self) -> None:
        self.now_s = time.monotonic()

    def monotonic(self) -> float:
        return self.now_s

    def monotonic_ns(self) -> int:
        return int(self.now_s * SECOND)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def test_a_wait_ends_at_its_limit_and_talks_meanwhile(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(ledger, *START, partitions(1.0, (1, 2, 3), ([1], [2, 3], [2, 3])))
    said: list[str] = []
    monkeypatch.setattr(durability_following, "time", Clock())
    expected = r"^not seen: full_isr; instead .* partition 0 has \[1\] \(for .* s\); waited 12 s$"
    with pytest.raises(NotSeen, match=expected) as failed:
        wait(ledger, Asked("full_isr"), 12, said.append)
    assert failed.value.timed_out
    assert failed.value.waited_s == pytest.approx(12, abs=0.3)
    assert [
        re.match(r"waiting for full_isr, (\d) s left: 3 partition\(s\) lack", one)[1] for one in said
    ] == [
        "7",
        "2",
    ]


def test_a_wait_for_a_test_that_has_ended_is_over_unless_it_came(tmp_path: Path) -> None:
    durability_files.write_test(tmp_path, TEST)
    write(tmp_path, *KILLED)
    assert wait(tmp_path, Asked("full_isr"), 60, print).waited_s < 30
    with pytest.raises(NotSeen, match="the test has ended, nobody observes any more") as failed:
        wait(tmp_path, Asked("isr_without", (2,)), 60, print)
    assert not failed.value.timed_out


def test_acknowledgements_are_read_from_the_pulse_or_the_seconds(ledger: Path) -> None:
    (ledger / durability_files.PULSE).write_bytes(array.array("q", [BEGAN + 5, 0, BEGAN + 7]).tobytes())
    seen = durability_following.Follower(ledger).look()
    assert (seen.acknowledged_ns, seen.late_ns) == ({0: BEGAN + 5, 2: BEGAN + 7}, 0)
    (ledger / durability_files.PULSE).unlink()
    with (ledger / durability_files.SECONDS).open("w") as stream:
        for who, second in (("producer 0", 3), ("reader", 9)):
            ticks = [second * 1000 + 250]
            stream.write(json.dumps({"who": who, "second": second, "ticks_ms": ticks}) + "\n")
    seen = durability_following.Follower(ledger).look()
    # A second is written once it is over, so this may be late.
    assert (seen.acknowledged_ns, seen.late_ns) == ({-1: BEGAN + 3_251_000_000}, 2 * SECOND)


def test_a_silence_allows_for_acknowledgements_that_are_not_written_yet() -> None:
    def silent(late_s: int) -> bool:
        seen = Seen(TEST, [], {-1: BEGAN}, [], BEGAN + 6 * SECOND, late_s * SECOND)
        return judge(Asked("silent", for_s=5.0), seen).holds

    assert silent(0)
    assert not silent(2)
