"""What a UDP test will do, worked out and judged before a datagram is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import udp_datagram

LONGEST_S = 60.0
FASTEST = 1_000_000
STEP_EXTRA_S = 60.0
"""What a step may take beside sending, settling and reading: modules start, rsyslog writes its counters."""
PROFILE_EXTRA_S = 300.0
PROFILES = ("untuned", "tuned")
WARM_UP_S = 2.0
"""A first burst that counts for nothing: brokers and rsyslog that have just started are slow."""


def wrong(
    asked: Mapping[str, Any], groups: Mapping[str, Sequence[str]], targeted: Sequence[str], sender: str
) -> list[str]:
    """Everything wrong with what is asked: a sentence each, with variable, value and remedy.

    ``targeted`` are the hosts that --limit leaves of the play's.
    ``sender`` is the controller's name, which its lines carry.
    """
    found = [*_host(asked, groups, targeted), *_amounts(asked)]
    least = udp_datagram.smallest("0" * 8, sender)
    size = asked["size"]
    if not least <= size <= udp_datagram.LARGEST:
        found.append(
            f"udp_test_size is {size}; it takes {least} (the shortest numbered line) to "
            f"{udp_datagram.LARGEST} bytes (the longest UDP datagram over IPv4)"
        )
    unknown = [name for name in asked["profiles"] if name not in PROFILES]
    if unknown or not asked["profiles"] or len(set(asked["profiles"])) < len(asked["profiles"]):
        found.append(
            f"udp_test_profiles is {asked['profiles']}; it takes {' and '.join(PROFILES)}, each once, "
            "or one of them"
        )
    return found


def _host(
    asked: Mapping[str, Any], groups: Mapping[str, Sequence[str]], targeted: Sequence[str]
) -> list[str]:
    ingest = list(groups.get("syslog_ingest", []))
    if not ingest:
        return [
            "the inventory's group syslog_ingest has no host; put the host that receives syslog in it, and "
            "run syslog_ingest.yml"
        ]
    if asked["host"] not in ingest:
        names = ", ".join(ingest)
        return [f"udp_test_host is {asked['host']}; it takes a host of group syslog_ingest: {names}"]
    if asked["host"] not in targeted:
        return [f"--limit leaves out {asked['host']}, which is the host to measure; name it there too"]
    if asked["port"] == 0:
        return [
            f"syslog_ingest_udp_port of {asked['host']} is 0, which is no UDP at all; give it a port, and "
            "run syslog_ingest.yml"
        ]
    return []


def _amounts(asked: Mapping[str, Any]) -> list[str]:
    found = []
    rates, duration_s = asked["rates"], asked["duration_s"]
    if not rates or not all(0 < rate <= FASTEST for rate in rates):
        found.append(f"udp_test_rates is {rates}; it takes datagrams/s, each above 0 and up to {FASTEST:,}")
    elif duration_s > 0 and not all(round(rate * duration_s) for rate in rates):
        found.append(
            f"udp_test_rates is {rates}, and one of them is no whole datagram in udp_test_duration_s "
            f"({duration_s:g}): raise one of the two"
        )
    if not 0 < duration_s <= LONGEST_S:
        found.append(
            f"udp_test_duration_s is {duration_s:g}; it takes more than 0 and up to {LONGEST_S:g} seconds"
        )
    for name in ("settle_s", "read_limit_s"):
        if not 0 < asked[name] <= 3600:
            found.append(f"udp_test_{name} is {asked[name]:g}; it takes more than 0 and up to 3600 seconds")
    if not found and (total := datagrams(asked)) > asked["max_datagrams"]:
        found.append(
            f"{total:,} datagrams would be sent, more than udp_test_max_datagrams "
            f"({asked['max_datagrams']:,}): lower udp_test_rates or udp_test_duration_s, or raise it"
        )
    return found


def datagrams(asked: Mapping[str, Any]) -> int:
    """How many datagrams all steps of all profiles send, warming up included."""
    warm_up: int = round(min(asked["rates"]) * WARM_UP_S)
    each: int = sum(round(rate * asked["duration_s"]) for rate in asked["rates"])
    return (warm_up + each) * len(asked["profiles"])


def steps(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every step in order: number, name, profile, rate, seconds, and whether it only warms up."""
    found: list[dict[str, Any]] = []
    rates = sorted(asked["rates"])
    for profile in asked["profiles"]:
        found.append(_step(len(found), f"{profile}, warming up", profile, rates[0], WARM_UP_S, True))
        for rate in rates:
            name = f"{profile}, {rate:,.0f}/s"
            found.append(_step(len(found), name, profile, rate, asked["duration_s"], False))
    return found


def _step(
    number: int, name: str, profile: str, rate_per_s: float, duration_s: float, warm_up: bool
) -> dict[str, Any]:
    return {
        "number": number,
        "name": name,
        "profile": profile,
        "rate_per_s": rate_per_s,
        "duration_s": duration_s,
        "warm_up": warm_up,
    }


def undo_after_s(asked: Mapping[str, Any]) -> int:
    """After how many seconds the host puts back by itself what a profile changed: none takes longer."""
    step: float = 2 * asked["duration_s"] + asked["settle_s"] + asked["read_limit_s"] + STEP_EXTRA_S
    return int((len(asked["rates"]) + 1) * step + PROFILE_EXTRA_S)


def intention(asked: Mapping[str, Any]) -> str:
    """What a run would do, in a sentence."""
    rates = ", ".join(f"{rate:,.0f}" for rate in sorted(asked["rates"]))
    return (
        f"{datagrams(asked):,} datagrams of {asked['size']} bytes to {asked['host']} "
        f"({asked['address']}, UDP port {asked['port']}), at {rates} datagrams/s for "
        f"{asked['duration_s']:g} s each, {' and then '.join(asked['profiles'])}"
    )


def warnings(size: int, mtu: int, longest: int | None = None, ipv6: bool = False) -> list[str]:
    """What to know before the figures are believed; ``longest`` is what rsyslog takes of a line, in bytes."""
    found = []
    count = udp_datagram.fragments(size, mtu, ipv6)
    if count > 1:
        found.append(
            f"a datagram of {size} bytes travels as {count} packets, for the way's MTU is {mtu}: one lost "
            "packet loses the datagram, what interfaces drop is counted in packets, and a host takes 30 s to "
            "count a datagram that it cannot put together"
        )
    if longest is not None and size > longest:
        found.append(
            f"rsyslog cuts a line of {size} bytes at syslog_ingest_max_message_bytes ({longest}), and what "
            "it cuts off is no loss in these figures"
        )
    return found
