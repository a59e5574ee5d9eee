"""up, down, status: what the command line's verbs do."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lab import machine, network, vagrant
from lab.backend import Backend, backend_of, backends_of_leftovers
from lab.errors import LabError
from lab.plan import Host, Plan
from lab.shell import say, wait_until
from lab.state import CHECKOUT, LABS, State, give_to_caller, locked, remove_tree

# For one attempt: emulated hosts take their time to say who they are.
SSH_CONNECT_S = 10


def up(name: str, wishes: dict[str, Any]) -> Plan:
    """Make a lab, or bring one that is there to what it should be: dead hosts started, missing ones added.

    What is begun here and not finished is undone, Ctrl-C included; what was there before stays as it is.

    Args:
        name: the lab's name.
        wishes: the plan's fields that were asked for; the others are as they are, or the defaults.

    Returns:
        The lab as it stands now.

    Raises:
        LabError: it cannot be made here, or not of what is there.
    """
    state = State(name)
    plan = wanted_plan(state, wishes)
    machine.install(machine.host_packages(plan.backend))
    backend = backend_of(state, plan)
    network.refuse_used_range(plan, backend.bridge)
    with locked(state.folder, f"another run that works on lab {name}"):
        fresh = state.plan() is None
        if fresh:
            # No run has got to its end here: what an aborted one left may be another lab's shape.
            remove_leftovers(state)
        new = [host for host in plan.members if not state.host_folder(host.name).is_dir()]
        with ExitStack() as undo:
            if fresh:
                undo.callback(remove_tree, state.folder)
            backend.require_room(new)
            backend.prepare()
            state.make_key()
            if not backend.network_present():
                undo.callback(backend.network_down)
            backend.network_up()
            begun: list[str] = []
            undo.callback(lambda: backend.stop(begun))
            for host in plan.members:
                if host in new:
                    undo.callback(backend.remove, host.name)
            make_hosts(state, backend, plan.members, begun)
            state.save_known_hosts({host: state.host_key(host) for host in plan.members})
            wait_for_ssh(state, plan, backend)
            state.save(plan, backend.variables())
            give_to_caller(state)
            undo.pop_all()
    return plan


def make_hosts(state: State, backend: Backend, hosts: list[Host], begun: list[str]) -> None:
    """Create and boot what is missing.

    Args:
        state: the lab's folder.
        backend: makes them.
        hosts: all that shall run.
        begun: gets the name of each that is booted here, before it is.
    """
    for host in hosts:
        if not state.host_folder(host.name).is_dir():
            with state.new_host(host.name) as part:
                backend.create(host, part)
    asleep = [host for host in hosts if backend.pid(host.name) is None]
    if asleep:
        begun += [host.name for host in asleep]
        backend.start(asleep)
        say(f"  booted {', '.join(begun)}")


def wanted_plan(state: State, wishes: dict[str, Any]) -> Plan:
    """What the lab shall be.

    Raises:
        LabError: a lab of that name is there and is another one; it is never changed under its owner's data.
    """
    there = state.plan()
    if there is None:
        return Plan(name=state.name, **wishes)
    for field, new in wishes.items():
        old = getattr(there, field)
        if old != new and not (field == "hosts" and new > old):
            raise LabError(
                f"lab {state.name} is there with {field} = {old}, and {new} was asked for; that would "
                f"take its data. Keep {field} as it is, or first `{down_command(state.name)}`"
            )
    return dataclasses.replace(there, **wishes)


def down_command(name: str) -> str:
    """What to type to remove a lab."""
    return "make lab-down" if name == Plan().name else f"make lab-down LAB_NAME={name}"


def ssh_command(state: State, plan: Plan, host: Host) -> list[str]:
    """What opens a host, without Ansible."""
    return [
        *("ssh", "-q", "-i", str(state.key), "-o", f'UserKnownHostsFile="{state.known_hosts}"'),
        *("-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes"),
        f"{plan.user}@{host.address}",
    ]


def wait_for_ssh(state: State, plan: Plan, backend: Backend) -> None:
    """Wait until every host lets us in.

    Raises:
        LabError: one did not in time, or ended; the message carries the end of its console.
    """
    waiting = {host.name: host for host in plan.members}

    def pending() -> list[str]:
        for name, host in list(waiting.items()):
            if backend.pid(name) is None:
                raise LabError(
                    f"{name} ended while it booted; the end of its console:\n{state.console(name)}"
                )
            if _answers(host) and _lets_in(state, plan, host):
                del waiting[name]
        return list(waiting)

    slow = wait_until(lambda names: f"SSH on {names}", pending, backend.ssh_limit_s)
    if slow:
        raise LabError(
            f"no SSH on {', '.join(slow)} within {backend.ssh_limit_s:.0f} s; the end of {slow[0]}'s "
            f"console:\n{state.console(slow[0])}"
        )


def _answers(host: Host) -> bool:
    try:
        with socket.create_connection((host.address, 22), timeout=0.3):
            return True
    except OSError:
        return False


def _lets_in(state: State, plan: Plan, host: Host) -> bool:
    # Not before the boot has got to where users may log in (pam_nologin).
    command = ssh_command(state, plan, host)
    options = ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={SSH_CONNECT_S}"]
    done = subprocess.run(
        [command[0], *options, *command[1:], "true"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def remove_leftovers(state: State) -> None:
    """Remove all of a lab but its folder, however it was left."""
    for backend in backends_of_leftovers(state):
        left = backend.names()
        backend.stop(left)
        for name in left:
            backend.remove(name)
        backend.network_down()
    for entry in state.folder.glob("*"):
        remove_tree(entry)


def down(name: str) -> bool:
    """Remove a lab: hosts, bridge, address translation, state. The image cache stays.

    Returns:
        Whether anything of it was there.
    """
    state = State(name)
    plan = state.plan() or Plan()
    machine.install(machine.host_packages(plan.backend))
    if not state.folder.exists() and not any(made.network_present() for made in backends_of_leftovers(state)):
        return False
    with locked(state.folder, f"another run that works on lab {name}"):
        remove_leftovers(state)
        remove_tree(state.folder)
    return True


def kill(name: str, host: str) -> None:
    """Kill one host of a lab as a power cut does: all of its processes at once, nothing shut down.

    Raises:
        LabError: there is no such host, or it does not run.
    """
    state, plan = State(name), existing(name)
    hosts = [member.name for member in plan.members]
    if host not in hosts:
        raise LabError(f"lab {name} has no host {host!r}; it has {', '.join(hosts)}")
    with locked(state.folder, f"another run that works on lab {name}"):
        backend = backend_of(state, plan)
        if backend.pid(host) is None:
            raise LabError(f"{host} does not run; `python3 -m lab up --name {name}` starts it")
        backend.kill([host])


def clean() -> None:
    """Remove every lab of this checkout and all that is made at run time, but no reports."""
    for name in names():
        down(name)
    vagrant.forget()
    for made in (
        ".lab",
        ".venv",
        ".venv-oldest",
        "build",
        ".ansible",
        ".hypothesis",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
    ):
        remove_tree(CHECKOUT / made)


def status(name: str) -> list[str]:
    """A line for each host of a lab, or one that says there is none."""
    state = State(name)
    plan = state.plan()
    if plan is None:
        return [f"lab {name}: not there (`make lab` makes it)"]
    backend = backend_of(state, plan)
    kind = ", ".join([plan.release, plan.backend, *map(str, backend.facts().values())])
    lines = [f"lab {name}: {plan.hosts} hosts ({kind}) in {plan.subnet} on bridge {backend.bridge}"]
    for host in plan.members:
        pid = backend.pid(host.name)
        lines.append(f"  {host.name}  {host.address}  {f'runs, process {pid}' if pid else 'does not run'}")
    return lines


def facts(name: str) -> dict[str, Any]:
    """A lab for programs.

    Raises:
        LabError: it is not there.
    """
    state, plan = State(name), existing(name)
    backend = backend_of(state, plan)
    return (
        plan.as_json()
        | {
            "bridge": backend.bridge,
            "gateway": plan.gateway,
            "key": str(state.key),
            "known_hosts": str(state.known_hosts),
            "inventory": str(inventory_folder(state, plan)),
            "members": [
                {
                    "name": host.name,
                    "address": host.address,
                    "pid": backend.pid(host.name),
                    "interface": backend.interface(host.name),
                }
                for host in plan.members
            ],
        }
        | backend.facts()
    )


def existing(name: str) -> Plan:
    """What a lab is that is there.

    Raises:
        LabError: it is not there.
    """
    plan = State(name).plan()
    if plan is None:
        raise LabError(f"lab {name} is not there; `make lab` makes it")
    return plan


def inventory_folder(state: State, plan: Plan) -> Path:
    """Where the inventory of a lab is: the committed one, where it fits."""
    return CHECKOUT / "inventories" / "lab" if plan.uses_committed_inventory else state.inventory


def names() -> list[str]:
    """The labs of this checkout."""
    return sorted(path.name for path in LABS.glob("[!.]*") if path.is_dir() and path.name != "images")


def how_to_use(plan: Plan) -> list[str]:
    """What to type to work with a lab."""
    state = State(plan.name)
    given = os.path.relpath(inventory_folder(state, plan), CHECKOUT)
    first = plan.members[0]
    return [
        f".venv/bin/ansible-playbook -i {given} site.yml",
        f"ssh -i {os.path.relpath(state.key, CHECKOUT)} -o UserKnownHostsFile="
        f"{os.path.relpath(state.known_hosts, CHECKOUT)} {plan.user}@{first.address}",
        down_command(plan.name),
    ]


def timed_up(name: str, wishes: dict[str, Any], quiet: bool) -> None:
    """`up`, with what it took and, unless `quiet`, what to type next."""
    start = time.monotonic()
    plan = up(name, wishes)
    if quiet:
        return
    say(f"lab {name} is up after {time.monotonic() - start:.1f} s:")
    for host in plan.members:
        say(f"  {host.name}  {host.address}")
    for command in how_to_use(plan):
        say(f"  {command}")
