"""What a UDP test refuses before a datagram is sent, and what it will do."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import udp_plan

GROUPS = {"syslog_ingest": ["zkkafka1", "zkkafka2"]}
HOSTS = ["zkkafka1", "zkkafka2", "zkkafka3"]


def asked(**changed: Any) -> dict[str, Any]:
    return {
        "host": "zkkafka1",
        "address": "192.0.2.20",
        "port": 514,
        "rates": [5000.0, 1000.0],
        "duration_s": 5.0,
        "size": 512,
        "max_datagrams": 100_000,
        "profiles": ["untuned", "tuned"],
        "settle_s": 60.0,
        "read_limit_s": 60.0,
        **changed,
    }


def test_what_is_right_is_not_refused() -> None:
    assert udp_plan.wrong(asked(), GROUPS, HOSTS, "controller") == []
    assert udp_plan.wrong(asked(port=None), GROUPS, HOSTS, "controller") == [], "not known yet"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"host": "zkkafka9"}, "udp_test_host is zkkafka9; it takes a host of group syslog_ingest: zkkafka1"),
        ({"port": 0}, "syslog_ingest_udp_port of zkkafka1 is 0"),
        ({"rates": []}, "udp_test_rates is []"),
        ({"rates": [1000, 0]}, "udp_test_rates is [1000, 0]"),
        ({"rates": [2_000_000]}, "up to 1,000,000"),
        ({"rates": [0.05], "duration_s": 5}, "one of them is no whole datagram in udp_test_duration_s (5)"),
        ({"rates": [float("nan")]}, "udp_test_rates is [nan]"),
        ({"profiles": ["tuned", "tuned"]}, "udp_test_profiles is ['tuned', 'tuned']"),
        ({"duration_s": 61}, "udp_test_duration_s is 61; it takes more than 0 and up to 60 seconds"),
        ({"duration_s": 0}, "udp_test_duration_s is 0"),
        ({"size": 65508}, "udp_test_size is 65508"),
        ({"size": 20}, "udp_test_size is 20"),
        ({"profiles": ["best"]}, "udp_test_profiles is ['best']"),
        ({"profiles": []}, "udp_test_profiles is []"),
        ({"settle_s": 0}, "udp_test_settle_s is 0"),
        ({"max_datagrams": 63_999}, "64,000 datagrams would be sent, more than udp_test_max_datagrams"),
    ],
)
def test_what_is_refused_names_variable_value_and_remedy(changed: dict[str, Any], words: str) -> None:
    found = udp_plan.wrong(asked(**changed), GROUPS, HOSTS, "controller")
    assert len(found) == 1, found
    assert words in found[0]


@pytest.mark.parametrize("groups", [{}, {"syslog_ingest": []}])
def test_a_group_without_a_host(groups: dict[str, list[str]]) -> None:
    assert udp_plan.wrong(asked(host=""), groups, HOSTS, "controller") == [
        "the inventory's group syslog_ingest has no host; put the host that receives syslog in it, and run "
        "syslog_ingest.yml"
    ]


def test_the_limit_is_of_all_steps_together() -> None:
    most = udp_plan.datagrams(asked())
    assert most == 2 * (2000 + 5 * 5000 + 5 * 1000)
    assert udp_plan.wrong(asked(max_datagrams=most), GROUPS, HOSTS, "controller") == []
    planned = sum(one["rate_per_s"] * one["duration_s"] for one in udp_plan.steps(asked()))
    assert planned == most


def test_steps_go_from_the_lowest_rate_to_the_highest_in_each_profile() -> None:
    found = udp_plan.steps(asked())
    assert [one["name"] for one in found] == [
        "untuned, warming up",
        "untuned, 1,000/s",
        "untuned, 5,000/s",
        "tuned, warming up",
        "tuned, 1,000/s",
        "tuned, 5,000/s",
    ]
    assert [one["number"] for one in found] == list(range(6))
    assert [one["warm_up"] for one in found] == [True, False, False] * 2


def test_a_host_is_not_put_back_in_the_middle_of_a_profile() -> None:
    longest = 3 * (2 * 5 + 60 + 60)
    assert udp_plan.undo_after_s(asked()) > longest


def test_a_datagram_above_the_mtu_is_warned_of() -> None:
    assert udp_plan.warnings(1472, 1500) == []
    assert "as 2 packets, for the way's MTU is 1500" in udp_plan.warnings(1473, 1500)[0]
    assert udp_plan.warnings(1000, 1500, 1000) == []
    assert "at syslog_ingest_max_message_bytes (1000)" in udp_plan.warnings(1001, 1500, 1000)[0]
    assert len(udp_plan.warnings(1473, 1500, 1000)) == 2


def test_a_limit_without_the_host_to_measure_is_refused() -> None:
    """The play that measures would have no host then, and the run would end as if all were well."""
    [refused] = udp_plan.wrong(asked(), GROUPS, ["zkkafka2"], "controller")
    assert refused.startswith("--limit leaves out zkkafka1")
