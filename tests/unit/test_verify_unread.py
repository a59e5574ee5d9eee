"""verify of hosts that SSH does not reach: findings like all others, and none of them waited for."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.filter.verify import hosts_without

from tests import playbooks
from tests.described import UNREPLICATED

RUNNING = {"active_state": "active"}
STOPPED = {"active_state": "inactive"}


def closed_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_host_without_an_answer_is_not_waited_for() -> None:
    states: dict[str, Any] = {
        "n1": {"units": {"kafka.service": RUNNING}},
        "n2": {"units": {"kafka.service": STOPPED}},
        "n3": {"unreachable": True, "msg": "timed out"},
    }
    assert hosts_without(states, "kafka.service") == ["n2", "n3"]


def test_a_host_that_cannot_be_reached_is_a_finding(tmp_path: Path) -> None:
    inventory = {
        "all": {
            "vars": {
                # In the place of a host that is down: SSH ends at once.
                "ansible_ssh_common_args": "-o ProxyCommand=false -o ControlPath=none",
                "ansible_become": False,
                "ansible_host": "127.0.0.1",
                "zookeeper_id": 1,
                "zookeeper_client_port": closed_port(),
                "kafka_broker_id": 1,
                "kafka_listeners": [{"name": "PLAINTEXT", "port": closed_port()}],
                "kafka_reports_dir": str(tmp_path / "reports"),
                **UNREPLICATED,
            },
            "children": {"zookeeper": {"hosts": {"n1": {}}}, "kafka": {"hosts": {"n1": {}}}},
        }
    }
    play = [{"name": "Prove", "ansible.builtin.import_playbook": "barevm.kafka.verify"}]
    run = playbooks.run(tmp_path, play, inventory)
    assert run.status == 2, run.printed
    written = json.loads((tmp_path / "reports/verify.json").read_text())
    assert written["result"] == "FAIL"
    told = [f"{one['where']}: {one['what']}" for one in written["findings"]]
    assert told[0].startswith("n1: could not be looked at: ")
    assert any("does not answer" in one for one in told)
    assert written["host"] == []
    assert written["duration_s"] < 60, "what is known to be down was waited for"
