"""The action preflight_inventory in this process, with everything that could open a connection guarded."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

# Any task without arguments will do: the action is made below, without Ansible's search for it.
TASK = {"name": "Judge", "ansible.builtin.ping": {}}


class Connected(AssertionError):
    """Something reached for a host."""


class Guard:
    """Stands where the connection would be; whoever asks it for anything wanted to use it."""

    # Ansible's own part of every action looks whether a folder is still to be made on the host.
    _shell = SimpleNamespace(tmpdir="unused")

    def __getattr__(self, name: str) -> Any:
        raise Connected(f"the connection was asked for {name}")


@contextmanager
def guarded() -> Iterator[None]:
    """Sockets that connect or resolve, and processes that start, fail."""

    def refuse(*arguments: Any, **_options: Any) -> Any:
        raise Connected(f"{arguments}")

    with (
        mock.patch.object(socket.socket, "connect", refuse),
        mock.patch.object(socket.socket, "connect_ex", refuse),
        mock.patch.object(socket, "getaddrinfo", refuse),
        mock.patch.object(subprocess, "Popen", refuse),
    ):
        yield


@contextmanager
def ansible_importing() -> Iterator[None]:
    """Collections are found as in a run; afterwards as before, since the finder is in other tests' way."""
    init_plugin_loader()
    try:
        yield
    finally:
        _AnsibleCollectionFinder._remove()


def judge(folder: Path, inventory: Any) -> dict[str, Any]:
    """What the action says of ``inventory`` (data), judged from ``folder`` without any connection."""
    from ansible_collections.barevm.kafka.plugins.action.preflight_inventory import ActionModule

    source = folder / "hosts.yml"
    source.write_text(yaml.safe_dump(inventory, sort_keys=False))
    with ansible_importing():
        return _judged(ActionModule, folder, source)


def _judged(action_module: type[ActionBase], folder: Path, source: Path) -> dict[str, Any]:
    loader = DataLoader()
    loader.set_basedir(str(folder))
    hosts = InventoryManager(loader=loader, sources=[str(source)])
    variables = VariableManager(loader=loader, inventory=hosts)
    play = Play().load({"name": "Judge", "hosts": "all", "gather_facts": False}, variable_manager=variables)
    task = Task.load(TASK, variable_manager=variables, loader=loader)
    first = hosts.get_hosts()[0]
    given = variables.get_vars(play=play, host=first, task=task)
    given["hostvars"] = HostVars(inventory=hosts, variable_manager=variables, loader=loader)
    action = action_module(
        task=task,
        connection=Guard(),
        play_context=PlayContext(play=play),
        loader=loader,
        templar=Templar(loader=loader, variables=given),
        shared_loader_obj=None,
    )
    with guarded():
        found: dict[str, Any] = action.run(task_vars=given)
    return found
