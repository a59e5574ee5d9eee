"""A ZooKeeper server's settings, computed from its variables."""

from __future__ import annotations

from ansible_collections.barevm.kafka.plugins.module_utils import (
    cluster_model,
    properties,
    zookeeper_settings,
)

from tests.described import server


def members(*addresses: str) -> list[dict[str, object]]:
    return [cluster_model.server(f"z{n}", server(n, address)) for n, address in enumerate(addresses, 1)]


def test_a_server_of_three_knows_the_others() -> None:
    found = zookeeper_settings.server_settings(
        server(2, "192.0.2.2"), members("192.0.2.1", "192.0.2.2", "2001:db8::3")
    )
    assert found == {
        "tickTime": 2000,
        "initLimit": 10,
        "syncLimit": 5,
        "dataDir": "/var/lib/zookeeper/data",
        "dataLogDir": "/var/lib/zookeeper/txnlog",
        "clientPort": 2181,
        "maxClientCnxns": 60,
        "autopurge.snapRetainCount": 3,
        "autopurge.purgeInterval": 1,
        "4lw.commands.whitelist": ["srvr", "mntr", "ruok"],
        "admin.enableServer": False,
        "server.1": "192.0.2.1:2888:3888",
        "server.2": "192.0.2.2:2888:3888",
        "server.3": "[2001:db8::3]:2888:3888",
    }
    assert "4lw.commands.whitelist=srvr,mntr,ruok\n" in properties.render(found)


def test_a_single_server_stands_alone() -> None:
    found = zookeeper_settings.server_settings(server(1, "192.0.2.1"), members("192.0.2.1"))
    assert not [name for name in found if name.startswith("server.")]


def test_properties_are_merged_last() -> None:
    own = server(1, "192.0.2.1", zookeeper_properties={"maxClientCnxns": 0, "snapCount": 5})
    found = zookeeper_settings.server_settings(own, members("192.0.2.1"))
    assert (found["maxClientCnxns"], found["snapCount"]) == (0, 5)


def test_every_variable_is_one() -> None:
    known = server(1, "192.0.2.1")
    assert {*zookeeper_settings.NAMED.values(), *zookeeper_settings.OWNED.values()} <= set(known)
