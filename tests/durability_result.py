"""Results of durability tests as their page gets them, made up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.results import Result

SECONDS = 90
HOSTS = ("zkkafka1", "zkkafka2", "zkkafka3")


def rolling_events() -> list[dict[str, Any]]:
    """Those of a rolling restart of three hosts: many within a second, none for a while."""
    events: list[dict[str, Any]] = [
        {"second": 0.0, "kind": "started", "what": "6,000 records/s to 6 partitions", "host": ""},
        {"second": 8.0, "kind": "strike", "what": "rolling_restart begins", "host": ""},
    ]
    for turn, host in enumerate(HOSTS):
        begin, broker = 14.0 + 21 * turn, turn + 1
        events += [
            {"second": begin, "kind": "task", "what": "Stop the service", "host": host, "until": begin + 3.1},
            {"second": begin + 0.3, "kind": "leader", "what": f"others lead what broker {broker} led"},
            {"second": begin + 0.4, "kind": "controller", "what": f"controller: broker {(turn + 1) % 3 + 1}"},
            {
                "second": begin + 2.9,
                "kind": "deregistered",
                "what": f"broker {broker} deregistered",
                "host": host,
            },
            {
                "second": begin + 3.3,
                "kind": "task",
                "what": "Start the service",
                "host": host,
                "until": begin + 4,
            },
            {
                "second": begin + 8.6,
                "kind": "registered",
                "what": f"broker {broker} registered",
                "host": host,
            },
            {"second": begin + 9.4, "kind": "full_isr", "what": "full ISR", "host": ""},
            {"second": begin + 9.9, "kind": "task", "what": "Give it back its partitions", "host": host},
        ]
    return [*events, {"second": 80.0, "kind": "healed", "what": "rolling_restart has ended", "host": ""}]


def durability_result(
    result: str = "PASS", events: Sequence[dict[str, Any]] | None = None, **changed: Any
) -> Result:
    """A run of ninety seconds with one in which nothing was acknowledged."""
    seconds = list(range(SECONDS))
    acked: list[float] = [6000.0 - (2500 if 14 <= second % 21 <= 16 else 0) for second in seconds]
    acked[37] = 0.0
    p50: list[float | None] = [3.0 + second % 5 for second in seconds]
    p99: list[float | None] = [11.0 + (900 if second % 21 == 15 else second % 7) for second in seconds]
    p50[37] = p99[37] = None
    findings = changed.pop("findings", [])
    return Result(
        verb=changed.pop("verb", "prove"),
        started=datetime(2026, 1, 1, tzinfo=UTC),
        duration_s=101.4,
        result=result,  # type: ignore[arg-type]
        reasons=[f"rule {finding['rule']}: {finding['words']}" for finding in findings],
        figures={
            "parameters": {
                "topic": "prove-20260101-000000-ab12",
                "partitions": 6,
                "brokers": [{"id": number + 1, "host": host} for number, host in enumerate(HOSTS)],
                "options": {"title": "Proof of rolling_restart"},
            },
            "records_sent": 540000,
            "records_acked": 540000,
            "records_failed": 0,
            "records_unknown": 0,
            "records_read": 540000,
            **dict.fromkeys(
                (
                    "acked_lost",
                    "unseen",
                    "duplicates",
                    "aborted_reads",
                    "nonmonotonic_sends",
                    "inconsistent_offsets",
                    "corrupt",
                    "foreign",
                ),
                0,
            ),
            "records_per_s": 5998.2,
            "produce_p99_ms": 412.7,
            "produce_p99_before_ms": 12.1,
            "produce_p99_during_ms": 512.9,
            "produce_p99_after_ms": 11.8,
            "longest_gap_s": 1.214,
            "worst_partition_gap_s": 1.9,
            "time_to_deregister_s": 2.9,
            "time_to_full_isr_s": None,
            "max_under_min_isr": 0,
            "max_offline": 0,
            "warnings": [],
            "errors": {},
            "findings": findings,
            "proofs": [{"name": "rc", "holds": True, "what": "rolling_restart ended with 0"}],
            "series": {
                "second": seconds,
                "acked_per_s": acked,
                "mb_per_s": acked,
                "produce_p50_ms": p50,
                "produce_p99_ms": p99,
            },
            "events": rolling_events() if events is None else list(events),
            "cluster": {
                "second": [0.0, 16.9, 23.4, 37.9, 44.4, 58.9, 65.4],
                "brokers": [3, 2, 3, 2, 3, 2, 3],
                "under_replicated": [0, 54, 0, 54, 0, 54, 0],
                "under_min_isr": [0, 0, 0, 0, 0, 0, 0],
                "offline": [0, 0, 0, 0, 0, 0, 0],
                "controller": [1, 2, 2, 3, 3, 1, 1],
            },
            **changed,
        },
    )
