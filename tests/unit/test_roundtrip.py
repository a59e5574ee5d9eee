"""How the probe's topic is brought to where every broker leads a partition of it."""

from __future__ import annotations

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils.roundtrip_topic import Partition, Plan, plan
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
