"""The consumer group of a durability test: a process that starts the members' ones, bounces some, ends all.

It works for the tester, as one of its workers. Members have numbers from 1 on, and a new one for each that
takes another's place. One is bounced every ``group_bounce_every_s``, and whenever someone asks for it
(``ask_bounce``).
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.durability_files import Started, mark, read_test
from ansible_collections.barevm.kafka.plugins.module_utils.durability_group import Notes, member_file
from ansible_collections.barevm.kafka.plugins.module_utils.perf_worker import Channel, Document, Worker, run
from confluent_kafka import Consumer, KafkaException, TopicPartition

BOUNCE = "group-bounce"
"""The file that asks for a bounce: ``kill``, or ``leave`` for an orderly end."""
RETURN_S = 5.0
"""How long a place stays empty: what a service manager waits before it starts a process again."""
READY_S = 45.0
FINISH_S = 20.0
LEAVE_S = 10.0
END_S = FINISH_S + LEAVE_S
"""How long the group takes in the end, at most."""
STEP_S = 0.1


def group_name(test: Started) -> str:
    """The group's id."""
    return f"durability-{test.run_id}"


def ask_bounce(folder: Path, *, hard: bool = True) -> None:
    """Have one member killed (or leave), and another one take its place after RETURN_S; raises OSError."""
    asked = folder / f".{BOUNCE}"
    asked.write_text("kill" if hard else "leave")
    # At once: an empty file would be read as the other wish.
    asked.replace(folder / BOUNCE)


class Group:
    """The members that run."""

    def __init__(self, folder: Path, test: Started, client: Mapping[str, Any]) -> None:
        """``client``: librdkafka's properties, with bootstrap.servers."""
        self._folder, self._test, self._client = folder, test, dict(client)
        self._every_s = float(test.options.get("group_bounce_every_s", 0))
        self._bounce_at = 0.0
        self._events: queue.Queue[tuple[Worker, Document]] = queue.Queue()
        self._members: dict[int, Worker] = {}
        self._started = 0
        self._returns: list[float] = []
        self._owned: set[int] = set()
        self._committed: dict[int, int] = {}
        self._leaving: set[int] = set()

    def start(self) -> bool:
        """Start the members; whether each partition had an owner within READY_S."""
        for _ in range(self._test.group_members):
            self._join()
        until = time.monotonic() + READY_S
        while len(self._owned) < self._test.partitions:
            if time.monotonic() > until or not self._members:
                words = f"consumer group: not every partition had an owner within {READY_S:g} s"
                mark(self._folder, "error", words)
                return False
            self._take(STEP_S)
        self._bounce_at = time.monotonic() + self._every_s
        return True

    def step(self) -> None:
        """Hear what the members say, for STEP_S where they say nothing; bounce one where it is time."""
        self._take(STEP_S)
        now = time.monotonic()
        if self._every_s and now >= self._bounce_at:
            self._bounce_at = now + self._every_s
            self._bounce(hard=True)
        asked = self._folder / BOUNCE
        if asked.exists():
            hard = asked.read_text() != "leave"
            asked.unlink()
            self._bounce(hard=hard)
        while self._returns and now >= self._returns[0]:
            self._returns.pop(0)
            mark(self._folder, "note", f"consumer group: member {self._join()} joins")

    def finish(self, limit_s: float = FINISH_S) -> bool:
        """Let the members come to the end of the topic, for ``limit_s`` at most, and leave in order.

        Returns whether the group has committed all that was there. Called once the producers have ended.
        """
        until = time.monotonic() + limit_s
        # A place that is empty now is left empty: the others do its work.
        ends = self._ends(until)
        whole = False
        while not whole and time.monotonic() < until and self._members:
            self._take(STEP_S)
            whole = ends is not None and all(self._committed.get(p, 0) >= end for p, end in ends.items())
        until = time.monotonic() + LEAVE_S
        for number, member in self._members.items():
            self._leaving.add(number)
            member.tell({"leave": True})
        while self._members and time.monotonic() < until:
            self._take(STEP_S)
        return whole

    def close(self) -> None:
        """Make sure that no member runs; their files stay as they are."""
        for member in self._members.values():
            member.end()
        self._members.clear()

    def _join(self) -> int:
        self._started += 1
        number = self._started
        # A member that never came to write is known by its file all the same.
        Notes(member_file(self._folder, number)).write([])
        request = {
            "folder": str(self._folder),
            "member": number,
            "topic": self._test.topic,
            "group": group_name(self._test),
            "commit_s": self._test.options.get("group_commit_s", 1.0),
            "client": self._client,
        }
        self._members[number] = Worker("durability_group", str(number), request, self._events)
        return number

    def _bounce(self, *, hard: bool) -> None:
        """End the member that has been there longest; another one comes after RETURN_S."""
        staying = [number for number in self._members if number not in self._leaving]
        if not staying:
            return
        number = min(staying)
        self._leaving.add(number)
        self._returns.append(time.monotonic() + RETURN_S)
        if hard:
            mark(self._folder, "note", f"consumer group: member {number} killed (SIGKILL)")
            self._members[number].end()
        else:
            mark(self._folder, "note", f"consumer group: member {number} leaves")
            self._members[number].tell({"leave": True})

    def _take(self, wait_s: float) -> None:
        """Take what the members say, for ``wait_s`` where they say nothing."""
        with contextlib.suppress(queue.Empty):
            worker, event = self._events.get(timeout=wait_s)
            number, kind = int(worker.name), event["event"]
            if kind == "assigned":
                self._owned.update(event["partitions"])
            elif kind == "committed":
                for name, offset in event["offsets"].items():
                    self._committed[int(name)] = max(self._committed.get(int(name), 0), offset)
            elif kind == "ended":
                self._members.pop(number, None)
                if number not in self._leaving:
                    said = event["said"].splitlines()[-1:] or ["it said nothing"]
                    what = f"consumer group: member {number} ended by itself ({event['status']}): {said[0]}"
                    mark(self._folder, "error", what)

    def _ends(self, until: float) -> dict[int, int] | None:
        """Each partition's high watermark, None where it cannot be had until then."""
        consumer = Consumer({**self._client, "group.id": group_name(self._test), "log_level": 0})
        try:
            while time.monotonic() < until:
                with contextlib.suppress(KafkaException):
                    return {
                        number: consumer.get_watermark_offsets(
                            TopicPartition(self._test.topic, number), timeout=5
                        )[1]
                        for number in range(self._test.partitions)
                    }
                time.sleep(STEP_S)
            return None
        finally:
            consumer.close()


def main(request: Document, channel: Channel) -> None:
    """Run the group until the tester says ``stop``.

    ``request`` has ``folder``, the ledger with test.json, and ``client``, librdkafka's properties.
    """
    folder = Path(request["folder"])
    group = Group(folder, read_test(folder), request["client"])
    try:
        group.start()
        channel.send("ready")
        while not channel.pending():
            group.step()
        channel.send("done", whole=group.finish())
    finally:
        group.close()


if __name__ == "__main__":
    run(main)
