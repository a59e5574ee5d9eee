"""One member of a durability test's consumer group: a process that reads, commits, and writes down both.

It is the client that many shippers and indexers are: cooperative-sticky assignment (KIP-429), commits by
hand of what it has handled, at a steady pace. Its file ``group-<member>.jsonl`` in the ledger has lines

- assigned   {"partitions": {"0": offset it begins at, null where that could not be asked}}
- handled    {"partition", "from", "to", "began_ns", "ended_ns"}: offsets from..to-1, handled in this time
- committed  {"offsets": {"0": the next offset to handle}}, once the broker said so
- revoked, lost {"partitions": [0]}; error {"name", "what", "count"}; left {}, after an orderly end

Handled intervals are written at least every 200 ms, and before each commit and revocation, so that the file
of a member that is killed tells of everything that it committed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.perf_worker import Channel, Document, run
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

FETCH = 1000
POLL_S = 0.05
FLUSH_NS = 200_000_000
COMMITTED_S = 5.0
SESSION_MS = 10_000
HEARTBEAT_MS = 3_000

PROPERTIES: dict[str, Any] = {
    "client.id": "barevm-durability-group",
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": SESSION_MS,
    "heartbeat.interval.ms": HEARTBEAT_MS,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    # A group without commits, and one whose place is no longer in the log, begins at the first record:
    # what it then handles twice is counted, what it would have passed by could not be.
    "auto.offset.reset": "earliest",
    # A member keeps at most this much of the topic in memory, whatever the size of its records.
    "queued.max.messages.kbytes": 16_384,
    "log_level": 0,
}
"""What each member is given (librdkafka CONFIGURATION.md); fixed, since a rebalance takes what they say."""


def member_file(folder: Path, member: int) -> Path:
    """Where a member writes."""
    return folder / f"group-{member}.jsonl"


class Notes:
    """A member's file; what was written stays, whatever becomes of the process. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Add lines with the time ``at_ns``, in one write."""
        now_ns = time.monotonic_ns()
        text = "".join(json.dumps({"at_ns": now_ns, **line}) + "\n" for line in lines).encode()
        while text:
            text = text[os.write(self._handle, text) :]


class Member:
    """A member of the group: what it owns, where it stands, and what it has committed."""

    def __init__(self, request: Document, channel: Channel) -> None:
        self._channel = channel
        self._topic: str = request["topic"]
        self._commit_ns = int(request["commit_s"] * 1e9)
        self._notes = Notes(member_file(Path(request["folder"]), request["member"]))
        self._position: dict[int, int | None] = {}
        """The next offset of each partition that it owns; None where it is unknown until the first record."""
        self._committed: dict[int, int] = {}
        self._intervals: dict[int, list[int]] = {}
        """What was handled and is not written yet: from, to, began_ns, ended_ns."""
        self._errors: dict[str, tuple[str, int]] = {}
        self._committing = False
        self._flush_at = self._commit_at = 0
        self._consumer = Consumer(
            {
                **request["client"],
                **PROPERTIES,
                "group.id": request["group"],
                "on_commit": self._said,
            }
        )
        self._consumer.subscribe(
            [self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )

    def run_until_command(self) -> None:
        """Handle records until the coordinator says that it is enough."""
        while not self._channel.pending():
            self.take()

    def take(self) -> None:
        """Handle what there is; write it down and commit it when it is time."""
        first: Message | None = self._consumer.poll(POLL_S)
        if first is not None:
            # Before anything else is asked for: that might revoke the partition.
            self.handle([first])
            self.handle(self._consumer.consume(FETCH, 0))
        now_ns = time.monotonic_ns()
        if now_ns >= self._flush_at:
            self._flush()
            self._flush_at = now_ns + FLUSH_NS
        if now_ns >= self._commit_at:
            self._commit()
            self._commit_at = now_ns + self._commit_ns

    def handle(self, messages: Iterable[Message]) -> None:
        """Take each record as handled."""
        now_ns = time.monotonic_ns()
        for message in messages:
            if (error := message.error()) is not None:
                self._error(error)
                continue
            partition, offset = message.partition(), message.offset()
            if partition not in self._position:
                continue  # it was taken away meanwhile: another member handles it
            self._position[partition] = offset + 1
            interval = self._intervals.get(partition)
            if interval is None:
                self._intervals[partition] = [offset, offset + 1, now_ns, now_ns]
            elif interval[1] == offset:
                interval[1], interval[3] = offset + 1, now_ns
            else:
                self._flush()
                self._intervals[partition] = [offset, offset + 1, now_ns, now_ns]

    def leave(self) -> None:
        """Commit, leave the group in order, and say so."""
        self._flush()
        self._consumer.close()
        self._flush()
        self._notes.write([{"kind": "left"}])

    def _flush(self) -> None:
        intervals, self._intervals = self._intervals, {}
        errors, self._errors = self._errors, {}
        self._notes.write(
            [
                *(
                    {
                        "kind": "handled",
                        "partition": partition,
                        "from": begin,
                        "to": end,
                        "began_ns": began_ns,
                        "ended_ns": ended_ns,
                    }
                    for partition, (begin, end, began_ns, ended_ns) in intervals.items()
                ),
                *(
                    {"kind": "error", "name": name, "what": what, "count": count}
                    for name, (what, count) in errors.items()
                ),
            ]
        )

    def _due(self) -> list[TopicPartition]:
        """What is handled and not committed, once it is written down."""
        self._flush()
        return [
            TopicPartition(self._topic, partition, offset)
            for partition, offset in self._position.items()
            if offset is not None and offset > self._committed.get(partition, -1)
        ]

    def _commit(self) -> None:
        """Ask for a commit; one at a time, so that a coordinator that is away is not asked ever more."""
        if self._committing or not (due := self._due()):
            return
        try:
            self._consumer.commit(offsets=due, asynchronous=True)
            self._committing = True
        except KafkaException as error:
            self._error(error.args[0])

    def _commit_now(self) -> None:
        if not (due := self._due()):
            return
        try:
            self._note_committed(self._consumer.commit(offsets=due, asynchronous=False))
        except KafkaException as error:
            self._error(error.args[0])

    def _said(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        self._committing = False
        if error is not None:
            self._error(error)
        else:
            self._note_committed(partitions)

    def _note_committed(self, partitions: Iterable[TopicPartition]) -> None:
        offsets: dict[int, int] = {}
        for each in partitions:
            if each.error is not None:
                self._error(each.error)
            elif each.offset >= 0:
                offsets[each.partition] = each.offset
        if offsets:
            self._notes.write([{"kind": "committed", "offsets": offsets}])
            self._committed.update({p: offset for p, offset in offsets.items() if p in self._position})
            self._channel.send("committed", offsets=offsets)

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        begins: dict[int, int | None] = {}
        try:
            for each in consumer.committed(partitions, timeout=COMMITTED_S):
                if each.error is not None:
                    raise KafkaException(each.error)
                begins[each.partition] = max(each.offset, 0)
                # Exactly there, so that what is written down is what was done.
                each.offset = each.offset if each.offset >= 0 else OFFSET_BEGINNING
                consumer.incremental_assign([each])
        except KafkaException as error:
            self._error(error.args[0])
            left = [each for each in partitions if each.partition not in begins]
            begins.update({each.partition: None for each in left})
            consumer.incremental_assign(left)
        self._flush()
        self._position.update(begins)
        for partition, begin in begins.items():
            self._committed[partition] = -1 if begin is None else begin
        if begins:
            self._notes.write([{"kind": "assigned", "partitions": begins}])
            self._channel.send("assigned", partitions=sorted(begins))

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._commit_now()
        self._drop("revoked", partitions)
        consumer.incremental_unassign(partitions)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # Another member owns them already: a commit would be refused.
        self._flush()
        self._drop("lost", partitions)
        consumer.incremental_unassign(partitions)

    def _drop(self, kind: str, partitions: Iterable[TopicPartition]) -> None:
        numbers = sorted(each.partition for each in partitions)
        for number in numbers:
            self._position.pop(number, None)
        if numbers:
            self._notes.write([{"kind": kind, "partitions": numbers}])

    def _error(self, error: KafkaError) -> None:
        name = error.name()
        self._errors[name] = (error.str(), self._errors.get(name, ("", 0))[1] + 1)


def main(request: Document, channel: Channel) -> None:
    """Be a member until the coordinator says ``leave``.

    ``request`` has ``folder``, ``member`` (its number), ``topic``, ``group``, ``commit_s`` and ``client``
    (librdkafka's properties: bootstrap.servers, and what secures the way there).
    """
    member = Member(request, channel)
    channel.send("ready", pid=os.getpid())
    member.run_until_command()
    member.leave()
    channel.send("done")


if __name__ == "__main__":
    run(main)
