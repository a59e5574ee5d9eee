"""What came of a UDP test: a row a step, figures a profile, and one verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import udp_books
from ansible_collections.barevm.kafka.plugins.module_utils.results import Verdict

SLOW = 0.95
"""A sender that reached less of the rate asked for than this is told."""


def step(raw: Mapping[str, Any]) -> dict[str, Any]:
    """One step's row from what its parts answered: ``step``, ``before``, ``burst``, ``after``, ``read``.

    A part that failed is missing; then the row has no books, and says why in ``reasons``.
    """
    asked = raw["step"]
    row: dict[str, Any] = {
        "name": asked["name"],
        "profile": asked["profile"],
        "asked_per_s": asked["rate_per_s"],
        "sent": 0,
        "reasons": [],
    }
    if why := raw.get("failed"):
        row["reasons"].append(f"{asked['name']}: {why}")
    parts = [raw.get(name) for name in ("before", "burst", "after", "read")]
    if not all(parts):
        return row
    before, burst, after, read = (dict(part) for part in parts if part)
    counts = {
        **udp_books.rises(before["counters"], after["counters"]),
        **burst["controller"],
        **{name: read[name] for name in ("distinct", "duplicates", "late", "foreign", "awaited")},
        "sent": burst["sent"],
        "acked_of_before": udp_books.uncounted(before["counters"]),
        "port_kind": burst["way"]["kind"],
    }
    counts = udp_books.unread(counts, read["complete"])
    places = udp_books.places(counts)
    on_its_way = counts["awaited"] + counts["unread"]
    lost = max(0, burst["sent"] - read["distinct"] - on_its_way)
    row |= {
        "sent": burst["sent"],
        "sent_s": burst["duration_s"],
        "rate_per_s": burst["rate_per_s"],
        "send_errors": burst["errors"],
        "read_back": read["distinct"],
        "lost": lost,
        "loss_share": udp_books.loss_share(burst["sent"], lost),
        "still_on_its_way": counts["awaited"],
        "known": not on_its_way,
        "acked_lost": udp_books.acknowledged_lost(places),
        "unexplained": udp_books.unexplained(places),
        "cut_short": read["cut_short"],
        "first_missing": read["first_missing"],
        "places": [place.as_dict() for place in places],
        "counters": counts,
        "elsewhere": udp_books.foreign_datagrams(counts),
        "receive_buffer_bytes": after["receive_buffer_bytes"],
    }
    if not burst["sent"]:
        refused = _refused(burst["errors"])
        row["reasons"].append(f"{asked['name']}: the controller's own kernel took no datagram: {refused}")
    row["reasons"] += [f"{asked['name']}: {why}" for why in _doubts(row, before, after, read, places)]
    return row


def _refused(errors: Mapping[str, int]) -> str:
    """What the controller's kernel did not take, by its errors."""
    return ", ".join(f"{count:,} times {name}" for name, count in sorted(errors.items()))


def _doubts(
    row: Mapping[str, Any],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    read: Mapping[str, Any],
    places: Sequence[udp_books.Place],
) -> list[str]:
    found = []
    if row["acked_lost"]:
        found.append(f"{row['acked_lost']:,} records that Kafka acknowledged could not be read back")
    if before["counters"]["rsyslog_pid"] != after["counters"]["rsyslog_pid"]:
        found.append("rsyslog was restarted meanwhile, so its counters began anew")
    if row["still_on_its_way"]:
        found.append(
            f"{row['still_on_its_way']:,} records were still on their way at the end: they are counted as "
            "such, not as lost"
        )
    elif not after["settled"]:
        found.append("the host's counters did not come to rest in udp_test_settle_s")
    if read["why"]:
        found.append(read["why"])
    if not udp_books.balanced(places, row["sent"]):
        told = ", ".join(f"{place.name} {place.unexplained:+,}" for place in places if place.unexplained)
        found.append(f"the books do not balance: no counter explains {told} datagrams")
    return found


def verdict(steps: Sequence[Mapping[str, Any]], failed: Sequence[str]) -> tuple[Verdict, list[str]]:
    """PASS where nothing acknowledged was lost and every step's books balance; and what kept it from that.

    Datagrams that UDP lost are what is measured: they are no reason. FAIL is only what proves a broken
    promise, a record that Kafka acknowledged and does not have.
    """
    reasons = [*failed, *(why for one in steps for why in one["reasons"])]
    if any(one.get("acked_lost") for one in steps):
        return "FAIL", reasons
    if not any(one["sent"] for one in steps):
        reasons.append("no step came to its end")
    return ("INCONCLUSIVE" if reasons else "PASS"), reasons


def profiles(
    steps: Sequence[Mapping[str, Any]], facts: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Each profile's figures: the rate at which loss begins, its receive buffer, and what the kernel had.

    ``facts`` is, by profile, what module udp_profile answered.
    """
    found = {}
    for name in dict.fromkeys(one["profile"] for one in steps):
        own = [one for one in steps if one["profile"] == name and "places" in one]
        about = facts.get(name, {})
        found[name] = {
            "receive_buffer_bytes": own[0]["receive_buffer_bytes"] if own else None,
            "kernel": dict(about.get("settings", {})),
            "kernel_refused": list(about.get("refused", [])),
            **udp_books.loss_begins(own),
            "sent": sum(one["sent"] for one in own),
            "lost": sum(one["lost"] for one in own),
        }
    return found


def notes(
    steps: Sequence[Mapping[str, Any]], by_profile: Mapping[str, Mapping[str, Any]], burst: Mapping[str, Any]
) -> list[str]:
    """What to know before the figures are believed. ``burst`` is one step's, for the way that was taken."""
    found = []
    for name, about in by_profile.items():
        if about["kernel_refused"]:
            names = ", ".join(one["name"] for one in about["kernel_refused"])
            found.append(
                f"{name}: the kernel refused {names}, as in a container; there only rsyslog's own receive "
                "buffer and threads differ between the profiles"
            )
    way = burst.get("way", {})
    if way and not way["port"]:
        found.append(f"the last port before the host is not seen: {way['why']}")
    elif way.get("kind") == "veth":
        found.append("the host is a container: the backlog's counter (softnet) is that of the whole machine")
    slow = [one for one in steps if "places" in one and one["rate_per_s"] < SLOW * one["asked_per_s"]]
    if slow:
        told = ", ".join(f"{one['name']} {one['rate_per_s']:,.0f}/s" for one in slow)
        found.append(
            f"the controller was kept from the rate asked for: {told}; the curves show the rate reached"
        )
    refused = [
        f"{one['name']}: {_refused(one['send_errors'])}"
        for one in steps
        if one["sent"] and one["send_errors"]
    ]
    if refused:
        found.append(f"not sent, for the controller's own kernel refused them: {'; '.join(refused)}")
    below = [
        f"{one['name']}, {place['name']} {place['unexplained']:,}"
        for one in steps
        for place in one.get("places", [])
        if place["unexplained"] < 0
    ]
    if below:
        found.append(
            "a remainder below zero means that counters, which are of the whole host, tell of more than this "
            f"test lost: {'; '.join(below)}"
        )
    cut = sum(one.get("cut_short", 0) for one in steps)
    if cut:
        found.append(f"{cut:,} lines came without their end: they are longer than rsyslog's maxMessageSize")
    return found


def summary(by_profile: Mapping[str, Mapping[str, Any]]) -> str:
    """A line: for each profile where loss begins."""
    told = "; ".join(f"{name}: {begins(about)}" for name, about in by_profile.items())
    return told or "nothing was measured"


def begins(about: Mapping[str, Any]) -> str:
    """Where loss begins, in words."""
    clean, lossy = about["none_up_to_per_s"], about["loss_from_per_s"]
    if lossy is None:
        return f"no loss up to {clean:,.0f}/s" if clean is not None else "not measured"
    if clean is None:
        return f"loss at {lossy:,.0f}/s already, the lowest rate measured"
    return f"loss begins between {clean:,.0f} and {lossy:,.0f}/s"
