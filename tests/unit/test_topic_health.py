"""What the brokers' metadata says of partitions, and what of it comes right by itself."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils.topic_health import Report, judge_partitions


@pytest.mark.parametrize(
    ("leader", "isrs", "waiting_for"),
    [
        (1, [1, 2], []),
        # It has just started: the controller makes it the leader in a moment.
        (
            -1,
            [1],
            ["1 partitions whose replicas are catching up", "1 partitions whose leader is to be elected"],
        ),
        # Nobody who is up was in sync.
        (-1, [3], ["1 partitions whose replicas are catching up"]),
        (1, [1], ["1 partitions whose replicas are catching up"]),
    ],
)
def test_what_is_waited_for(leader: int, isrs: list[int], waiting_for: list[str]) -> None:
    partition = SimpleNamespace(leader=leader, replicas=[1, 2], isrs=isrs)
    metadata = SimpleNamespace(
        brokers={1: None, 2: None}, topics={"t": SimpleNamespace(partitions={0: partition})}
    )
    report = Report()
    judge_partitions(metadata, report)
    assert report.waiting_for == waiting_for
    assert report.offline == (["t-0"] if leader == -1 else [])


def test_a_partition_of_one_replica_is_led_again_once_its_broker_is_up() -> None:
    partition = SimpleNamespace(leader=-1, replicas=[1], isrs=[1])
    topics = {"t": SimpleNamespace(partitions={0: partition})}
    for alive, waited in (({1: None}, 1), ({2: None}, 0)):
        report = Report()
        judge_partitions(SimpleNamespace(brokers=alive, topics=topics), report)
        assert len(report.waiting_for) == waited
        assert len(report.findings) == 1
