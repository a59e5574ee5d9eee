"""What contradicts what in the options of a durability test, and what its clients are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.barevm.kafka.plugins.module_utils import durability_options, durability_record
from ansible_collections.barevm.kafka.plugins.modules.durability_test import DOCUMENTATION

DEFAULTS: dict[str, Any] = {
    name: option.get("default") for name, option in yaml.safe_load(DOCUMENTATION)["options"].items()
} | {"bootstrap_servers": ["127.0.0.1:9092"], "reports_dir": "reports"}


def test_the_defaults_contradict_nothing() -> None:
    assert durability_options.contradictions(DEFAULTS) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bootstrap_servers": []}, "bootstrap_servers is not set"),
        ({"reports_dir": ""}, "reports_dir is not set"),
        (
            {"replication_factor": 0, "min_insync_replicas": 1},
            "replication_factor is 0; it must be at least 1",
        ),
        ({"records_per_s": -1.0}, "records_per_s is -1.0; it must not be negative"),
        ({"limit_s": 0.0}, "limit_s is 0"),
        ({"client_properties": {"acks": "1"}}, "sets acks, which is what option acks is for"),
        ({"client_properties": {"enable.idempotence": False}}, "what option idempotence is for"),
        ({"client_properties": {"delivery.report.only.error": True}}, "never be told of"),
        ({"client_properties": {"sasl.mechanism": None}}, "sets sasl.mechanism to nothing"),
        ({"group_commit_s": 0.0}, "group_commit_s is 0"),
        ({"group_bounce_every_s": -1.0}, "group_bounce_every_s is -1.0; it must not be negative"),
        ({"name": "../x"}, "it names files"),
        ({"min_insync_replicas": 4}, "above the replication_factor of 3"),
        ({"producers": 13}, "producers is 13, above partitions (12)"),
        ({"acks": "1"}, "idempotence needs acks=all"),
        ({"delivery_timeout_s": 0.001}, "every record would be given up"),
        ({"record_size": 99}, "record_size is 99; it must be 100 to 1,000,000 bytes"),
        ({"record_size": 1_000_001}, "100 to 1,000,000"),
        ({"batch_size": 2_000_000}, "batch_size is 2000000"),
        ({"payload_file": "/nowhere"}, "payload_file /nowhere is not a file"),
    ],
)
def test_a_contradiction_is_named(options: dict[str, Any], words: str) -> None:
    said = "; ".join(durability_options.contradictions({**DEFAULTS, **options}))
    assert words in said


def test_a_payload_without_a_delimiter(tmp_path: Path) -> None:
    payload = tmp_path / "payload"
    payload.write_text("x")
    options = {**DEFAULTS, "payload_file": str(payload), "payload_delimiter": "", "record_size": 1}
    assert len(durability_options.contradictions(options)) == 1


def test_the_sizes_are_those_of_records() -> None:
    """They are said twice, since an action says what is missing on a controller without numpy."""
    for name in ("HEAD_SIZE", "LEAST_SIZE", "LARGEST_SIZE"):
        assert getattr(durability_options, name) == getattr(durability_record, name)


def test_client_properties_win_and_time_outs_are_fixed() -> None:
    options = {**DEFAULTS, "client_properties": {"linger.ms": 1}}
    client = durability_options.producer_client(options, 1024, 3)
    assert client["linger.ms"] == 1
    assert client["socket.timeout.ms"] == 10_000
    assert client["message.timeout.ms"] == 120_000


def test_with_a_rate_the_buffer_holds_what_becomes_due() -> None:
    def kb(rate: float, size: int) -> int:
        return durability_options.buffer_kb({**DEFAULTS, "records_per_s": rate}, size)

    assert kb(0, 1024) == kb(100, 1024) == 32 * 1024
    assert kb(1000, 1024) == 120_000
    assert kb(100_000, 1024) == 256 * 1024


def test_a_block_is_a_batch_where_nothing_limits_the_rate() -> None:
    assert durability_options.block(DEFAULTS, 1024) == 1
    free = {**DEFAULTS, "records_per_s": 0.0}
    assert [durability_options.block(free, size) for size in (100, 1024, 1_000_000)] == [5242, 512, 1]


def test_fewer_requests_under_way_than_partitions_at_a_broker() -> None:
    def most(brokers: int, **options: float) -> int:
        return durability_options.in_flight({**DEFAULTS, "records_per_s": 0.0, **options}, brokers)

    assert [most(3), most(1), most(6), most(3, producers=2), most(12)] == [3, 5, 1, 1, 1]
    assert most(3, records_per_s=1.0) == 1
