"""Real ZooKeeper servers and Kafka brokers as child processes on loopback.

Small and quick to start, but the released code: what a test meets here is what a host runs.
"""

from __future__ import annotations

import random
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import ensemble
from ansible_collections.barevm.kafka.plugins.module_utils.zookeeper import Server
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

LOOPBACK = "127.0.0.1"
# Six JVMs that start at once on two processors, beside other tests, take their time.
START_LIMIT_S = 240
STOP_LIMIT_S = 60
_RESERVED: list[socket.socket] = []
LOG4J = """
log4j.rootLogger=INFO, F
log4j.appender.F=org.apache.log4j.FileAppender
log4j.appender.F.File=${test.log}
log4j.appender.F.layout=org.apache.log4j.PatternLayout
log4j.appender.F.layout.ConversionPattern=%d %p %c: %m%n
"""
LOGBACK = """
<configuration>
  <appender name="F" class="ch.qos.logback.core.FileAppender">
    <file>${test.log}</file><encoder><pattern>%d %p %c: %m%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="F"/></root>
</configuration>
"""


def free_ports(count: int) -> list[int]:
    """Ports that are this process's while it lives: nobody listens on them, no other tests are given them.

    They lie below those that the kernel gives to connections, or a connection could take the port of a server
    that is yet to start, or is being restarted (ip_local_port_range, ip-sysctl).
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    candidates = list(range(10_000, max(lowest, 20_000)))
    random.shuffle(candidates)
    found: list[int] = []
    while len(found) < count:
        port = candidates.pop()
        if _reserved(port):
            found.append(port)
    return found


def _reserved(port: int) -> bool:
    """Take a port for this process; False where another has it."""
    # An abstract name goes with the process that holds it, however that ends (unix(7)).
    name = socket.socket(socket.AF_UNIX)
    with socket.socket() as taken:
        try:
            name.bind(f"\0barevm.kafka test port {port}")
            taken.bind((LOOPBACK, port))
        except OSError:
            name.close()
            return False
    _RESERVED.append(name)
    return True


def wait_until(what: str, holds: Callable[[], bool], limit_s: float = START_LIMIT_S) -> None:
    """Poll until ``holds()``; raises TimeoutError naming ``what``."""
    deadline = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {limit_s:g} s")
        time.sleep(0.05)


class Java:
    """One JVM of a release, with a folder of its own; its log is ``<folder>/log``."""

    def __init__(self, release: Path, main_class: str, folder: Path) -> None:
        self.release, self.main_class, self.folder = release, main_class, folder
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "log"
        self.began = 0
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "log4j.properties").write_text(LOG4J)
        (folder / "logback.xml").write_text(LOGBACK)

    def start(self, config: str) -> None:
        """Start with the text of a properties file."""
        (self.folder / "config").write_text(config)
        self.began = self.log.stat().st_size if self.log.exists() else 0
        with (self.folder / "out").open("ab") as out:
            self.process = subprocess.Popen(
                [
                    # Whatever ends the tests, the JVM does not outlive them (nor the thread that started it).
                    "setpriv",
                    "--pdeathsig=KILL",
                    "java",
                    "-Xmx256m",
                    "-XX:TieredStopAtLevel=1",
                    "-XX:+UseSerialGC",
                    "-Xshare:auto",
                    f"-Dtest.log={self.folder}/log",
                    f"-Dlog4j.configuration=file:{self.folder}/log4j.properties",
                    f"-Dlogback.configurationFile={self.folder}/logback.xml",
                    "-cp",
                    f"{self.release}/libs/*:{self.release}/lib/*",
                    self.main_class,
                    f"{self.folder}/config",
                ],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def stop(self, hard: bool = False) -> None:
        """End the process and wait for it; ``hard`` gives it no chance to say goodbye."""
        if self.process is None:
            return
        (self.process.kill if hard else self.process.terminate)()
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def failed(self) -> bool:
        """Whether the process has ended without being told to."""
        return self.process is not None and self.process.poll() is not None

    def said(self, text: str) -> bool:
        """Whether its log holds ``text`` since it was last started."""
        if not self.log.exists():
            return False
        with self.log.open() as stream:
            stream.seek(self.began)
            return text in stream.read()

    def tail(self) -> str:
        """The last lines it wrote."""
        texts = [path.read_text()[-1500:] for path in (self.log, self.folder / "out") if path.exists()]
        return "\n".join(texts)


@dataclass
class ZooKeeper:
    """An ensemble; ``java`` and ``servers`` are in the order of the ids, which begin with 1."""

    servers: list[Server]
    java: list[Java]
    configs: list[str]

    @classmethod
    def create(
        cls, release: Path, folder: Path, count: int = 1, allowed: str = "srvr,mntr,ruok"
    ) -> ZooKeeper:
        """Start ``count`` servers and wait until they serve; ``allowed`` are the four-letter words."""
        ports = free_ports(3 * count)
        servers = [Server(LOOPBACK, port) for port in ports[:count]]
        members = "".join(
            f"server.{i + 1}={LOOPBACK}:{ports[count + i]}:{ports[2 * count + i]}\n" for i in range(count)
        )
        java, configs = [], []
        for i, server in enumerate(servers):
            home = folder / f"zookeeper{i + 1}"
            (home / "data").mkdir(parents=True)
            (home / "data" / "myid").write_text(f"{i + 1}\n")
            configs.append(
                f"dataDir={home}/data\nclientPortAddress={LOOPBACK}\nclientPort={server.client_port}\n"
                "tickTime=1000\ninitLimit=10\nsyncLimit=5\nadmin.enableServer=false\nmaxClientCnxns=0\n"
                f"4lw.commands.whitelist={allowed}\n{members if count > 1 else ''}"
            )
            java.append(Java(release, "org.apache.zookeeper.server.quorum.QuorumPeerMain", home))
        made = cls(servers, java, configs)
        try:
            for i in range(count):
                made.start(i)
            made.wait()
        except BaseException:
            made.stop()
            raise
        return made

    @property
    def hosts(self) -> str:
        """The connect string without a chroot."""
        return ",".join(map(str, self.servers))

    def start(self, index: int) -> None:
        """Start one server."""
        self.java[index].start(self.configs[index])

    def wait(self) -> None:
        """Wait until every server has a role."""

        def serving() -> bool:
            for each in self.java:
                if each.failed():
                    raise RuntimeError(f"ZooKeeper ended: {each.tail()}")
            return all("Mode:" in _srvr(server) for server in self.servers)

        wait_until(f"ZooKeeper {self.hosts} serves", serving)

    def stop(self) -> None:
        """Stop all servers."""
        for each in self.java:
            each.stop()


def _srvr(server: Server) -> str:
    try:
        return ensemble.four_letter_word(server, "srvr")
    except OSError:
        return ""


@dataclass
class Kafka:
    """A cluster under one chroot; brokers have ids 1.. and two listeners, PLAINTEXT and CLIENT."""

    release: Path
    folder: Path
    zookeeper: ZooKeeper
    chroot: str
    ports: dict[int, tuple[int, int]] = field(default_factory=dict)
    java: dict[int, Java] = field(default_factory=dict)

    @property
    def connect(self) -> str:
        """The connect string, with the chroot."""
        return f"{self.zookeeper.hosts}{self.chroot}"

    def start(self, *ids: int, settings: Mapping[str, str] | None = None) -> None:
        """Start brokers side by side and wait until each has started."""
        for broker_id in ids:
            if broker_id not in self.java:
                first, second = free_ports(2)
                self.ports[broker_id] = (first, second)
                self.java[broker_id] = Java(self.release, "kafka.Kafka", self.folder / f"kafka{broker_id}")
            self.java[broker_id].start(self._config(broker_id, settings or {}))

        def started() -> bool:
            for broker_id in ids:
                if self.java[broker_id].failed():
                    raise RuntimeError(f"broker {broker_id} ended: {self.java[broker_id].tail()}")
            # Registered is not enough: told to stop between that and this, a broker halts without
            # closing its session, and its znode stays until the session expires.
            return all(self.java[broker_id].said("] started") for broker_id in ids)

        wait_until(f"brokers {ids} start", started)
        # A topic's replicas go to the brokers that the controller knows.
        wait_until(
            f"all know brokers {ids}", lambda: self.agreed(lambda seen: seen.brokers.keys() >= set(ids))
        )

    def stop(self, *ids: int, hard: bool = False) -> None:
        """Stop brokers, all when none is named; those that stop in order are known to be gone afterwards."""
        for broker_id in ids or tuple(self.java):
            self.java[broker_id].stop(hard)
        if ids and not hard:
            wait_until(
                f"none knows brokers {ids}",
                lambda: self.agreed(lambda seen: seen.brokers.keys().isdisjoint(ids)),
            )

    def agreed(self, holds: Callable[[ClusterMetadata], bool]) -> bool:
        """Whether every broker that runs knows a controller, and it holds for what each one says."""
        for broker_id, java in self.java.items():
            if java.process is None or java.failed():
                continue
            client = AdminClient({"bootstrap.servers": self.client_address(broker_id), "log_level": 0})
            try:
                seen = client.list_topics(timeout=5)
            except KafkaException:
                return False
            if seen.controller_id not in seen.brokers or not holds(seen):
                return False
        return True

    def client_address(self, broker_id: int) -> str:
        """Where a broker takes clients."""
        return f"{LOOPBACK}:{self.ports[broker_id][1]}"

    def admin(self) -> AdminClient:
        """A client that knows the controller: one that met none, or another, looks for it a minute.

        To be kept while it works: one that nobody holds takes its requests with it.
        """
        wait_until("all know a controller", lambda: self.agreed(lambda _seen: True))
        servers = ",".join(map(self.client_address, self.ports))
        client = AdminClient({"bootstrap.servers": servers, "log_level": 0})
        client.list_topics(timeout=30)
        return client

    def remove(self, *topics: str) -> None:
        """Remove topics, and wait until no broker knows them any more."""
        client = self.admin()
        for done in client.delete_topics(list(topics)).values():
            done.result(120)
        wait_until(
            f"none knows {topics}", lambda: self.agreed(lambda seen: seen.topics.keys().isdisjoint(topics))
        )

    def expected(self, *ids: int) -> list[dict[str, Any]]:
        """What an inventory would say of these brokers, in the shape of preflight's."""
        return [
            {
                "id": broker_id,
                "host": f"zkkafka{broker_id}",
                "address": LOOPBACK,
                "rack": f"rack{broker_id}",
                "listeners": [
                    {
                        "name": name,
                        "protocol": "PLAINTEXT",
                        "port": port,
                        "address": "",
                        "advertised_address": LOOPBACK,
                        "advertised_port": port,
                    }
                    for name, port in zip(("PLAINTEXT", "CLIENT"), self.ports[broker_id], strict=True)
                ],
            }
            for broker_id in (ids or sorted(self.ports))
        ]

    def _config(self, broker_id: int, settings: Mapping[str, str]) -> str:
        listeners = "PLAINTEXT://{0}:{1},CLIENT://{0}:{2}".format(LOOPBACK, *self.ports[broker_id])
        return "".join(
            f"{name}={value}\n"
            for name, value in {
                "broker.id": broker_id,
                "broker.rack": f"rack{broker_id}",
                "listeners": listeners,
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CLIENT:PLAINTEXT",
                "inter.broker.listener.name": "PLAINTEXT",
                "zookeeper.connect": self.connect,
                "zookeeper.session.timeout.ms": 6000,
                "log.dirs": self.folder / f"kafka{broker_id}" / "data",
                "auto.create.topics.enable": "false",
                "default.replication.factor": 3,
                "min.insync.replicas": 2,
                "offsets.topic.replication.factor": 3,
                "offsets.topic.num.partitions": 3,
                "transaction.state.log.replication.factor": 3,
                "transaction.state.log.num.partitions": 3,
                "transaction.state.log.min.isr": 2,
                "log.cleaner.dedupe.buffer.size": 4 << 20,
                "auto.leader.rebalance.enable": "false",
                "replica.lag.time.max.ms": 3000,
                **settings,
            }.items()
        )
