"""What faults leave on the scenario's hosts, looked for by the host's own tools."""

from __future__ import annotations

import os
from functools import cache

import cluster_client
from testinfra.host import Host
from testinfra.utils.ansible_runner import AnsibleRunner

ADDRESSES = {"chaos1": "192.168.25.20", "chaos2": "192.168.25.21", "chaos3": "192.168.25.22"}
HOSTS = tuple(ADDRESSES)
CONNECT = ",".join(f"{address}:2181" for address in ADDRESSES.values()) + "/kafka"

TRACES = {
    "rules": "nft list tables | grep barevm",
    "timer": "systemctl list-units --all --plain --no-legend 'barevm*'",
    "drop-in": "find /run/systemd /etc/systemd -path '*.service.d/*' | grep barevm",
    "filler": "find /srv/kafka -maxdepth 2 -name '.barevm*'",
    "notes": "find /run -maxdepth 1 -name 'barevm*'",
    "stopped process": "ps -eo stat=,comm= | grep '^T'",
}
"""Each kind of trace, and what prints something where there is one."""


@cache  # Each runner asks ansible-inventory anew, for seconds on a busy machine.
def host(name: str) -> Host:
    """A host of the scenario."""
    return AnsibleRunner(os.environ["MOLECULE_INVENTORY_FILE"]).get_host(name)


def of(name: str) -> set[str]:
    """The kinds of traces that there are on a host."""
    return {kind for kind, command in TRACES.items() if host(name).run(command).stdout.strip()}


def await_nothing(*names: str) -> None:
    """Wait until there is no trace on these hosts: systemd forgets a unit a moment after its end."""
    cluster_client.wait_until(f"no trace on {', '.join(names)}", lambda: not any(map(of, names)), 60)


def processes() -> dict[str, str]:
    """Each broker's main process, 0 where it is down."""
    command = "systemctl show --property=MainPID --value kafka.service"
    return {name: host(name).check_output(command) for name in HOSTS}


def await_brokers() -> None:
    """Wait until all are registered."""
    cluster_client.wait_until(
        "every broker registered", lambda: len(cluster_client.registrations(CONNECT)) == len(HOSTS)
    )


def elapse(name: str) -> None:
    """Start what the host's undo timer starts, and wait for its end."""
    timers = host(name).check_output("systemctl list-units --plain --no-legend --type=timer 'barevm*'")
    unit = timers.split()[0].removesuffix(".timer") + ".service"
    host(name).run("systemctl start --wait %s", unit)
