"""What a gate makes of znodes, as Kafka 2.6 to 3.9 write them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils.gate_reading import NO_LEADER, Partition, Reader
from kazoo.client import KazooClient
from kazoo.handlers.threading import KazooTimeoutError

from tests.integration.cluster import ZooKeeper

CHROOT = "/read"
Write = Callable[..., None]


@pytest.fixture
def client(zookeeper: ZooKeeper) -> Iterator[KazooClient]:
    found = KazooClient(zookeeper.hosts)
    found.start(10)
    yield found
    found.delete(CHROOT, recursive=True)
    found.stop()
    found.close()


@pytest.fixture
def write(client: KazooClient) -> Write:
    def znode(path: str, **data: Any) -> None:
        client.ensure_path(f"{CHROOT}/{path}")
        client.set(f"{CHROOT}/{path}", json.dumps({"version": 1, **data}).encode())

    return znode


def topic(write: Write, name: str, *isrs: list[int], **more: Any) -> None:
    """A topic with replicas 1 to 3, led by the first that is in sync."""
    write(f"brokers/topics/{name}", partitions={str(i): [1, 2, 3] for i in range(len(isrs))}, **more)
    for i, isr in enumerate(isrs):
        write(f"brokers/topics/{name}/partitions/{i}/state", leader=isr[0], isr=isr, leader_epoch=0)


def test_an_empty_cluster(client: KazooClient) -> None:
    client.ensure_path(CHROOT)
    found = Reader(client, CHROOT, 5).whole()
    assert (found.registered, found.controller, found.partitions) == ({}, None, {})


def test_topics_and_what_is_done_to_them(client: KazooClient, write: Write) -> None:
    topic(write, "plain", [1, 2, 3], [3, 1])
    topic(write, "strict-er", [2, 1, 3])
    write("config/topics/plain", config={})
    write("config/topics/strict-er", config={"min.insync.replicas": "3"})
    topic(write, "grows", [1, 2, 3], [1, 2, 3], adding_replicas={"1": [4]}, removing_replicas={"1": [2]})
    topic(write, "old", [1, 2, 3])
    write("admin/reassign_partitions", partitions=[{"topic": "old", "partition": 0, "replicas": [4]}])
    topic(write, "deleted", [1])
    write("admin/delete_topics/deleted")
    write("brokers/topics/fresh", partitions={"0": [2, 3]})
    write("brokers/topics/halted", partitions={"0": [2, 3]})
    write("brokers/topics/halted/partitions/0/state", leader=-2, isr=[2])
    found = Reader(client, CHROOT, 5).whole()
    assert found.partitions == {
        "plain-0": Partition((1, 2, 3), (1, 2, 3), 1),
        "plain-1": Partition((1, 2, 3), (3, 1), 3),
        "strict-er-0": Partition((1, 2, 3), (2, 1, 3), 2),
        "grows-0": Partition((1, 2, 3), (1, 2, 3), 1),
        "grows-1": Partition((1, 2, 3), (1, 2, 3), 1, moving=True),
        "old-0": Partition((1, 2, 3), (1, 2, 3), 1, moving=True),
        "fresh-0": Partition((2, 3), (), NO_LEADER),
        "halted-0": Partition((2, 3), (2,), NO_LEADER),
    }
    assert found.min_insync == {"strict-er": 3}
    assert set(Reader(client, CHROOT, 5).whole(holder=1).partitions) == {
        name for name in found.partitions if not name.startswith(("fresh", "halted"))
    }


def test_reading_again_what_may_have_changed(client: KazooClient, write: Write) -> None:
    topic(write, "one", [1, 2], [1, 2])
    topic(write, "two", [1])
    reader = Reader(client, CHROOT, 5)
    before = reader.whole()
    topic(write, "one", [1, 2, 3], [1, 2, 3])
    client.delete(f"{CHROOT}/brokers/topics/two", recursive=True)
    found = reader.again(before, ["one-1", "two-0", "never-0"])
    assert found.partitions == {
        "one-0": Partition((1, 2, 3), (1, 2), 1),  # nobody asked
        "one-1": Partition((1, 2, 3), (1, 2, 3), 1),
    }


def test_a_znode_that_no_broker_wrote(client: KazooClient, write: Write) -> None:
    topic(write, "one", [1])
    client.set(f"{CHROOT}/brokers/topics/one", b"rubbish")
    with pytest.raises(ValueError, match="/read/brokers/topics/one cannot be read"):
        Reader(client, CHROOT, 5).whole()


def test_an_answer_that_does_not_come(client: KazooClient) -> None:
    client.ensure_path(CHROOT)
    with pytest.raises(KazooTimeoutError):
        Reader(client, CHROOT, 1e-6).whole()
