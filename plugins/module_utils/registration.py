"""Which brokers are registered in ZooKeeper, compared with those the inventory wants."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.cluster_findings import ClusterFinding, answer
from ansible_collections.barevm.kafka.plugins.module_utils.connection import (
    BROKERS,
    REQUEST_TIMEOUT,
    WAIT,
    ZOOKEEPER,
    Broker,
    broker_name,
)
from ansible_collections.barevm.kafka.plugins.module_utils.registration_reading import (
    Registered,
    Snapshot,
    brokers_elsewhere,
    read,
)
from ansible_collections.barevm.kafka.plugins.module_utils.zookeeper import (
    ConnectString,
    ZooKeeperUnreachable,
    connected,
    parse_connect,
)

SPEC = {**REQUEST_TIMEOUT, **ZOOKEEPER, **BROKERS, **WAIT}
POLL_S = 0.2
"""How often ZooKeeper is asked again while brokers come up."""


@dataclass
class Report:
    """The comparison, as the module returns it."""

    registered: list[dict[str, Any]] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    unexpected: list[dict[str, Any]] = field(default_factory=list)
    mismatched: list[dict[str, Any]] = field(default_factory=list)
    controller: dict[str, Any] | None = None
    cluster_id: str = ""
    elapsed_ms: float | None = None
    connect_ms: float | None = None
    waiting_for: list[str] = field(default_factory=list)
    """What is not there yet and may still come."""
    findings: list[ClusterFinding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The report as the module returns it."""
        return asdict(self)


def _expected_endpoints(broker: Broker) -> dict[str, str]:
    return {
        listener[
            "name"
        ]: f"{listener['protocol']}://{listener['advertised_address']}:{listener['advertised_port']}"
        for listener in broker["listeners"]
    }


def _address(endpoint: str) -> str:
    return endpoint.partition("://")[2].rpartition(":")[0].strip("[]")


def _same(wanted: str | None, found: str | None) -> bool:
    """Whether two endpoints are one: host names know no case, and Kafka writes IPv6 without brackets."""
    if wanted is None or found is None:
        return wanted == found

    def plain(endpoint: str) -> str:
        return endpoint.replace("[", "").replace("]", "").lower()

    return plain(wanted) == plain(found)


def compare(
    expected: Sequence[Broker],
    snapshot: Snapshot,
    connect: ConnectString,
    elsewhere: dict[str, list[str]],
    down: Collection[str] = (),
) -> Report:
    """Compare what is registered with what is wanted, and name the likely cause of each difference.

    ``elsewhere`` is read only where nothing is registered; brokers on hosts in ``down`` are not waited for.
    """
    report = Report(cluster_id=snapshot.cluster_id)
    report.registered = [asdict(broker) for broker in snapshot.brokers.values()]
    wanted = {broker["id"]: broker for broker in expected}
    # An address that another broker of the inventory carries tells a swapped id from a wrong address.
    owner = {_address(e).lower(): broker for broker in expected for e in _expected_endpoints(broker).values()}
    report.missing = sorted(set(wanted) - set(snapshot.brokers))
    place = f"ZooKeeper {','.join(map(str, connect.servers))}{connect.chroot or '/'}"

    report.waiting_for = [broker_name(wanted[i]) for i in report.missing if wanted[i]["host"] not in down]
    if report.missing and not snapshot.brokers:
        names = ", ".join(broker_name(wanted[broker_id]) for broker_id in report.missing)
        report.findings.append(_nobody(names, connect, snapshot, elsewhere, place))
        return report
    for broker_id in report.missing:
        broker = wanted[broker_id]
        report.findings.append(
            ClusterFinding(
                what=f"{broker_name(broker)} is not registered",
                where=place,
                remedy="It has moved to KRaft, or is down: see its process.roles and `journalctl -u kafka`"
                if snapshot.migrating
                else "See `systemctl status kafka` and `journalctl -u kafka` on its host; a broker that runs "
                "has another ZooKeeper or chroot in zookeeper.connect, or lost its session",
            )
        )
    for broker_id, found in snapshot.brokers.items():
        if broker_id in wanted:
            _compare_one(wanted[broker_id], found, owner, place, report)
        else:
            _foreign(found, owner, place, report)
    _controller(snapshot, place, bool(report.missing), report)
    return report


def _nobody(
    names: str, connect: ConnectString, snapshot: Snapshot, elsewhere: dict[str, list[str]], place: str
) -> ClusterFinding:
    chroot = connect.chroot or "the root"
    if elsewhere:
        seen = " and ".join(
            f"{path}/brokers/ids exists{'' if path else ' at the root'} with {', '.join(ids)}"
            for path, ids in sorted(elsewhere.items())
        )
        right = next(iter(sorted(elsewhere)))
        return ClusterFinding(
            what=f"nothing under {chroot}, but {seen}; not registered: {names}",
            where=place,
            remedy=f'The chroot is likely wrong: compare kafka_chroot ("{connect.chroot}" here, '
            f'"{right}" there) with zookeeper.connect in server.properties on the brokers',
        )
    if snapshot.exists:
        return ClusterFinding(
            what=f"brokers were registered under {chroot} before, none is now; not registered: {names}",
            where=place,
            remedy="Every broker is down or has lost its session: see `journalctl -u kafka` on one",
        )
    return ClusterFinding(
        what=f"nothing under {chroot}, and no /brokers/ids at the root or below it; not registered: {names}",
        where=place,
        remedy="No broker has ever started against this ensemble: see `journalctl -u kafka` on one",
    )


def _compare_one(
    broker: Broker, found: Registered, owner: dict[str, Broker], place: str, report: Report
) -> None:
    wanted = _expected_endpoints(broker)
    where = f"{place}/brokers/ids/{broker['id']}".replace("//brokers", "/brokers")
    endpoints = [
        {"listener": name, "expected": wanted.get(name), "found": found.endpoints.get(name)}
        for name in sorted(set(wanted) | set(found.endpoints))
        if not _same(wanted.get(name), found.endpoints.get(name))
    ]
    rack = None if broker["rack"] == found.rack else {"expected": broker["rack"], "found": found.rack}
    if endpoints or rack:
        report.mismatched.append(
            {"id": broker["id"], "host": broker["host"], "endpoints": endpoints, "rack": rack}
        )
    for difference in endpoints:
        other = owner.get(_address(difference["found"] or "").lower())
        if other is not None and other["id"] != broker["id"]:
            remedy = (
                f"That is the address of {broker_name(other)}: its process carries id {broker['id']}; "
                "compare broker.id in server.properties and meta.properties on both hosts"
            )
        elif difference["expected"] is None:
            remedy = (
                "The inventory knows no such listener: add it to kafka_listeners, or deploy and restart it"
            )
        else:
            remedy = (
                "Clients are sent to the registered address: correct kafka_listeners, or restart the broker "
            )
            remedy += "if its server.properties already says so"
        report.findings.append(
            ClusterFinding(
                what=f"{broker_name(broker)} has listener {difference['listener']} registered as "
                f"{difference['found'] or 'nothing'}, the inventory says "
                f"{difference['expected'] or 'nothing'}",
                where=where,
                remedy=remedy,
            )
        )
    if rack:
        report.findings.append(
            ClusterFinding(
                what=f"{broker_name(broker)} is registered in rack '{found.rack}', "
                f"the inventory says '{broker['rack']}'",
                where=where,
                remedy="Replicas are spread by the registered rack: correct kafka_rack, or restart the "
                "broker if its server.properties already says so",
            )
        )


def _foreign(found: Registered, owner: dict[str, Broker], place: str, report: Report) -> None:
    endpoints = ", ".join(f"{name} {endpoint}" for name, endpoint in sorted(found.endpoints.items()))
    known = next((b for e in found.endpoints.values() if (b := owner.get(_address(e).lower()))), None)
    report.unexpected.append({**asdict(found), "host": known["host"] if known else ""})
    if known is not None:
        remedy = f"It has the address of {broker_name(known)}: an earlier id of that host, or a second broker"
    else:
        remedy = (
            "No broker of the inventory has its address: another cluster uses this chroot, or the inventory "
            "lacks a broker"
        )
    if found.session == "0x0":
        remedy += "; no session owns the znode, so no broker wrote it and it will not go by itself"
    report.findings.append(
        ClusterFinding(
            what=f"broker {found.id} is registered ({endpoints}, session {found.session}, "
            f"since {found.registered_since}), but the inventory has no such id",
            where=f"{place}/brokers/ids/{found.id}".replace("//brokers", "/brokers"),
            remedy=remedy,
        )
    )


def _controller(snapshot: Snapshot, place: str, incomplete: bool, report: Report) -> None:
    if snapshot.controller is not None:
        report.controller = {
            "id": snapshot.controller,
            "epoch": snapshot.controller_epoch,
            "since": snapshot.controller_since,
        }
        if snapshot.controller in snapshot.brokers or snapshot.migrating or incomplete:
            return
        what = f"broker {snapshot.controller} is the controller, but is not registered"
    else:
        what = "no broker is the controller"
    report.waiting_for.append("a controller")
    report.findings.append(
        ClusterFinding(
            what=what,
            where=place,
            remedy="One is elected within a session time-out; if not, see controller.log on the brokers",
        )
    )


def observe(
    connect: ConnectString,
    expected: Sequence[Broker],
    timeout_s: float,
    request_timeout_s: float,
    down: Collection[str] = (),
) -> Report:
    """Read and compare until nothing that may still come is outstanding, or ``timeout_s`` have passed.

    A ZooKeeper that cannot be reached is a finding like the others, and waited for as well.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        report = _observe_connected(connect, expected, deadline, request_timeout_s, down)
        left = deadline - time.monotonic()
        if not report.waiting_for or left <= 0:
            return report
        time.sleep(min(POLL_S, left))


def _observe_connected(
    connect: ConnectString,
    expected: Sequence[Broker],
    deadline: float,
    request_timeout_s: float,
    down: Collection[str],
) -> Report:
    """As ``observe``, for as long as one session lasts."""
    from kazoo.exceptions import KazooException

    place = f"ZooKeeper {','.join(map(str, connect.servers))}"
    began = time.perf_counter()
    try:
        with connected(connect.servers, request_timeout_s) as client:
            connect_ms = round((time.perf_counter() - began) * 1000, 1)
            while True:
                began = time.perf_counter()
                snapshot = read(client, connect.chroot)
                elsewhere = {} if snapshot.brokers else brokers_elsewhere(client, connect.chroot)
                report = compare(expected, snapshot, connect, elsewhere, down)
                report.connect_ms = connect_ms
                report.elapsed_ms = round((time.perf_counter() - began) * 1000, 1)
                left = deadline - time.monotonic()
                if not report.waiting_for or left <= 0:
                    return report
                time.sleep(min(POLL_S, left))
    except ZooKeeperUnreachable as error:
        finding = ClusterFinding(
            what=str(error),
            where=place,
            remedy="See `systemctl status zookeeper` on those hosts, and whether their ports can be reached",
        )
    except KazooException as error:
        finding = ClusterFinding(
            what=f"the session was lost while reading: {type(error).__name__} {error}".rstrip(),
            where=place,
            remedy="See `journalctl -u zookeeper` on the servers",
        )
    return Report(
        missing=sorted(broker["id"] for broker in expected), waiting_for=["ZooKeeper"], findings=[finding]
    )


def ask(params: Mapping[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """What the module answers to ``params``, which follow SPEC."""
    try:
        connect = parse_connect(params["zookeeper_connect"])
        report = observe(
            connect, params["brokers"], params["timeout_s"], params["request_timeout_s"], params["down"]
        )
    except ValueError as error:
        return {"failed": True, "msg": str(error)}
    return answer(report.as_dict())
