"""What becomes of each broker whose settings wait, and which overrides are drift."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import (
    applied_settings,
    cluster_model,
    live_changes,
    live_settings,
)

from tests.described import together

PATH = "/etc/kafka/server.properties"
Entries = dict[str, tuple[str | None, str]]


def cluster(**variables: Any) -> dict[str, Any]:
    groups, hosts = together(2, n1=variables)
    return {**cluster_model.build(groups, hosts), "hosts": hosts}


def answered(entries: Entries, broker: str = "1") -> dict[str, Any]:
    told = {name: {"value": value, "source": source} for name, (value, source) in entries.items()}
    return {"settings": {broker: told}, "unanswered": {}}


def decide(
    pending: list[str], entries: Entries, record: dict[str, Any] | None = None, **variables: Any
) -> dict[str, Any]:
    candidates: list[live_changes.Candidate] = [{"host": "n1", "id": 1, "pending": pending}]
    states = {"n1": {"overrides": record or {}}}
    (found,) = live_changes.decide(candidates, cluster(**variables), answered(entries), states)
    return found


def test_what_waits_is_told_from_what_is_no_setting() -> None:
    names = live_changes.waiting_settings
    assert names([f"{PATH}: num.io.threads", f"{PATH}: a: b"]) == ["num.io.threads", "a: b"]
    assert names([]) is None
    for other in (
        "/etc/kafka/log4j.properties: content",
        "/etc/kafka/kafka.env: KAFKA_OPTS",
        "unit: definition",
        "java: 11 -> 17",
    ):
        assert names([f"{PATH}: num.io.threads", other]) is None
    candidates: list[live_changes.Candidate] = [
        {"host": "n1", "id": 1, "pending": [f"{PATH}: num.io.threads"]},
        {"host": "n2", "id": 2, "pending": ["unit: definition"]},
    ]
    assert live_changes.settings_to_read(candidates) == {"1": ["num.io.threads"]}


def test_all_of_a_broker_or_nothing() -> None:
    found = decide([f"{PATH}: num.io.threads"], {"num.io.threads": ("8", "file")}, kafka_num_io_threads=12)
    assert (found["live"], found["set"]) == (True, {"num.io.threads": "12"})
    assert live_changes.told([found]) == ["broker 1 (n1): num.io.threads: 8 -> 12 (live, no restart)"]
    found = decide(
        [f"{PATH}: num.io.threads", f"{PATH}: queued.max.requests"],
        {"num.io.threads": ("8", "file"), "queued.max.requests": ("500", "default")},
        kafka_num_io_threads=12,
        kafka_properties={"queued.max.requests": 900},
    )
    assert found["live"] is False
    assert live_changes.told([found]) == [
        "broker 1 (n1): num.io.threads: 8 -> 12; queued.max.requests waits for its restart: "
        "Kafka reads it at its start only"
    ]


def test_comments_are_nothing_to_restart_for() -> None:
    found = decide([f"{PATH}: content"], {})
    assert (found["live"], found["names"], found["set"]) == (True, [], {})
    assert found["told"] == ["only comments of server.properties differ, or the order of its lines"]


def test_what_is_removed_falls_to_kafkas_default() -> None:
    found = decide([f"{PATH}: compression.type"], {"compression.type": ("lz4", "file")})
    assert (found["live"], found["set"]) == (True, {"compression.type": "producer"})
    found = decide([f"{PATH}: log.roll.ms"], {"log.roll.ms": ("5000", "file")})
    assert found["live"] is False


def test_what_runs_with_its_value_already_is_not_set() -> None:
    entries: Entries = {"num.io.threads": ("8", "default"), "queued.max.requests": ("500", "default")}
    found = decide([f"{PATH}: num.io.threads", f"{PATH}: queued.max.requests"], entries)
    assert (found["live"], found["set"]) == (True, {})
    assert found["told"] == ["num.io.threads: 8 already", "queued.max.requests: 500 already"]


@pytest.mark.parametrize("source", ["broker", "cluster"])
@pytest.mark.parametrize("value", ["10", "12"])
def test_what_others_hold_is_left_to_them(source: str, value: str) -> None:
    entries: Entries = {"num.io.threads": (value, source)}
    found = decide(
        [f"{PATH}: num.io.threads"], entries, {"settings": {"num.io.threads": "9"}}, kafka_num_io_threads=12
    )
    assert found["live"] is False
    assert (
        "which this collection does not" in found["told"][0]
        or "that this collection did not" in found["told"][0]
    )


def test_our_own_override_is_set_anew() -> None:
    own = {"settings": {"num.io.threads": "10"}, "started": "x"}
    found = decide(
        [f"{PATH}: num.io.threads"], {"num.io.threads": ("10", "broker")}, own, kafka_num_io_threads=12
    )
    assert found["set"] == {"num.io.threads": "12"}
    # Killed after the note, before the broker had it: what it holds is still ours.
    noted = applied_settings.noted(own, {"num.io.threads": "12"}, "x")
    found = decide(
        [f"{PATH}: num.io.threads"], {"num.io.threads": ("10", "broker")}, noted, kafka_num_io_threads=12
    )
    assert found["live"] is True
    # Killed after the broker had it: noted and taken over once more.
    found = decide(
        [f"{PATH}: num.io.threads"], {"num.io.threads": ("12", "broker")}, noted, kafka_num_io_threads=12
    )
    assert (found["live"], found["set"]) == (True, {"num.io.threads": "12"})
    assert found["told"] == ["num.io.threads: 12 already"]


def test_a_broker_that_was_not_asked_waits() -> None:
    candidates: list[live_changes.Candidate] = [
        {"host": "n1", "id": 1, "pending": [f"{PATH}: num.io.threads"]}
    ]
    read = {"settings": {}, "unanswered": {"1": live_settings.NO_LISTENER}}
    (found,) = live_changes.decide(candidates, cluster(), read, {"n1": {}})
    assert found["live"] is False
    assert "there is no listener that a client could use" in found["told"][0]
    # One that does not know the setting either.
    assert decide([f"{PATH}: num.io.threads"], {})["live"] is False


def test_overrides_are_outlived_by_the_next_start_and_not_before() -> None:
    record = {"settings": {"num.io.threads": "12"}, "before": {"num.io.threads": ["10"]}, "started": "boot:1"}
    assert live_changes.outlived(record, "boot:1") == {}
    assert live_changes.outlived(record, "") == {}
    assert live_changes.outlived(record, "boot:2") == {"num.io.threads": ["12", "10"]}
    state = {"overrides": record, "started": {"kafka.service": "boot:1"}}
    assert not live_changes.may_be_outlived(state, restarted=False)
    assert live_changes.may_be_outlived(state, restarted=True)
    assert live_changes.may_be_outlived(state | {"started": {"kafka.service": "boot:2"}}, restarted=False)
    assert not live_changes.may_be_outlived({"overrides": {}, "started": {}}, restarted=True)
    answers = {"n1": {"overrides": record, "started": "boot:2"}, "n2": {"skipped": True}}
    assert live_changes.outlived_on(answers, cluster()) == {"1": {"num.io.threads": ["12", "10"]}}


def test_the_note_is_merged_told_done_and_forgotten() -> None:
    noted = applied_settings.noted({}, {"a": "1"}, "s1")
    assert noted == {"settings": {"a": "1"}, "before": {}, "started": "s1"}
    noted = applied_settings.noted(applied_settings.applied(noted), {"a": "2", "b": "1"}, "s1")
    assert noted == {"settings": {"a": "2", "b": "1"}, "before": {"a": ["1"]}, "started": "s1"}
    # Noted twice, since the first run was killed: the oldest may still be what the broker has.
    assert applied_settings.noted(noted, {"a": "2"}, "s1")["before"] == {"a": ["1"]}
    assert applied_settings.noted(noted, {"a": "3"}, "s1")["before"] == {"a": ["1", "2"]}
    assert applied_settings.noted(noted, {"a": "1"}, "s1")["before"] == {"a": ["2"]}
    done = applied_settings.applied(noted)
    assert done == {"settings": {"a": "2", "b": "1"}, "started": "s1"}
    assert applied_settings.forgotten(done, ["a"])["settings"] == {"b": "1"}
    assert applied_settings.forgotten(done, ["a", "b"]) == {}


def test_only_what_differs_is_done() -> None:
    held: live_settings.Settings = {
        "1": {
            "a": {"value": "1", "source": "broker"},
            "b": {"value": "2", "source": "file"},
            "c": {"value": "3", "source": "broker"},
            "d": {"value": "4", "source": "cluster"},
        }
    }
    operations = live_settings.operations
    assert operations(held, {"1": {"a": "1"}}, {}) == {}
    # The same value from the file is no override: a file may change, an override stays.
    assert operations(held, {"1": {"a": "2", "b": "2"}}, {}) == {"1": {"a": "2", "b": "2"}}
    removals = {"1": {"a": ["0", "1"], "b": ["2"], "c": ["9"], "d": ["4"], "e": ["5"]}}
    assert operations(held, {}, removals) == {"1": {"a": None}}


def test_drift_is_what_no_file_says() -> None:
    read = answered(
        {
            "num.io.threads": ("12", "broker"),
            "log.retention.ms": ("1000", "cluster"),
            "num.network.threads": ("3", "broker"),
            "background.threads": ("20", "broker"),
            "leader.replication.throttled.rate": ("1000", "broker"),
            "ssl.keystore.password": (None, "broker"),
        }
    )
    record = {"settings": {"num.io.threads": "12"}, "started": "x"}
    found = live_changes.drift(cluster(kafka_num_io_threads=12), read, {"n1": record, "n2": {}})
    assert {(one["setting"], one["value"], one["inventory"], one["scope"]) for one in found} == {
        ("log.retention.ms", "1000", "604800000", "cluster"),
        # It agrees with the file today, and outranks it tomorrow.
        ("num.network.threads", "3", "3", "broker"),
        ("background.threads", "20", None, "broker"),
        ("ssl.keystore.password", "<hidden>", None, "broker"),
    }
    told = live_changes.drift_told(found)
    assert told[1].startswith(
        "drift: broker 1 (n1): an override of the cluster default sets log.retention.ms to 1000, "
        "the inventory says 604800000; it outranks the file, and is left alone"
    )
    assert live_changes.drift(cluster(), read, {}) == []  # hosts that were not looked at


def test_our_own_override_is_drift_once_the_file_says_otherwise() -> None:
    read = answered({"num.io.threads": ("12", "broker")})
    record = {"settings": {"num.io.threads": "12"}, "started": "x"}
    (one,) = live_changes.drift(cluster(kafka_num_io_threads=10), read, {"n1": record})
    assert one["own"] is True
    (told,) = live_changes.drift_told([one])
    assert told.endswith("site.yml deletes it after the next restart")


def test_the_same_drift_everywhere_is_told_once() -> None:
    read = answered({"num.io.threads": ("12", "cluster")})
    read["settings"]["2"] = read["settings"]["1"]
    told = live_changes.drift_told(live_changes.drift(cluster(), read, {"n1": {}, "n2": {}}))
    assert len(told) == 1
    assert "brokers 1 (n1), 2 (n2)" in told[0]
