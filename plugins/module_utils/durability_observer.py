"""Watches a cluster during a durability test, and writes observed.jsonl when something has changed.

ZooKeeper says who is registered under which session, who is the controller, and each partition's leader,
in-sync replicas and leader epoch; every ZooKeeper server says what it is. While ZooKeeper cannot be asked,
the brokers' metadata says what they know of leaders and in-sync replicas (``"by": "brokers"``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.barevm.kafka.plugins.module_utils import durability_files
from ansible_collections.barevm.kafka.plugins.module_utils.durability_files import OBSERVED, Started
from ansible_collections.barevm.kafka.plugins.module_utils.durability_servers import Servers
from ansible_collections.barevm.kafka.plugins.module_utils.gate_reading import (
    NO_LEADER,
    Cluster,
    Partition,
    Reader,
    topic_of,
)
from ansible_collections.barevm.kafka.plugins.module_utils.zookeeper import (
    ConnectString,
    Server,
    parse_connect,
)

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient
    from kazoo.client import KazooClient

POLL_S = 0.2
CLUSTER_POLL_S = 2.0
SLOWEST_OWN_POLL_S = 0.5
SHARE = 10
"""A look that takes t seconds is repeated after SHARE times t at the earliest: large clusters are looked at
less often, rather than with more of the processor."""
SLOWEST_POLL_S = 30.0
ANSWER_S = 1.0
"""The wait for one answer of ZooKeeper; in reach it answers within milliseconds."""
SESSION_S = 4.0
CONNECT_S = 2.0
GRACE_S = 1.0
"""ZooKeeper is called unreachable after that long: a client changes servers in less."""
FALL_BACK_S = 5.0
BROKERS_POLL_S = 1.0
LEAVE_S = 1.5
"""How long run() waits for what it started."""


def counts(cluster: Cluster, min_insync: int | None) -> dict[str, int | None]:
    """The figures of all topics; under_min_isr is None where some topic's minimum is not known.

    ``min_insync`` is the brokers' own, for topics without one. A partition without any state is being made.
    """
    known = {name: each for name, each in cluster.partitions.items() if each.isr}
    under: int | None = 0
    for name, each in known.items():
        least = cluster.min_insync.get(topic_of(name), min_insync)
        if least is None:
            under = None
            break
        under = (under or 0) + (len(each.isr) < least)
    return {
        "under_replicated": sum(bool(each.lagging) for each in known.values()),
        "under_min_isr": under,
        "offline": sum(each.leader == NO_LEADER for each in known.values()),
    }


class Observer:
    """Runs as a thread of the tester; whatever is down or silent, it goes on looking."""

    def __init__(self, started: Started, folder: Path, client_properties: Mapping[str, Any]) -> None:
        self._started, self._folder = started, folder
        self._properties = {
            "socket.connection.setup.timeout.ms": 2000,
            "log_level": 0,
            "error_cb": lambda error: None,
            **client_properties,
            "bootstrap.servers": ",".join(started.bootstrap_servers),
        }
        # Without ZooKeeper's address, or a route to it, the brokers' word is all there is.
        connect = (
            parse_connect(started.zookeeper_connect) if started.zookeeper_connect else ConnectString((), "")
        )
        self._chroot = connect.chroot
        named = {
            each["host"] or f"{each['address']}:{each['client_port']}": Server(
                each["address"], each["client_port"]
            )
            for each in started.zookeeper_servers
        }
        self._servers = Servers(named or {str(server): server for server in connect.servers})
        none = Partition((), (), NO_LEADER)
        self._own = Cluster(partitions={f"{started.topic}-{n}": none for n in range(started.partitions)})
        self._lock = threading.Lock()
        self._last: dict[str, Any] = {}
        self._client: KazooClient | None = None
        self._admin: AdminClient | None = None
        self._reachable: bool | None = None
        self._failing_since: float | None = None
        self._min_insync: int | None = None
        self._took_s = 0.0
        self._whole_at = 0.0
        self._told = ""

    def run(self, stopping: threading.Event) -> None:
        """Observe until ``stopping``; ends within two seconds of it, whatever is being waited for."""
        # Without a handler the client's retries would go to standard error.
        logging.getLogger("kazoo").addHandler(logging.NullHandler())
        self._servers.start(stopping)
        works: list[tuple[Callable[[], float], str]] = [
            (self._ask_zookeeper, "observer"),
            (self._ask_servers, "observer of ZooKeeper"),
            (self._ask_brokers, "observer of brokers"),
        ]
        threads = [
            threading.Thread(target=self._repeat, args=(work, stopping), name=name, daemon=True)
            for work, name in works
        ]
        for thread in threads:
            thread.start()
        stopping.wait()
        threads[0].join(LEAVE_S)
        self._let_go()

    def _repeat(self, work: Callable[[], float], stopping: threading.Event) -> None:
        """Do some work again and again; it says how long to wait."""
        while not stopping.is_set():
            try:
                wait_s = work()
            # A thread that ended here would leave a test without its witness, over a surprise that may pass.
            except Exception as error:
                self._tell(f"the observer met {type(error).__name__}: {error}")
                wait_s = 1.0
            stopping.wait(wait_s)

    def _ask_zookeeper(self) -> float:
        if not self._started.zookeeper_connect:
            self._failed("the test was given no address of it")
            return 1.0
        why = self._read()
        if why:
            self._failed(why)
            return POLL_S
        self._failing_since = None
        return min(SLOWEST_OWN_POLL_S, max(POLL_S, SHARE * self._took_s))

    def _ask_servers(self) -> float:
        """By itself, since a client that changes servers waits, and servers change just then."""
        ensemble = self._servers.line()
        if ensemble is not None:
            self._write("ensemble", ensemble)
        return POLL_S

    def _read(self) -> str:
        """Read and write down what ZooKeeper says; returns why that was not possible, or ""."""
        from kazoo.exceptions import KazooException
        from kazoo.handlers.threading import KazooTimeoutError

        try:
            client = self._client or self._connected()
            if client is None:
                return f"no session within {CONNECT_S:g} s"
            reader = Reader(client, self._chroot, ANSWER_S)
            began = time.monotonic()
            found = reader.again(self._own, self._own.partitions)
            self._took_s = time.monotonic() - began
            self._write_own(found)
            if time.monotonic() >= self._whole_at:
                self._write_counts(reader)
        except KazooTimeoutError:
            why = f"no answer within {ANSWER_S:g} s"
        except KazooException as error:
            why = f"the session was lost ({type(error).__name__})"
        except (ValueError, KeyError, TypeError) as error:
            # A znode that is just being made holds nothing yet; the next look finds it whole.
            self._tell(f"a znode holds what no broker writes: {error}")
            return ""
        else:
            return ""
        self._let_go()
        return why

    def _connected(self) -> KazooClient | None:
        """A client with a session, or None after CONNECT_S."""
        from kazoo.client import KazooClient

        hosts = ",".join(map(str, self._servers.usable()))
        self._client = client = KazooClient(hosts=hosts, timeout=SESSION_S, read_only=False)
        if client.start_async().wait(CONNECT_S):
            return client
        self._let_go()
        return None

    def _let_go(self) -> None:
        """Stop the client, in a thread: while no server answers, kazoo takes ten seconds for it."""
        client, self._client = self._client, None
        if client is None:
            return

        def stop() -> None:
            with suppress(Exception):
                client.stop()
            with suppress(Exception):
                client.close()

        threading.Thread(target=stop, name="observer leaves ZooKeeper", daemon=True).start()

    def _failed(self, why: str) -> None:
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        if self._reachable is not False and now - self._failing_since >= GRACE_S:
            self._reached(False, why=why)

    def _reached(self, reachable: bool, **more: str) -> None:
        """Say that ZooKeeper came or went; what it says is written anew from then on."""
        with self._lock:
            durability_files.append(self._folder / OBSERVED, kind="zookeeper", reachable=reachable, **more)
            self._reachable = reachable
            for kind in ("brokers", "controller", "partitions", "cluster"):
                self._last.pop(kind, None)

    def _write_own(self, cluster: Cluster) -> None:
        if not self._reachable:
            self._reached(True)
        self._write("brokers", {"registered": {str(i): s for i, s in sorted(cluster.registered.items())}})
        self._write("controller", {"id": cluster.controller})
        numbered = {name.rpartition("-")[2]: each for name, each in cluster.partitions.items()}
        self._write(
            "partitions",
            {
                "leaders": {number: each.leader for number, each in numbered.items()},
                "isr": {number: sorted(each.isr) for number, each in numbered.items()},
                "epochs": {number: each.leader_epoch for number, each in numbered.items()},
            },
        )

    def _write_counts(self, reader: Reader) -> None:
        began = time.monotonic()
        found = counts(reader.whole(), self._min_insync)
        now = time.monotonic()
        self._whole_at = now + min(SLOWEST_POLL_S, max(CLUSTER_POLL_S, SHARE * (now - began)))
        self._write("cluster", found)

    def _ask_brokers(self) -> float:
        """Learn the brokers' own min.insync.replicas, and stand in for ZooKeeper while it is away."""
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        since = self._failing_since
        away = since is not None and time.monotonic() - since >= FALL_BACK_S
        if self._min_insync is not None and not away:
            self._admin = None
            return BROKERS_POLL_S
        with suppress(KafkaException):
            if self._admin is None:
                self._admin = AdminClient(dict(self._properties))
            if self._min_insync is None:
                self._min_insync = _min_insync(self._admin)
            if away:
                self._write_metadata(self._admin)
        return BROKERS_POLL_S

    def _write_metadata(self, admin: AdminClient) -> None:
        metadata = admin.list_topics(self._started.topic, timeout=ANSWER_S)
        topic = metadata.topics[self._started.topic]
        with self._lock:
            if self._reachable is not False or topic.error is not None:
                return
            partitions = sorted(topic.partitions.items())
            self._put("controller", {"id": None if metadata.controller_id < 0 else metadata.controller_id})
            self._put(
                "partitions",
                {
                    "leaders": {str(number): each.leader for number, each in partitions},
                    "isr": {str(number): sorted(each.isrs) for number, each in partitions},
                    "epochs": {},
                    "by": "brokers",
                },
            )

    def _write(self, kind: str, content: Mapping[str, Any]) -> None:
        with self._lock:
            self._put(kind, content)

    def _put(self, kind: str, content: Mapping[str, Any]) -> None:
        """Add a line unless the last of its kind says the same."""
        if self._last.get(kind) != content:
            durability_files.append(self._folder / OBSERVED, kind=kind, **content)
            self._last[kind] = content

    def _tell(self, what: str) -> None:
        """Say a trouble once, in the events; a full disk must not end the observing."""
        if what != self._told:
            self._told = what
            with suppress(OSError):
                durability_files.mark(self._folder, "note", what)


def _min_insync(admin: AdminClient) -> int:
    """The min.insync.replicas that a broker gives topics without one of their own; raises KafkaException."""
    from confluent_kafka.admin import ConfigResource, ResourceType

    broker = next(iter(admin.list_topics(timeout=2.0).brokers))
    resource = ConfigResource(ResourceType.BROKER, str(broker))
    found = admin.describe_configs([resource], request_timeout=2.0)[resource].result()
    return int(found["min.insync.replicas"].value)
