"""What each host is left with when all the changes are over."""

from __future__ import annotations

import pytest
import world
from testinfra.host import Host

testinfra_hosts = ["all"]


@pytest.mark.parametrize("unit", world.UNITS)
def test_service_runs_with_what_is_on_its_disk(host: Host, unit: str) -> None:
    shown = host.check_output("systemctl show --property=ActiveState,UnitFileState,NeedDaemonReload %s", unit)
    assert shown.splitlines() == ["ActiveState=active", "UnitFileState=enabled", "NeedDaemonReload=no"]
    service = unit.removesuffix(".service")
    names = {"kafka": ("server.properties", "kafka.env"), "zookeeper": ("zoo.cfg", "zookeeper.env")}[service]
    for name in names:
        started = host.file(f"/run/{service}/{name}")
        assert started.content_string == host.file(f"/etc/{service}/{name}").content_string
        assert (started.user, started.mode) == (service, 0o600)


def test_killed_runs_left_no_half_written_file(host: Host) -> None:
    found = host.check_output(
        "find /etc/kafka /etc/zookeeper /run/kafka /run/zookeeper -name '*.tmp*' -o -name '.*tmp*'"
    )
    assert found == ""
