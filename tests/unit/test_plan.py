"""What a plan says, from hand-made answers of the hosts, the roles and the gate."""

from __future__ import annotations

from unittest import mock

from ansible_collections.barevm.kafka.plugins.module_utils import live_changes, plan_text
from ansible_collections.barevm.kafka.plugins.module_utils.plan import build

from tests.plans import (
    CLUSTER,
    DEFAULTS,
    PROPERTIES,
    RELEASES,
    UNIT,
    both,
    decision,
    gate,
    plan_of,
    state,
    unit,
    waiting,
)


def test_nothing_to_do_is_one_line() -> None:
    plan = plan_of()
    assert plan_text.told(plan, DEFAULTS) == "Plan for cluster lab: nothing to do."
    assert plan_text.summary(plan) == "nothing to do"
    assert plan.reasons == []
    assert plan.as_dict()["restarts"] == []


def test_brokers_that_change_differently_have_blocks_of_their_own() -> None:
    read_only = waiting(queued_max_requests=(None, "600"))
    mixed = waiting("unit: drop-ins", queued_max_requests=(None, "600"), log_retention_ms=("1", "2"))
    live = waiting(log_retention_ms=("1", "2"))
    told = "queued.max.requests waits for its restart: it is read-only"
    plan = plan_of(
        {"k1": mixed, "k2": live, "k3": read_only},
        decisions=[decision("k2", True, "log.retention.ms: 1 -> 2, live"), decision("k3", False, told)],
        gate=gate("k3", "k1"),
    )
    assert plan_text.told(plan, DEFAULTS) == "\n".join(
        (
            "Plan for cluster lab",
            "",
            "k1:",
            f"  {PROPERTIES}:",
            "    queued.max.requests: not set (default 500) -> 600  [at its restart]",
            "    log.retention.ms: 1 -> 2  [at its restart]",
            "  waits for a restart: unit: drop-ins",
            "",
            "k2:",
            f"  {PROPERTIES}:",
            "    log.retention.ms: 1 -> 2  [live, no restart]",
            "",
            "k3:",
            f"  {PROPERTIES}:",
            "    queued.max.requests: not set (default 500) -> 600  [at its restart: it is read-only]",
            "",
            "Restarts, one at a time, in this order:",
            "  1. k3, broker 3 (reason of k3): server.properties: queued.max.requests",
            "  2. k1, broker 1 (reason of k1): unit: drop-ins; "
            "server.properties: queued.max.requests, log.retention.ms",
            "The gate now: passes.",
        )
    )
    assert plan.live == ["k2"]
    assert plan.reasons == []
    assert plan_text.summary(plan) == "3 of 3 hosts change, 2 restarts"


def test_hosts_that_change_alike_are_told_together() -> None:
    change = waiting(queued_max_requests=("500", "600"))
    text = plan_text.told(plan_of({"k1": change, "k3": change}, gate=gate("k3", "k1")), DEFAULTS)
    assert "\nk1, k3:\n" in text
    assert "\nk2: nothing\n" in text
    assert text.count("queued.max.requests: 500 -> 600") == 1


def test_what_several_hosts_share_is_told_once() -> None:
    folder = {"path": "/etc/x", "what": ["created"]}
    shared = {**waiting(queued_max_requests=("500", "600")), "changes": [folder, folder]}
    own = {**waiting(queued_max_requests=("500", "700")), "changes": [folder]}
    plan = plan_of({"k1": shared, "k2": own, "k3": shared}, gate=gate("k1", "k2", "k3"))
    assert plan_text.told(plan, DEFAULTS).split("\n\n")[1:4] == [
        "k1, k2, k3:\n  files:\n    /etc/x: new",
        f"k1, k3:\n  {PROPERTIES}:\n    queued.max.requests: 500 -> 600  [at its restart]",
        f"k2:\n  {PROPERTIES}:\n    queued.max.requests: 500 -> 700  [at its restart]",
    ]


def test_what_the_gate_holds_back_is_told_and_keeps_the_result_from_pass() -> None:
    change = waiting(queued_max_requests=("500", "600"))
    held = "topic a partition 0 has 2 in sync, min.insync.replicas is 2"
    plan = plan_of(
        {"k1": change, "k2": change, "k3": change}, gate=gate("k3", "k2", "k1", k2=[held], k1=[held])
    )
    text = plan_text.told(plan, DEFAULTS)
    assert text.endswith(f"The gate now holds back:\n  k2, broker 2; k1, broker 1:\n    {held}")
    assert plan.reasons == [
        f"k2: broker 2 may not stop now: {held}",
        f"k1: broker 1 may not stop now: {held}",
    ]
    assert [one["passes"] for one in plan.as_dict()["restarts"]] == [True, False, False]
    assert plan_text.summary(plan) == "3 of 3 hosts change, 3 restarts, 2 of them held back by the gate now"


def test_what_is_forced_is_told_and_holds_nothing_back() -> None:
    change = waiting(queued_max_requests=("500", "600"))
    answer = gate("k1", k1=["topic a has one replica"])
    answer["gate"]["k1"]["passes"] = True
    plan = plan_of({"k1": change}, gate=answer)
    text = plan_text.told(plan, DEFAULTS)
    assert plan.reasons == []
    assert "since kafka_roll_force names k1:\n     topic a has one replica\nThe gate now: passes." in text
    assert plan.as_dict()["restarts"][0]["forced"]


def test_what_a_broker_refuses_to_take_live_fails() -> None:
    finding = {"what": "refuses the change of its settings: no", "where": "broker 2 (k2)", "remedy": "Look"}
    change = waiting(log_retention_ms=("1", "2"))
    refused = {"failed": True, "msg": "x", "findings": [finding]}
    plan = plan_of({"k2": change}, decisions=[decision("k2", True)], validated=refused)
    assert plan.result == "FAIL"
    assert plan.reasons == ["broker 2 (k2): refuses the change of its settings: no. Look."]
    assert plan_text.told(plan, DEFAULTS).endswith(f"before it changes what runs:\n  {plan.reasons[0]}")
    skipped = {"skipped": True, "changed": False}
    assert plan_of({"k2": change}, decisions=[decision("k2", True)], validated=skipped).result == "PASS"


def test_why_a_setting_waits_is_what_the_roll_decides() -> None:
    change = waiting(queued_max_requests=("500", "600"))
    broker = live_changes.Candidate(host="k1", id=1, pending=change["pending"])
    entry = {"value": "500", "source": "file"}
    cluster = {"zookeeper": {"connect": "z:1"}, "hosts": {"k1": {"kafka_version": "3.9.2"}}}
    read = {"settings": {"1": {"queued.max.requests": entry}}}
    with mock.patch.object(live_changes, "wanted_settings", return_value={"queued.max.requests": "600"}):
        decided = live_changes.decide([broker], cluster, read, {"k1": {}})
    plan = plan_of({"k1": change}, decisions=decided, gate=gate("k1"))
    (setting,) = plan.hosts["k1"].settings
    assert (setting.effect, bool(setting.reason)) == ("restart", True)


def test_a_gate_that_could_not_be_asked_is_no_pass() -> None:
    change = waiting(queued_max_requests=("500", "600"))
    plan = plan_of({"k2": change, "k1": change}, gate={"failed": True, "msg": "no ZooKeeper"})
    assert plan.reasons == ["the gate could not be asked for kafka: no ZooKeeper"]
    # In no order but that of their ids.
    assert [one.host for one in plan.restarts] == ["k1", "k2"]
    assert "The gate could not be asked for kafka: no ZooKeeper" in plan_text.told(plan, DEFAULTS)


def test_what_a_running_service_has_already_only_comes_back_to_its_file() -> None:
    edited = {
        "changes": [{"path": PROPERTIES, "what": ["content", "mode"], "values": both({"a": ("2", "1")})}],
        "pending": [],
        "pending_values": {},
    }
    text = plan_text.told(plan_of({"k1": edited}), DEFAULTS)
    assert "    a: 2 -> 1\n" in text
    assert f"    {PROPERTIES}: mode\n" in text
    assert text.endswith("No restart.")


def test_a_unit_shows_its_settings_and_a_start_takes_up_all() -> None:
    changed = {
        "changes": [{"path": UNIT, "what": ["content"], "values": both({"Service.LimitNOFILE": ("1", "2")})}],
        "pending": ["unit: definition"],
        "pending_values": {},
    }
    text = plan_text.told(plan_of({"k1": changed}, gate=gate("k1")), DEFAULTS)
    assert f"  {UNIT}:\n    Service.LimitNOFILE: 1 -> 2  [at its restart]\n" in text
    assert "waits" not in text
    # Written by an earlier run: what the unit was is not known any more.
    text = plan_text.told(plan_of({"k1": {**changed, "changes": []}}, gate=gate("k1")), DEFAULTS)
    assert "  waits for a restart: unit: definition\n" in text
    down = state()
    down["units"]["kafka.service"] = unit("failed", "failed")
    plan = plan_of({"k1": {**changed, "pending": []}}, states={"k1": down})
    text = plan_text.told(plan, DEFAULTS)
    assert "Service.LimitNOFILE: 1 -> 2  [at its start]" in text
    assert "    start kafka.service\n" in text
    assert plan.restarts == []


def test_a_bare_host_is_told_all_that_it_lacks() -> None:
    absent = {"active_state": "inactive", "sub_state": "dead", "unit_file_state": ""}
    bare = state(
        java={"": None},
        sysctls={"vm.swappiness": "60"},
        swaps=["/dev/sda2"],
        users={"kafka": None, "zookeeper": {"group": "zookeeper", "shell": "/bin/sh"}},
        releases=dict.fromkeys(RELEASES.values()),
        units=dict.fromkeys(("zookeeper.service", "kafka.service", "transparent-huge-pages.service"), absent),
    )
    created = {
        "changes": [
            {"path": "/etc/kafka", "what": ["created"]},
            {"path": PROPERTIES, "what": ["created"], "values": both({"a": (None, "1"), "b": (None, "1")})},
            *({"path": f"/usr/local/bin/tool{number}", "what": ["created"]} for number in range(6)),
        ],
        "pending": [],
        "pending_values": {},
    }
    plan = plan_of({"k1": created}, states={"k1": bare})
    assert plan.hosts["k1"].steps == {
        "packages": ["install openjdk-17-jre-headless"],
        "accounts": [
            "change zookeeper (group zookeeper, no login)",
            "make kafka (group kafka, no login)",
        ],
        "releases": [
            f"install ZooKeeper 3.9.5 in {RELEASES['zookeeper']}",
            f"install Kafka 3.9.2 in {RELEASES['kafka']}",
        ],
        "kernel": ["vm.swappiness: 60 -> 1", "turn swap off"],
        "files": ["/etc/kafka: new", f"{PROPERTIES}: new (2 settings)", "/usr/local/bin: 6 new"],
        "services": [
            "enable transparent-huge-pages.service",
            "enable and start zookeeper.service",
            "enable and start kafka.service",
        ],
    }
    assert plan.reasons == []
    assert plan.hosts["k1"].settings == []


def test_what_belongs_to_another_kernel_is_no_step() -> None:
    container = state(sysctls={"vm.swappiness": "60"}, fixed_settings=["vm.swappiness"])
    assert plan_of(states={"k1": container}).empty


def test_a_service_that_only_is_not_enabled_is_enabled() -> None:
    disabled = state()
    disabled["units"]["kafka.service"] = unit(enabled="disabled")
    assert plan_of(states={"k1": disabled}).hosts["k1"].steps == {"services": ["enable kafka.service"]}


def test_a_restart_that_this_run_leaves_is_told_as_such() -> None:
    change = waiting(queued_max_requests=("500", "600"))
    plan = build(CLUSTER, {"k1": state()}, {"k1": {"kafka": change}}, {"kafka": []}, [], {}, {})
    text = plan_text.told(plan, DEFAULTS)
    assert "[waits for a restart that this run does not do]" in text
    assert text.endswith("No restart.")


def test_a_role_that_does_not_run_has_nothing_to_tell() -> None:
    """As under a rolling restart, which only restarts and starts."""
    down = state(sysctls={"vm.swappiness": "60"}, users={"kafka": None, "zookeeper": None})
    down["units"]["kafka.service"] = unit("inactive", "dead")
    found = [
        {"host": "k1", "id": 1, "running": False, "pending": []},
        {"host": "k2", "id": 2, "running": True, "pending": ["java: 17 -> 17.0.1"]},
    ]
    plan = build(
        CLUSTER, {"k1": down, "k2": state()}, {}, {"kafka": found}, [], {"kafka": gate("k1", "k2")}, {}
    )
    assert plan_text.told(plan, DEFAULTS) == "\n".join(
        (
            "Plan for cluster lab",
            "",
            "k2:",
            "  waits for a restart: java: 17 -> 17.0.1",
            "",
            "k1: nothing but its restart",
            "",
            "Restarts, one at a time, in this order:",
            "  1. k1, broker 1 (reason of k1): start",
            "  2. k2, broker 2 (reason of k2): java: 17 -> 17.0.1",
            "The gate now: passes.",
        )
    )


def test_long_values_are_cut_in_the_text_and_whole_in_the_figures() -> None:
    long = "x" * 500
    plan = plan_of({"k1": waiting(a_list=("", long))}, gate=gate("k1"))
    assert f"a.list: empty -> {'x' * 119}…" in plan_text.told(plan, DEFAULTS)
    assert plan.as_dict()["hosts"]["k1"]["settings"][0]["after"] == long
    common = "-Da=1 " * 30
    plan = plan_of({"k1": waiting(opts=(f"{common}-Db=1", f"{common}-Db=2"))}, gate=gate("k1"))
    assert "    opts: … -Db=1 -> … -Db=2  [" in plan_text.told(plan, DEFAULTS)


def test_a_default_is_told_where_kafka_has_one() -> None:
    change = waiting(queued_max_requests=("600", None), ssl_key_password=(None, "<hidden>"))
    text = plan_text.told(plan_of({"k1": change}, gate=gate("k1")), {**DEFAULTS, "ssl.key.password": "null"})
    assert "    queued.max.requests: 600 -> not set (default 500)  [" in text
    assert "    ssl.key.password: not set -> <hidden>  [" in text
