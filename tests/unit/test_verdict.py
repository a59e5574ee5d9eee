"""How verify judges hosts, and brings everything to one result."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import cluster_model, verdict

from tests.described import together

RUNNING: dict[str, Any] = {
    "load_state": "loaded",
    "active_state": "active",
    "sub_state": "running",
    "unit_file_state": "enabled",
    "need_daemon_reload": False,
    "main_pid": 42,
    "result": "success",
    "exec_main_status": 0,
    "n_restarts": 0,
}
PRODUCTS = {"kafka.service": "the broker"}


def judge(unit: dict[str, Any], journal: str = "", pending: list[str] | None = None) -> verdict.Verdict:
    state = {"units": {"kafka.service": RUNNING | unit}, "pending": {"kafka.service": pending}}
    found = verdict.Verdict()
    verdict.judge_host("zkkafka2", state, {"kafka.service": journal}, found, PRODUCTS)
    return found


def test_a_syslog_ingest_that_does_not_run_is_found_where_it_was_made() -> None:
    def reasons(**unit: Any) -> list[str]:
        found = verdict.Verdict()
        state = {"units": {cluster_model.SYSLOG_UNIT: RUNNING | unit}}
        verdict.judge_host("in1", state, {}, found, PRODUCTS)
        assert verdict.not_running(state) == [cluster_model.SYSLOG_UNIT] * len(found.reasons)
        return found.reasons

    assert reasons() == reasons(load_state="not-found", active_state="inactive") == []
    assert reasons(active_state="inactive") == [
        "in1: syslog-ingest.service is inactive: it was stopped. "
        "`systemctl start syslog-ingest.service`, or run syslog_ingest.yml."
    ]


def test_a_service_that_runs() -> None:
    found = judge({}, pending=[])
    assert found.reasons == found.notes == []


def test_a_process_that_a_signal_holds_is_named_though_systemd_calls_it_running() -> None:
    found = verdict.Verdict()
    for stopped in (False, True):
        state = {"units": {"kafka.service": RUNNING}, "processes": {"kafka.service": {"stopped": stopped}}}
        verdict.judge_host("zkkafka2", state, {}, found, PRODUCTS)
    assert found.reasons == [
        "zkkafka2: kafka.service runs, but a signal has stopped its process (SIGSTOP), so it does nothing. "
        "`systemctl kill --signal=CONT kafka.service`, unless a debugger or chaos run holds it."
    ]


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        (
            {"active_state": "inactive", "sub_state": "dead"},
            "zkkafka2: kafka.service is inactive: it was stopped. "
            "`systemctl start kafka.service`, or run site.yml.",
        ),
        (
            {"active_state": "failed", "result": "exit-code", "exec_main_status": 1},
            "zkkafka2: kafka.service has failed: result exit-code, exit status 1",
        ),
        (
            {
                "active_state": "activating",
                "sub_state": "auto-restart",
                "n_restarts": 3,
                "result": "exit-code",
                "exec_main_status": 1,
            },
            "zkkafka2: kafka.service cannot start, or does not stay up: restarts 3, result exit-code, "
            "exit status 1",
        ),
        (
            {"load_state": "not-found", "active_state": "inactive"},
            "zkkafka2: kafka.service is not installed. Run site.yml for this host.",
        ),
        ({"unit_file_state": "disabled"}, "zkkafka2: kafka.service runs but is disabled."),
    ],
)
def test_a_service_that_is_not_right(unit: dict[str, Any], said: str) -> None:
    (reason,) = judge(unit).reasons
    assert reason.startswith(said)


def test_what_a_failed_service_said_is_quoted() -> None:
    journal = """
Started kafka.service - Apache Kafka broker 2.
ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)
java.lang.IllegalArgumentException: requirement failed: advertised.listeners cannot use 0.0.0.0.
    at scala.Predef$.require(Predef.scala:337)
kafka.service: Main process exited, code=exited, status=1/FAILURE
"""
    (reason,) = judge(
        {"active_state": "failed", "result": "exit-code", "exec_main_status": 1}, journal
    ).reasons
    assert 'said "java.lang.IllegalArgumentException: requirement failed: advertised.listeners' in reason


@pytest.mark.parametrize(
    ("journal", "said"),
    [
        ("", ""),
        ("one\nERROR no space left\ntwo", "ERROR no space left"),
        ("one\ntwo\n", "two"),
    ],
)
def test_last_words(journal: str, said: str) -> None:
    assert verdict.last_words(journal) == said


def test_a_log_directory_that_is_offline_is_a_finding() -> None:
    found = verdict.Verdict()
    applied = {"kafka.service": {"offline": ["/data/b"]}, "zookeeper.service": None}
    state = {"units": {"kafka.service": RUNNING}, "applied": applied}
    verdict.judge_host("zkkafka2", state, {}, found, PRODUCTS)
    (reason,) = found.reasons
    assert reason.startswith("zkkafka2: log directory /data/b is offline: the broker has given it up.")


def test_a_pending_restart_and_a_past_one_are_notes() -> None:
    found = judge({"n_restarts": 2}, pending=["server.properties: num.io.threads"])
    assert found.reasons == []
    assert found.notes == [
        "zkkafka2: kafka.service was restarted by systemd 2 times",
        "zkkafka2: restart pending: the broker does not run with server.properties: num.io.threads",
    ]


def test_a_service_that_starts_is_waited_for_and_one_in_a_loop_is_not() -> None:
    starting = RUNNING | {"active_state": "activating", "sub_state": "start-pre"}
    looping = RUNNING | {"active_state": "activating", "sub_state": "auto-restart", "n_restarts": 1}
    assert verdict.not_running({"units": {"a": starting, "b": looping, "c": RUNNING}}) == ["b"]
    assert verdict.not_running({"unreachable": True}) == []


def test_drift_is_kept_and_no_finding() -> None:
    found = verdict.Verdict()
    cluster: dict[str, Any] = {"kafka": {"brokers": []}}
    assert verdict.judge_drift(cluster, {}, {"skipped": True}, found) == []
    assert found.figures["drift"] is None
    assert found.notes == []
    assert verdict.judge_drift(cluster, {}, {"failed": True, "msg": "no route"}, found) == []
    assert found.notes.pop() == "the brokers' overrides could not be read: no route"
    groups, hosts = together(1)
    cluster = {**cluster_model.build(groups, hosts), "hosts": hosts}
    read = {
        "settings": {"1": {"num.io.threads": {"value": "9", "source": "broker"}}},
        "unanswered": {"2": "timed out"},
    }
    (told,) = verdict.judge_drift(cluster, {"n1": {"overrides": {}}, "n2": {"msg": "no"}}, read, found)
    assert "an override sets num.io.threads to 9, the inventory says 8" in told
    assert [one["setting"] for one in found.figures["drift"]] == ["num.io.threads"]
    assert found.notes == ["broker 2: its overrides could not be read: timed out"]
    assert found.reasons == []


def test_nothing_installed_means_looked_at_and_absent() -> None:
    absent = {"units": {"kafka.service": RUNNING | {"load_state": "not-found"}}}
    assert verdict.nothing_installed({"a": absent, "b": absent})
    assert not verdict.nothing_installed({"a": absent, "b": {"units": {"kafka.service": RUNNING}}})
    assert not verdict.nothing_installed({"a": absent, "b": {"unreachable": True}})
    # A host that only takes syslog in has none of them to be absent.
    assert verdict.nothing_installed({"a": absent, "b": {"units": {}}})
    assert not verdict.nothing_installed({"b": {"units": {}}})
    # Nor does an ingest make hosts a cluster.
    assert verdict.nothing_installed({"a": absent, "b": {"units": {cluster_model.SYSLOG_UNIT: RUNNING}}})


def test_every_part_is_judged_whatever_the_others_say() -> None:
    finding = {"what": "it is wrong", "where": "there", "remedy": "Do this"}
    ensemble = {"findings": [finding], "servers": [], "leader": "", "serving": 0, "quorum_margin": -2}
    found = verdict.judge(
        {"zkkafka1": {"unreachable": True, "msg": "timed out."}},
        {},
        {
            "ensemble": ensemble,
            "registration": {"failed": True, "msg": "Failed to import the required Python library (kazoo)"},
            "records": {"skipped": True},
            "topics": {"msg": "no", "failed": True},
        },
        {},
    )
    assert found.reasons == [
        "zkkafka1: could not be looked at: timed out. "
        "See that the host is up, and that SSH, become and Python work there.",
        "there: it is wrong. Do this.",
        "registration: could not be asked: Failed to import the required Python library (kazoo). "
        "See that the controller, or verify_probe_host, can run the module.",
        "topics: could not be asked: no. See that the controller, or verify_probe_host, can run the module.",
    ]
    assert found.figures["ensemble"]["quorum_margin"] == -2
    assert "registration" not in found.figures
