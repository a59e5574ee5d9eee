"""From what the workers of a perf test reported to the figures of ``perf.json``. 1 MB is 1,000,000 bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.perf_latency import Timeline
from ansible_collections.barevm.kafka.plugins.module_utils.perf_worker import Document, Errors, count_error

MB = 1_000_000


@dataclass
class Observed:
    """Everything seen in one run; ``produced`` holds acknowledgements, ``consumed`` records read back."""

    produced: Timeline = field(default_factory=Timeline)
    consumed: Timeline = field(default_factory=Timeline)
    sent: int = 0
    sent_bytes: int = 0
    sending_ms: int = 0
    producer_cpu_s: float = 0.0
    errors: Errors = field(default_factory=dict)
    consumer_errors: Errors = field(default_factory=dict)
    drained: bool = True

    def producer_done(self, event: Document) -> None:
        """Take over what a producer says at its end."""
        self.sent += event["sent"]
        self.sent_bytes += event["sent_bytes"]
        self.sending_ms = max(self.sending_ms, event["sending_ms"])
        self.producer_cpu_s += event["cpu_s"]
        for kind, error in event["errors"].items():
            count_error(self.errors, kind, error["example"], error["records"])

    def consumer_done(self, event: Document) -> None:
        """Take over what a consumer says at its end."""
        self.drained = self.drained and event["drained"]
        for kind, error in event["errors"].items():
            count_error(self.consumer_errors, kind, error["example"], error["records"])

    @property
    def record_bytes(self) -> float:
        """The mean size of a record's value."""
        return self.sent_bytes / self.sent if self.sent else 0.0


def figures(observed: Observed, workload: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of one run, units in their names; a latency that nothing was recorded for is None."""
    produced, consumed = observed.produced, observed.consumed
    acked = produced.total.count
    elapsed_s = produced.last_ms / 1000
    per_s = acked / elapsed_s if elapsed_s else 0.0
    found: dict[str, Any] = {
        "records_sent": observed.sent,
        "records_acked": acked,
        "records_failed": observed.sent - acked,
        "errors": observed.errors,
        "acknowledged_within_s": elapsed_s,
        "records_per_s": round(per_s, 1),
        "mb_per_s": round(per_s * observed.record_bytes / MB, 3),
        **produced.total.figures("produce"),
        "longest_gap_without_ack_ms": produced.longest_gap_ms(observed.sending_ms),
        "producer_cpu_s": round(observed.producer_cpu_s, 3),
        "records_per_producer_cpu_s": round(acked / observed.producer_cpu_s)
        if observed.producer_cpu_s
        else 0,
    }
    if workload["consumers"]:
        found |= {
            "records_received": consumed.total.count,
            "consumer_errors": observed.consumer_errors,
            **consumed.total.figures("end_to_end"),
        }
    return found | {
        "series": _series(observed, bool(workload["consumers"])),
        "produce_distribution": produced.total.distribution(),
        "end_to_end_distribution": consumed.total.distribution(),
    }


def _series(observed: Observed, consumed_too: bool) -> dict[str, list[float | None]]:
    """Equally long columns, one entry for each whole second from the common start.

    A last part of a second would look as if the cluster had stalled; it is in the totals only.
    """
    columns: dict[str, list[float | None]] = {"second": []}
    timelines = {"produce": observed.produced}
    if consumed_too:
        timelines["end_to_end"] = observed.consumed
    for second in range(max(timeline.last_ms // 1000 or timeline.seconds for timeline in timelines.values())):
        columns["second"].append(second)
        for name, timeline in timelines.items():
            count = timeline.count_at(second)
            latencies = timeline.latencies_at([second])
            for column, value in (
                (f"{name}_records_per_s", float(count)),
                (f"{name}_mb_per_s", round(count * observed.record_bytes / MB, 3)),
                (f"{name}_p50_ms", latencies.percentile_ms(50)),
                (f"{name}_p99_ms", latencies.percentile_ms(99)),
            ):
                columns.setdefault(column, []).append(value)
    return columns


def reasons(found: Mapping[str, Any], workload: Mapping[str, Any], drained: bool) -> list[str]:
    """Why this run is no PASS, a sentence each."""
    said = []
    kinds = _said(found["errors"])
    if not found["records_acked"]:
        said.append(
            f"no record was acknowledged ({found['records_sent']} sent): {kinds or 'no error was reported'}"
        )
    elif found["records_failed"]:
        said.append(f"{found['records_failed']} of {found['records_sent']} records failed: {kinds}")
    if workload["consumers"] and found["records_acked"]:
        missing = found["records_acked"] - found["records_received"]
        if missing > 0:
            why = "" if drained else ", since their end was not reached in time"
            said.append(f"{missing} acknowledged records were not read back{why}")
    return said


def warnings(found: Mapping[str, Any], rate: float | None, sending_s: float) -> list[str]:
    """What a reader of the figures must know, a sentence each."""
    said = []
    if rate and found["records_sent"] < 0.99 * rate * sending_s:
        said.append(
            f"the limit of {rate:,.0f} records/s was not reached: {found['records_sent'] / sending_s:,.0f} "
            "were sent a second, so latencies grow with the delay behind the schedule"
        )
    if found.get("consumer_errors"):
        said.append(f"consumers met errors and went on: {_said(found['consumer_errors'])}")
    return said


def progress_line(observed: Observed, seconds: Sequence[int], left: str) -> str:
    """One line about the last seconds."""
    acked = sum(observed.produced.count_at(second) for second in seconds)
    latencies = observed.produced.latencies_at(seconds)
    p99 = latencies.percentile_ms(99)
    return (
        f"perf: {acked / len(seconds):,.0f} records/s acknowledged, "
        f"p99 {'none' if p99 is None else f'{p99:,.1f} ms'}, {observed.produced.total.count:,} in all, {left}"
    )


def summary(found: Mapping[str, Any], notes: Sequence[str]) -> str:
    """The run in a line or two."""
    kinds = [kind for kind in ("produce", "end_to_end") if found.get(f"{kind}_p99_ms") is not None]
    latencies = [
        f"{kind.replace('_', ' ')} p50 {found[f'{kind}_p50_ms']:,.1f}, p99 {found[f'{kind}_p99_ms']:,.1f}, "
        f"max {found[f'{kind}_max_ms']:,.1f} ms"
        for kind in kinds
    ]
    return "; ".join(
        [
            f"{found['records_acked']:,} of {found['records_sent']:,} records acknowledged",
            f"{found['records_per_s']:,.0f} records/s, {found['mb_per_s']:,.1f} MB/s",
            *latencies,
            f"longest gap without acknowledgement {found['longest_gap_without_ack_ms']:,} ms",
            *notes,
        ]
    )


def _said(errors: Errors) -> str:
    return "; ".join(
        f"{kind} {error['records']} times ({error['example']})" for kind, error in errors.items()
    )
