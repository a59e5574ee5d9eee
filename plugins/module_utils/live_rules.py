"""Which settings a running broker takes without a restart: our own list, shorter than Kafka's.

Kafka's update mode (KIP-226, Kafka documentation "Updating Broker Configs") is necessary and not
sufficient: what follows has to be right as well, and known to work in the version that runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.barevm.kafka.plugins.module_utils.setting_definitions import Definition

READ_ONLY = "read-only"


@dataclass(frozen=True)
class Rule:
    """When a setting of the list may change live.

    A ``pool`` of threads moves between half and double of what runs (KIP-226). Before version ``since``
    Kafka has the fault ``fault``; without one every version will do.
    """

    pool: bool = False
    since: tuple[int, ...] = ()
    fault: str = ""


PLAIN = Rule()
POOL = Rule(pool=True)
# Any change of the cleaner's settings stops its threads and starts new ones.
_CLEANER = (3, 8)
_CLEANER_FAULT = "the log cleaner loses its metrics (KAFKA-16574)"

LIVE: dict[str, Rule] = {
    **dict.fromkeys(
        (
            "compression.type",
            "log.cleaner.delete.retention.ms",
            "log.cleaner.max.compaction.lag.ms",
            "log.cleaner.min.cleanable.ratio",
            "log.cleaner.min.compaction.lag.ms",
            "log.flush.interval.messages",
            "log.index.interval.bytes",
            "log.index.size.max.bytes",
            "log.message.timestamp.type",
            "log.preallocate",
            "log.retention.bytes",
            "log.retention.ms",
            "log.roll.jitter.ms",
            "log.roll.ms",
            "log.segment.bytes",
            "log.segment.delete.delay.ms",
            "max.connection.creation.rate",
            "max.connections",
            "max.connections.per.ip",
            "max.connections.per.ip.overrides",
            "min.insync.replicas",
            "producer.id.expiration.ms",
        ),
        PLAIN,
    ),
    **dict.fromkeys(
        (
            "background.threads",
            "num.io.threads",
            "num.network.threads",
            "num.recovery.threads.per.data.dir",
        ),
        POOL,
    ),
    "num.replica.fetchers": Rule(
        pool=True, since=(3, 3), fault="partitions stay with the wrong fetcher (KAFKA-13772)"
    ),
    "log.cleaner.threads": Rule(pool=True, since=_CLEANER, fault=_CLEANER_FAULT),
    "log.cleaner.backoff.ms": Rule(since=_CLEANER, fault=_CLEANER_FAULT),
    "log.cleaner.io.max.bytes.per.second": Rule(since=_CLEANER, fault=_CLEANER_FAULT),
    "message.max.bytes": Rule(since=_CLEANER, fault=_CLEANER_FAULT),
}
"""Left out though Kafka would take them: listeners, ssl and sasl (clients are cut off half way through),
plugins (metric.reporters, principal.builder.class), unclean.leader.election.enable and log.cleanup.policy
(they cost data the moment they are wrong), the cleaner's buffers (their memory may not be there), tiered
storage, and log.flush.interval.ms, which the log's own flusher reads only when it starts."""

_CONNECTIONS = re.compile(r"(^|\.)(ssl|sasl)\.|^(advertised\.)?listeners$|^listener\.")


def default_text(definition: Definition) -> str | None:
    """A definition's default as it would stand in a file; None where Kafka works it out of other settings."""
    if definition.default == "null":
        return None
    if definition.default == '""':
        return ""
    # Kafka explains its numbers: 15000 (15 seconds).
    return re.sub(r" \(.*\)$", "", definition.default)


def same(one: str | None, other: str | None, kind: str = "") -> bool:
    """Whether Kafka reads both values alike; ``kind`` is the definition's type, guessed where unknown."""
    if one is None or other is None:
        return one is other
    one, other = one.strip(), other.strip()
    if one == other:
        return True
    if kind == "boolean":
        return one.lower() == other.lower()
    if kind == "list":
        return [item.strip() for item in one.split(",")] == [item.strip() for item in other.split(",")]
    if kind in ("short", "int", "long", ""):
        whole = [re.fullmatch(r"[-+]?\d+", value) for value in (one, other)]
        if all(whole):
            return int(one) == int(other)
    if kind in ("double", ""):
        try:
            return float(one) == float(other)
        except ValueError:
            return False
    return False


def target(wanted: str | None, definition: Definition | None) -> str | None:
    """What a running broker is to have: what the file says, or Kafka's default where it says nothing.

    None where only a restart brings it about, since the default depends on other settings.
    """
    if wanted is not None or definition is None:
        return wanted
    return default_text(definition)


def classify(
    name: str, running: str | None, wanted: str | None, definition: Definition | None, version: str = ""
) -> tuple[bool, str]:
    """Whether a broker takes ``name`` live, and why or why not, as a short clause.

    ``running`` is what it answers now, ``wanted`` what its file says, None where the file is silent.
    ``version`` is the one that runs; without it, what only newer versions do right waits for a restart.
    """
    if definition is None:
        return False, "Kafka's definition of this version does not have it"
    value = target(wanted, definition)
    if value is not None and same(running, value, definition.type):
        return True, "it runs with this value already"
    rule = LIVE.get(name)
    if definition.update_mode == READ_ONLY:
        return False, "Kafka reads it at its start only"
    if rule is None and _CONNECTIONS.search(name):
        return False, "what concerns connections always changes with a restart"
    if rule is None:
        return False, "it is not among the settings that are changed live"
    if value is None:
        return False, "its default depends on other settings, which Kafka looks at when it starts"
    if "${" in value:
        return False, "a configuration provider fills it in when Kafka starts"
    if rule.since and _numbers(version) < rule.since:
        return False, f"before Kafka {'.'.join(map(str, rule.since))} {rule.fault}"
    return _pool(running, value) if rule.pool else (True, "Kafka takes it live")


def _pool(running: str | None, wanted: str) -> tuple[bool, str]:
    """Kafka's own rule, DynamicThreadPool.validateReconfiguration: half is rounded down."""
    try:
        now, then = int(running or ""), int(wanted)
    except ValueError:
        return False, "the size that runs is not known"
    if now // 2 <= then <= now * 2 and then >= 1:
        return True, f"a pool of {now} may become one of {max(1, now // 2)} to {now * 2}"
    return False, f"a pool of {now} may only become one of {max(1, now // 2)} to {now * 2} live"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
