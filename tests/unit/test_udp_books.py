"""The books of a UDP test: what a place lost is a difference of two counters, and what is left is shown."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import udp_books


def counts(**changed: Any) -> dict[str, Any]:
    """A step of 1,000 datagrams in which nothing was lost, with whatever ``changed`` says instead."""
    found: dict[str, Any] = {
        "sent": 1000,
        "received": 1000,
        "port_drops": 0,
        "submitted": 1000,
        "parse_enqueued": 1000,
        "enqueued": 1000,
        "acked": 1000,
        "distinct": 1000,
        "udp_in_datagrams": 1000,
        "port_kind": "tap",
    }
    return {**found, **changed}


def lost(found: list[udp_books.Place]) -> dict[str, int]:
    return {place.name: place.lost for place in found if place.lost}


def left(found: list[udp_books.Place]) -> dict[str, int]:
    return {place.name: place.unexplained for place in found if place.unexplained}


def test_nothing_lost_is_nothing_to_explain() -> None:
    found = udp_books.places(counts())
    assert [place.name for place in found] == list(udp_books.PLACES)
    assert not lost(found)
    assert not left(found)
    assert udp_books.balanced(found, 1000)


@pytest.mark.parametrize(
    ("place", "changed"),
    [
        ("network", {"received": 900, "tap_dropped": 100}),
        ("network", {"received": 900, "softnet_dropped": 100, "nic_dropped": 100}),
        ("network", {"received": 900, "udp_no_port": 100}),
        ("UDP buffer", {"received": 900, "port_drops": 100, "udp_receive_buffer_errors": 100}),
        ("imudp", {"submitted": 900, "disallowed": 100}),
        ("parsing", {"parse_discarded_full": 100}),
        ("queue", {"discarded_full": 60, "discarded_nearly_full": 40}),
        ("omkafka", {"acked": 900, "too_large": 100}),
        ("omkafka", {"acked": 900, "awaited": 100}),
    ],
)
def test_a_loss_is_found_at_its_place_and_explained(place: str, changed: dict[str, Any]) -> None:
    after = {"received": 1000, "submitted": 0, "parse_enqueued": 0, "enqueued": 0, "acked": 0, "distinct": 0}
    order = list(after)
    whole = counts(**changed)
    # What comes after the place has 100 less as well.
    stage = {"network": 1, "UDP buffer": 1, "imudp": 2, "parsing": 3, "queue": 4, "omkafka": 5}[place]
    for name in order[stage:]:
        whole.setdefault(name, 900)
        whole[name] = 900
    found = udp_books.places(whole)
    assert lost(found) == {place: 100}
    assert not left(found), "its own counters explain it"
    assert udp_books.balanced(found, 1000)


def test_what_no_counter_explains_is_shown_as_such() -> None:
    found = udp_books.places(counts(**dict.fromkeys(("received", "submitted", "parse_enqueued"), 950)))
    assert lost(found)["network"] == 50
    assert left(found)["network"] == 50
    assert not udp_books.balanced(found, 1000)


def test_a_remainder_of_each_sign_hides_nothing() -> None:
    found = udp_books.places(counts(received=950, udp_receive_buffer_errors=50))
    assert left(found) == {"network": 50, "UDP buffer": -50, "imudp": -50}
    assert udp_books.unexplained(found) == 150


def test_the_losses_add_up_whatever_the_counters_say() -> None:
    whole = counts(
        received=7, port_drops=3, submitted=2000, parse_enqueued=5, enqueued=99, acked=4, distinct=44
    )
    found = udp_books.places(whole)
    assert sum(place.lost for place in found) == 1000 - 44
    assert sum(place.lost for place in found) == sum(
        sum(place.explained.values()) + place.unexplained for place in found
    )


@pytest.mark.parametrize(
    ("missing", "name"),
    [
        (("received", "submitted"), "network + UDP buffer + imudp + parsing"),
        (("parse_enqueued",), "parsing + queue"),
        (("acked",), "omkafka + Kafka"),
    ],
)
def test_places_without_a_counter_between_them_are_one(missing: tuple[str, ...], name: str) -> None:
    found = udp_books.places(counts(**dict.fromkeys(missing)))
    assert name in [place.name for place in found]
    assert sum(place.lost for place in found) == 0


def test_an_acknowledged_record_that_is_not_there_is_proven_lost() -> None:
    found = udp_books.places(counts(distinct=998))
    assert udp_books.acknowledged_lost(found) == 2
    unknown = udp_books.places(counts(distinct=998, acked=None))
    assert udp_books.acknowledged_lost(unknown) == 0, "without acknowledgements nothing is proven"


def test_what_kafka_acknowledged_is_not_on_its_way() -> None:
    """The topic's records were deleted meanwhile: the reading awaits them, and they are gone."""
    gone = udp_books.unread(counts(distinct=400, awaited=600), complete=True)
    assert gone["awaited"] == 0
    assert udp_books.acknowledged_lost(udp_books.places(gone)) == 600
    some = udp_books.unread(counts(acked=700, distinct=400, duplicates=2, awaited=600), complete=True)
    assert some["awaited"] == 302
    assert udp_books.acknowledged_lost(udp_books.places(some)) == 298


def test_lines_of_other_senders_to_the_port_are_no_loss() -> None:
    more = dict.fromkeys(("received", "submitted", "parse_enqueued", "enqueued", "acked"), 1100)
    found = udp_books.places(counts(**more, foreign=100))
    assert lost(found) == {"network": -100, "Kafka": 100}
    assert not left(found)
    # Of 100 more, 10 were dropped: nobody can tell whose they were.
    fewer = udp_books.places(counts(**dict.fromkeys(more, 1090), port_drops=10, foreign=90))
    assert left(fewer) == {"network": -10, "UDP buffer": 10}


def test_stray_datagrams_to_other_ports_explain_no_more_than_was_lost() -> None:
    assert not left(udp_books.places(counts(udp_no_port=50)))
    whole = counts(**dict.fromkeys(("received", "submitted", "parse_enqueued", "enqueued", "acked"), 990))
    assert left(udp_books.places({**whole, "distinct": 990, "udp_no_port": 4})) == {"network": 6}


def test_copies_and_other_lines_are_no_loss() -> None:
    # 5 lines came in by TCP, which everything behind imudp counts as well.
    more = dict.fromkeys(("parse_enqueued", "enqueued", "acked"), 1005)
    found = udp_books.places(counts(**more, other_inputs=5, foreign=5))
    assert not left(found)
    assert udp_books.acknowledged_lost(found) == 0


def test_copies_are_no_loss_whether_both_were_acknowledged_or_one() -> None:
    """A try that timed out may have come through: then nobody noted its acknowledgement."""
    assert not left(udp_books.places(counts(duplicates=3)))
    twice = udp_books.places(counts(acked=1003, duplicates=3))
    assert udp_books.acknowledged_lost(twice) == 0
    assert not left(twice)
    assert udp_books.acknowledged_lost(udp_books.places(counts(distinct=997, duplicates=1))) == 2


def test_acknowledgements_that_are_noted_late_are_no_loss() -> None:
    """omkafka notes the last acknowledgements of a burst with the next record."""
    late = udp_books.places(counts(acked=995))
    assert not lost(late), "what was read back has been taken, whoever noted it"
    then = udp_books.places(counts(acked=1005, acked_of_before=5))
    assert udp_books.acknowledged_lost(then) == 0
    assert udp_books.uncounted({"enqueued": 2000, "acked": 1995}) == 5
    assert udp_books.uncounted({"enqueued": 2000, "discarded_full": 3, "too_large": 2, "acked": 1995}) == 0
    assert udp_books.uncounted({"enqueued": None, "acked": 1995}) == 0
    twice = {
        "enqueued": 2001,
        "parse_enqueued": 2000,
        "kafka_submitted": 2002,
        "kafka_failures": 1,
        "acked": 1995,
    }
    assert udp_books.uncounted(twice) == 6, "one of them was tried again and came twice"


def test_a_record_that_enters_the_queue_again_is_one_record() -> None:
    """Kafka's client refused it, for its own queue was full; it came through and was sent once more."""
    again = counts(enqueued=1001, acked=1001, duplicates=1)
    found = udp_books.places(again)
    assert udp_books.acknowledged_lost(found) == 0
    assert udp_books.unexplained(found) == 0
    assert udp_books.kept({"enqueued": 990, "parse_enqueued": 1000, "discarded_full": 3}) == 987


def test_what_could_not_be_read_is_neither_lost_nor_there() -> None:
    whole = udp_books.unread(counts(acked=400, distinct=0, awaited=1000), complete=False)
    found = udp_books.places(whole)
    assert udp_books.acknowledged_lost(found) == 0
    assert {place.name: dict(place.explained) for place in found if place.explained} == {
        "omkafka": {"still on its way": 600},
        "Kafka": {"not read yet": 400},
    }
    assert not left(found)


def test_a_veths_drops_count_once() -> None:
    whole = counts(received=900, submitted=900, parse_enqueued=900, enqueued=900, acked=900, distinct=900)
    seen = {"tap_dropped": 100, "nic_dropped": 100, "softnet_dropped": 100}
    assert not left(udp_books.places({**whole, **seen, "port_kind": "veth"}))
    assert left(udp_books.places({**whole, **seen})) == {"network": -100}


def test_rises_are_of_numbers_that_are_seen_at_both_ends() -> None:
    before = {"a": 1, "b": None, "interface": "eth0"}
    after = {"a": 3, "b": 2, "c": 4, "interface": "eth0"}
    assert udp_books.rises(before, after) == {"a": 2, "b": None, "c": None, "interface": None}


def test_what_else_the_host_received_is_told() -> None:
    assert udp_books.foreign_datagrams(counts(udp_in_datagrams=1010, other_inputs=2, foreign=2)) == {
        "datagrams_for_other_programs": 10,
        "lines_by_other_inputs": 2,
        "other_lines_in_the_topic": 2,
    }
    assert udp_books.foreign_datagrams(counts(received=None))["datagrams_for_other_programs"] is None


def test_where_loss_begins() -> None:
    def step(rate: float, lost: int, known: bool = True) -> dict[str, Any]:
        return {"rate_per_s": rate, "sent": 100, "lost": lost, "known": known}

    begins = udp_books.loss_begins
    assert begins([step(1, 0), step(2, 0)]) == {"none_up_to_per_s": 2, "loss_from_per_s": None}
    assert begins([step(4, 9), step(1, 0), step(2, 1)]) == {"none_up_to_per_s": 1, "loss_from_per_s": 2}
    assert begins([step(1, 5), step(2, 0)]) == {"none_up_to_per_s": None, "loss_from_per_s": 1}
    assert begins([step(1, 0), step(2, 0, False)]) == {"none_up_to_per_s": 1, "loss_from_per_s": None}
    assert begins([]) == {"none_up_to_per_s": None, "loss_from_per_s": None}
