"""What keeps partitions from their full ISR, and how long a judging may take."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import durability_settings as settings


def metadata(**topics: list[tuple[int, list[int]]]) -> Any:
    """Topics by name; each partition is its leader and its ISR, of the replicas 1, 2 and 3."""
    return SimpleNamespace(
        topics={
            name: SimpleNamespace(
                partitions={
                    number: SimpleNamespace(leader=leader, replicas=[1, 2, 3], isrs=isr)
                    for number, (leader, isr) in enumerate(partitions)
                }
            )
            for name, partitions in topics.items()
        }
    )


def test_what_is_lacking_is_named() -> None:
    seen = metadata(records=[(1, [1, 2, 3]), (2, [2]), (-1, [3])], other=[(1, [1])])
    assert settings.lacking(seen, ["records"]) == [
        "records-1 lacks broker 1, 3 in its ISR",
        "records-2 has no leader",
    ]
    assert settings.lacking(seen, ["gone"]) == ["gone is not there"]
    assert settings.lacking(metadata(records=[(1, [3, 2, 1])]), ["records"]) == []


def test_the_limit_is_above_every_wait() -> None:
    request = {"stop_timeout_s": 40, "full_isr_timeout_s": 50, "read_timeout_s": 60}
    assert settings.judging_limit_s(request) > 150
    assert settings.judging_limit_s({}) > settings.FULL_ISR_S + settings.READ_S
