"""Gates of a rolling restart: which service is next, is it gone, is it back. One look and one wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import ensemble
from ansible_collections.barevm.kafka.plugins.module_utils.connection import (
    BROKERS,
    LISTENER_CONFIG,
    REQUEST_TIMEOUT,
    WAIT,
    ZOOKEEPER,
)
from ansible_collections.barevm.kafka.plugins.module_utils.gate_look import Looker
from ansible_collections.barevm.kafka.plugins.module_utils.gate_order import (
    Candidate,
    Place,
    brokers_in_order,
    servers_in_order,
)
from ansible_collections.barevm.kafka.plugins.module_utils.gate_reading import Cluster
from ansible_collections.barevm.kafka.plugins.module_utils.gate_return import (
    after_start,
    leadership,
    registered_anew,
    server_after_start,
)
from ansible_collections.barevm.kafka.plugins.module_utils.gate_rules import (
    Blocker,
    Inventory,
    before_server_stop,
    before_stop,
    count,
    in_order,
    never,
    scarce,
    unreadable,
)
from ansible_collections.barevm.kafka.plugins.module_utils.wording import some
from ansible_collections.barevm.kafka.plugins.module_utils.zookeeper import Server, parse_connect

SPEC: dict[str, dict[str, Any]] = {
    **REQUEST_TIMEOUT,
    **ZOOKEEPER,
    **BROKERS,
    **LISTENER_CONFIG,
    **WAIT,
    "zookeeper_servers": ensemble.SPEC["servers"],
    "stage": {"type": "str", "required": True, "choices": ["state", "next", "gone", "back"]},
    "service": {"type": "str", "default": "kafka", "choices": ["kafka", "zookeeper"]},
    "candidates": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "host": {"type": "str", "required": True},
            "id": {"type": "int", "required": True},
            "running": {"type": "bool", "required": True},
        },
    },
    "host": {"type": "str", "default": ""},
    "id": {"type": "int"},
    "session": {"type": "str", "default": ""},
    "leaders": {"type": "list", "elements": "str", "default": []},
    "allow_unavailable": {"type": "list", "elements": "str", "default": []},
    "allow_outage": {"type": "bool", "default": False},
    "servers_down": {"type": "list", "elements": "str", "default": []},
    "force": {"type": "str", "default": ""},
}
POLL_S = 0.1
"""How often the cluster is asked again; never more than half of the time is spent asking."""
SAY_EVERY_S = 5.0
ELECT_EVERY_S = 2.0
"""How often a preferred election is asked for again, where partitions have not moved."""

Say = Callable[[str], None]
Judge = Callable[[Cluster], list[Blocker]]


class Gate:
    """One stage for one task."""

    def __init__(self, params: Mapping[str, Any], check_mode: bool, say: Say) -> None:
        self.params, self.check_mode, self.say = params, check_mode, say
        self.candidates: Sequence[Candidate] = params["candidates"]
        # A broker and a ZooKeeper server may share the host: overriding the one must not cost the quorum.
        self.force = params["force"] if params["service"] == "kafka" else ""
        self.inventory = Inventory(
            params["brokers"], params["down"], params["allow_unavailable"], params["servers_down"]
        )
        self.servers = {
            each["host"]: Server(each["address"], each["client_port"]) for each in params["zookeeper_servers"]
        }
        self.look = Looker(
            parse_connect(params["zookeeper_connect"]),
            params["brokers"],
            {server: host for host, server in self.servers.items()},
            params["listener_config"],
            params["request_timeout_s"],
        )
        self.began = time.monotonic()
        self.deadline = self.began + params["timeout_s"]
        self.looks = 0
        self.slowest_s = 0.0

    def answer(self, blockers: Sequence[Blocker] = (), about: str = "", **more: Any) -> dict[str, Any]:
        """What the module returns: failed with all blockers, where there are any."""
        found = {
            "blocked": [str(each) for each in blockers],
            "waiting_for": [],
            "forced": False,
            "waited_s": round(time.monotonic() - self.began, 2),
            "looks": self.looks,
            "slowest_look_ms": round(self.slowest_s * 1000, 1),
            **more,
        }
        if blockers and all(each.waiting_helps for each in blockers):
            found["waiting_for"] = [each.what for each in blockers]
        if blockers and about:
            found["failed"] = True
            found["msg"] = about + "\n" + "\n".join(f"  {i}. {each}" for i, each in enumerate(blockers, 1))
        return found

    def wait(self, look: Callable[[], list[Blocker]], about: str) -> list[Blocker]:
        """Look until nothing blocks, no waiting helps, or the time has passed; returns what blocks then."""
        say_at = time.monotonic() + SAY_EVERY_S
        while True:
            began = time.monotonic()
            blockers = look()
            took = time.monotonic() - began
            self.looks += 1
            self.slowest_s = max(self.slowest_s, took)
            left = self.deadline - time.monotonic()
            if not blockers or left <= 0 or not all(each.waiting_helps for each in blockers):
                return blockers
            if time.monotonic() >= say_at:
                say_at += SAY_EVERY_S
                self.say(f"{about}: {'; '.join(each.what for each in blockers)}; {left:.0f} s left")
            time.sleep(min(max(POLL_S, took), left))

    def whole(self) -> Cluster:
        """All that the order and the gates of this service need."""
        return self.look.servers() if self.params["service"] == "zookeeper" else self.look.whole()

    def watch(self, judge: Judge, holder: int | None = None) -> Callable[[], list[Blocker]]:
        """Looks that read again what blocked before; nothing passes before it was read as a whole."""
        watched: list[Blocker] = []

        def look() -> list[Blocker]:
            nonlocal watched
            if watched:
                watched = judge(self.look.again({name for each in watched for name in each.partitions}))
            if not watched:
                watched = judge(self.look.whole(holder))
            return watched

        return look

    # Which is next

    def order(self, cluster: Cluster) -> list[Place]:
        """The candidates in the order in which they are to be restarted."""
        if self.params["service"] == "zookeeper":
            assert cluster.ensemble is not None
            hosts = {host: str(server) for host, server in self.servers.items()}
            return servers_in_order(cluster.ensemble, hosts, self.candidates)
        return brokers_in_order(cluster, self.inventory, self.candidates)

    def before(self, cluster: Cluster, place: Place) -> list[Blocker]:
        """What speaks against stopping this one now."""
        if not place.running:
            return []
        if self.params["service"] == "zookeeper":
            assert cluster.ensemble is not None
            return before_server_stop(
                cluster.ensemble,
                len(self.servers),
                self.params["allow_outage"],
                self.params["servers_down"],
            )
        return before_stop(cluster, self.inventory, place.id)

    def never(self, cluster: Cluster, places: Sequence[Place]) -> list[Blocker]:
        """What no waiting helps of those that come later: a roll that must stop half way is not begun."""
        if self.params["service"] == "zookeeper" or cluster.unreadable:
            return []
        few = scarce(cluster)
        return [
            Blocker(f"{place.host}: {each.what}", each.remedy, waiting_helps=False)
            for place in places
            if place.running and place.host != self.force
            for each in never(few, self.inventory, place.id)
        ]

    def next(self) -> dict[str, Any]:
        """Choose who is next and wait until its stop is safe."""
        if not self.candidates:
            return self.answer(next={})
        chosen: list[Place] = []

        def judge(cluster: Cluster) -> list[Blocker]:
            places = self.order(cluster)
            chosen[:] = places[:1]
            first = places[0]
            if not first.running:
                return []
            now = [] if first.host == self.force else self.before(cluster, first)
            return [*now, *self.never(cluster, places[1:])]

        def servers() -> list[Blocker]:
            return judge(self.look.servers())

        kafka = self.params["service"] == "kafka"
        blockers = self.wait(self.watch(judge) if kafka else servers, "the next restart")
        place = chosen[0]
        cluster = self.look.last
        overridden = [] if blockers else self.before(cluster, place)
        led = in_order(
            name
            for name, each in cluster.partitions.items()
            # What does not run leads nothing now, and led most likely what prefers it.
            if each.leader == place.id or (not place.running and each.replicas[0] == place.id)
        )
        found = {
            "host": place.host,
            "id": place.id,
            "session": cluster.registered.get(place.id, "") if kafka else "",
            # A refusal is read by people, and these may be thousands.
            "leaders": led if kafka and not blockers else [],
            "reason": place.reason,
        }
        what = f"{self.params['service']} on {place.host}"
        about = f"{what} is next, and must not be stopped: {count(len(blockers), 'reason')}."
        answer = self.answer(blockers or overridden, about if blockers else "", next=found)
        answer["forced"] = bool(overridden)
        answer["waiting_for"] = answer["waiting_for"] if blockers else []
        return answer

    def state(self) -> dict[str, Any]:
        """Order and gates as they are now."""
        cluster = self.whole()
        places = self.order(cluster)
        gates = {}
        for place in places:
            blockers = self.before(cluster, place)
            forced = place.host == self.force
            gates[place.host] = {
                "passes": forced or not blockers,
                "blocked": [str(each) for each in blockers],
            }
        order = [{"host": each.host, "id": each.id, "reason": each.reason} for each in places]
        return self.answer(order=order, gate=gates)

    # Is it gone

    def gone(self) -> dict[str, Any]:
        """Wait until nothing of the stopped one is left that its start would run into."""
        name = f"{self.params['service']} on {self.params['host']}"

        def look() -> list[Blocker]:
            if self.params["service"] == "zookeeper":
                state = ensemble.probe([self.servers[self.params["host"]]])[0]
                if "does not answer" in state.error:
                    return []
                return [Blocker(f"{name} still answers", "See which process has its port: `ss -ltnp`")]
            cluster = self.look.session(self.params["id"])
            if cluster.unreadable:
                return [unreadable(cluster)]
            found = cluster.registered.get(self.params["id"], "")
            if not found or (self.params["session"] and found != self.params["session"]):
                return []
            what = f"the znode of broker {self.params['id']} is still there, owned by session {found}"
            remedy = (
                "It goes with its process, or zookeeper.session.timeout.ms after a kill; else another "
                "process has this broker.id"
            )
            return [Blocker(what, remedy)]

        blockers = self.wait(look, name)
        return self.answer(blockers, f"{name} is stopped, but not gone.")

    # Is it back

    def back(self) -> dict[str, Any]:
        """Wait until the started one does its part again, then give its partitions back to it."""
        host = self.params["host"]
        if self.params["service"] == "zookeeper":
            server = str(self.servers[host])

            def serves() -> list[Blocker]:
                return server_after_start(self.look.probe(), server, host)

            return self.answer(self.wait(serves, host), f"ZooKeeper on {host} is started, but not back.")

        started, session = self.params["id"], self.params["session"]
        name = self.inventory.name(started)

        def registered() -> list[Blocker]:
            return registered_anew(self.look.brokers(), self.inventory, started, session)

        def judge(cluster: Cluster) -> list[Blocker]:
            return after_start(cluster, self.inventory, started, session)

        blockers = self.wait(registered, name) or self.wait(self.watch(judge, started), name)
        if blockers:
            return self.answer(blockers, f"{name} is started, but not back.")
        return self.give_back(name)

    def give_back(self, name: str) -> dict[str, Any]:
        """Elect the preferred leader of the partitions that the broker led, and wait until it leads them."""
        led = self.params["leaders"]
        elect_at = 0.0
        refusals: dict[str, str] = {}
        given: set[str] = set()
        found = leadership(self.look.last, self.params["id"], led)

        def look() -> list[Blocker]:
            nonlocal elect_at, refusals, found
            if given:
                cluster = self.look.again(found.to_elect)
                if cluster.unreadable:
                    return [unreadable(cluster)]
                found = leadership(cluster, self.params["id"], led)
            if not found.to_elect:
                return []
            if time.monotonic() >= elect_at:
                given.update(found.to_elect)
                refusals = self.look.elect(found.to_elect, self.params["request_timeout_s"])
                elect_at = time.monotonic() + ELECT_EVERY_S
            said = f" ({'; '.join(sorted(set(refusals.values())))})" if refusals else ""
            what = f"{len(found.to_elect)} of {count(len(led), 'partition')} not led by {name} again{said}: "
            what += some(found.to_elect)
            return [Blocker(what, "It is in sync for them: see controller.log on the controller")]

        blockers = [] if self.check_mode else self.wait(look, name)
        return self.answer(
            blockers,
            f"{name} is back, but does not lead what it led before.",
            changed=bool(given),
            leaders_back=sorted(found.back),
            leaders_elsewhere=dict(sorted(found.elsewhere.items())),
        )


def _silent(_text: str) -> None:
    """A module cannot print."""


def ask(params: Mapping[str, Any], check_mode: bool = False, say: Say = _silent) -> dict[str, Any]:
    """What the module answers to ``params``, which follow SPEC; ``say`` is handed the progress."""
    if params["stage"] in ("gone", "back"):
        lacking = [name for name in ("host", "id") if params[name] in (None, "")]
        if lacking:
            return {"failed": True, "msg": f"stage {params['stage']} needs {' and '.join(lacking)}"}
    try:
        gate = Gate(params, check_mode, say)
    except ValueError as error:
        return {"failed": True, "msg": str(error)}
    known = {each["host"] for each in params["zookeeper_servers"]}
    named = {params["host"]} if params["stage"] in ("gone", "back") else set()
    if params["service"] == "zookeeper" and (
        unknown := (named | {each["host"] for each in params["candidates"]}) - known
    ):
        return {"failed": True, "msg": f"not among zookeeper_servers: {', '.join(sorted(unknown))}"}
    try:
        answer: dict[str, Any] = getattr(gate, params["stage"])()
        return answer
    finally:
        gate.look.close()
