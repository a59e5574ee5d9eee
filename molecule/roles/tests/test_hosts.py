"""What host_tuning and java left on each host, as the host answers."""

from __future__ import annotations

from testinfra.host import Host

testinfra_hosts = ["all"]


def test_java_runs(host: Host) -> None:
    assert 'openjdk version "17' in host.run("java -version").stderr


def test_transparent_huge_pages_are_set_at_boot(host: Host) -> None:
    unit = "transparent-huge-pages.service"
    assert host.check_output("systemctl is-enabled %s", unit) == "enabled"
    assert host.check_output("systemd-analyze verify /etc/systemd/system/%s 2>&1", unit) == ""


def test_a_boot_sets_the_kernel_again(host: Host) -> None:
    # One that a network namespace has for itself, so a container may set it.
    name = "net.ipv4.tcp_max_syn_backlog"
    assert host.check_output("sysctl -n %s", name) == "4096"
    host.check_output("sysctl -w %s=128", name)
    host.run("systemctl restart systemd-sysctl.service")
    assert host.check_output("sysctl -n %s", name) == "4096"
