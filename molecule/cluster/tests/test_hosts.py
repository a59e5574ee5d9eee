"""What each host runs, as systemd, the kernel and the processes themselves tell it."""

from __future__ import annotations

import re

import playbook
import pytest
from ansible_collections.barevm.kafka.plugins.module_utils.roundtrip import TOPIC
from testinfra.host import Host

testinfra_hosts = ["all"]
UNITS = ("kafka.service", "zookeeper.service")


def shown(host: Host, unit: str, name: str) -> str:
    """A property of a unit as systemd has loaded it."""
    return host.check_output("systemctl show --property=%s --value %s", name, unit)


@pytest.mark.parametrize("unit", UNITS)
def test_service_runs_and_is_enabled(host: Host, unit: str) -> None:
    service = host.service(unit.removesuffix(".service"))
    assert service.is_enabled
    assert service.is_running
    assert shown(host, unit, "NRestarts") == "0"
    assert shown(host, unit, "NeedDaemonReload") == "no"


@pytest.mark.parametrize("unit", UNITS)
def test_unit_is_sound_and_hardened(host: Host, unit: str) -> None:
    verdict = host.run("systemd-analyze verify /etc/systemd/system/%s", unit)
    assert (verdict.rc, verdict.stdout, verdict.stderr) == (0, "", "")
    judged = host.check_output("systemd-analyze security --no-pager %s", unit)
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", judged)
    assert exposure is not None, judged
    assert float(exposure[1]) <= 2.0, judged


def test_broker_outlasts_what_it_waits_for(host: Host) -> None:
    unit = "kafka.service"
    assert shown(host, unit, "Restart") == "on-failure"
    assert shown(host, unit, "RestartUSec") == "30s"
    assert shown(host, unit, "StartLimitIntervalUSec") == "3min 20s"
    assert shown(host, unit, "StartLimitBurst") == "5"
    assert shown(host, unit, "TimeoutStopUSec") == "5min"
    assert shown(host, unit, "OOMScoreAdjust") == "-500"
    assert shown(host, unit, "LimitNOFILE") == "100000"
    assert "143" in shown(host, unit, "SuccessExitStatus")
    assert "zookeeper.service" in shown(host, unit, "Wants").split()
    assert "zookeeper.service" not in shown(host, unit, "Requires").split()
    assert shown(host, unit, "BindsTo") == ""


@pytest.mark.parametrize(("unit", "user"), [("kafka.service", "kafka"), ("zookeeper.service", "zookeeper")])
def test_process_runs_unprivileged_with_the_asked_heap(host: Host, unit: str, user: str) -> None:
    process = host.process.get(pid=int(shown(host, unit, "MainPID")))
    assert process.user == user
    assert ("-Xmx512m" if user == "kafka" else "-Xmx128m") in process.args
    assert "-XX:+ExitOnOutOfMemoryError" in process.args
    assert not host.file(f"/proc/{process.pid}/status").contains("CapEff:.*[1-9a-f]")


def test_secrets_would_be_private(host: Host) -> None:
    for path, user in (("/etc/kafka/server.properties", "kafka"), ("/etc/zookeeper/zoo.cfg", "zookeeper")):
        assert (host.file(path).user, host.file(path).mode) == (user, 0o600)


def test_application_log_is_bounded(host: Host) -> None:
    # A start writes more than a file may hold, so what may be left is left: the log and two rotated ones.
    folder = host.file("/var/log/kafka")
    logs = sorted(name for name in folder.listdir() if name.startswith("server.log"))
    assert logs == ["server.log", "server.log.1", "server.log.2"]
    for name in logs:
        # One message may end beyond the bound of 64 KB, a stack trace long.
        assert 0 < host.file(f"/var/log/kafka/{name}").size < 80_000


def test_kernel_settings_are_in_effect_or_named(host: Host) -> None:
    wanted = dict(
        re.split(r"\s*=\s*", line, maxsplit=1)
        for line in host.check_output("cat /etc/sysctl.d/90-host-tuning.conf").splitlines()
        if line and not line.startswith("#")
    )
    assert {"net.core.rmem_max", "vm.swappiness"} <= set(wanted)
    told = playbook.recorded("converge.yml").said[host.check_output("hostname")]
    for name, value in wanted.items():
        # The lab's hosts share their machine's kernel, which refuses some of these to a container.
        there = host.run("sysctl -n %s", name).stdout.split()
        assert there == value.split() or re.search(rf"{name}\b.*not effective here", told), (
            f"{name} is {there}, asked for {value}, and nobody was told"
        )


@pytest.mark.parametrize("login", ["sudo -i", "sudo -i -u ops", "sudo -u ops sudo"])
def test_tools_know_the_cluster(host: Host, login: str) -> None:
    listed = host.run(f"{login} kafka-topics.sh --list")
    assert listed.rc == 0, listed.stderr
    assert TOPIC in listed.stdout.split()
