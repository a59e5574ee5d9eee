"""Every inventory that is wrong in one way is refused in exactly these words, and no connection is opened."""

from __future__ import annotations

import copy
import re
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import playbooks, static_preflight
from tests.unit.test_preflight_inventory import PLAY, cluster

Given = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Bad:
    """An inventory that is wrong in one way, what is told of it, and a neighbour that is right.

    ``bad`` and ``good`` say what is added to three good hosts: for all (everywhere), or for one (n1, n2).
    """

    name: str
    bad: Given
    host: str
    variable: str
    value: Any
    rule: str
    remedy: str
    good: Given


TABLES = sorted((Path(__file__).parent / "data" / "bad_inventories").glob("*.yml"))
BAD = [Bad(**row) for table in TABLES for row in yaml.safe_load(table.read_text(encoding="utf-8"))]

# A connection that fails loudly, in place of ssh.
RECORDER = '''
DOCUMENTATION = """
name: recorder
short_description: Records that it was asked for
description: Records that it was asked for.
"""
import os
from ansible.plugins.connection import ConnectionBase

class Connection(ConnectionBase):
    transport = "recorder"
    has_pipelining = False

    def _connect(self):
        open(os.environ["CONNECTED"], "a").write("connected\\n")
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        self._connect()
        return 1, b"", b"refused"

    def put_file(self, in_path, out_path):
        self._connect()

    def fetch_file(self, in_path, out_path):
        self._connect()

    def close(self):
        pass
'''


def inventory(given: Given) -> dict[str, Any]:
    """Three hosts that say this beside what they must."""
    hosts = copy.deepcopy(given)
    everywhere = hosts.pop("everywhere", {})
    return cluster(3, everywhere, **hosts)


@pytest.mark.parametrize("row", BAD, ids=lambda row: row.name)
def test_it_is_refused_in_these_words(row: Bad, tmp_path: Path) -> None:
    answer = static_preflight.judge(tmp_path, inventory(row.bad))
    errors = [one for one in answer["findings"] if one["severity"] == "error"]
    assert errors == [
        {
            "host": row.host,
            "variable": row.variable,
            "value": row.value,
            "rule": row.rule,
            "remedy": row.remedy,
            "severity": "error",
        }
    ]
    assert answer["failed"]
    assert answer["msg"] == (
        "The inventory is not right: 1 finding; no host was changed.\n"
        f"  1. {row.host}: {row.variable} = {row.value!r}: {row.rule}. {row.remedy}."
    )


@pytest.mark.parametrize("row", BAD, ids=lambda row: row.name)
def test_its_neighbour_is_accepted(row: Bad, tmp_path: Path) -> None:
    answer = static_preflight.judge(tmp_path, inventory(row.good))
    assert [one for one in answer["findings"] if one["severity"] == "error"] == []
    assert not answer.get("failed")
    assert answer["changed"] is False


def test_the_table_is_as_large_as_it_should_be() -> None:
    # Of rules that name what they found, the words around it count.
    words = {re.sub(r"'[^']*'|\([^)]*\)|[\w-]+(\.[\w-]+)+|\d+", "…", row.rule) for row in BAD}
    assert len(BAD) >= 60
    assert len(words) >= 25
    assert len({row.name for row in BAD}) == len(BAD)
    assert [row.name for row in BAD if row.bad == row.good] == []


def test_a_play_opens_no_connection(tmp_path: Path) -> None:
    """The same by ansible-playbook: the connection that the hosts have is never asked for."""
    (tmp_path / "connections").mkdir()
    (tmp_path / "connections" / "recorder.py").write_text(RECORDER)
    connected = tmp_path / "connected"
    environment = {
        "CONNECTED": str(connected),
        "ANSIBLE_CONNECTION_PLUGINS": str(tmp_path / "connections"),
    }

    def run(given: Given, play: list[dict[str, Any]]) -> playbooks.Run:
        found = inventory(given)
        found["all"]["vars"]["ansible_connection"] = "recorder"
        return playbooks.run(tmp_path, play, found, **environment)

    row = BAD[0]
    assert run(row.bad, PLAY).status == 2
    assert run(row.good, PLAY).status == 0
    assert not connected.exists()
    # It would have been recorded.
    asking = [{**PLAY[0], "tasks": [{"name": "Ask", "ansible.builtin.raw": "true"}]}]
    assert run(row.good, asking).status != 0
    assert connected.exists()


def test_the_guard_holds() -> None:
    with static_preflight.guarded():
        for reaching in (
            lambda: socket.create_connection(("192.0.2.1", 22), timeout=1),
            lambda: socket.getaddrinfo("host.example", 22),
            lambda: subprocess.run(["true"], check=False),
        ):
            with pytest.raises(static_preflight.Connected):
                reaching()
    with pytest.raises(static_preflight.Connected):
        static_preflight.Guard().exec_command("true")
