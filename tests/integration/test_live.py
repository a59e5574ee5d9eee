"""Settings changed on real brokers while they run: files, brokers and notes agree at every step."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import live_changes, live_rules
from ansible_collections.barevm.kafka.plugins.module_utils import setting_definitions as definitions

from tests.integration.cluster import LOOPBACK, ZooKeeper, wait_until
from tests.integration.live_hosts import Hosts


@pytest.fixture(scope="module")
def make_hosts(
    release_of: Callable[[str, str], Path], zookeeper: ZooKeeper, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str, int], Hosts]]:
    made: list[Hosts] = []

    def make(version: str, count: int) -> Hosts:
        folder = tmp_path_factory.mktemp(f"live{version}")
        chroot = f"/live{version.replace('.', '')}"
        made.append(Hosts(folder, release_of("kafka", version), version, zookeeper, count, chroot))
        return made[-1]

    yield make
    for hosts in made:
        for java in hosts.java.values():
            java.stop(hard=True)


@pytest.fixture(scope="module")
def hosts(make_hosts: Callable[[str, int], Hosts]) -> Hosts:
    """Two brokers of 3.9.2; each test leaves them with the default inventory and without overrides."""
    return make_hosts("3.9.2", 2)


def test_a_setting_from_a_to_b_to_c_removed_and_restarted(hosts: Hosts) -> None:
    assert hosts.unlike_their_files() == {}
    pids = hosts.pids()

    hosts.set(
        kafka_num_io_threads=12, kafka_log_retention_hours=24, kafka_properties={"compression.type": "lz4"}
    )
    assert hosts.unlike_their_files() != {}
    seen = hosts.run()
    assert seen.status == 0, seen.output
    assert seen.done == ["n1", "n2"]
    assert "num.io.threads: 8 -> 12" in seen.output
    assert "compression.type: producer -> lz4" in seen.output
    assert "(live, no restart)" in seen.output
    assert hosts.unlike_their_files() == {}
    assert hosts.note()["settings"] == {
        "compression.type": "lz4",
        "log.retention.ms": "86400000",
        "num.io.threads": "12",
    }
    assert (hosts.folder / "n1" / "etc" / "overrides.json").stat().st_mode & 0o777 == 0o600

    seen = hosts.run()  # nothing waits any more, and nothing is asked
    assert seen.waited == {"n1": [], "n2": []}
    assert "changed=0" in seen.output
    assert len(hosts.overrides()["1"]) == 3

    hosts.set(kafka_num_io_threads=16, kafka_log_retention_hours=24)  # compression.type is removed
    seen = hosts.run()
    assert seen.done == ["n1", "n2"], seen.output
    assert "compression.type: lz4 -> producer" in seen.output
    assert hosts.unlike_their_files() == {}
    assert hosts.pids() == pids

    hosts.restart("n1")
    assert hosts.unlike_their_files() == {}
    seen = hosts.run()  # restarted by hand: the note is of an earlier start
    assert seen.status == 0, seen.output
    overrides = hosts.overrides()
    assert overrides["1"] == {}
    assert set(overrides["2"]) == {"compression.type", "log.retention.ms", "num.io.threads"}
    assert hosts.note("n1") == {}
    assert hosts.note("n2")["settings"]["num.io.threads"] == "16"
    assert hosts.unlike_their_files() == {}

    # The file says what it read at its start, so a restart of the last one leaves nothing either.
    hosts.restart("n2")
    hosts.run(restarted=("n2",))
    assert hosts.overrides() == {"1": {}, "2": {}}
    hosts.set(kafka_num_io_threads=8, kafka_log_retention_hours=168)
    assert hosts.run().done == ["n1", "n2"]
    assert hosts.unlike_their_files() == {}


def test_a_mixed_change_waits_and_its_restart_makes_it_right(hosts: Hosts) -> None:
    hosts.set(kafka_num_io_threads=12)
    assert hosts.run().done == ["n1", "n2"]
    # Now an override of ours says 12, and the file says 10 beside something that only a restart brings.
    hosts.set("n1", kafka_num_io_threads=10, kafka_properties={"queued.max.requests": 900})
    seen = hosts.run()
    assert seen.status == 0, seen.output
    assert seen.done == []
    assert "queued.max.requests waits for its restart: Kafka reads it at its start only" in seen.output
    assert hosts.answers()["1"]["num.io.threads"]["value"] == "12"
    hosts.restart("n1")
    # The override outranks the file that was read: this is what the clean-up is for.
    assert set(hosts.unlike_their_files()) == {"1 num.io.threads"}
    seen = hosts.run(restarted=("n1",))
    assert seen.status == 0, seen.output
    assert hosts.unlike_their_files() == {}
    assert hosts.overrides()["1"] == {}
    hosts.set()
    hosts.set(kafka_num_io_threads=8)
    hosts.restart("n1", "n2")
    hosts.run()
    assert hosts.overrides() == {"1": {}, "2": {}}
    assert hosts.unlike_their_files() == {}


def kafka_configs(hosts: Hosts, *arguments: str) -> None:
    """What an operator does by hand."""
    port = hosts.variables["n1"]["kafka_listeners"][0]["port"]
    subprocess.run(
        [
            *("java", "-cp", f"{hosts.release}/libs/*", "kafka.admin.ConfigCommand"),
            *("--bootstrap-server", f"{LOOPBACK}:{port}", "--alter", "--entity-type", "brokers", *arguments),
        ],
        check=True,
        capture_output=True,
    )


def test_what_others_set_is_left_alone_and_told_as_drift(hosts: Hosts) -> None:
    kafka_configs(hosts, "--entity-name", "1", "--add-config", "num.io.threads=9,background.threads=12")
    kafka_configs(hosts, "--entity-default", "--add-config", "log.retention.ms=777000")
    try:
        # A broker takes a change up a moment after it has confirmed it.
        wait_until("both run with it", lambda: [len(held) for held in hosts.overrides().values()] == [3, 1])
        hosts.set(kafka_num_io_threads=12, kafka_log_retention_hours=24)
        seen = hosts.run()
        assert seen.status == 0, seen.output
        assert seen.done == []
        assert (
            "num.io.threads waits for its restart: an override holds it that this collection did not set"
            in seen.output
        )
        assert (
            "log.retention.ms waits for its restart: an override of the cluster default holds it"
            in seen.output
        )
        hosts.restart("n1")
        seen = hosts.run(restarted=("n1",))
        assert seen.status == 0, seen.output
        assert hosts.overrides() == {
            "1": {"num.io.threads": "9", "background.threads": "12", "log.retention.ms": "777000"},
            "2": {"log.retention.ms": "777000"},
        }
        records: dict[str, Any] = {"n1": hosts.note("n1"), "n2": hosts.note("n2")}
        drift = live_changes.drift(hosts.cluster, hosts.ask(), records)
        assert {(one["broker"], one["setting"], one["value"], one["scope"]) for one in drift} == {
            (1, "num.io.threads", "9", "broker"),
            (1, "background.threads", "12", "broker"),
            (1, "log.retention.ms", "777000", "cluster"),
            (2, "log.retention.ms", "777000", "cluster"),
        }
    finally:
        kafka_configs(hosts, "--entity-name", "1", "--delete-config", "num.io.threads,background.threads")
        kafka_configs(hosts, "--entity-default", "--delete-config", "log.retention.ms")
    hosts.set(kafka_num_io_threads=8, kafka_log_retention_hours=168)
    hosts.restart("n1", "n2")
    assert hosts.unlike_their_files() == {}


def test_one_broker_that_refuses_keeps_all_as_they_are(hosts: Hosts) -> None:
    before = hosts.answers()
    changes = {"1": {"num.io.threads": "12"}, "2": {"num.io.threads": "99"}}
    answer = hosts.ask("apply", changes=changes)
    assert answer["failed"] is True
    assert "broker 2 (n2): refuses the change of its settings" in answer["msg"]
    assert "No broker's settings were changed" in answer["msg"]
    assert hosts.answers() == before
    changes["2"]["num.io.threads"] = "12"
    assert hosts.ask("validate", changes=changes)["altered"]["2"]["num.io.threads"] == {
        "from": "8",
        "to": "12",
    }
    assert hosts.answers() == before


def test_killed_between_the_change_and_the_copy(hosts: Hosts) -> None:
    hosts.set(kafka_num_io_threads=12)
    seen = hosts.run("--check")
    assert seen.done == ["n1", "n2"], seen.output
    assert hosts.overrides() == {"1": {}, "2": {}}
    assert hosts.note() == {}
    # What a run has done that noted and changed and came no further.
    started = json.loads((hosts.folder / "seen.json").read_text())["read"]["n1"]["started"]["kafka.service"]
    for host in ("n1", "n2"):
        note = {"settings": {"num.io.threads": "12"}, "before": {}, "started": started}
        (hosts.folder / host / "etc" / "overrides.json").write_text(json.dumps(note))
    assert hosts.ask("apply", changes={str(i): {"num.io.threads": "12"} for i in (1, 2)})["changed"] is True
    seen = hosts.run()
    assert seen.status == 0, seen.output
    assert seen.done == ["n1", "n2"]
    assert "num.io.threads: 12 already (live, no restart)" in seen.output
    assert hosts.run().waited == {"n1": [], "n2": []}
    assert hosts.note()["settings"] == {"num.io.threads": "12"}
    hosts.set(kafka_num_io_threads=8)
    assert hosts.run().done == ["n1", "n2"]


def test_the_older_line(make_hosts: Callable[[str, int], Hosts]) -> None:
    hosts = make_hosts("2.6.0", 1)
    assert hosts.unlike_their_files() == {}
    hosts.set(kafka_num_io_threads=12, kafka_log_retention_hours=24)
    seen = hosts.run()
    assert seen.done == ["n1"], seen.output
    assert hosts.unlike_their_files() == {}
    hosts.restart("n1")
    assert hosts.run().status == 0
    assert hosts.overrides() == {"1": {}}
    assert hosts.unlike_their_files() == {}
    takes_all_of_the_list(hosts)


def test_brokers_take_everything_on_the_list(hosts: Hosts) -> None:
    takes_all_of_the_list(hosts)


OTHER = {"compression.type": "lz4", "log.message.timestamp.type": "LogAppendTime", "log.preallocate": "true"}
OTHER["max.connections.per.ip.overrides"] = "192.0.2.9:5"


def takes_all_of_the_list(hosts: Hosts) -> None:
    """Validated one by one, so that one that Kafka refuses has a name."""
    _, known = definitions.load(hosts.version)
    answers = hosts.answers()["1"]
    for name, rule in live_rules.LIVE.items():
        if name not in known:
            continue
        now = answers[name]["value"]
        wanted = OTHER.get(name) or (
            "0.25" if known[name].type == "double" else "2" if rule.pool else "1000000"
        )
        if rule.pool:
            wanted = str(int(now) * 2)
        answer = hosts.ask("validate", changes={"1": {name: wanted}})
        assert not answer.get("failed"), answer
