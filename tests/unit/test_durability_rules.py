"""The verdict of a durability test: each rule's FAIL and INCONCLUSIVE, its words, and which one wins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils.durability_comparison import Compared
from ansible_collections.barevm.kafka.plugins.module_utils.durability_ledger import Totals
from ansible_collections.barevm.kafka.plugins.module_utils.durability_rules import Evidence, Finding, judge

SOUND = Compared(100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {})
SAFE = {"replication_factor": 3, "min_insync_replicas": 2, "unclean_leader_election": False}
SETTINGS = {
    "topic": SAFE,
    "internal": {"__consumer_offsets": SAFE},
    "brokers": {"1": {"unclean_leader_election": False}, "2": {"unclean_leader_election": False}},
}
HELD = {"name": "new_pid", "holds": True, "what": "PID 12 before, 34 after"}
STEADY = Evidence(
    acks="all",
    idempotence=True,
    partitions=2,
    before=SETTINGS,
    after=SETTINGS,
    totals=Totals(100, 100, 0, 0),
    compared=SOUND,
    starts_before={0: 0, 1: 0},
    starts={0: 0, 1: 0},
    ends={0: 60, 1: 40},
    reached={0: 60, 1: 40},
    figures={"records_per_s": 1000.0, "records_failed": 0, "time_to_leader_s": None},
    target_per_s=1000.0,
)
STRUCK = replace(
    STEADY,
    fault=True,
    proofs=[HELD],
    in_flight=10,
    acked_before=50,
    acked_during=0,
    acked_after=50,
    totals=Totals(100, 95, 0, 5),
)


def compared(**counts: Any) -> Compared:
    return replace(SOUND, **counts)


def setting(part: str, **changes: Any) -> dict[str, Any]:
    """The settings with something else in the topic, or in broker 2."""
    inside = {"topic": {**SAFE, **changes}, "brokers": {**SETTINGS["brokers"], "2": changes}}
    return {**SETTINGS, part: inside[part]}


@pytest.mark.parametrize("evidence", [STEADY, STRUCK], ids=["steady", "struck"])
def test_what_keeps_every_rule_passes_without_a_reason(evidence: Evidence) -> None:
    judgement = judge(evidence)
    assert (judgement.result, list(judgement.findings), judgement.reasons) == ("PASS", [], [])


WITHOUT_UNCLEAN = {name: value for name, value in SAFE.items() if name != "unclean_leader_election"}
INTERNAL = {**SETTINGS, "internal": {"__consumer_offsets": {**SAFE, "replication_factor": 1}}}
RULES: list[tuple[Evidence, str, str, str | None, float | None]] = [
    (replace(STEADY, acks="1"), "a", "FAIL", "acks", None),
    (replace(STEADY, idempotence=False), "a", "FAIL", "idempotence", None),
    (replace(STEADY, before=None), "a", "INCONCLUSIVE", None, None),
    (replace(STEADY, after=setting("topic", replication_factor=2)), "a", "FAIL", "replication_factor", 2),
    (replace(STEADY, before=setting("topic", min_insync_replicas=1)), "a", "FAIL", "min_insync_replicas", 1),
    (
        replace(STEADY, after=setting("topic", unclean_leader_election=True)),
        *("a", "FAIL", "unclean_leader_election", 1),
    ),
    (
        replace(STEADY, after=setting("brokers", unclean_leader_election=True)),
        *("a", "FAIL", "unclean_leader_election", 1),
    ),
    (replace(STEADY, after=setting("brokers")), "a", "INCONCLUSIVE", "unclean_leader_election", None),
    (
        replace(STEADY, before={**SETTINGS, "topic": WITHOUT_UNCLEAN}),
        *("a", "INCONCLUSIVE", "unclean_leader_election", None),
    ),
    (replace(STEADY, after={**SETTINGS, "brokers": {}}), "a", "INCONCLUSIVE", None, None),
    (replace(STEADY, after=INTERNAL, group=True), "a", "FAIL", "replication_factor", 1),
    (replace(STEADY, totals=None), "b", "INCONCLUSIVE", "records_sent", None),
    (replace(STEADY, totals=Totals(0, 0, 0, 0)), "b", "INCONCLUSIVE", "records_sent", 0),
    (replace(STEADY, totals=Totals(100, 99, 2, 0)), "b", "FAIL", "records_sent", 1),
    (replace(STEADY, totals=Totals(100, 99, 0, 1)), "b", "FAIL", "records_unknown", 1),
    (replace(STRUCK, totals=Totals(100, 89, 0, 11)), "b", "FAIL", "records_unknown", 11),
    (replace(STRUCK, expect={"unknown": 0}), "b", "FAIL", "records_unknown", 5),
    (replace(STRUCK, expect={"unknown": 4}), "b", "FAIL", "records_unknown", 5),
    (replace(STRUCK, in_flight=None), "b", "INCONCLUSIVE", "records_unknown", 5),
    (replace(STEADY, ended=False), "b", "INCONCLUSIVE", None, None),
    (replace(STEADY, trouble="producer 0 ended by signal 9"), "b", "INCONCLUSIVE", None, None),
    (replace(STEADY, outlived="1 event came after"), "f", "INCONCLUSIVE", None, None),
    (replace(STEADY, compared=None), "c", "INCONCLUSIVE", "records_read", None),
    (replace(STEADY, reached={0: 60, 1: 39}), "c", "INCONCLUSIVE", "records_read", 1),
    (replace(STEADY, reached={0: 60}), "c", "INCONCLUSIVE", "records_read", 1),
    (replace(STEADY, ends={0: 60}), "c", "INCONCLUSIVE", "records_read", 1),
    (
        replace(STEADY, unreadable="records were deleted while read"),
        "c",
        "INCONCLUSIVE",
        "records_read",
        None,
    ),
    (replace(STEADY, lacking_isr="t-0 lacks broker 2"), "c", "INCONCLUSIVE", None, None),
    (
        replace(STEADY, starts={0: 7, 1: 0}, compared=compared(deleted=6)),
        *("c", "INCONCLUSIVE", "records_read", 7),
    ),
    (
        replace(STEADY, lacking_isr="t-0 lacks broker 2", compared=compared(unseen=3)),
        *("d", "INCONCLUSIVE", "unseen", 3),
    ),
    *(
        (replace(STEADY, compared=compared(**{kind: 3})), "d", "FAIL", kind, 3)
        for kind in (
            *("acked_lost", "unseen", "corrupt", "duplicates"),
            *("aborted_reads", "nonmonotonic_sends", "inconsistent_offsets"),
        )
    ),
    (replace(STRUCK, proofs=[{**HELD, "holds": False}]), "e", "FAIL", "new_pid", None),
    (replace(STRUCK, proofs=[HELD, {**HELD, "holds": False}]), "e", "FAIL", "new_pid", None),
    (replace(STRUCK, proofs=[{**HELD, "holds": None}]), "e", "INCONCLUSIVE", "new_pid", None),
    (replace(STRUCK, proofs=[{**HELD, "holds": "False"}]), "e", "INCONCLUSIVE", "new_pid", None),
    (replace(STRUCK, proofs=[]), "e", "INCONCLUSIVE", None, None),
    (replace(STRUCK, expect={"proofs": ["new_boot"]}), "e", "INCONCLUSIVE", "new_boot", None),
    (replace(STRUCK, acked_before=0), "f", "FAIL", "acked_before", 0),
    (replace(STRUCK, acked_after=0), "f", "FAIL", "acked_after", 0),
    (replace(STRUCK, acked_after=None), "f", "INCONCLUSIVE", "acked_after", None),
    (replace(STRUCK, expect={"acks_during": True}), "f", "FAIL", "acked_during", 0),
    (replace(STRUCK, acked_during=2, expect={"acks_during": False}), "f", "FAIL", "acked_during", 2),
    (replace(STEADY, totals=Totals(5, 0, 5, 0)), "f", "FAIL", "records_acked", 0),
    (
        replace(STEADY, expect={"at_most": {"records_per_s": 999}}),
        *("scenario", "FAIL", "records_per_s", 1000),
    ),
    (
        replace(STEADY, expect={"at_least": {"records_per_s": 1001}}),
        *("scenario", "FAIL", "records_per_s", 1000),
    ),
    (
        replace(STEADY, expect={"at_most": {"time_to_leader_s": 9}}),
        *("scenario", "INCONCLUSIVE", "time_to_leader_s", None),
    ),
    (
        replace(STEADY, target_per_s=1100.0, expect={"rate_within": 0.05}),
        *("scenario", "FAIL", "records_per_s", 1000),
    ),
    (
        replace(STEADY, target_per_s=0.0, expect={"rate_within": 0.05}),
        *("scenario", "INCONCLUSIVE", "records_per_s", None),
    ),
    (
        replace(STEADY, expect={"checks": [{"name": "epoch", "holds": False, "words": "it stayed 5"}]}),
        *("scenario", "FAIL", "epoch", None),
    ),
    (
        replace(STEADY, expect={"checks": [{"name": "epoch", "holds": None, "words": "not read"}]}),
        *("scenario", "INCONCLUSIVE", "epoch", None),
    ),
    (replace(STEADY, clock_steps=["the clock went back by 3 s"]), "scenario", "INCONCLUSIVE", None, None),
    (replace(STEADY, more=[Finding("d", "FAIL", "group.handled", 1, "x")]), "d", "FAIL", "group.handled", 1),
]


@pytest.mark.parametrize(
    ("evidence", "rule", "result", "figure", "count"),
    RULES,
    ids=[f"{number}-{rule}-{result}" for number, (_, rule, result, *_) in enumerate(RULES)],
)
def test_each_rule_fires_alone(
    evidence: Evidence, rule: str, result: str, figure: str | None, count: float | None
) -> None:
    judgement = judge(evidence)
    alone = [found for found in judgement.findings if found.rule != "c" or rule == "c"]
    assert [(found.rule, found.result, found.figure, found.count) for found in alone] == [
        (rule, result, figure, count)
    ]
    assert judgement.result == result
    assert all(reason.startswith("rule ") for reason in judgement.reasons)
    assert "{" not in judgement.reasons[0]


@pytest.mark.parametrize(
    "evidence",
    [
        replace(STRUCK, expect={"unknown": "in_flight", "acks_during": None}),
        replace(STRUCK, expect={"unknown": 5, "acks_during": False, "proofs": ["new_pid"]}),
        replace(STEADY, expect={"rate_within": 0.05, "at_most": {"records_per_s": 1000}}),
        replace(STEADY, target_per_s=1040.0, expect={"rate_within": 0.05}),
        replace(STEADY, after=INTERNAL),
        replace(STEADY, before={**SETTINGS, "internal": {}}, group=True),
        replace(STEADY, compared=compared(unknown_read=5, foreign=2)),
        replace(STEADY, expect={"checks": [{"name": "epoch", "holds": True, "words": "5, then 6"}]}),
    ],
)
def test_what_is_allowed_passes(evidence: Evidence) -> None:
    assert judge(evidence).reasons == []


def test_loss_outranks_missing_evidence_and_every_other_rule() -> None:
    evidence = replace(
        STRUCK,
        acks="1",
        ended=False,
        after=None,
        proofs=[{**HELD, "holds": False}],
        reached={0: 60},
        clock_steps=["the clock went back by 3 s"],
        compared=compared(
            acked_lost=2, duplicates=1, examples={"acked_lost": ["partition 0 sequence 1 offset 1"]}
        ),
    )
    judgement = judge(evidence)
    assert judgement.result == "FAIL"
    assert judgement.findings[0].figure == "acked_lost"
    results = [found.result for found in judgement.findings]
    assert results == sorted(results), "FAIL before INCONCLUSIVE"
    assert {found.rule for found in judgement.findings} == {"a", "b", "c", "d", "e", "scenario"}
    assert judgement.reasons[0].startswith(
        "rule d: 2 records were acknowledged and are gone, looked for twice (partition 0 sequence 1 "
        "offset 1). Keep "
    )
    assert judgement.documents()[0]["count"] == 2


def test_a_topic_that_was_made_anew_proves_no_loss() -> None:
    lost = replace(STEADY, compared=compared(acked_lost=9, unseen=1))
    anew = replace(lost, before={**SETTINGS, "topic_id": "q+v8"}, after={**SETTINGS, "topic_id": "x1y2"})
    found = [(each.rule, each.result) for each in judge(anew).findings]
    assert found == [("c", "INCONCLUSIVE"), ("d", "INCONCLUSIVE"), ("d", "INCONCLUSIVE")]
    for topic_id in ("q+v8", ""):
        same = replace(anew, after={**SETTINGS, "topic_id": topic_id})
        assert judge(same).result == "FAIL", "the same topic, or brokers that say nothing of it"


def test_loss_alone_beside_missing_evidence_is_fail() -> None:
    evidence = replace(STEADY, ended=False, before=None, reached={}, compared=compared(unseen=1))
    judgement = judge(evidence)
    assert (judgement.result, judgement.findings[0].figure) == ("FAIL", "unseen")


@pytest.mark.parametrize("broken", [{"ended": False}, {"trouble": "the ledger could not be written"}])
def test_records_in_doubt_are_no_failure_where_the_ledger_is_broken(broken: dict[str, Any]) -> None:
    judgement = judge(replace(STEADY, totals=Totals(100, 90, 0, 10), **broken))
    assert [(found.rule, found.result, found.count) for found in judgement.findings] == [
        ("b", "INCONCLUSIVE", None),
        ("b", "INCONCLUSIVE", 10),
    ]


def test_duplicates_and_order_are_reported_and_not_judged_without_idempotence() -> None:
    evidence = replace(
        STEADY, acks="1", idempotence=False, compared=compared(duplicates=3, nonmonotonic_sends=1)
    )
    assert [found.rule for found in judge(evidence).findings] == ["a", "a"]


def test_the_same_before_and_after_is_said_once() -> None:
    bad = setting("topic", min_insync_replicas=1)
    assert judge(replace(STEADY, before=bad, after=bad)).reasons == [
        "rule a: min_insync_replicas of the topic was 1 before and after the test, and must be at least 2. "
        "Raise min.insync.replicas"
    ]


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        ({"at_mots": {}}, "at_mots"),
        ({"unknown": -1}, "unknown"),
        ({"unknown": True}, "unknown"),
        ({"acks_during": "no"}, "acks_during"),
        ({"at_most": {"longest_gap_s": "5"}}, "longest_gap_s"),
        ({"checks": [{"name": "x", "holds": True}]}, "checks"),
        ({"at_most": ["longest_gap_s"]}, "at_most"),
        ({"proofs": "new_pid"}, "proofs"),
        ({"rate_within": "5 %"}, "rate_within"),
    ],
)
def test_what_nobody_can_expect_is_refused(expect: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        judge(replace(STEADY, expect=expect))


def test_a_ledger_that_lost_its_last_notes_proves_no_corruption() -> None:
    odd = replace(STEADY, ended=False, compared=compared(corrupt=3))
    assert judge(odd).result == "FAIL"
    unsynced = replace(odd, unsynced=True)
    assert judge(unsynced).result == "INCONCLUSIVE"
    assert judge(replace(unsynced, compared=compared(corrupt=3, acked_lost=1))).result == "FAIL"
