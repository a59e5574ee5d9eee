"""zoo.cfg held to our definition of it: each rule with a bad ensemble, and its good neighbours."""

from __future__ import annotations

from typing import Any

import pytest

from tests import judged
from tests.described import together

NETTY = "org.apache.zookeeper.server.NettyServerCnxnFactory"


def ensemble(given: dict[str, Any], **variables: Any) -> Any:
    """Three hosts whose servers are alike."""
    return together(everywhere={**variables, "zookeeper_properties": given})


BAD: list[tuple[dict[str, Any], dict[str, Any], str, Any, str, str]] = [
    # given, variables, setting, value, rule, remedy
    ({"snapCont": 9}, {}, "snapCont", 9, "ZooKeeper 3.9.5 has no such setting", "Write snapCount if that"),
    ({"zookeeper.snapCount": 9}, {}, "zookeeper.snapCount", 9, "has no such setting", "Write snapCount if"),
    ({"zzz.yyy": 9}, {}, "zzz.yyy", 9, "has no such setting", "If something reads it"),
    ({"jute.maxbuffer": 9}, {}, "jute.maxbuffer", 9, "a system property alone", "-Djute.maxbuffer=…"),
    ({"server.4": "a:1:2"}, {}, "server.4", "a:1:2", "made from the group zookeeper", "Leave it out"),
    ({"dynamicConfigFile": "/x"}, {}, "dynamicConfigFile", "/x", "would come from that file", "Leave it"),
    ({"reconfigEnabled": True}, {}, "reconfigEnabled", True, "would rewrite zoo.cfg", "change the group"),
    ({"peerType": "observer"}, {}, "peerType", "observer", "every server of the group", "Leave it out"),
    ({"snapCount": "many"}, {}, "snapCount", "many", "snapCount is a whole number", "Correct it"),
    ({"snapCount": 1}, {}, "snapCount", 1, "snapCount is at least 2", "Correct it"),
    ({"quorumListenOnAllIPs": "yes"}, {}, "quorumListenOnAllIPs", "yes", "is true or false", "Correct it"),
    ({"forceSync": True}, {}, "forceSync", True, "is one of yes, no", "Correct it"),
    ({"electionAlg": 1}, {}, "electionAlg", 1, "electionAlg is at least 3", "Correct it"),
    ({"ssl.clientAuth": "must"}, {}, "ssl.clientAuth", "must", "is one of none, want, need", "Correct it"),
    ({"maxSessionTimeout": 3000}, {}, "maxSessionTimeout", 3000, "the least session time-out (4000)", ""),
    (
        {"secureClientPort": 2182, "ssl.keyStore.location": "/k"},
        {},
        "secureClientPort",
        2182,
        "TLS needs ZooKeeper's Netty connections",
        NETTY,
    ),
    (
        {"secureClientPort": 2182, "serverCnxnFactory": NETTY},
        {},
        "secureClientPort",
        2182,
        "a port with TLS needs a key",
        "ssl.keyStore.location",
    ),
    ({"sslQuorum": True}, {}, "sslQuorum", True, "need a key", "ssl.quorum.keyStore.location"),
    (
        {"quorum.auth.serverRequireSasl": True, "quorum.auth.enableSasl": True},
        {},
        "quorum.auth.serverRequireSasl",
        True,
        "servers would ask for what",
        "learnerRequireSasl to true",
    ),
    ({"4lw.commands.whitelist": "ruok"}, {}, "4lw.commands.whitelist", "ruok", "srvr and mntr", "Add srvr"),
    (
        {"admin.serverPort": 2888},
        {"zookeeper_admin_server_enable": True},
        "admin.serverPort",
        2888,
        "zookeeper_peer_port has this port too",
        "Choose another",
    ),
]


@pytest.mark.parametrize(
    ("given", "variables", "name", "value", "rule", "remedy"),
    [pytest.param(*row, id=f"{row[2]} {row[4]}") for row in BAD],
)
def test_what_is_wrong_is_named_and_nothing_else(
    given: dict[str, Any], variables: dict[str, Any], name: str, value: Any, rule: str, remedy: str
) -> None:
    found = judged.errors(ensemble(given, **variables))
    assert [(one.host, one.variable, one.value) for one in found] == [
        (host, f"zookeeper_properties[{name}]", value) for host in ("n1", "n2", "n3")
    ]
    assert rule in found[0].rule
    assert remedy in found[0].remedy


@pytest.mark.parametrize(
    ("variables", "name", "value", "rule"),
    [
        ({"zookeeper_sync_limit": 11}, "zookeeper_sync_limit", 11, "syncLimit is above initLimit (10)"),
        ({"zookeeper_init_limit": 0}, "zookeeper_init_limit", 0, "initLimit is at least 1"),
        (
            {"zookeeper_autopurge_snap_retain_count": 2},
            "zookeeper_autopurge_snap_retain_count",
            2,
            "autopurge.snapRetainCount is at least 3",
        ),
        ({"zookeeper_max_client_cnxns": -1}, "zookeeper_max_client_cnxns", -1, "is at least 0"),
        (
            {"zookeeper_four_letter_words": ["srvr"]},
            "zookeeper_four_letter_words",
            ["srvr"],
            "mntr would not be answered",
        ),
    ],
)
def test_variables_are_held_to_it_too(variables: dict[str, Any], name: str, value: Any, rule: str) -> None:
    found = judged.errors(together(everywhere=variables))
    assert {(one.variable, str(one.value)) for one in found if rule in one.rule} == {(name, str(value))}


def test_servers_that_differ_are_told() -> None:
    judged.refused(
        together(n1={"zookeeper_init_limit": 20}),
        [("group zookeeper", "zookeeper_init_limit", ["20", "10"], "initLimit must be the same everywhere")],
    )
    judged.refused(
        together(n3={"zookeeper_properties": {"maxSessionTimeout": 60000}}),
        [
            (
                "group zookeeper",
                "zookeeper_properties[maxSessionTimeout]",
                ["", "60000"],
                "'' on n1, n2; '60000' on n3",
            )
        ],
    )


@pytest.mark.parametrize(
    "given",
    [
        {"snapCount": 2, "preAllocSize": 65536, "maxCnxns": 0},
        {"minSessionTimeout": 4000, "maxSessionTimeout": 60000},
        {"minSessionTimeout": -1},
        {"authProvider.sasl": "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"},
        {"metricsProvider.className": "x.PrometheusMetricsProvider", "metricsProvider.httpPort": 7000},
        {"quorum.auth.enableSasl": True, "quorum.auth.learnerRequireSasl": True}
        | {"quorum.auth.serverRequireSasl": True},
        {"secureClientPort": 2182, "serverCnxnFactory": NETTY, "ssl.keyStore.location": "/k"},
        {"sslQuorum": True, "ssl.quorum.keyStore.location": "/k"},
        {"group.1": "1:2:3", "weight.1": 1},
        {"4lw.commands.whitelist": "*"},
        {"admin.serverPort": 8081, "forceSync": "yes", "reconfigEnabled": False, "peerType": "participant"},
        {"fsync.warningthresholdms": 500, "snapshot.compression.method": "gz"},
        {"enforceQuota": True, "ssl.keyStore.passwordPath": "/etc/zookeeper/pass"},
        {"db.autocreate": False},
    ],
)
def test_what_zookeeper_takes_is_accepted(given: dict[str, Any]) -> None:
    judged.accepted(ensemble(given))


def test_an_unknown_name_may_be_allowed() -> None:
    judged.accepted(ensemble({"my.plugin": 1}, zookeeper_allow_unknown_properties=["my.plugin"]))


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"forceSync": "no"}, "zookeeper_properties[forceSync]"),
        ({"skipACL": "yes"}, "zookeeper_properties[skipACL]"),
        ({"autopurge.purgeInterval": 0}, "zookeeper_properties[autopurge.purgeInterval]"),
    ],
)
def test_what_is_unwise_is_a_warning(given: dict[str, Any], name: str) -> None:
    judged.warned(ensemble(given), [(host, name, "") for host in ("n1", "n2", "n3")])
