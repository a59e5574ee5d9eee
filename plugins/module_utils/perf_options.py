"""What a perf test is told to do: the options of ``perf_test``, and what contradicts what.

The prose for these options is in ``modules/perf_test.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "bootstrap_servers": {"type": "list", "elements": "str", "required": True},
    "client_properties": {"type": "dict", "default": {}, "no_log": True},
    "partitions": {"type": "int", "default": 5},
    "replication_factor": {"type": "int", "default": 3},
    "min_insync_replicas": {"type": "int", "default": 2},
    "record_size": {"type": "int", "default": 1024},
    "payload_file": {"type": "path", "default": ""},
    "payload_delimiter": {"type": "str", "default": "\n"},
    "records": {"type": "int", "default": 0},
    "duration_s": {"type": "float", "default": 0.0},
    "warmup_s": {"type": "float", "default": 0.0},
    "limit_records_per_s": {"type": "float", "default": 0.0},
    "limit_mb_per_s": {"type": "float", "default": 0.0},
    "acks": {"type": "str", "choices": ["all", "1", "0"], "default": "all"},
    "linger_ms": {"type": "float", "default": 5.0},
    "batch_size": {"type": "int", "default": 131072},
    "compression": {
        "type": "str",
        "choices": ["none", "gzip", "snappy", "lz4", "zstd"],
        "default": "none",
    },
    "idempotence": {"type": "bool", "default": False},
    "producers": {"type": "int", "default": 1},
    "consumers": {"type": "int", "default": 0},
    "delivery_timeout_s": {"type": "float", "default": 30.0},
    "reports_dir": {"type": "path", "required": True},
    "baseline": {"type": "path", "default": ""},
    "baseline_max_regression": {"type": "float", "default": 0.2},
}

NOT_THE_WORKLOAD = {
    "bootstrap_servers",
    "client_properties",
    "reports_dir",
    "baseline",
    "baseline_max_regression",
}
"""Options that two comparable runs may differ in."""

SETUP_S = 60.0
DRAIN_S = 30.0
LONGEST_RUN_S = 3600.0
"""A run by number of records is stopped after this time."""


def workload(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that make two runs comparable, in the order of the spec."""
    return {name: options[name] for name in ARGUMENT_SPEC if name not in NOT_THE_WORKLOAD}


def contradictions(options: Mapping[str, Any]) -> list[str]:
    """Everything wrong with the options: one sentence each, with the option, its value and the remedy."""
    found = []
    for name in ("partitions", "replication_factor", "min_insync_replicas", "producers", "record_size"):
        if options[name] < 1:
            found.append(f"{name} is {options[name]}; it must be at least 1")
    for name in (
        "records",
        "duration_s",
        "warmup_s",
        "limit_records_per_s",
        "limit_mb_per_s",
        "linger_ms",
        "consumers",
        "baseline_max_regression",
    ):
        if options[name] < 0:
            found.append(f"{name} is {options[name]}; it must not be negative")
    if bool(options["records"]) == bool(options["duration_s"]):
        found.append(
            f"records is {options['records']} and duration_s is {options['duration_s']:g}; "
            "set exactly one of them, it ends the test"
        )
    if options["limit_records_per_s"] and options["limit_mb_per_s"]:
        found.append("limit_records_per_s and limit_mb_per_s are both set; keep one of them")
    if options["consumers"] > options["partitions"]:
        found.append(
            f"consumers is {options['consumers']}, above partitions ({options['partitions']}): "
            "each partition is read by one consumer, so raise partitions or lower consumers"
        )
    if options["delivery_timeout_s"] * 1000 <= options["linger_ms"]:
        found.append(
            f"delivery_timeout_s is {options['delivery_timeout_s']:g}, not above linger_ms "
            f"({options['linger_ms']:g}): every record would fail before it is sent"
        )
    return found + of_any_test(options)


def of_any_test(options: Mapping[str, Any]) -> list[str]:
    """What is wrong with options that a durability test has too, said in the same way."""
    found = []
    if options["min_insync_replicas"] > options["replication_factor"]:
        found.append(
            f"min_insync_replicas is {options['min_insync_replicas']}, above the replication_factor of "
            f"{options['replication_factor']}: with acks=all no record could ever be acknowledged"
        )
    if options["idempotence"] and options["acks"] != "all":
        found.append(
            f"idempotence needs acks=all (KIP-98), and acks is {options['acks']}; "
            "set idempotence to false or acks to all"
        )
    payload = options["payload_file"]
    if payload and not Path(payload).is_file():
        found.append(f"payload_file {payload} is not a file on the controller")
    if payload and not options["payload_delimiter"]:
        found.append(
            f"payload_delimiter is empty: the records of payload_file {payload} cannot be told apart"
        )
    return found


def intention(options: Mapping[str, Any]) -> str:
    """What a run with these options would do, for check mode."""
    payload = options["payload_file"]
    size = f"of {payload}" if payload else f"of {options['record_size']} bytes"
    much = f"{options['records']:,} records {size}" if options["records"] else f"records {size}"
    long = f" for {options['duration_s']:g} s" if options["duration_s"] else ""
    return (
        f"Would make a topic perf-… ({options['partitions']} partitions, replication factor "
        f"{options['replication_factor']}) through {', '.join(options['bootstrap_servers'])}, "
        f"send {much}{long} with {options['producers']} producers and {options['consumers']} consumers, "
        f"remove the topic, and write perf.json and perf.html to {options['reports_dir']}."
    )


def time_limit_s(options: Mapping[str, Any]) -> float:
    """After how long a run with these options is stuck."""
    run_s = options["duration_s"] or LONGEST_RUN_S
    return float(
        SETUP_S + options["warmup_s"] + run_s + 2 * options["delivery_timeout_s"] + DRAIN_S + SETUP_S
    )
