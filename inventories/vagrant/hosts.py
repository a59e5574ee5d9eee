#!/usr/bin/env python3
"""The hosts of `vagrant up` as an inventory: the same environment, so the same hosts (docs/vagrant.md).

A host that is not up stays in the inventory: a cluster of three is never taken for one of two.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
# No bytecode that root owns in somebody's checkout.
sys.dont_write_bytecode = True

from lab.errors import LabError  # noqa: E402
from lab.plan import Host, Plan  # noqa: E402

STATE = Path(os.environ.get("VAGRANT_DOTFILE_PATH") or ROOT / ".vagrant")
NUMBERS = {"LAB_HOSTS": "hosts", "LAB_FIRST": "first"}
TEXTS = {"LAB_SUBNET": "subnet", "LAB_PREFIX": "prefix"}


def plan() -> Plan:
    """What the environment asks for.

    Raises:
        LabError: it asks for something that cannot be.
    """
    wishes: dict[str, Any] = {}
    for variable, field in {**NUMBERS, **TEXTS}.items():
        given = os.environ.get(variable, "")
        if given and variable in NUMBERS and not given.isdigit():
            raise LabError(f"{variable}={given}: give a whole number")
        if given:
            wishes[field] = int(given) if variable in NUMBERS else given
    return Plan(name="vagrant", backend="vagrant", user="vagrant", **wishes)


def folder(host: Host) -> Path | None:
    """Where Vagrant keeps what belongs to a host that is up; None where it is not."""
    found = sorted((STATE / "machines" / host.name).glob("*/known_hosts"))
    return found[0].parent if found else None


def login(host: Host) -> dict[str, str]:
    """How a host is reached: with the key that Vagrant made for it, its own key checked."""
    kept = folder(host)
    if kept is None:
        words = (
            f"{host.name} is not up: run `vagrant up` first, with the same LAB_HOSTS, LAB_SUBNET, LAB_PREFIX"
        )
        return {"ansible_ssh_private_key_file": f"{{{{ undef(hint={words!r}) }}}}"}
    return {
        "ansible_ssh_private_key_file": str(kept / "private_key"),
        "ansible_ssh_common_args": (
            f"-o StrictHostKeyChecking=yes -o UserKnownHostsFile='\"{kept / 'known_hosts'}\"' "
            "-o IdentitiesOnly=yes -o ServerAliveInterval=10 -o ServerAliveCountMax=3"
        ),
    }


def emulated(host: Host) -> bool:
    """Whether a host's processor is a program; the Vagrantfile has kept which it is."""
    kept = folder(host)
    return kept is not None and (kept / "driver").is_file() and (kept / "driver").read_text() == "qemu"


def inventory(wanted: Plan) -> dict[str, Any]:
    """The inventory as Ansible reads it from a program."""
    servers = {host.name for host in wanted.ensemble}
    variables = {
        host.name: {
            "ansible_host": host.address,
            "kafka_broker_id": host.number,
            **({"zookeeper_id": host.number} if host.name in servers else {}),
            **login(host),
        }
        for host in wanted.members
    }
    names = list(variables)
    return {
        "_meta": {"hostvars": variables},
        "all": {
            "hosts": names,
            "vars": {"ansible_user": "vagrant", "ansible_become": True, **wanted.settings()},
        },
        **{group: {"hosts": [host.name for host in hosts]} for group, hosts in wanted.groups.items()},
        "emulated": {"hosts": [host.name for host in wanted.members if emulated(host)]},
    }


def main() -> int:
    """Print the inventory.

    Returns:
        0; 1 where the environment asks for something that cannot be.
    """
    try:
        print(json.dumps(inventory(plan()), indent=2))
    except LabError as error:
        print(f"inventories/vagrant: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
