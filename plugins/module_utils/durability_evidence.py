"""From a ledger, a story and a reading back to the figures of ``<name>.json`` and their evidence."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import durability_figures as figures
from ansible_collections.barevm.kafka.plugins.module_utils import durability_files as files
from ansible_collections.barevm.kafka.plugins.module_utils.durability_figures import Span, Times
from ansible_collections.barevm.kafka.plugins.module_utils.durability_files import Line
from ansible_collections.barevm.kafka.plugins.module_utils.durability_findings import Finding, plural
from ansible_collections.barevm.kafka.plugins.module_utils.durability_ledger import Totals
from ansible_collections.barevm.kafka.plugins.module_utils.durability_reading import ReadBack
from ansible_collections.barevm.kafka.plugins.module_utils.durability_rules import Evidence, judge
from ansible_collections.barevm.kafka.plugins.module_utils.durability_settings import Settings
from ansible_collections.barevm.kafka.plugins.module_utils.durability_story import story
from ansible_collections.barevm.kafka.plugins.module_utils.results import Verdict

STRUCK_NS = 3_000_000_000
"""A strike is marked before it takes effect, and what was sent before is still answered: acknowledgements so
soon after it tell nothing of the fault. Of a shorter fault its first half tells nothing."""
CLOCK_STEP_NS = 2_000_000_000
CLOCK_DRIFT = 0.0005
"""What a clock that is kept may be slewed by, as a share of the time (adjtimex(2))."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Known:
    """Everything that was found of a test that has ended."""

    folder: Path
    test: files.Started
    totals: Totals
    read: ReadBack
    lacking: str
    """What still lacked of the full ISR, "" where nothing did."""
    before: Settings | None
    after: Settings | None
    after_error: str
    """Why there is no ``after``."""
    booted: bool
    """Whether the controller has booted since the test began: then times of today say nothing of it."""
    group: Mapping[str, Any] | None
    """The consumer group's figures, where there was one."""
    more: Sequence[Finding]
    """What was found of it."""


def judged(known: Known, expect: Mapping[str, Any]) -> tuple[Verdict, list[str], dict[str, Any]]:
    """Result, reasons and figures; raises ValueError where ``expect`` says what it cannot say."""
    test, read = known.test, known.read
    final = files.final(known.folder)
    events, warnings = _events(known, final)
    seen = figures.times(test.started_ns, events, final, files.lines(known.folder / files.SECONDS))
    span = figures.fault(events, seen.ended_ns)
    told = story(test, events, list(files.lines(known.folder / files.OBSERVED)))
    producers = (final or {}).get("producers", ())
    sent_bytes = sum(each.get("sent_bytes", 0) for each in producers)
    sent = sum(each.get("sent", 0) for each in producers)
    record_bytes = sent_bytes / sent if sent else float(test.record_size)
    cpu = [each["cpu_s"] for each in producers if "cpu_s" in each]
    compared = read.compared
    proofs = [
        {name: line.get(name) for name in ("name", "holds", "what")}
        for line in events
        if line["kind"] == "proof"
    ]
    found: dict[str, Any] = {
        "parameters": asdict(test),
        "client": (final or {}).get("client", ""),
        **{f"records_{name}": number for name, number in asdict(known.totals).items()},
        **{name: number for name, number in asdict(compared).items() if name != "examples"},
        "unknown_allowed": None,
        **figures.throughput(seen, known.totals.acked, record_bytes, sum(cpu) if cpu else None),
        **figures.latencies(seen, span),
        **figures.gaps(seen, files.lines(known.folder / files.GAPS)),
        **figures.availability(seen),
        **told.figures,
        "read_back_s": round(read.elapsed_s, 3),
        "settings": {"before": known.before, "after": known.after},
        "findings": [],
        "proofs": proofs,
        "examples": {kind: list(named) for kind, named in compared.examples.items()},
        "warnings": [*warnings, *_warnings(known, final)],
        "errors": (final or {}).get("errors", {}),
        "events": told.events,
        "cluster": told.cluster,
        "series": figures.series(seen, record_bytes),
    }
    if test.probe:
        found["probe"] = _probe(known.folder)
    if known.group is not None:
        found["group"] = dict(known.group)
    before, during, after = acknowledged(seen, span)
    judgement = judge(
        Evidence(
            acks=test.acks,
            idempotence=test.idempotence,
            partitions=test.partitions,
            before=known.before,
            after=known.after,
            totals=known.totals,
            compared=compared if read.ends else None,
            starts_before=_numbers((known.before or {}).get("starts")),
            starts=read.starts,
            ends=read.ends,
            reached=read.reached,
            unreadable="; ".join(read.troubles),
            lacking_isr=known.lacking,
            group=bool(test.group_members),
            ended=final is not None,
            unsynced=final is None and known.booted,
            trouble=(final or {}).get("error", ""),
            in_flight=figures.in_flight_at(seen, span),
            fault=span is not None,
            proofs=proofs,
            acked_before=before,
            acked_during=during,
            acked_after=after,
            figures=found,
            target_per_s=test.records_per_s,
            expect=expect,
            clock_steps=_clock_steps(known, events, final),
            outlived=_outlived(events, final, seen.ended_ns),
            more=known.more,
        )
    )
    found["unknown_allowed"] = judgement.unknown_allowed
    found["findings"] = judgement.documents()
    return judgement.result, judgement.reasons, found


def _events(known: Known, final: Mapping[str, Any] | None) -> tuple[list[Line], list[str]]:
    """The events, each with what ``data`` adds to it, and what is to be said of those that are left out."""
    events = [{**(line.get("data") or {}), **line} for line in files.lines(known.folder / files.EVENTS)]
    if not known.booted:
        return events, []
    # Marks of after a boot count from that boot, and would lie anywhere in the test.
    last_ns = max([line["at_ns"] for line in files.lines(known.folder / files.OBSERVED)], default=0)
    last_ns = max(last_ns, (final or {}).get("ended_ns", 0), known.test.started_ns)
    kept = [line for line in events if known.test.started_ns <= line["at_ns"] <= last_ns + STRUCK_NS]
    words = "the controller has booted since the test began"
    return kept, [f"{words}; {len(events) - len(kept)} events of later were left out"]


def _numbers(offsets: Mapping[str, int] | None) -> dict[int, int] | None:
    return None if offsets is None else {int(number): offset for number, offset in offsets.items()}


def acknowledged(seen: Times, span: Span | None) -> tuple[int | None, int | None, int | None]:
    """In how many milliseconds something was acknowledged before, during and after the fault.

    None where the sending had ended by then, or there was no such time.
    """
    if span is None:
        return None, None, None
    struck, healed = span
    meanwhile = (struck + min(STRUCK_NS, (healed - struck) // 2), min(healed, seen.ended_ns))
    last_ns = max(seen.ended_ns, seen.zero_ns + seen.produced.last_ms * 1_000_000)
    return (
        figures.acked_in(seen, (seen.zero_ns, struck)),
        figures.acked_in(seen, meanwhile) if meanwhile[0] < meanwhile[1] else None,
        figures.acked_in(seen, (healed, last_ns)) if healed < seen.ended_ns else None,
    )


def _outlived(events: Sequence[Line], final: Mapping[str, Any] | None, ended_ns: int) -> str:
    """What happened when records were no longer sent, in words; "" where nothing did."""
    if final is None or final["why"] in ("stopped", "error"):
        return ""
    late = [line for line in events if line["kind"] in ("note", "task") and line["at_ns"] > ended_ns]
    if not late:
        return ""
    return (
        f"{plural(len(late), 'event', 'events')} came after the sending had ended ({final['words']}), the "
        f"first of them: {late[0]['what']}"
    )


def _clock_steps(known: Known, events: Sequence[Line], final: Mapping[str, Any] | None) -> list[str]:
    """What the wall clock did during the test, in words."""
    said = [line["what"] for line in events if line["kind"] == "clock"]
    if said or final is not None or known.booted:
        return said
    # Nobody watched it to the end.
    now_ns = time.monotonic_ns()
    moved_ns = time.time_ns() - now_ns - known.test.wall_ns
    if abs(moved_ns) > CLOCK_STEP_NS + CLOCK_DRIFT * (now_ns - known.test.started_ns):
        said.append(f"the controller's clock was moved by {moved_ns / 1e9:+,.1f} s since the test began")
    return said


def _warnings(known: Known, final: Mapping[str, Any] | None) -> list[str]:
    """What a reader of the figures must know, a sentence each."""
    said = list((final or {}).get("warnings", ()))
    if final is None:
        said.append(
            "the tester was killed: figures end with the last acknowledgement that it wrote down; what was "
            "acknowledged afterwards counts as unknown"
        )
    elif final["why"] not in ("stopped", "records", "duration"):
        said.append(f"the sending ended by itself: {final['words']}")
    if known.after_error:
        said.append(f"what topic and brokers are set to now could not be read: {known.after_error}")
    if again := known.read.compared.found_again:
        said.append(f"{again:,} records that the first reading missed were there when looked for again")
    return said


def _probe(folder: Path) -> dict[str, int]:
    """How often the refusal probe met what; a record that was acknowledged is ``acked``."""
    return dict(Counter(line["error"] or "acked" for line in files.lines(folder / files.PROBE)))
