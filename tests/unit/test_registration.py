"""The comparison of registrations with the inventory, without a cluster."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import registration
from ansible_collections.barevm.kafka.plugins.module_utils.registration_reading import (
    Registered,
    Snapshot,
    parse_broker,
)
from ansible_collections.barevm.kafka.plugins.module_utils.zookeeper import (
    ConnectString,
    Server,
    parse_connect,
)

CONNECT = parse_connect("zk1:2181,zk2:2181/kafka")


def broker(broker_id: int, address: str = "", rack: str = "") -> Any:
    return {
        "id": broker_id,
        "host": f"host{broker_id}",
        "rack": rack,
        "listeners": [
            {
                "name": "PLAINTEXT",
                "protocol": "PLAINTEXT",
                "advertised_address": address or f"10.0.0.{broker_id}",
                "advertised_port": 9092,
            }
        ],
    }


def registered(broker_id: int, address: str = "", rack: str = "") -> Registered:
    endpoint = f"PLAINTEXT://{address or f'10.0.0.{broker_id}'}:9092"
    return Registered(broker_id, {"PLAINTEXT": endpoint}, rack, "0x1", "2026-01-01T00:00:00.000+00:00")


def snapshot(*brokers: Registered, controller: int | None = 1, migrating: bool = False) -> Snapshot:
    return Snapshot(
        exists=True,
        brokers={each.id: each for each in brokers},
        controller=controller,
        controller_since="2026-01-01T00:00:00.000+00:00",
        controller_epoch=7,
        cluster_id="abc",
        migrating=migrating,
    )


def compare(expected: list[Any], found: Snapshot, **options: Any) -> registration.Report:
    return registration.compare(expected, found, CONNECT, options.pop("elsewhere", {}), **options)


@pytest.mark.parametrize(
    ("text", "servers", "chroot"),
    [
        ("zk1:2181", ["zk1:2181"], ""),
        ("zk1:2181/", ["zk1:2181"], ""),
        ("zk1,zk2:2182/a/b/", ["zk1:2181", "zk2:2182"], "/a/b"),
        ("[fd00::1]:2181/kafka", ["[fd00::1]:2181"], "/kafka"),
    ],
)
def test_connect_strings(text: str, servers: list[str], chroot: str) -> None:
    found = parse_connect(text)
    assert [str(server) for server in found.servers] == servers
    assert found.chroot == chroot


@pytest.mark.parametrize("text", ["", "zk1:port", "zk1:2181/kafka,zk2:2181/kafka", "zk1:2181,,zk2:2181"])
def test_connect_strings_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"ZooKeeper connect string|chroot"):
        parse_connect(text)


def test_names_know_no_case_and_ipv6_no_brackets() -> None:
    expected = [broker(1, "Kafka1.Example"), broker(2, "fd00::2")]
    found = snapshot(registered(1, "kafka1.example"), registered(2, "fd00::2"))
    assert compare(expected, found).findings == []


def test_a_host_that_is_down_is_missing_but_not_waited_for() -> None:
    report = compare([broker(1), broker(2), broker(3)], snapshot(registered(1)), down=["host2"])
    assert report.missing == [2, 3]
    assert report.waiting_for == ["broker 3 (host3)"]


def test_no_controller_is_waited_for() -> None:
    report = compare([broker(1)], snapshot(registered(1), controller=None))
    assert report.waiting_for == ["a controller"]
    assert report.findings[0].what == "no broker is the controller"
    report = compare([broker(1)], snapshot(registered(1), controller=5))
    assert report.findings[0].what == "broker 5 is the controller, but is not registered"


def test_brokers_that_have_moved_to_kraft() -> None:
    report = compare([broker(1), broker(2)], snapshot(registered(1), controller=3000, migrating=True))
    (finding,) = report.findings
    assert finding.what == "broker 2 (host2) is not registered"
    assert finding.remedy.startswith("It has moved to KRaft, or is down")


def test_nothing_anywhere_and_nothing_any_more() -> None:
    never = Snapshot(False, {}, None, "", None, "", False)
    assert "no /brokers/ids at the root" in compare([broker(1)], never).findings[0].what
    gone = Snapshot(True, {}, None, "", None, "abc", False)
    assert (
        "brokers were registered under /kafka before, none is now"
        in compare([broker(1)], gone).findings[0].what
    )


def test_the_root_has_no_double_slash() -> None:
    root = ConnectString((Server("zk1", 2181),), "")
    report = registration.compare([broker(1)], snapshot(registered(1, rack="x")), root, {})
    assert report.findings[0].where == "ZooKeeper zk1:2181/brokers/ids/1"


def test_registrations_of_old_brokers_have_no_protocol_map() -> None:
    document = {"version": 1, "endpoints": ["PLAINTEXT://a:9092"], "host": "a", "port": 9092}
    found = parse_broker(4, json.dumps(document).encode(), 1_700_000_000_000, 0xABC)
    assert found.endpoints == {"PLAINTEXT": "PLAINTEXT://a:9092"}
    assert found.rack == ""
    assert found.session == "0xabc"
    assert found.registered_since == "2023-11-14T22:13:20.000+00:00"
