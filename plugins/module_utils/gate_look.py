"""Looks at a cluster again and again with one client; what cannot be asked is said, never raised."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, TypeVar

from ansible_collections.barevm.kafka.plugins.module_utils import ensemble
from ansible_collections.barevm.kafka.plugins.module_utils.broker_views import NO_LISTENER, View, ask_each
from ansible_collections.barevm.kafka.plugins.module_utils.connection import (
    Broker,
    client_config,
    usable_listeners,
)
from ansible_collections.barevm.kafka.plugins.module_utils.gate_reading import Cluster, Reader, topic_of
from ansible_collections.barevm.kafka.plugins.module_utils.zookeeper import (
    ConnectString,
    Server,
    ZooKeeperUnreachable,
    connected,
)

Answer = TypeVar("Answer")
ELECTED_AT_ONCE = 500
"""Partitions in one election request: each of them costs the controller a round of its own."""


class Looker:
    """Holds the client between looks, and takes a new one where it was lost. ``last`` is the last look."""

    def __init__(
        self,
        connect: ConnectString,
        brokers: Sequence[Broker],
        servers: Mapping[Server, str],
        listener_config: Mapping[str, Mapping[str, Any]],
        timeout_s: float,
    ) -> None:
        self._connect, self._servers, self._timeout_s = connect, servers, timeout_s
        listeners = usable_listeners(brokers, listener_config)
        name = next(iter(listeners), "")
        self._addresses = listeners.get(name, {})
        self._properties = listener_config.get(name, {})
        self._ids = {one["id"] for one in brokers}
        self._open = ExitStack()
        self._reader: Reader | None = None
        self.last = Cluster()

    def close(self) -> None:
        """Let go of the client."""
        self._reader = None
        self._open.close()

    def whole(self, holder: int | None = None) -> Cluster:
        """Everything: ZooKeeper's znodes, every server of the ensemble, every registered broker by itself.

        With ``holder`` only the partitions that this broker has a replica of.
        """
        cluster = self._read(lambda reader: reader.whole(holder))
        asked = {i: address for i, address in self._addresses.items() if i in cluster.registered}
        views = ask_each(asked, self._properties, self._timeout_s, partitions=True)
        views |= {i: View(error=NO_LISTENER) for i in cluster.registered if i in self._ids - set(views)}
        self.last = replace(
            cluster,
            ensemble=self.probe(),
            views=views,
            defaults={i: view.min_insync for i, view in views.items() if view.min_insync is not None},
        )
        return self.last

    def again(self, partitions: Collection[str]) -> Cluster:
        """As the last look, with brokers, controller, these partitions and what was not whole read anew.

        The brokers are not asked: what they say counts once ZooKeeper has nothing against it.
        """
        before = self.last
        cluster = self._read(lambda reader: reader.again(before, partitions))
        if cluster.unreadable:
            cluster = replace(before, unreadable=cluster.unreadable)
        whole = before.ensemble is not None and not before.ensemble.findings
        self.last = replace(cluster, ensemble=before.ensemble if whole else self.probe(), views={})
        return self.last

    def brokers(self) -> Cluster:
        """Only who is registered, and who is the controller."""
        self.last = self._read(lambda reader: reader.brokers())
        return self.last

    def servers(self) -> Cluster:
        """Only the servers of the ensemble."""
        self.last = Cluster(ensemble=self.probe())
        return self.last

    def session(self, broker_id: int) -> Cluster:
        """Only who owns one broker's znode."""

        def read(reader: Reader) -> Cluster:
            found = reader.session(broker_id)
            return Cluster({broker_id: found} if found else {})

        return self._read(read)

    def probe(self) -> ensemble.Ensemble:
        """What the servers of the ensemble say."""
        named = {str(server): host for server, host in self._servers.items()}
        return ensemble.judge(ensemble.probe(list(self._servers)), named)

    def _read(self, question: Callable[[Reader], Cluster]) -> Cluster:
        from kazoo.exceptions import KazooException
        from kazoo.handlers.threading import KazooTimeoutError

        try:
            if self._reader is None:
                client = self._open.enter_context(connected(self._connect.servers, self._timeout_s))
                self._reader = Reader(client, self._connect.chroot, self._timeout_s)
            return question(self._reader)
        except ZooKeeperUnreachable as error:
            why = str(error)
        except KazooTimeoutError:
            why = f"no answer within {self._timeout_s:g} s"
        except KazooException as error:
            why = f"the session was lost while reading ({type(error).__name__})"
        except (ValueError, KeyError, TypeError) as error:
            why = f"a znode holds what no broker writes: {error}"
        self.close()
        return Cluster(unreadable=why)

    def elect(self, partitions: Sequence[str], timeout_s: float) -> dict[str, str]:
        """Ask for the preferred leaders of partitions; returns the refusals."""
        from confluent_kafka import ElectionType, KafkaError, KafkaException, TopicPartition
        from confluent_kafka.admin import AdminClient

        known = {i: address for i, address in self._addresses.items() if i in self.last.registered}
        config = client_config(known, self._properties, self._timeout_s)
        config["error_cb"] = lambda error: None
        admin = AdminClient(config)
        refused = {}
        for begin in range(0, len(partitions), ELECTED_AT_ONCE):
            asked = [
                TopicPartition(topic_of(name), int(name.rpartition("-")[2]))
                for name in partitions[begin : begin + ELECTED_AT_ONCE]
            ]
            try:
                # confluent-kafka 2.16 refuses every keyword here: its own list of them is one short.
                answers = admin.elect_leaders(ElectionType.PREFERRED, asked).result(timeout_s)
            except KafkaException as error:
                return dict.fromkeys(partitions, error.args[0].str())
            except TimeoutError:
                return dict.fromkeys(partitions, f"no election within {timeout_s:.0f} s")
            for one, refusal in answers.items():
                if refusal is not None and refusal.code() != KafkaError.ELECTION_NOT_NEEDED:
                    refused[f"{one.topic}-{one.partition}"] = refusal.str()
        return refused
