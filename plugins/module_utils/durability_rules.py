"""The verdict of a durability test: rules a to f, what its scenario adds, and which of them wins.

A rule that is false is FAIL, one that cannot be known INCONCLUSIVE; acknowledged records that are gone
outrank everything, whatever evidence is missing beside them. Nothing here asks a cluster or reads a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ansible_collections.barevm.kafka.plugins.module_utils import durability_scenario_rules as scenario
from ansible_collections.barevm.kafka.plugins.module_utils.durability_comparison import Compared
from ansible_collections.barevm.kafka.plugins.module_utils.durability_findings import Finding, plural
from ansible_collections.barevm.kafka.plugins.module_utils.durability_guarantees import guarantees
from ansible_collections.barevm.kafka.plugins.module_utils.durability_ledger import Totals
from ansible_collections.barevm.kafka.plugins.module_utils.results import Verdict

__all__ = ["Evidence", "Finding", "Judgement", "judge"]

LOSS = ("acked_lost", "unseen")
NOT_WITHOUT_IDEMPOTENCE = ("duplicates", "nonmonotonic_sends")
"""What retries cause by themselves where the producer is not idempotent: reported, and not judged."""

WORDS = {
    "acked_lost": (
        "{records} acknowledged and {are} gone, looked for twice{examples}. Keep the brokers' logs and log "
        "directories: their truncation lines say which broker dropped records and why"
    ),
    "unseen": (
        "{records} acknowledged at or beyond the high watermark: the tail is lost{examples}. Keep the "
        "brokers' logs and log directories: their truncation lines say which broker dropped records and why"
    ),
    "corrupt": (
        "{records} read back with a wrong checksum or a sequence that was never sent{examples}. Check disks "
        "and memory of the brokers that lead these partitions"
    ),
    "duplicates": (
        "{records} read back once more than sent, in spite of idempotence{examples}. Look for "
        "OUT_OF_ORDER_SEQUENCE_NUMBER and UNKNOWN_PRODUCER_ID in the brokers' logs"
    ),
    "aborted_reads": (
        "{records} refused and {are} there all the same{examples}. A client that sends them again makes "
        "duplicates; compare the brokers' logs at these offsets"
    ),
    "nonmonotonic_sends": (
        "{records} read back behind a later one of the same partition, in spite of idempotence{examples}. "
        "Look for changes of the producer's epoch in the brokers' logs"
    ),
    "inconsistent_offsets": (
        "{records} read back at another offset than acknowledged{examples}. A log was truncated or "
        "rewritten: compare the partition's replicas with kafka-dump-log.sh"
    ),
}


@dataclass(frozen=True)
class Evidence:
    """All that a verdict is made of; None or absent is what is not known."""

    acks: str
    idempotence: bool
    partitions: int
    before: Mapping[str, Any] | None
    """What topic and brokers said before the first record, as ``durability_settings.settings``."""
    after: Mapping[str, Any] | None
    totals: Totals | None
    compared: Compared | None
    """None where nothing could be read back."""
    starts_before: Mapping[int, int] | None = None
    """Each partition's log start before the first record."""
    starts: Mapping[int, int] = field(default_factory=dict)
    ends: Mapping[int, int] = field(default_factory=dict)
    """Log starts and high watermarks that the reading back went by."""
    reached: Mapping[int, int] = field(default_factory=dict)
    """The position that it came to."""
    unreadable: str = ""
    """Why the reading back ended short, in words."""
    lacking_isr: str = ""
    """What still lacked of the full ISR when the wait for it was over."""
    group: bool = False
    """Whether a consumer group took part: then the topic of its offsets counts too."""
    ended: bool = True
    """Whether the tester ended in order."""
    unsynced: bool = False
    """Whether the controller went down under the tester: the ledger's last notes may not be on the disk."""
    trouble: str = ""
    """What kept the tester from its part, or how it ended otherwise, in words."""
    in_flight: int | None = None
    """How many records were in flight at the fault at most."""
    fault: bool = False
    proofs: Sequence[Mapping[str, Any]] = ()
    """Events of kind proof: ``name``, ``holds`` (None: cannot be known), ``what``."""
    acked_before: int | None = None
    acked_during: int | None = None
    acked_after: int | None = None
    """Acknowledgements (or moments with one) before, during and after the fault."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    target_per_s: float = 0.0
    expect: Mapping[str, Any] = field(default_factory=dict)
    """What the scenario asks for, see ``durability_scenario_rules``."""
    clock_steps: Sequence[str] = ()
    """What the wall clock did, in words."""
    outlived: str = ""
    """What happened when records were no longer sent, in words."""
    more: Sequence[Finding] = ()
    """What others judged: the consumer group."""


@dataclass(frozen=True)
class Judgement:
    """The verdict; ``findings`` are what keeps it from PASS, the gravest first."""

    result: Verdict
    findings: Sequence[Finding]
    unknown_allowed: int | None

    @property
    def reasons(self) -> list[str]:
        """One sentence each, as they stand in the result."""
        return [f"rule {finding.rule}: {finding.words}" for finding in self.findings]

    def documents(self) -> list[dict[str, Any]]:
        """The findings as they stand in the result."""
        return [asdict(finding) for finding in self.findings]


def judge(evidence: Evidence) -> Judgement:
    """Judge; raises ValueError where ``expect`` says what it cannot say."""
    scenario.check(evidence.expect)
    allowed = unknown_allowed(evidence)
    findings = [
        *guarantees(evidence.acks, evidence.idempotence, evidence.before, evidence.after, evidence.group),
        *_ledger(evidence, allowed),
        *_read_back(evidence),
        *_records(evidence),
        *_fault(evidence),
        *_acknowledgements(evidence),
        *scenario.findings(evidence.expect, evidence.figures, evidence.target_per_s),
        *(
            Finding("scenario", "INCONCLUSIVE", None, None, f"{words}. Run again with a clock that is kept")
            for words in evidence.clock_steps
        ),
        *evidence.more,
    ]
    findings.sort(key=_gravity)
    result: Verdict = findings[0].result if findings else "PASS"
    return Judgement(result, findings, allowed)


def unknown_allowed(evidence: Evidence) -> int | None:
    """How many records may be in doubt; None where it cannot be known.

    Without a fault none; with one, unless the scenario says another number, what was in flight at it.
    """
    said: int | Literal["in_flight"] = evidence.expect.get("unknown", "in_flight" if evidence.fault else 0)
    return evidence.in_flight if said == "in_flight" else said


def _gravity(finding: Finding) -> int:
    if finding.result != "FAIL":
        return 2
    return 0 if finding.figure in LOSS else 1


def _ledger(evidence: Evidence, allowed: int | None) -> Iterator[Finding]:
    broken = not evidence.ended or bool(evidence.trouble)
    if broken:
        words = evidence.trouble or "the tester was killed, so that what it last saw is not known"
        yield Finding("b", "INCONCLUSIVE", None, None, f"{words}. Run again")
    totals = evidence.totals
    if totals is None:
        yield Finding("b", "INCONCLUSIVE", "records_sent", None, "the ledger cannot be read")
        return
    if not totals.sent:
        words = "no record was sent. Look into tester.log of the ledger"
        yield Finding("b", "INCONCLUSIVE", "records_sent", 0, words)
    if wrong := totals.sent - totals.acked - totals.failed - totals.unknown:
        words = (
            f"{totals.acked:,} acknowledged, {totals.failed:,} failed and {totals.unknown:,} unknown records "
            f"are not the {totals.sent:,} that were sent: the ledger contradicts itself. Please report it"
        )
        yield Finding("b", "FAIL", "records_sent", abs(wrong), words)
    if totals.unknown and allowed is None:
        words = (
            f"{plural(totals.unknown, 'record is', 'records are')} neither acknowledged nor refused, and how "
            "many were in flight at the fault is not known"
        )
        yield Finding("b", "INCONCLUSIVE", "records_unknown", totals.unknown, words)
    elif allowed is not None and totals.unknown > allowed:
        words = (
            f"{plural(totals.unknown, 'record is', 'records are')} neither acknowledged nor refused, and at "
            f"most {allowed:,} may be. "
        )
        if broken:
            # What the cluster answered was not written down: that is the test's fault and not the cluster's.
            words += "Their answers may have come after the ledger's last line. Run again"
            yield Finding("b", "INCONCLUSIVE", "records_unknown", totals.unknown, words)
            return
        words += "Compare the longest gap with the delivery timeout, and look at the errors by kind"
        yield Finding("b", "FAIL", "records_unknown", totals.unknown, words)


def _made_anew(evidence: Evidence) -> bool:
    """Whether the topic that was read is another one than that which was written to."""
    before, after = ((each or {}).get("topic_id") for each in (evidence.before, evidence.after))
    return bool(before and after and before != after)


def _read_back(evidence: Evidence) -> Iterator[Finding]:
    if _made_anew(evidence):
        words = (
            "somebody deleted the topic during the test, and one of its name was made since: what is gone "
            "was not lost by the brokers. Find out who did, and run again"
        )
        yield Finding("c", "INCONCLUSIVE", None, None, words)
    if evidence.lacking_isr:
        words = (
            f"the full ISR did not come back: {evidence.lacking_isr}. Bring the brokers back, and judge again"
        )
        yield Finding("c", "INCONCLUSIVE", None, None, words)
    if evidence.compared is None:
        why = evidence.unreadable or "the comparison was not made"
        yield Finding("c", "INCONCLUSIVE", "records_read", None, f"nothing was read back: {why}. Judge again")
        return
    short = [
        partition
        for partition in range(evidence.partitions)
        if partition not in evidence.ends
        or partition not in evidence.starts
        or evidence.reached.get(partition, -1) < evidence.ends[partition]
    ]
    if short:
        why = f" ({evidence.unreadable})" if evidence.unreadable else ""
        words = (
            f"{plural(len(short), 'partition was', 'partitions were')} not read to the high watermark{why}. "
            "Judge again"
        )
        yield Finding("c", "INCONCLUSIVE", "records_read", len(short), words)
    # Where the starts before are not known, 0 is what a topic made for the test begins with.
    before = evidence.starts_before or {}
    moved = {
        partition: start - before.get(partition, 0)
        for partition, start in evidence.starts.items()
        if start > before.get(partition, 0)
    }
    deleted = evidence.compared.deleted
    if moved or deleted:
        count = sum(moved.values()) or deleted
        words = (
            f"{plural(count, 'record', 'records')} below the start of the log cannot be read back any more "
            f"(partition {', '.join(map(str, sorted(moved)[:5])) or 'unknown'}): retention or somebody "
            "deleted them during the test. Raise the topic's retention, and let nobody delete its records"
        )
        yield Finding("c", "INCONCLUSIVE", "records_read", count, words)
    elif evidence.unreadable and not short:
        yield Finding("c", "INCONCLUSIVE", "records_read", None, f"{evidence.unreadable}. Judge again")


def _records(evidence: Evidence) -> Iterator[Finding]:
    compared = evidence.compared
    if compared is None:
        return
    for figure, template in WORDS.items():
        count: int = getattr(compared, figure)
        if not count or (figure in NOT_WITHOUT_IDEMPOTENCE and not evidence.idempotence):
            continue
        examples = compared.examples.get(figure, ())
        words = template.format(
            records=plural(count, "record was", "records were"),
            are="is" if count == 1 else "are",
            examples=f" ({'; '.join(examples[:3])}{'; …' if len(examples) > 3 else ''})" if examples else "",
        )
        # Before the full ISR is back, a high watermark may only lag.
        early = figure == "unseen" and evidence.lacking_isr
        # A ledger that lacks its last notes knows less than was sent.
        unproven = (
            early or (figure in LOSS and _made_anew(evidence)) or (figure == "corrupt" and evidence.unsynced)
        )
        yield Finding("d", "INCONCLUSIVE" if unproven else "FAIL", figure, count, words)


def _fault(evidence: Evidence) -> Iterator[Finding]:
    names = {str(proof.get("name")) for proof in evidence.proofs}
    for name in evidence.expect.get("proofs") or ():
        if name not in names:
            words = f"nothing shows that the fault happened: there is no proof {name}"
            yield Finding("e", "INCONCLUSIVE", name, None, f"{words}. Run the scenario again")
    if evidence.fault and not names and not evidence.expect.get("proofs"):
        words = "a fault was struck, and nothing was looked at that shows it. Mark a proof beside it"
        yield Finding("e", "INCONCLUSIVE", None, None, words)
    for name, holds, what in _each(evidence.proofs):
        if holds is False:
            words = f"the fault did not happen: {what}. Run it again, and see why it had no effect"
            yield Finding("e", "FAIL", name, None, words)
        elif holds is not True:
            # None, or what a template made of it: nothing but true shows that it happened.
            words = f"whether the fault happened cannot be known: {what}"
            yield Finding("e", "INCONCLUSIVE", name, None, words)


def _each(proofs: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, bool | None, str]]:
    seen = set()
    for proof in proofs:
        one = (str(proof.get("name")), proof.get("holds"), str(proof.get("what")))
        if one not in seen:
            seen.add(one)
            yield one


def _acknowledgements(evidence: Evidence) -> Iterator[Finding]:
    if evidence.outlived:
        words = f"{evidence.outlived}. Run again, and send for longer (duration_s, records, limit_s)"
        yield Finding("f", "INCONCLUSIVE", None, None, words)
    if not evidence.fault:
        if evidence.totals is not None and evidence.totals.sent and not evidence.totals.acked:
            words = "no record was acknowledged. Look at the errors by kind"
            yield Finding("f", "FAIL", "records_acked", 0, words)
        return
    during = evidence.expect.get("acks_during")
    wanted = [("before", evidence.acked_before, True), ("after", evidence.acked_after, True)]
    if during is not None:
        wanted.insert(1, ("during", evidence.acked_during, bool(during)))
    for when, count, must in wanted:
        if count is None:
            words = f"whether records were acknowledged {when} the fault is not known"
            yield Finding("f", "INCONCLUSIVE", f"acked_{when}", None, words)
        elif must and not count:
            words = f"no record was acknowledged {when} the fault. " + (
                "Send for longer before the first strike"
                if when == "before"
                else "Compare the errors by kind with what the cluster did"
            )
            yield Finding("f", "FAIL", f"acked_{when}", 0, words)
        elif not must and count:
            words = f"records were acknowledged {when} the fault, where none may be"
            yield Finding("f", "FAIL", f"acked_{when}", count, words)
