"""What each server of a ZooKeeper ensemble says of itself, and whether together they are an ensemble.

Source: ZooKeeper Administrator's Guide, "The Four Letter Words" (srvr, mntr); 3.6.2 to 3.9.5.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.cluster_findings import ClusterFinding, answer
from ansible_collections.barevm.kafka.plugins.module_utils.connection import WAIT
from ansible_collections.barevm.kafka.plugins.module_utils.zookeeper import PROBE_TIMEOUT_S, Server, why_not

SPEC: dict[str, dict[str, Any]] = {
    **WAIT,
    "servers": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "id": {"type": "int"},
            "host": {"type": "str", "default": ""},
            "address": {"type": "str", "required": True},
            "client_port": {"type": "int", "required": True},
            "peer_port": {"type": "int"},
            "election_port": {"type": "int"},
        },
    },
}
POLL_S = 0.2
"""How often the servers are asked again while they elect a leader."""
NOT_SERVING = "This ZooKeeper instance is not currently serving requests"
NOT_ALLOWED = "is not executed because it is not in the whitelist"


@dataclass(frozen=True)
class ServerState:
    """One server's answer; figures are None where it gave none. Latencies are in milliseconds."""

    server: str
    error: str = ""
    """Why there is no answer, or no whole answer; "" when there is."""
    role: str = ""
    """leader, follower, observer, standalone; "" when it is not serving."""
    version: str = ""
    latency_min_ms: float | None = None
    latency_avg_ms: float | None = None
    latency_max_ms: float | None = None
    outstanding_requests: int | None = None
    znodes: int | None = None
    synced_followers: int | None = None
    """The leader's count of followers that are in sync; None on any other server."""


@dataclass(frozen=True)
class Ensemble:
    """All servers' states in the order given, and what is wrong with them together."""

    servers: list[ServerState]
    leader: str
    serving: int
    quorum_margin: int
    """How many more servers may fail before the ensemble stops serving; negative: it has stopped."""
    waiting_for: list[str] = field(default_factory=list)
    """What is not right yet and may come right by itself."""
    findings: list[ClusterFinding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The ensemble as a module returns it."""
        return asdict(self)


def four_letter_word(server: Server, word: str) -> str:
    """A server's answer to a four-letter word; raises OSError when there is none in time."""
    deadline = time.monotonic() + PROBE_TIMEOUT_S
    answer = b""
    with socket.create_connection((server.address, server.client_port), PROBE_TIMEOUT_S) as connection:
        connection.sendall(word.encode())
        while True:
            # A time-out of 0 would mean non-blocking.
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            chunk = connection.recv(1 << 16)
            if not chunk:
                return answer.decode(errors="replace")
            answer += chunk


def parse_server(server: str, srvr: str, mntr: str) -> ServerState:
    """Read a server's answers to srvr and mntr."""
    for word, text in (("srvr", srvr), ("mntr", mntr)):
        if NOT_ALLOWED in text:
            return ServerState(server, error=f"does not allow '{word}' (4lw.commands.whitelist)")
        if NOT_SERVING in text:
            return ServerState(server, error="is running but not serving: it sees no quorum")
    said = dict(line.split(": ", 1) for line in srvr.splitlines() if ": " in line)
    measured = dict(line.split("\t", 1) for line in mntr.splitlines() if "\t" in line)
    # 3.6 prints whole numbers for min and max and a fraction for avg; 3.4 printed all three whole.
    latency = re.search(r"Latency min/avg/max: ([\d.]+)/([\d.]+)/([\d.]+)", srvr)
    version = re.match(r"Zookeeper version: ([\d.]+)", srvr)
    if "Mode" not in said or latency is None or version is None:
        return ServerState(server, error=f"gave an answer that is not ZooKeeper's: {srvr[:80]!r}")
    followers = measured.get("zk_synced_followers")
    return ServerState(
        server,
        role=said["Mode"],
        version=version[1],
        latency_min_ms=float(latency[1]),
        latency_avg_ms=float(latency[2]),
        latency_max_ms=float(latency[3]),
        outstanding_requests=int(said["Outstanding"]),
        znodes=int(said["Node count"]),
        synced_followers=int(float(followers)) if followers is not None else None,
    )


def probe(servers: Sequence[Server]) -> list[ServerState]:
    """Ask every server at once; one that does not answer carries the operating system's reason."""

    def ask(server: Server) -> ServerState:
        try:
            return parse_server(
                str(server), four_letter_word(server, "srvr"), four_letter_word(server, "mntr")
            )
        except OSError as error:
            return ServerState(str(server), error=f"does not answer: {why_not(error)}")

    with ThreadPoolExecutor(max_workers=min(32, len(servers))) as pool:
        return list(pool.map(ask, servers))


def judge(states: Sequence[ServerState], hosts: Mapping[str, str], down: Collection[str] = ()) -> Ensemble:
    """Decide whether the servers form one whole ensemble.

    ``hosts`` names the inventory's host for a server's ``address:port``; servers on hosts in ``down``
    are not waited for.
    """

    def where(state: ServerState) -> str:
        host = hosts.get(state.server)
        return f"{host}, ZooKeeper {state.server}" if host else f"ZooKeeper {state.server}"

    findings: list[ClusterFinding] = [
        ClusterFinding(
            what=state.error,
            where=where(state),
            remedy="See that zookeeper.service runs on that host, `journalctl -u zookeeper` there for why "
            "it does not, and that the controller reaches the client port",
        )
        for state in states
        if state.error
    ]
    voters = [state for state in states if state.role != "observer"]
    serving = [state for state in voters if state.role]
    leaders = [state for state in states if state.role == "leader"]
    alone = [state for state in states if state.role == "standalone"]
    margin = len(serving) - (len(voters) // 2 + 1)
    catching_up = False
    all_servers = "ZooKeeper ensemble " + ",".join(state.server for state in states)
    if len(states) > 1:
        findings += [
            ClusterFinding(
                what=f"serves on its own, although the ensemble has {len(states)} servers",
                where=where(state),
                remedy="Give it the others' server.N lines and a myid of its own, before it takes data",
            )
            for state in alone
        ]
        if len(leaders) > 1:
            findings.append(
                ClusterFinding(
                    what="more than one leader: " + ", ".join(state.server for state in leaders),
                    where=all_servers,
                    remedy="These are separate ensembles: compare the server.N lines of zoo.cfg on all hosts",
                )
            )
        if margin < 0:
            findings.append(
                ClusterFinding(
                    what=f"no quorum: {len(serving)} of {len(voters)} servers serve, "
                    f"{len(voters) // 2 + 1} are needed",
                    where=all_servers,
                    remedy="Start the servers named above; no broker can register until then",
                )
            )
        elif not leaders and not alone:
            findings.append(
                ClusterFinding(
                    what="no leader among the servers that answer",
                    where=all_servers,
                    remedy="Wait for the election, or list every server of the ensemble in the inventory",
                )
            )
        for state in leaders:
            followers = sum(1 for other in serving if other.role == "follower")
            if (
                len(leaders) == 1
                and state.synced_followers is not None
                and state.synced_followers < followers
            ):
                catching_up = True
                findings.append(
                    ClusterFinding(
                        what=f"the leader counts {state.synced_followers} followers in sync, "
                        f"but {followers} servers say that they follow",
                        where=where(state),
                        remedy="Wait until they have caught up; if they do not, look at disk and network",
                    )
                )
    leader = (
        leaders[0].server if len(leaders) == 1 else states[0].server if len(states) == 1 and alone else ""
    )
    waiting = [where(state) for state in states if state.error and hosts.get(state.server) not in down]
    if len(serving) + len(waiting) < len(voters) // 2 + 1:
        waiting = []  # even if all of these came, there would be no quorum
    elif not waiting and not leader and not alone:
        waiting = ["a leader"]
    elif not waiting and catching_up:
        waiting = ["the followers to be in sync"]
    return Ensemble(list(states), leader, len(serving), margin, waiting if findings else [], findings)


def observe(
    servers: Sequence[Server], hosts: Mapping[str, str], timeout_s: float, down: Collection[str] = ()
) -> Ensemble:
    """Ask until nothing that comes right by itself is outstanding, or ``timeout_s`` have passed."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = judge(probe(servers), hosts, down)
        left = deadline - time.monotonic()
        if not found.waiting_for or left <= 0:
            return found
        time.sleep(min(POLL_S, left))


def ask(params: Mapping[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """What the module answers to ``params``, which follow SPEC."""
    if not params["servers"]:
        return {"failed": True, "msg": "servers is empty: there is no ensemble to ask"}
    hosts = {Server(each["address"], each["client_port"]): each["host"] for each in params["servers"]}
    named = {str(server): host for server, host in hosts.items()}
    return answer(observe(list(hosts), named, params["timeout_s"], params["down"]).as_dict())
