"""A member of a consumer group as it must not be: it commits records before it handles them.

Once it has handled ``after`` records, it takes the next ones, commits that they are handled, and does
nothing more: what it has committed is for the test to find missing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from ansible_collections.barevm.kafka.plugins.module_utils.durability_group import Member
from ansible_collections.barevm.kafka.plugins.module_utils.perf_worker import Channel, Document, run
from confluent_kafka import Message, TopicPartition


class Eager(Member):
    """Commits first, and handles never."""

    def __init__(self, request: Document, channel: Channel) -> None:
        super().__init__(request, channel)
        self._left: int = request["after"]

    def handle(self, messages: Iterable[Message]) -> None:
        """As any member does, ``after`` times."""
        records = [message for message in messages if message.error() is None]
        super().handle(records[: self._left])
        passed_by = records[self._left :]
        self._left -= len(records[: self._left])
        if not passed_by:
            return
        ends: dict[int, int] = {}
        for message in passed_by:
            ends[message.partition()] = message.offset() + 1
        offsets = [TopicPartition(self._topic, partition, end) for partition, end in ends.items()]
        self._flush()
        self._note_committed(self._consumer.commit(offsets=offsets, asynchronous=False))
        self._channel.send("passed_by", records=len(passed_by))
        while True:
            time.sleep(1)


def main(request: Document, channel: Channel) -> None:
    """Be a member until killed."""
    member = Eager(request, channel)
    channel.send("ready", pid=os.getpid())
    member.run_until_command()


if __name__ == "__main__":
    run(main)
