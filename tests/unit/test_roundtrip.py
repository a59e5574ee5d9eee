"""How the probe's topic is brought to where every broker leads a partition of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils.roundtrip import Probe, _Way
from ansible_collections.barevm.kafka.plugins.module_utils.roundtrip_topic import Partition, Plan, plan
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st

ALL = (1, 2, 3)


def led_by(leader: int, *replicas: int, isr: tuple[int, ...] | None = None) -> Partition:
    return Partition(leader, replicas, replicas if isr is None else isr)


@pytest.mark.parametrize(
    ("alive", "partitions", "wanted"),
    [
        (ALL, {}, Plan(add=[[1, 2, 3], [2, 3, 1], [3, 1, 2]], idle=[1, 2, 3])),
        (ALL, {0: led_by(1, *ALL), 1: led_by(2, 2, 3, 1), 2: led_by(3, 3, 1, 2)}, Plan()),
        # A broker came back in sync, but leadership stayed where it went.
        (ALL, {0: led_by(1, *ALL), 1: led_by(3, 2, 3, 1), 2: led_by(3, 3, 1, 2)}, Plan(elect=[1], idle=[2])),
        # It is back and still catching up.
        (ALL, {0: led_by(1, *ALL), 1: led_by(3, 2, 3, 1, isr=(3, 1)), 2: led_by(3, 3, 1, 2)}, Plan(idle=[2])),
        # A broker was added.
        ((*ALL, 4), {0: led_by(1, *ALL), 1: led_by(2, 2, 3, 1), 2: led_by(3, 3, 1, 2)},
         Plan(add=[[4, 1, 2]], idle=[4])),
        # Too few brokers for the topic's replicas.
        ((1, 2), {}, Plan(idle=[1, 2], blocked=[1, 2])),
        # One that leads a partition whose preferred leader is another is proven through that.
        ((1, 2), {0: led_by(2, 1, 2), 1: led_by(2, 2, 1)}, Plan(elect=[0], idle=[1])),
    ],
)  # fmt: skip
def test_plan(alive: tuple[int, ...], partitions: dict[int, Partition], wanted: Plan) -> None:
    replicas = len(partitions[0].replicas) if partitions else 3
    assert plan(alive, partitions, replicas) == wanted


@given(st.sets(st.integers(0, 200), min_size=3, max_size=40))
def test_a_new_topic_gives_every_broker_one_partition_and_distinct_replicas(alive: set[int]) -> None:
    wanted = plan(sorted(alive), {}, 3)
    assert sorted(replicas[0] for replicas in wanted.add) == sorted(alive)
    assert all(len(set(replicas)) == 3 for replicas in wanted.add)
    partitions = {number: led_by(each[0], *each) for number, each in enumerate(wanted.add)}
    assert plan(sorted(alive), partitions, 3) == Plan()


class Behind:
    """A producer whose broker hears of a new partition late: refused in a report, then at once."""

    def __init__(self) -> None:
        self.asked = 0
        self._reports: list[Callable[[], None]] = []

    def produce(self, _topic: str, value: bytes, partition: int, on_delivery: Callable[..., None]) -> None:
        self.asked += 1
        unknown = KafkaError(KafkaError._UNKNOWN_PARTITION)
        if self.asked == 2:
            raise KafkaException(unknown)
        error = None if self.asked == 4 else unknown
        self._reports.append(lambda: on_delivery(error, self))

    def flush(self, _timeout_s: float) -> None:
        while self._reports:
            self._reports.pop()()

    def list_topics(self, _topic: str, timeout: float) -> Any:
        if self.asked == 3:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    def offset(self) -> int:
        return 7

    def latency(self) -> float:
        return 0.1


def test_a_partition_that_its_broker_has_not_heard_of_is_tried_again() -> None:
    way = _Way("PLAINTEXT", {1: "127.0.0.1:1"}, {}, 20)
    way.producer = Behind()
    probe = Probe(1, "n1", "PLAINTEXT", "127.0.0.1:1", 3)
    way.payloads[3] = b"a record"
    way._produce(probe)
    way.acknowledged([probe])
    assert (probe.offset, way.producer.asked, way.refusals) == (7, 4, {})
