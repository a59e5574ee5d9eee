"""What each host is left with when everything is over."""

from __future__ import annotations

import left
import pytest
from testinfra.host import Host

testinfra_hosts = ["all"]


@pytest.mark.parametrize("unit", ["kafka.service", "zookeeper.service"])
def test_service_runs_as_its_own_file_says(host: Host, unit: str) -> None:
    shown = host.check_output(
        "systemctl show --property=ActiveState,UnitFileState,NeedDaemonReload,DropInPaths,Restart %s", unit
    )
    assert set(shown.splitlines()) == {
        *("ActiveState=active", "UnitFileState=enabled", "NeedDaemonReload=no", "DropInPaths="),
        "Restart=on-failure",
    }
    process = host.check_output("systemctl show --property=MainPID --value %s", unit)
    assert host.check_output("ps -o stat= -p %s", process)[0] != "T"


def test_no_trace_of_a_fault(host: Host) -> None:
    assert left.of(host.check_output("hostname")) == set()
