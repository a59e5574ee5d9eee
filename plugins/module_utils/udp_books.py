"""The books of a UDP test: at which place datagrams were lost, as differences of two counters.

A datagram goes through places, and between two of them there is a counter: sent by the controller, arrived at
the port's sockets, received by rsyslog, submitted by its input, kept by its queue, acknowledged by Kafka,
read back by number. What a place lost is what entered less what left, so the losses of all places add up to
what was sent and not read back, whatever the counters say. Each place has counters of its own that explain
its loss; what they do not explain is its remainder. A remainder below zero means that counters tell of more
than was lost: most of them are of the whole host, whoever else it speaks to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Counts = Mapping[str, Any]
"""By how much each counter rose over one step; None is "not seen"."""

TOLERATED = 0.001
"""The share of the datagrams sent that remainders may come to before the books count as open."""

NODES = ("sent", "arrived", "received", "submitted", "parsed", "kept", "acked", "distinct")
"""What is counted between two places, in the order in which a datagram meets them."""
PLACES = ("network", "UDP buffer", "imudp", "parsing", "queue", "omkafka", "Kafka")
"""The places between them."""


@dataclass(frozen=True)
class Place:
    """What one place lost, and why. ``unexplained`` is the remainder, and may be negative."""

    name: str
    entered: int
    left: int
    lost: int
    explained: Mapping[str, int]
    unexplained: int

    def as_dict(self) -> dict[str, Any]:
        """The place as udp_test.json has it."""
        return asdict(self)


def rises(before: Counts, after: Counts) -> dict[str, int | None]:
    """By how much each counter of ``after`` rose; None where it is not a number at both ends."""
    found: dict[str, int | None] = {}
    for name, value in after.items():
        was = before.get(name)
        numbers = isinstance(value, int) and isinstance(was, int)
        found[name] = value - was if numbers and value is not None and was is not None else None
    return found


def nodes(counts: Counts) -> dict[str, int | None]:
    """What was counted between the places; None where a counter that it takes is not seen."""
    return {
        "sent": counts["sent"],
        "arrived": _sum(counts, "received", "port_drops"),
        "received": counts.get("received"),
        "submitted": counts.get("submitted"),
        "parsed": _parsed(counts),
        "kept": kept(counts),
        "acked": _acked(counts),
        "distinct": counts["distinct"],
    }


def places(counts: Counts) -> list[Place]:
    """The places of one step in order.

    Places without a counter between them are one, named by both.
    """
    counted = nodes(counts)
    reasons = explanations(counts)
    found = []
    names: list[str] = []
    entered = int(counts["sent"])
    for name, node in zip(PLACES, NODES[1:]):
        names.append(name)
        left = counted[node]
        if left is None:
            continue
        explained = {reason: value for each in names for reason, value in reasons[each].items() if value}
        lost = entered - left
        found.append(Place(" + ".join(names), entered, left, lost, explained, lost - sum(explained.values())))
        names, entered = [], left
    return found


def explanations(counts: Counts) -> dict[str, dict[str, int]]:
    """For each place what its own counters say, those of what came in from elsewhere below zero.

    A veth has no queue of its own: what its other end's backlog drops, both ends and the backlog's counter
    tell of, which is that of the whole machine. A drop in a backlog counts as one of the interface, too.
    """
    tap = _of(counts, "tap_dropped")
    softnet = 0 if counts.get("port_kind") == "veth" else _of(counts, "softnet_dropped")
    seen_before = tap if counts.get("port_kind") == "veth" else softnet
    other_inputs = _of(counts, "other_inputs")
    # Datagrams to ports that nobody listens on come to every host: they explain no more than was lost.
    arrived = _of(counts, "received") + _of(counts, "port_drops")
    # A copy whose first try nobody saw acknowledged explains nothing.
    acked = _acked(counts) or 0
    copies = min(_of(counts, "duplicates"), max(0, acked - _read(counts)))
    return {
        "network": {
            "controller's send buffer": _of(counts, "controller_send_buffer"),
            "tap": tap,
            "interface": max(0, _of(counts, "nic_dropped") - seen_before),
            "softnet backlog": softnet,
            "fragments not put together": _of(counts, "ip_reassembly_failed"),
            "no socket": min(_of(counts, "udp_no_port"), max(0, counts["sent"] - arrived)),
            "lines of other senders": -max(0, _of(counts, "foreign") - other_inputs),
        },
        "UDP buffer": {
            "receive buffer full": _of(counts, "udp_receive_buffer_errors"),
            "wrong checksum": _of(counts, "udp_checksum_errors"),
            "kernel's UDP memory full": _of(counts, "udp_memory_errors"),
        },
        "imudp": {"sender not allowed": _of(counts, "disallowed")},
        "parsing": {**_discarded(counts, "parse_"), "came in by other inputs": -other_inputs},
        "queue": _discarded(counts, ""),
        "omkafka": {
            "still on its way": _of(counts, "awaited"),
            "message too large": _of(counts, "too_large"),
            "acknowledged a second time": -min(copies, max(0, acked - (kept(counts) or acked))),
        },
        "Kafka": {
            "not read yet": _of(counts, "unread"),
            "other lines": _of(counts, "foreign"),
            "lines of an earlier step": _of(counts, "late"),
            "second copies": copies,
        },
    }


def unread(counts: Counts, complete: bool) -> dict[str, Any]:
    """The counts, with what was acknowledged and not read where the reading did not come to the topic's end.

    What was not read is neither lost nor there: nobody knows. What Kafka acknowledged is not on its way,
    though the reading awaits it as well.
    """
    rest = max(0, (_acked(counts) or 0) - _read(counts) - _of(counts, "duplicates"))
    return {
        **counts,
        "unread": 0 if complete else rest,
        "awaited": max(0, _of(counts, "awaited") - rest),
    }


def acknowledged_lost(counted: Sequence[Place]) -> int:
    """How many records Kafka acknowledged that could not be read back.

    Only where acknowledgements are counted, since the last place is Kafka alone then.
    """
    last = counted[-1]
    return max(0, last.unexplained) if last.name == PLACES[-1] else 0


def unexplained(counted: Sequence[Place]) -> int:
    """How much is not explained in all: remainders of either sign, for one must not hide another."""
    return sum(abs(place.unexplained) for place in counted)


def balanced(counted: Sequence[Place], sent: int) -> bool:
    """Whether what no counter explains is little enough to believe the rest."""
    return unexplained(counted) <= TOLERATED * sent


def foreign_datagrams(counts: Counts) -> dict[str, int | None]:
    """What else the host received meanwhile, as far as it can be seen."""
    datagrams, received = counts.get("udp_in_datagrams"), counts.get("received")
    others = None if datagrams is None or received is None else datagrams - received
    return {
        "datagrams_for_other_programs": others,
        "lines_by_other_inputs": counts.get("other_inputs"),
        "other_lines_in_the_topic": counts.get("foreign"),
    }


def loss_share(sent: int, lost: int) -> float | None:
    """What share of the datagrams sent was lost; None where none was sent."""
    return lost / sent if sent else None


def loss_begins(steps: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """The rate at which loss begins: the lowest with a loss, and the highest below it without one.

    Each is None where there is none. A step with records still on their way is not
    ``known`` to have lost nothing.
    """
    ordered = sorted((one for one in steps if one["sent"]), key=lambda one: one["rate_per_s"])
    lossy = next((one["rate_per_s"] for one in ordered if one["lost"] > 0), None)
    clean = [
        one["rate_per_s"]
        for one in ordered
        if one["lost"] <= 0 and one["known"] and (lossy is None or one["rate_per_s"] < lossy)
    ]
    return {"none_up_to_per_s": max(clean, default=None), "loss_from_per_s": lossy}


def _discarded(counts: Counts, queue: str) -> dict[str, int]:
    return {
        "discarded, queue full": _of(counts, f"{queue}discarded_full"),
        "discarded, queue nearly full": _of(counts, f"{queue}discarded_nearly_full"),
    }


def _parsed(counts: Counts) -> int | None:
    """What entered the queue before parsing less what that discarded, which rsyslog counts as entered."""
    entered = counts.get("parse_enqueued")
    return None if entered is None else int(entered) - sum(_discarded(counts, "parse_").values())


def kept(counts: Counts) -> int | None:
    """What the queue before Kafka took and did not discard.

    A record that Kafka's client refused (its queue was full) enters it again and is counted again, so it is
    not more than what was parsed.
    """
    entered, parsed = counts.get("enqueued"), _parsed(counts)
    if entered is None:
        return None
    came = int(entered) if parsed is None else min(int(entered), parsed)
    return came - sum(_discarded(counts, "").values())


def uncounted(seen: Counts) -> int:
    """How many acknowledgements rsyslog may have had and not counted when its counters stood still.

    ``seen`` are counters, not what they rose by. See `_acked`: they are counted with the next records.
    """
    acked, came = seen.get("acked"), kept(seen)
    if acked is None or came is None:
        return 0
    # What Kafka's client took, second tries among it.
    taken = _of(seen, "kafka_submitted") - _of(seen, "kafka_failures")
    return max(0, came - _of(seen, "too_large") - int(acked), taken - int(acked))


def _acked(counts: Counts) -> int | None:
    """What Kafka acknowledged: what rsyslog counted of it, or what was read, where that is more.

    omkafka takes note of the last acknowledgements of a burst only with the next record: what it had not
    noted before (``acked_of_before``) may be among this step's, and what was read back has been taken by
    Kafka, whoever took note of it.
    """
    acked = counts.get("acked")
    return None if acked is None else max(acked - _of(counts, "acked_of_before"), _read(counts))


def _read(counts: Counts) -> int:
    """Records read, copies left out."""
    return sum(_of(counts, name) for name in ("distinct", "late", "foreign"))


def _of(counts: Counts, name: str) -> int:
    return int(counts.get(name) or 0)


def _sum(counts: Counts, *names: str) -> int | None:
    if any(counts.get(name) is None for name in names):
        return None
    return sum(int(counts[name]) for name in names)
