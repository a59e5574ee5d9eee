"""What a perf test refuses, and how it is judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import perf_baseline, perf_figures, perf_options
from ansible_collections.barevm.kafka.plugins.module_utils.perf_producer import payload_bodies


def options(**changed: Any) -> dict[str, Any]:
    defaults = {name: option.get("default") for name, option in perf_options.ARGUMENT_SPEC.items()}
    return {**defaults, "bootstrap_servers": ["b:9092"], "reports_dir": "r", "duration_s": 10.0, **changed}


def found(**changed: Any) -> dict[str, Any]:
    return {
        "records_sent": 10,
        "records_acked": 10,
        "records_failed": 0,
        "errors": {},
        "records_received": 10,
        "consumer_errors": {},
        **changed,
    }


def test_the_defaults_and_a_duration_are_enough() -> None:
    assert perf_options.contradictions(options()) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"records": 5}, "records is 5 and duration_s is 10; set exactly one"),
        ({"duration_s": 0.0}, "records is 0 and duration_s is 0; set exactly one"),
        ({"producers": 0}, "producers is 0; it must be at least 1"),
        ({"warmup_s": -1.0}, "warmup_s is -1.0; it must not be negative"),
        ({"limit_records_per_s": 1.0, "limit_mb_per_s": 1.0}, "are both set; keep one"),
        ({"min_insync_replicas": 4}, "min_insync_replicas is 4, above the replication_factor of 3"),
        ({"consumers": 6}, "consumers is 6, above partitions (5)"),
        ({"idempotence": True, "acks": "1"}, "idempotence needs acks=all (KIP-98), and acks is 1"),
        ({"delivery_timeout_s": 0.001}, "not above linger_ms"),
        ({"payload_file": "/nowhere"}, "payload_file /nowhere is not a file on the controller"),
    ],
)
def test_a_contradiction_is_named_with_its_value(changed: dict[str, Any], said: str) -> None:
    (message,) = perf_options.contradictions(options(**changed))
    assert said in message


def test_all_contradictions_are_told_at_once() -> None:
    assert len(perf_options.contradictions(options(records=1, producers=0, consumers=9))) == 3


def test_a_payload_file_is_cut_at_its_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "payload"
    path.write_bytes(b"one||two||\n||||three")
    assert payload_bodies(path, "||") == [b"one", b"two", b"\n", b"three"]
    path.write_bytes(b"||||")
    with pytest.raises(ValueError, match="holds no record"):
        payload_bodies(path, "||")


def written(path: Path, **changed: Any) -> Path:
    document = {
        "verb": "perf",
        "records_acked": 10,
        "parameters": perf_options.workload(options()),
        "records_per_s": 1000.0,
        "produce_p99_ms": 10.0,
        **changed,
    }
    path.write_text(json.dumps(document))
    return path


def test_a_baseline_of_the_same_workload_on_another_cluster(tmp_path: Path) -> None:
    now = perf_options.workload(options(bootstrap_servers=["elsewhere:9092"], reports_dir="other"))
    assert perf_baseline.read_baseline(written(tmp_path / "b"), now)["records_per_s"] == 1000


def test_a_baseline_of_another_workload_is_refused(tmp_path: Path) -> None:
    now = perf_options.workload(options(record_size=100, acks="1"))
    with pytest.raises(perf_baseline.BaselineError) as refused:
        perf_baseline.read_baseline(written(tmp_path / "b"), now)
    assert "acks (baseline 'all', now '1'), record_size (baseline 1024, now 100)" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no json", "is not JSON"),
        ("[]", "not the result of a perf test"),
        ('{"verb": "verify"}', "not the result of a perf test"),
        ('{"verb": "perf", "records_acked": 0}', "without one acknowledged record"),
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "b").write_text(text)
    with pytest.raises(perf_baseline.BaselineError, match=said):
        perf_baseline.read_baseline(tmp_path / "b", {})


def test_a_missing_baseline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(perf_baseline.BaselineError, match="cannot be read: No such file"):
        perf_baseline.read_baseline(tmp_path / "b", {})


BASELINE = {"records_per_s": 1000.0, "produce_p99_ms": 10.0, "end_to_end_p99_ms": None}


@pytest.mark.parametrize(
    ("now", "reasons"),
    [
        ({"records_per_s": 801.0, "produce_p99_ms": 11.9}, 0),
        ({"records_per_s": 790.0, "produce_p99_ms": 10.0}, 1),
        ({"records_per_s": 790.0, "produce_p99_ms": 13.0}, 2),
        ({"records_per_s": 5000.0, "produce_p99_ms": 1.0}, 0),
    ],
)
def test_regressions(now: dict[str, float], reasons: int) -> None:
    comparison, said = perf_baseline.regressions(BASELINE, now, 0.2)
    assert set(comparison) == {"records_per_s", "produce_p99_ms"}
    assert comparison["records_per_s"]["ratio"] == now["records_per_s"] / 1000
    assert len(said) == reasons


def test_a_regression_names_both_figures() -> None:
    _, said = perf_baseline.regressions(BASELINE, {"records_per_s": 500.0}, 0.2)
    assert said == ["records_per_s is 500, 50% worse than the baseline's 1000; allowed are 20%"]


ERRORS = {"_MSG_TIMED_OUT": {"records": 10, "example": "Local: Message timed out"}}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"records_acked": 0, "records_failed": 10, "errors": ERRORS},
            "no record was acknowledged (10 sent): _MSG_TIMED_OUT 10 times (Local: Message timed out)",
        ),
        ({"records_acked": 0, "records_sent": 0}, "no record was acknowledged (0 sent)"),
        ({"records_acked": 9, "records_received": 9, "records_failed": 1}, "1 of 10 records failed"),
        ({"records_received": 7}, "3 acknowledged records were not read back"),
    ],
)
def test_what_keeps_a_run_from_passing(changed: dict[str, Any], said: str) -> None:
    (reason,) = perf_figures.reasons(found(**changed), {"consumers": 1}, drained=True)
    assert said in reason


def test_a_run_with_everything_back_passes() -> None:
    assert perf_figures.reasons(found(), {"consumers": 1}, drained=True) == []
    assert perf_figures.reasons(found(records_received=0), {"consumers": 0}, drained=True) == []


def test_a_limit_that_was_not_reached_is_told() -> None:
    assert perf_figures.warnings(found(records_sent=995), 100.0, 10.0) == []
    (said,) = perf_figures.warnings(found(records_sent=500), 100.0, 10.0)
    assert "the limit of 100 records/s was not reached: 50 were sent a second" in said


def test_what_consumers_got_over_is_told() -> None:
    (said,) = perf_figures.warnings(found(consumer_errors=ERRORS), None, 10.0)
    assert said.startswith("consumers met errors and went on: _MSG_TIMED_OUT 10 times")
