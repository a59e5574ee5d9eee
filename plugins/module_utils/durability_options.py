"""What a durability test is told to do: what contradicts what, and what its clients are made of.

The prose for these options is in ``modules/durability_test.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import perf_options

LEAST_SIZE = 100
LARGEST_SIZE = 1_000_000
HEAD_SIZE = 32
LARGEST_MESSAGE = 1_048_588
"""What brokers and topics take by default: the largest record with its batch's head fits in it."""

MOST_IN_FLIGHT = 5
"""Requests of an idempotent producer that a broker may owe at a time (KIP-98)."""

BUFFER_KB = 32 * 1024
LARGEST_BUFFER_KB = 256 * 1024

WORKLOAD = (
    *("linger_ms", "batch_size", "payload_delimiter", "records", "duration_s", "limit_s"),
    *("group_commit_s", "group_bounce_every_s"),
)
"""Options that test.json keeps beside its own fields."""

OPTION_OF = {
    "bootstrap.servers": "bootstrap_servers",
    "metadata.broker.list": "bootstrap_servers",
    "acks": "acks",
    "request.required.acks": "acks",
    "enable.idempotence": "idempotence",
    "message.timeout.ms": "delivery_timeout_s",
    "delivery.timeout.ms": "delivery_timeout_s",
}
"""Properties that the verdict goes by: another value behind the option's back would make it untrue."""

NOT_FOR_TESTS = {
    "delivery.report.only.error": "acknowledgements would never be told of",
    "transactional.id": "a durability test sends no transactions",
}

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def contradictions(options: Mapping[str, Any]) -> list[str]:
    """Everything wrong with a start's options: a sentence each, with the option, its value and the remedy."""
    found = [
        f"{name} is not set; it is needed to start"
        for name in ("bootstrap_servers", "reports_dir")
        if not options[name]
    ]
    for name in ("partitions", "replication_factor", "min_insync_replicas", "producers"):
        if options[name] < 1:
            found.append(f"{name} is {options[name]}; it must be at least 1")
    for name in (
        "records_per_s",
        "records",
        "duration_s",
        "linger_ms",
        "group_members",
        "group_bounce_every_s",
    ):
        if options[name] < 0:
            found.append(f"{name} is {options[name]}; it must not be negative")
    if options["group_commit_s"] <= 0:
        found.append(
            f"group_commit_s is {options['group_commit_s']:g}; a group that never commits handles all again "
            "after each rebalance, set more than 0"
        )
    if options["limit_s"] <= 0:
        found.append(f"limit_s is {options['limit_s']:g}; a test must end some time, set more than 0")
    if not NAME.fullmatch(options["name"]):
        found.append(
            f"name is {options['name']!r}; it names files, so letters, digits, '.', '_' and '-' alone"
        )
    if options["producers"] > options["partitions"]:
        found.append(
            f"producers is {options['producers']}, above partitions ({options['partitions']}): "
            "each partition is written by one producer, so raise partitions or lower producers"
        )
    if options["delivery_timeout_s"] * 1000 <= options["linger_ms"]:
        found.append(
            f"delivery_timeout_s is {options['delivery_timeout_s']:g}, not above linger_ms "
            f"({options['linger_ms']:g}): every record would be given up before it is sent"
        )
    if not options["payload_file"] and not LEAST_SIZE <= options["record_size"] <= LARGEST_SIZE:
        found.append(
            f"record_size is {options['record_size']}; it must be {LEAST_SIZE} to {LARGEST_SIZE:,} bytes"
        )
    if not 1 <= options["batch_size"] <= LARGEST_SIZE:
        found.append(f"batch_size is {options['batch_size']}; it must be 1 to {LARGEST_SIZE:,} bytes")
    for name, value in options["client_properties"].items():
        if name in OPTION_OF:
            found.append(
                f"client_properties sets {name}, which is what option {OPTION_OF[name]} is for: use it"
            )
        elif name in NOT_FOR_TESTS:
            found.append(f"client_properties sets {name}: {NOT_FOR_TESTS[name]}; leave it out")
        elif value is None:
            found.append(f"client_properties sets {name} to nothing; leave it out or give it a value")
    return found + perf_options.of_any_test(options)


def intention(options: Mapping[str, Any]) -> str:
    """What a start with these options would do, for check mode."""
    payload = options["payload_file"]
    size = f"of {payload}" if payload else f"of {options['record_size']} bytes"
    rate = (
        f"{options['records_per_s']:g} records/s"
        if options["records_per_s"]
        else "as many records as it goes"
    )
    return (
        f"Would make topic {options['topic'] or 'durability-…'} ({options['partitions']} partitions, "
        f"replication factor {options['replication_factor']}, min.insync.replicas "
        f"{options['min_insync_replicas']}) through {', '.join(options['bootstrap_servers'])}, send {rate} "
        f"{size} with {options['producers']} producers, and keep their ledger in {options['reports_dir']}."
    )


def client(options: Mapping[str, Any]) -> dict[str, Any]:
    """librdkafka's properties of every client of the test (librdkafka CONFIGURATION.md).

    Time-outs are fixed, so that figures are Kafka's and not the client's: a broker that keeps its
    connections but does not answer is left after 10 s (the default is 60 s), one that is back is connected
    to again within half a second (10 s), and a new leader is asked for every 50 ms.
    """
    return {
        "bootstrap.servers": ",".join(options["bootstrap_servers"]),
        "client.id": "barevm-durability",
        "socket.timeout.ms": 10_000,
        "socket.connection.setup.timeout.ms": 5_000,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 500,
        "retry.backoff.ms": 50,
        "retry.backoff.max.ms": 200,
        "topic.metadata.refresh.fast.interval.ms": 50,
        # What goes wrong is counted; librdkafka's own lines on standard error would double it.
        "log_level": 0,
        **options["client_properties"],
    }


def producer_client(options: Mapping[str, Any], record_size: int, brokers: int) -> dict[str, Any]:
    """The same of a producer whose largest record has ``record_size`` bytes, at so many brokers."""
    return {
        "max.in.flight.requests.per.connection": in_flight(options, brokers),
        "acks": options["acks"],
        "enable.idempotence": options["idempotence"],
        "linger.ms": options["linger_ms"],
        "batch.size": options["batch_size"],
        "compression.type": options["compression"],
        "message.timeout.ms": int(options["delivery_timeout_s"] * 1000),
        # The first broker of a cluster that comes back may name no topic for a moment; by default all records
        # would be given up for that.
        "topic.metadata.propagation.max.ms": min(3_600_000, int(options["delivery_timeout_s"] * 1000)),
        "request.timeout.ms": 9_000,
        "message.max.bytes": LARGEST_MESSAGE,
        "queue.buffering.max.kbytes": buffer_kb(options, record_size),
        # Whatever the records' size, the buffer's bytes are the limit.
        "queue.buffering.max.messages": 10_000_000,
        **client(options),
    }


def in_flight(options: Mapping[str, Any], brokers: int) -> int:
    """How many requests a broker may owe a producer.

    With a rate, one: where a leader moves, a second one is refused as out of order, and librdkafka 2.16 takes
    that for a reason to begin a new epoch, in which it sends again what had arrived: duplicates that are the
    client's fault and not the cluster's (librdkafka issue 4953).

    As fast as it goes, more: but an idempotent producer that has as many requests under way as it has
    partitions at a broker, and more records waiting, polls without a pause: twice the processor time for each
    record. One less is as fast.
    """
    if options["records_per_s"]:
        return 1
    own: int = options["partitions"] // (options["producers"] * max(1, brokers))
    return max(1, min(MOST_IN_FLIGHT, own - 1))


def buffer_kb(options: Mapping[str, Any], record_size: int) -> int:
    """What a producer may hold that is not yet acknowledged.

    With a rate, all that becomes due in the delivery time-out if memory allows: a partition without a leader
    must not keep the others from getting their records.
    """
    due = options["records_per_s"] / options["producers"] * options["delivery_timeout_s"] * record_size / 1024
    return max(BUFFER_KB, min(LARGEST_BUFFER_KB, int(due)))


def block(options: Mapping[str, Any], record_size: int) -> int:
    """How many records in a row go to one partition: a batch, where nothing limits the rate."""
    return 1 if options["records_per_s"] else max(1, options["batch_size"] // record_size)
