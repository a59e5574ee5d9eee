"""The units of both services: what they compute, and what systemd itself says of them."""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import service_units

from tests import playbooks

ROLES = playbooks.ROOT / "roles"
UNIT: dict[str, dict[str, Any]] = {
    "Unit": {"Description": "A service", "After": "network-online.target"},
    "Service": {"ExecStartPre": "/bin/true", "ExecStart": "/bin/sleep 1", "ReadWritePaths": ["/a", "/b"]},
}
NEEDS_SYSTEMD = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)


@pytest.mark.parametrize(
    ("session_ms", "connection_ms", "tick_ms", "delay_s"),
    [
        (18000, 18000, 2000, 30),
        (60000, 60000, 3000, 67),
        # A broker that gives up on ZooKeeper at once must wait longer to stay below the start limit.
        (18000, 1000, 2000, 40),
        (4000, 0, 2000, 41),
        (40000, 6000, 2000, 45),
        # ansible-core 2.18 hands over text.
        ("18000", "18000", "2000", 30),
    ],
)
def test_restart_delay(session_ms: int, connection_ms: int, tick_ms: int, delay_s: int) -> None:
    assert service_units.restart_delay_s(session_ms, connection_ms, tick_ms) == delay_s


@pytest.mark.parametrize("session_ms", [4000, 6000, 18000, 30000, 40000, 120000])
@pytest.mark.parametrize("connection_ms", [0, 999, 1000, 6000, 18000, 60000])
def test_a_broker_outlasts_its_session_and_never_reaches_the_start_limit(
    session_ms: int, connection_ms: int
) -> None:
    delay_s = service_units.restart_delay_s(session_ms, connection_ms, 2000)
    assert delay_s >= 30
    assert delay_s * 1000 > session_ms
    # systemd.unit(5), StartLimitIntervalSec=: the sixth start must come after the interval of the first.
    sixth_start_s = service_units.START_LIMIT_BURST * (delay_s + connection_ms / 1000)
    assert sixth_start_s > service_units.START_LIMIT_INTERVAL_S


def test_a_broker_that_cannot_start_is_given_up() -> None:
    """With the defaults, one that dies at once reaches the limit, so that systemd says it failed."""
    delay_s = service_units.restart_delay_s(18000, 18000, 2000)
    assert service_units.START_LIMIT_BURST * delay_s < service_units.START_LIMIT_INTERVAL_S


def test_values_are_written_as_systemd_reads_them() -> None:
    assert service_units.values(True) == ["yes"]
    assert service_units.values(False) == ["no"]
    assert service_units.values("") == [""]
    assert service_units.values(30) == ["30"]
    assert service_units.values(["/a", ["/b", True]]) == ["/a", "/b", "yes"]


def test_hardening_leaves_what_the_unit_says() -> None:
    before = copy.deepcopy(UNIT)
    hardened = service_units.hardened({**UNIT, "Service": {**UNIT["Service"], "PrivateTmp": False}})
    assert hardened["Service"]["PrivateTmp"] is False
    assert hardened["Service"]["ProtectSystem"] == "strict"
    assert hardened["Unit"] == UNIT["Unit"]
    # A JVM compiles at run time.
    assert "MemoryDenyWriteExecute" not in hardened["Service"]
    assert before == UNIT


def digest(unit: dict[str, dict[str, Any]]) -> str:
    last = service_units.with_digest(unit, "/run/x")["Service"]["ExecStartPre"][-1]
    found = re.fullmatch(r"/bin/sh -c 'echo ([0-9a-f]{64}) >/run/x/unit'", last)
    assert found, last
    return found.group(1)


def test_the_digest_is_stable_and_every_value_counts() -> None:
    first = digest(UNIT)
    assert digest(copy.deepcopy(UNIT)) == first
    # A number is written as its text is, and the two ansible-core lines disagree on which it is.
    assert digest({"Service": {"RestartSec": 30}}) == digest({"Service": {"RestartSec": "30"}})
    others = []
    for section, body in UNIT.items():
        for key in body:
            changed = copy.deepcopy(UNIT)
            changed[section][key] = "changed"
            others.append(digest(changed))
            del changed[section][key]
            others.append(digest(changed))
    others.append(digest({**UNIT, "Install": {"WantedBy": "multi-user.target"}}))
    others.append(digest({**UNIT, "Service": {**UNIT["Service"], "ReadWritePaths": ["/b", "/a"]}}))
    assert len({first, *others}) == len(others) + 1


def test_the_digest_carries_the_release() -> None:
    command = "/usr/bin/java -cp /opt/kafka/kafka_2.13-3.9.2/libs/* kafka.Kafka /run/x/server.properties"
    unit = service_units.with_digest({"Service": {"ExecStart": command}}, "/run/x")
    last = unit["Service"]["ExecStartPre"][-1]
    assert re.fullmatch(r"/bin/sh -c 'echo [0-9a-f]{64} /opt/kafka/kafka_2.13-3.9.2 >/run/x/unit'", last)


def test_the_digest_is_written_after_what_was_there_and_changes_nothing_else() -> None:
    before = copy.deepcopy(UNIT)
    unit = service_units.with_digest(UNIT, "/run/x")
    assert unit["Service"]["ExecStartPre"][0] == "/bin/true"
    assert len(unit["Service"]["ExecStartPre"]) == 4
    assert {**unit["Service"], "ExecStartPre": "/bin/true"} == UNIT["Service"]
    assert before == UNIT


def test_a_service_that_loses_while_it_starts_writes_its_digest_afterwards() -> None:
    before = copy.deepcopy(UNIT)
    unit = service_units.with_digest_after(UNIT, "/run/x")
    [line] = unit["Service"].pop("ExecStartPost")
    assert unit == UNIT == before
    assert re.fullmatch(r"-/bin/sh -c 'echo [0-9a-f]{64} >/run/x/unit'", line)
    other = {**UNIT, "Service": {**UNIT["Service"], "ExecStart": "/bin/sleep 2"}}
    assert service_units.with_digest_after(other, "/run/x")["Service"]["ExecStartPost"] != [line]


@pytest.fixture(scope="session")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both units as the roles write them, from the roles' own variables."""
    work, target = tmp_path_factory.mktemp("units"), tmp_path_factory.mktemp("systemd")
    java = target / "java"
    (java / "bin").mkdir(parents=True)
    (java / "bin/java").symlink_to("/bin/true")
    files = [
        {
            "path": str(target / f"{name}.service"),
            "template": "systemd_unit.j2",
            "data": {
                "sections": f"{{{{ _{name}_unit | barevm.kafka.hardened"
                f" | barevm.kafka.with_digest('/run/{name}') }}}}"
            },
            "owner": "{{ lookup('ansible.builtin.pipe', 'id -un') }}",
            "group": "{{ lookup('ansible.builtin.pipe', 'id -gn') }}",
        }
        for name in ("zookeeper", "kafka")
    ]
    files.append(
        files[0]
        | {
            "path": str(target / "client.properties"),
            "template": "properties.j2",
            "data": {"settings": "{{ _kafka_client_properties }}"},
        }
    )
    play = {
        "name": "Render the units",
        "hosts": "kafka",
        "gather_facts": False,
        "vars_files": [
            str(ROLES / role / part / "main.yml")
            for part in ("defaults", "vars")
            for role in ("zookeeper", "kafka")
        ],
        "tasks": [
            {"name": "Resolve", "barevm.kafka.preflight_inventory": None, "register": "preflight_cluster"},
            {"name": "Write", "barevm.kafka.rendered_files": {"files": files}},
        ],
    }
    host = {
        "zookeeper_id": 1,
        "kafka_broker_id": 1,
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "java_runtime_home": str(java),
        "kafka_advertised_address": "192.0.2.1",
        "kafka_listeners": [
            {"name": "CLIENTS", "protocol": "SASL_PLAINTEXT", "port": 9093},
            {"name": "BROKERS", "protocol": "PLAINTEXT", "port": 9092},
        ],
        "kafka_inter_broker_listener": "BROKERS",
        "kafka_default_replication_factor": 1,
        "kafka_min_insync_replicas": 1,
        "kafka_offsets_topic_replication_factor": 1,
        "kafka_transaction_state_log_replication_factor": 1,
        "kafka_transaction_state_log_min_isr": 1,
    }
    group = {"hosts": {"one": host}}
    # The play's own files outrank the inventory, and the command line outranks both.
    disks = '{"kafka_log_dirs": ["/srv/disk1/kafka", "/srv/disk2/kafka"]}'
    run = playbooks.run(
        work, [play], {"all": {"children": {"zookeeper": group, "kafka": group}}}, "-e", disks
    )
    assert run.status == 0, run.printed
    return target


def settings(unit: Path) -> list[str]:
    return unit.read_text().splitlines()


def test_the_broker_waits_for_zookeeper_but_is_not_bound_to_it(units: Path) -> None:
    lines = settings(units / "kafka.service")
    assert "Wants=network-online.target zookeeper.service" in lines
    assert "After=network-online.target zookeeper.service" in lines
    assert not [line for line in lines if line.startswith(("Requires=", "BindsTo=", "PartOf="))]


def test_the_units_carry_what_was_promised(units: Path) -> None:
    broker, server = settings(units / "kafka.service"), settings(units / "zookeeper.service")
    for line in (
        "Restart=on-failure",
        "RestartSec=30",
        "StartLimitIntervalSec=200",
        "StartLimitBurst=5",
        "OOMScoreAdjust=-500",
        "LimitNOFILE=100000",
        "TimeoutStopSec=300",
        "SuccessExitStatus=143",
        "ReadWritePaths=/srv/disk1/kafka",
        "ReadWritePaths=/srv/disk2/kafka",
        "ReadWritePaths=/var/log/kafka",
        "WantedBy=multi-user.target",
        "User=kafka",
    ):
        assert line in broker
    for line in (
        "Restart=on-failure",
        "WantedBy=multi-user.target",
        "User=zookeeper",
        "SuccessExitStatus=143",
    ):
        assert line in server
    for lines in (broker, server):
        assert not [line for line in lines if line.startswith("MemoryDenyWriteExecute")]
        assert sum(line.startswith("ExecStartPre=/bin/sh -c 'echo ") for line in lines) == 1


def test_the_tools_speak_the_protocol_of_the_listener_that_they_are_given(units: Path) -> None:
    lines = settings(units / "client.properties")
    assert {"bootstrap.servers=192.0.2.1:9092", "security.protocol=PLAINTEXT"} <= set(lines)


@NEEDS_SYSTEMD
@pytest.mark.parametrize("name", ["zookeeper", "kafka"])
def test_systemd_finds_nothing_wrong(units: Path, name: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(units / f"{name}.service")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"},
    )
    # What other units of this machine get wrong is not ours.
    said = [
        line for line in done.stderr.splitlines() if str(units) in line or line.startswith(f"{name}.service")
    ]
    assert said == []
    assert done.returncode == 0, done.stderr


@NEEDS_SYSTEMD
@pytest.mark.parametrize("name", ["zookeeper", "kafka"])
def test_the_sandbox_is_rated_two_or_better(units: Path, name: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(units / f"{name}.service")],
        capture_output=True,
        text=True,
        check=True,
    )
    rated = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert rated, done.stdout
    assert float(rated.group(1)) <= 2.0, done.stdout
