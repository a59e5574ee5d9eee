"""Reads a ledger while its test runs, for those who wait for something or choose what to strike."""

from __future__ import annotations

import array
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import durability_conditions, durability_files
from ansible_collections.barevm.kafka.plugins.module_utils.broker_views import NO_CONTROLLER
from ansible_collections.barevm.kafka.plugins.module_utils.durability_conditions import Answer, Asked, Seen
from ansible_collections.barevm.kafka.plugins.module_utils.durability_files import (
    OBSERVED,
    PROBE,
    PULSE,
    SECONDS,
    Started,
    Tail,
)
from ansible_collections.barevm.kafka.plugins.module_utils.durability_history import State, states

POLL_S = 0.2
SAY_S = 5.0
SECOND_NS = 1_000_000_000
FOLDING_NS = 2 * SECOND_NS
"""How late seconds.jsonl may be: a second is written once it is over."""


class NotSeen(Exception):
    """What was waited for did not come; the text says what is observed instead."""

    def __init__(self, text: str, waited_s: float, timed_out: bool = True) -> None:
        super().__init__(text)
        self.waited_s = round(waited_s, 3)
        self.timed_out = timed_out
        """Whether that is known since the time was up, and not since the test had ended."""


class Follower:
    """What a ledger says at the moment; raises OSError and ValueError where there is none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.test: Started = durability_files.read_test(folder)
        self._observed, self._probe = Tail(folder / OBSERVED), Tail(folder / PROBE)
        self._seconds = Tail(folder / SECONDS)
        self._lines: list[dict[str, Any]] = []
        self._answers: list[dict[str, Any]] = []
        self._history: list[State] = []
        self._newest_ns = 0

    def look(self) -> Seen:
        """Everything up to now."""
        fresh = self._observed.fresh()
        if fresh:
            self._lines += fresh
            self._history = states(self._lines)
        self._answers += self._probe.fresh()
        acknowledged, late_ns = self._acknowledged()
        return Seen(self.test, self._history, acknowledged, list(self._answers), time.monotonic_ns(), late_ns)

    def _acknowledged(self) -> tuple[dict[int, int], int]:
        """Each partition's newest acknowledgement, or with -1 the topic's; and how late that may be."""
        try:
            pulse = array.array("q", (self.folder / PULSE).read_bytes())
        except FileNotFoundError:
            for line in self._seconds.fresh():
                if str(line["who"]).startswith("producer") and line["ticks_ms"]:
                    newest = self.test.started_ns + (max(line["ticks_ms"]) + 1) * 1_000_000
                    self._newest_ns = max(self._newest_ns, newest)
            return ({-1: self._newest_ns} if self._newest_ns else {}), FOLDING_NS
        return {number: when for number, when in enumerate(pulse) if when}, 0


@dataclass(frozen=True)
class Waited:
    """How a wait ended that found what it waited for."""

    waited_s: float
    at_ns: int
    what: str


def wait(folder: Path, asked: Asked, timeout_s: float, say: Callable[[str], None]) -> Waited:
    """Wait until a condition holds, with a line of progress every five seconds.

    Raises NotSeen after ``timeout_s``, or at once where the test does not run any more; OSError and
    ValueError where the folder is no ledger.
    """
    follower = Follower(folder)
    began = said = time.monotonic()
    while True:
        running = durability_files.is_running(folder)
        seen = follower.look()
        answer = durability_conditions.judge(asked, seen)
        now = time.monotonic()
        if answer.holds:
            return Waited(round(now - began, 3), answer.at_ns, answer.what)
        if not running:
            ended = f"{_instead(asked, answer, seen)}; the test has ended, nobody observes any more"
            raise NotSeen(ended, now - began, timed_out=False)
        if now - began >= timeout_s:
            raise NotSeen(f"{_instead(asked, answer, seen)}; waited {timeout_s:g} s", now - began)
        if now - said >= SAY_S:
            said = now
            left_s = timeout_s - (now - began)
            say(f"waiting for {asked.condition}, {left_s:.0f} s left: {_since(answer, seen)}")
        time.sleep(POLL_S)


def _instead(asked: Asked, answer: Answer, seen: Seen) -> str:
    return f"not seen: {asked.condition}; instead {_since(answer, seen)}"


def _since(answer: Answer, seen: Seen) -> str:
    if not answer.at_ns:
        return answer.what
    return f"{answer.what} (for {(seen.now_ns - answer.at_ns) / SECOND_NS:.1f} s)"


def target(folder: Path, timeout_s: float) -> dict[str, Any]:
    """Who is what in the cluster at the moment; raises NotSeen where it is not observed in time."""
    follower = Follower(folder)
    deadline = time.monotonic() + timeout_s
    while True:
        seen = follower.look()
        missing = _missing(seen.now)
        if not missing:
            return roles(seen)
        if time.monotonic() >= deadline:
            raise NotSeen(f"not observed within {timeout_s:g} s: {', '.join(missing)}", timeout_s)
        time.sleep(POLL_S)


def _missing(state: State) -> list[str]:
    led = set((state.leaders or {}).values()) & set(state.registered or {})
    known = {
        "registered brokers": bool(state.registered),
        "leaders of the topic": bool(led),
        "a controller": state.controller not in (None, NO_CONTROLLER),
        "ZooKeeper's leader": bool(state.zookeeper_leader),
    }
    return [what for what, is_known in known.items() if not is_known]


def roles(seen: Seen) -> dict[str, Any]:
    """Who is what, of the brokers that are registered; those that lead most of the topic come first."""
    state = seen.now
    hosts = {int(each["id"]): str(each["host"]) for each in seen.test.brokers}

    def broker(broker_id: int) -> dict[str, Any]:
        return {"id": broker_id, "host": hosts.get(broker_id, "")}

    leads = {each: len(state.led_by(each)) for each in state.registered or {}}
    order: Sequence[int] = sorted(leads, key=lambda each: (-leads[each], each))
    controller = state.controller if state.controller is not None else NO_CONTROLLER
    # A follower that is not the controller, where there is one: the fault is then that of a follower alone.
    least = min(leads.values())
    followers = [each for each in reversed(order) if leads[each] == least and each != order[0]]
    plain = [each for each in followers if each != controller]
    follower = (plain or followers or [order[-1]])[0]
    return {
        "leader": broker(order[0]),
        "follower": broker(follower),
        "controller": broker(controller),
        "zookeeper_leader": state.zookeeper_leader,
        "zookeeper_followers": sorted(host for host, role in state.servers.items() if role == "follower"),
        "brokers": [{**broker(each), "leads": leads[each]} for each in order],
    }
