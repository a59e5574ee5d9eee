"""Addresses, ports and listeners: each rule with a bad inventory, and its good neighbours."""

from __future__ import annotations

from typing import Any

import pytest

from tests import judged
from tests.described import apart, listener, of_one, together

BAD: list[tuple[str, Any, list[tuple[str, str, Any, str]]]] = [
    (
        "server on 127.0.1.1",
        together(n2={"zookeeper_address": "127.0.1.1"}),
        [("n2", "zookeeper_address", "127.0.1.1", "a loopback address leads")],
    ),
    (
        "server on localhost",
        together(n2={"zookeeper_address": "LocalHost"}),
        [("n2", "zookeeper_address", "LocalHost", "a loopback address leads")],
    ),
    (
        "broker on ::1",
        together(n2={"kafka_advertised_address": "::1"}),
        [("n2", "kafka_advertised_address", "::1", "a loopback address leads")],
    ),
    (
        "listener on 127.0.0.1",
        together(
            n2={
                "kafka_listeners": [
                    listener("PLAINTEXT", 9092),
                    listener("B", 9093, advertised_address="127.0.0.1"),
                ]
            }
        ),
        [("n2", "kafka_listeners[B].advertised_address", "127.0.0.1", "a loopback address leads")],
    ),
    (
        "advertised 0.0.0.0 by a listener",
        of_one(kafka_listeners=[listener("A", 9092, advertised_address="0.0.0.0")]),
        [("n1", "kafka_listeners[A].advertised_address", "0.0.0.0", "this means every interface")],
    ),
    (
        "server on ::",
        together(n1={"zookeeper_address": "::"}),
        [("n1", "zookeeper_address", "::", "this means every interface")],
    ),
    (
        "multicast",
        together(n1={"zookeeper_address": "224.0.0.1"}),
        [("n1", "zookeeper_address", "224.0.0.1", "this is a multicast address")],
    ),
    (
        "address in brackets",
        together(n1={"kafka_advertised_address": "[2001:db8::1]"}),
        [("n1", "kafka_advertised_address", "[2001:db8::1]", "this is no address")],
    ),
    (
        "10.0.2.15 on every machine",
        together(everywhere={"zookeeper_address": "10.0.2.15", "kafka_advertised_address": "10.0.2.15"}),
        [
            ("n1, n2, n3", "zookeeper_address", "10.0.2.15", "3 hosts have one address"),
            ("n1, n2, n3", "kafka_advertised_address", "10.0.2.15", "3 hosts have one address"),
        ],
    ),
    (
        "one IPv6 address spelled in two ways",
        together(n1={"zookeeper_address": "2001:db8::1"}, n2={"zookeeper_address": "2001:DB8:0::1"}),
        [("n1, n2", "zookeeper_address", "2001:db8::1", "2 hosts have one address")],
    ),
    (
        "one forwarded port for two brokers",
        together(
            everywhere={
                "kafka_listeners": [listener("A", 9092, advertised_address="nat", advertised_port=19092)]
            }
        ),
        [("n1, n2, n3", "kafka_listeners", "nat:19092", "3 hosts have one address")],
    ),
    (
        "port of ZooKeeper twice",
        together(everywhere={"zookeeper_election_port": 2888}),
        [
            (host, "zookeeper_election_port", 2888, "zookeeper_peer_port has this port too")
            for host in ("n1", "n2", "n3")
        ],
    ),
    (
        "two listeners on one port",
        together(n1={"kafka_listeners": [listener("PLAINTEXT", 9092), listener("B", 9092)]}),
        [("n1", "kafka_listeners[B].port", 9092, "kafka_listeners[PLAINTEXT].port has this port too")],
    ),
    (
        "advertised port out of range",
        together(n1={"kafka_listeners": [listener("PLAINTEXT", 9092, advertised_port=-1)]}),
        [("n1", "kafka_listeners[PLAINTEXT].advertised_port", -1, "a port is a number from 1 to 65535")],
    ),
    (
        "listener name in small letters",
        together(everywhere={"kafka_listeners": [listener("in-side", 9092)]}),
        [
            (host, "kafka_listeners", "in-side", "a listener's name is made of capitals")
            for host in ("n1", "n2", "n3")
        ],
    ),
    (
        "inter-broker listener that is not there",
        together(everywhere={"kafka_inter_broker_listener": "INTERNAL"}),
        [
            (host, "kafka_inter_broker_listener", "INTERNAL", "there is no listener of this name")
            for host in ("n1", "n2", "n3")
        ],
    ),
]

WARNED: list[tuple[str, Any, list[tuple[str, str, str]]]] = [
    (
        "one host that advertises itself to itself",
        of_one(zookeeper_address="localhost", kafka_advertised_address="localhost"),
        [("n1", "kafka_advertised_address", "a loopback address leads")],
    ),
]

GOOD: list[tuple[str, Any]] = [
    ("one host, ZooKeeper by loopback", of_one(zookeeper_address="127.0.0.1")),
    (
        # Two names of one machine, each with a service of its own.
        "a server and a broker of one address",
        apart(["192.0.2.1"], ["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
    ),
    ("host names", apart(["zk-1.example.com"], ["kafka_1", "kafka-2.example.com", "127.example.com"])),
    ("IPv6", apart(["2001:db8::1"], ["2001:db8::1", "2001:db8::2", "fe80::1"])),
    (
        "two listeners with addresses of their own",
        together(
            everywhere={"kafka_inter_broker_listener": "INTERNAL"},
            **{
                f"n{number}": {
                    "kafka_listeners": [
                        listener("CLIENTS", 9092, advertised_address=f"198.51.100.{number}"),
                        listener("INTERNAL", 9093, advertised_address=f"192.0.2.{number}"),
                    ]
                }
                for number in (1, 2, 3)
            },
        ),
    ),
    (
        "two listeners of one address with different ports",
        together(everywhere={"kafka_listeners": [listener("PLAINTEXT", 9092), listener("SECOND", 9093)]}),
    ),
    (
        "port forwarding: one address for all, a port for each",
        together(
            **{
                f"n{number}": {
                    "kafka_listeners": [
                        listener("INTERNAL", 9092),
                        listener(
                            "OUTSIDE",
                            9093,
                            advertised_address="nat.example.com",
                            advertised_port=19090 + number,
                        ),
                    ]
                }
                for number in (1, 2, 3)
            }
        ),
    ),
    (
        "port forwarding by the address of all listeners",
        together(
            everywhere={"kafka_advertised_address": "nat.example.com"},
            **{
                f"n{number}": {
                    "kafka_listeners": [listener("PLAINTEXT", 9092, advertised_port=19090 + number)]
                }
                for number in (1, 2, 3)
            },
        ),
    ),
    (
        "a listener bound to loopback beside one that is advertised",
        together(
            everywhere={
                "kafka_listeners": [listener("PLAINTEXT", 9092), listener("LOCAL", 9093, address="127.0.0.1")]
            }
        ),
    ),
    (
        "one port on an IPv4 and on an IPv6 address",
        together(
            everywhere={
                "kafka_listeners": [
                    listener("PLAINTEXT", 9092, address="0.0.0.0"),
                    listener("SIX", 9092, address="::"),
                ]
            }
        ),
    ),
]


@pytest.mark.parametrize(("described", "expected"), [pytest.param(*row[1:], id=row[0]) for row in BAD])
def test_what_is_wrong_is_named_and_nothing_else(described: Any, expected: Any) -> None:
    judged.refused(described, expected)


@pytest.mark.parametrize(("described", "expected"), [pytest.param(*row[1:], id=row[0]) for row in WARNED])
def test_what_is_unwise_is_a_warning(described: Any, expected: Any) -> None:
    judged.warned(described, expected)


@pytest.mark.parametrize("described", [pytest.param(described, id=name) for name, described in GOOD])
def test_what_is_right_is_accepted(described: Any) -> None:
    judged.accepted(described)
