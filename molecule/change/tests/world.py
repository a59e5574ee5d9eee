"""The scenario's cluster as the world sees it: processes, registrations while they change, settings."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cluster_client
import playbook
from kazoo.exceptions import KazooException
from testinfra.host import Host
from testinfra.utils.ansible_runner import AnsibleRunner

ADDRESSES = {"change1": "192.168.24.20", "change2": "192.168.24.21", "change3": "192.168.24.22"}
HOSTS = tuple(ADDRESSES)
BROKERS = {1: "change1", 2: "change2", 3: "change3"}
BOOTSTRAP = ",".join(f"{address}:9092" for address in ADDRESSES.values())
CONNECT = ",".join(f"{address}:2181" for address in ADDRESSES.values()) + "/kafka"
SITE = "barevm.kafka.site"
KAFKA, ZOOKEEPER = UNITS = ("kafka.service", "zookeeper.service")
POLL_S = 0.05

Processes = dict[str, dict[str, str]]
"""Of each service, the main process on each host."""


@cache  # Each runner asks ansible-inventory anew, for seconds on a busy machine.
def host(name: str) -> Host:
    """A host of the scenario."""
    return AnsibleRunner(os.environ["MOLECULE_INVENTORY_FILE"]).get_host(name)


def processes() -> Processes:
    """Those that run now."""
    return {
        unit: {
            name: host(name).check_output("systemctl show --property=MainPID --value %s", unit)
            for name in HOSTS
        }
        for unit in UNITS
    }


def restarted(before: Processes) -> dict[str, set[str]]:
    """Of each service, the hosts where it runs as another process than before."""
    after = processes()
    return {unit: {name for name in HOSTS if after[unit][name] != before[unit][name]} for unit in UNITS}


def setting(name: str) -> set[str]:
    """A setting as the running brokers answer for it; one value where they agree."""
    return {cluster_client.broker_settings(BOOTSTRAP, broker_id)[name] for broker_id in BROKERS}


def site(settings: dict[str, object], *options: str, succeeds: bool = True) -> playbook.Run:
    """site.yml, with the variables that the inventory would have."""
    return playbook.run(SITE, *given(settings), *options, succeeds=succeeds)


def plan(settings: dict[str, object]) -> dict[str, Any]:
    """What plan.yml writes about a change to these variables."""
    before = processes()
    playbook.run("barevm.kafka.plan", *given(settings))
    assert processes() == before
    written = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "reports" / "plan.json"
    document: dict[str, Any] = json.loads(written.read_text())
    return document


def given(settings: dict[str, object]) -> tuple[str, str]:
    """The options of ansible-playbook for these variables."""
    return "-e", json.dumps(settings)


@dataclass
class Watch:
    """What happened to the brokers' registrations while it watched."""

    left: list[str] = field(default_factory=list)
    """The host of each broker whose registration went, in that order."""
    fewest: int = len(BROKERS)
    """The smallest number of brokers that were registered at once."""
    controllers: list[str] = field(default_factory=list)
    """The host of each controller, in that order."""

    def see(self, known: dict[int, int], now: dict[int, int], controller: bytes) -> None:
        """Compare two looks (broker id to session, which a restart between them changes too)."""
        self.left += [BROKERS[one] for one, session in known.items() if now.get(one) != session]
        self.fewest = min(self.fewest, len(now))
        named = BROKERS.get(json.loads(controller)["brokerid"], "") if controller else ""
        if named and self.controllers[-1:] != [named]:
            self.controllers.append(named)


@contextmanager
def watching() -> Iterator[Watch]:
    """Watch the registrations until the block is left."""
    watch = Watch()
    ended, ready = threading.Event(), threading.Event()

    def look() -> None:
        known: dict[int, int] = {}
        with cluster_client.zookeeper(CONNECT) as client:
            while not ended.is_set():
                try:
                    names = client.get_children("/brokers/ids")
                    stats = {int(name): client.exists(f"/brokers/ids/{name}") for name in names}
                    controller = client.get("/controller")[0] if client.exists("/controller") else b""
                except KazooException:
                    # One of the ensemble's servers went, or a znode between two questions: ask again.
                    continue
                now = {broker: stat.ephemeralOwner for broker, stat in stats.items() if stat}
                watch.see(known, now, controller)
                known = now
                ready.set()
                time.sleep(POLL_S)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    assert ready.wait(cluster_client.TIMEOUT_S), "the ensemble gave no answer"
    try:
        yield watch
    finally:
        ended.set()
        watcher.join()
