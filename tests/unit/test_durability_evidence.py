"""What is told of hand-made ledgers: which evidence there is, and what cannot be known."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import durability_evidence as evidence
from ansible_collections.barevm.kafka.plugins.module_utils import durability_figures as figures
from ansible_collections.barevm.kafka.plugins.module_utils import durability_files as files
from ansible_collections.barevm.kafka.plugins.module_utils.durability_comparison import Compared
from ansible_collections.barevm.kafka.plugins.module_utils.durability_ledger import Totals
from ansible_collections.barevm.kafka.plugins.module_utils.durability_reading import ReadBack

from tests.unit.durability_lines import TEST

MS = 1_000_000
S = 1_000_000_000
SET = {"replication_factor": 3, "min_insync_replicas": 2, "unclean_leader_election": False}
SETTINGS: dict[str, Any] = {
    "topic": SET,
    "internal": {},
    "brokers": {str(number): SET for number in (1, 2, 3)},
    "starts": {"0": 0},
    "ends": {"0": 0},
}


def compared(**counts: int) -> Compared:
    fields = dict.fromkeys(Compared.__dataclass_fields__, 0)
    del fields["examples"]
    return Compared(**{**fields, "records_read": 1000, **counts}, examples={})


def started() -> files.Started:
    now_ns = time.monotonic_ns()
    began_ns = now_ns - 100 * S
    return replace(
        TEST,
        topic="records",
        partitions=1,
        record_size=1000,
        delivery_timeout_s=30.0,
        brokers=[],
        probe=False,
        started_ns=began_ns,
        wall_ns=time.time_ns() - now_ns,
        boot_id="this",
    )


class Test:
    """A test of ten seconds in which a record was acknowledged every 100 ms."""

    __test__ = False

    def __init__(self, folder: Path, ended: bool = True) -> None:
        self.test = started()
        self.folder = folder
        self.mark("started", 0)
        for second in range(10):
            ticks = [1000 * second + tick for tick in range(0, 1000, 100)]
            files.append(
                folder / files.SECONDS,
                who="producer 0",
                second=second,
                count=100,
                max_us=5000,
                buckets=[[5000, 100]],
                ticks_ms=ticks,
                in_flight=7,
            )
        if ended:
            self.end()

    def end(self, **changed: Any) -> None:
        producer = {"sent": 1000, "sent_bytes": 1_000_000, "sending_ms": 9_800, "cpu_s": 0.5}
        document = {
            "why": "stopped",
            "words": "it was told to stop",
            "error": "",
            "ended_ns": self.at(11),
            "producers": [producer],
            "errors": {},
            "warnings": [],
            **changed,
        }
        (self.folder / files.FINAL).write_text(json.dumps(document))

    def at(self, second: float) -> int:
        return self.test.started_ns + int(second * S)

    def mark(self, kind: str, second: float, what: str = "", **more: Any) -> None:
        files.mark(self.folder, kind, what, at_ns=self.at(second), **more)

    def known(self, **changed: Any) -> evidence.Known:
        read = ReadBack(compared(), [], {0: 0}, {0: 1000}, {0: 1000}, 1.0)
        found = evidence.Known(
            folder=self.folder,
            test=self.test,
            totals=Totals(1000, 1000, 0, 0),
            read=read,
            lacking="",
            before=SETTINGS,
            after=SETTINGS,
            after_error="",
            booted=False,
            group=None,
            more=(),
        )
        return replace(found, **changed)


def rules(found: tuple[str, list[str], dict[str, Any]]) -> tuple[str, list[tuple[str, str]]]:
    return found[0], [(each["rule"], each["result"]) for each in found[2]["findings"]]


def test_all_is_well(tmp_path: Path) -> None:
    test = Test(tmp_path)
    result, reasons, found = evidence.judged(test.known(), {"rate_within": 0.05})
    assert (result, reasons) == ("PASS", [])
    assert found["records_per_s"] == pytest.approx(1000 / 9.7, abs=0.1)
    assert found["mb_per_s"] == pytest.approx(0.103, abs=0.001)
    assert found["records_per_producer_cpu_s"] == 2000
    assert found["parameters"]["topic"] == "records"
    json.dumps(found)


@pytest.mark.parametrize("kind", ["acked_lost", "unseen"])
def test_proven_loss_outranks_what_is_not_known(tmp_path: Path, kind: str) -> None:
    test = Test(tmp_path, ended=False)
    troubled = ReadBack(compared(**{kind: 3}), ["broken"], {0: 0}, {0: 1000}, {0: 1000}, 1.0)
    result, reasons, _ = evidence.judged(test.known(read=troubled, after=None), {})
    assert result == "FAIL"
    assert reasons[0].startswith("rule d: 3 records")


def test_a_killed_tester(tmp_path: Path) -> None:
    test = Test(tmp_path, ended=False)
    result, reasons, found = evidence.judged(test.known(totals=Totals(1020, 1000, 0, 20)), {})
    assert (result, reasons[1][:27]) == ("INCONCLUSIVE", "rule b: 20 records are neit")
    known = test.known(totals=Totals(1020, 1000, 0, 20))
    assert evidence.judged(known, {"unknown": "in_flight"})[0] == "INCONCLUSIVE"
    result, reasons, found = evidence.judged(known, {"unknown": 20})
    assert (result, len(reasons)) == ("INCONCLUSIVE", 1)
    assert reasons[0].startswith("rule b: the tester was killed")
    assert found["available_s"] == 8
    assert "figures end with the last acknowledgement" in found["warnings"][0]


def test_acknowledgements_around_a_fault(tmp_path: Path) -> None:
    test = Test(tmp_path)
    test.mark("strike", 3)
    test.mark("healed", 8)
    test.mark("proof", 8, "two pids", data={"name": "new_pid", "holds": True})
    result, reasons, found = evidence.judged(test.known(), {"proofs": ["new_pid"], "acks_during": True})
    assert (result, reasons) == ("PASS", [])
    assert found["proofs"] == [{"name": "new_pid", "holds": True, "what": "two pids"}]
    assert found["unknown_allowed"] == 7
    assert rules(evidence.judged(test.known(), {"acks_during": False})) == ("FAIL", [("f", "FAIL")])


def test_a_sending_that_ended_before_the_healing_tells_nothing_of_afterwards(tmp_path: Path) -> None:
    test = Test(tmp_path)
    test.mark("strike", 3)
    test.mark("healed", 20)
    test.mark("proof", 8, "two pids", name="new_pid", holds=True)
    assert rules(evidence.judged(test.known(), {})) == ("INCONCLUSIVE", [("f", "INCONCLUSIVE")])


def test_what_was_answered_at_once_is_not_during_the_fault(tmp_path: Path) -> None:
    test = Test(tmp_path)
    seen = figures.times(test.test.started_ns, [], None, files.lines(tmp_path / files.SECONDS))
    assert evidence.acknowledged(seen, (test.at(2.05), test.at(4.05)))[1] == 10, "its second half"
    assert evidence.acknowledged(seen, (test.at(2.05), test.at(8.05)))[1] == 30
    assert evidence.acknowledged(seen, (test.at(2.05), test.at(20))) == (21, 49, None)
    assert evidence.acknowledged(seen, (test.at(9), test.at(20)))[1:] == (None, None), "nothing was sent then"


def test_marks_of_after_a_boot_are_left_out(tmp_path: Path) -> None:
    test = Test(tmp_path)
    test.mark("note", 5, "of the test")
    test.mark("strike", 5000, "of today")
    test.mark("healed", -5000, "of today")
    result, _, found = evidence.judged(test.known(booted=True), {})
    assert result == "PASS"
    assert [each["what"] for each in found["events"] if each["kind"] == "note"] == ["of the test"]
    assert "has booted since the test began; 2 events of later were left out" in found["warnings"][0]


def test_a_clock_that_was_moved(tmp_path: Path) -> None:
    test = Test(tmp_path)
    test.mark("clock", 4, "the controller's clock was moved by +3600.0 s")
    found = evidence.judged(test.known(), {})
    assert rules(found) == ("INCONCLUSIVE", [("scenario", "INCONCLUSIVE")])
    assert "+3600.0 s" in found[1][0]


def test_a_clock_that_nobody_watched_to_the_end(tmp_path: Path) -> None:
    test = Test(tmp_path, ended=False)
    test.test = replace(test.test, wall_ns=test.test.wall_ns - 60 * S)
    reasons = evidence.judged(test.known(), {})[1]
    assert any("moved by +60.0 s since the test began" in reason for reason in reasons)


def test_what_ended_the_sending_is_told(tmp_path: Path) -> None:
    test = Test(tmp_path)
    test.end(why="owner_gone", words="the run that it belongs to ended without stopping it")
    result, _, found = evidence.judged(test.known(), {})
    assert result == "PASS"
    assert found["warnings"] == [
        "the sending ended by itself: the run that it belongs to ended without stopping it"
    ]
    test.end(why="error", error="producer 0 ended with status 1")
    assert rules(evidence.judged(test.known(), {})) == ("INCONCLUSIVE", [("b", "INCONCLUSIVE")])


def test_an_operation_that_outlasts_the_sending_is_not_covered(tmp_path: Path) -> None:
    test = Test(tmp_path)
    test.mark("task", 5, "Stop broker 1")
    test.end(why="limit", words="its limit of 10 s was over")
    assert evidence.judged(test.known(), {})[0] == "PASS"
    test.mark("task", 15, "Stop broker 2")
    found = evidence.judged(test.known(), {})
    assert rules(found) == ("INCONCLUSIVE", [("f", "INCONCLUSIVE")])
    assert "1 event came after the sending had ended (its limit of 10 s was over)" in found[1][0]
    assert "Stop broker 2" in found[1][0]
    test.end(why="stopped", words="it was told to stop")
    assert evidence.judged(test.known(), {})[0] == "PASS"


def test_whatever_belongs_to_an_event_is_kept(tmp_path: Path) -> None:
    files.mark(tmp_path, "proof", "two pids", path="/x", folder="y", what="z", holds=True)
    (line,) = files.lines(tmp_path / files.EVENTS)
    assert {**line, "at_ns": 1} == {
        **{"at_ns": 1, "path": "/x", "folder": "y", "holds": True},
        **{"kind": "proof", "what": "two pids"},
    }


def test_a_line_that_was_cut_off_takes_no_other_along(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"at_ns": 1}\n{"at_ns": 2, "buck')
    assert [line["at_ns"] for line in files.lines(path)] == [1]
    files.append(path, at_ns=3)
    files.append(path, at_ns=4)
    assert [line["at_ns"] for line in files.lines(path)] == [1, 3, 4]


def test_an_isr_that_did_not_come_back(tmp_path: Path) -> None:
    read = ReadBack(compared(unseen=5), [], {0: 0}, {0: 995}, {0: 995}, 1.0)
    known = Test(tmp_path).known(lacking="records-0 lacks broker 2 in its ISR", read=read)
    assert evidence.judged(known, {})[0] == "INCONCLUSIVE"


def test_nothing_could_be_read(tmp_path: Path) -> None:
    read = ReadBack(compared(records_read=0), ["partition 0 has no leader"], {}, {}, {}, 1.0)
    result, reasons, _ = evidence.judged(Test(tmp_path).known(read=read), {})
    assert result == "INCONCLUSIVE"
    assert reasons == ["rule c: nothing was read back: partition 0 has no leader. Judge again"]


def test_an_expectation_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expect knows"):
        evidence.judged(Test(tmp_path).known(), {"at_mots": {}})
