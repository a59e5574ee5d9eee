# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a verb, or a playbook, as a child of this run, and says how it ended."""

from __future__ import annotations

import difflib
import json
import os
import sys
from pathlib import Path
from typing import Any

from ansible import constants, context
from ansible.plugins.action import ActionBase
from ansible.utils.color import ANSIBLE_COLOR
from ansible.utils.display import Display
from ansible_collections.barevm.kafka.plugins.module_utils import durability_files
from ansible_collections.barevm.kafka.plugins.modules.operation import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils import command_line
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked
from ansible_collections.barevm.kafka.plugins.plugin_utils.supervised import run_child

COLLECTION = "barevm.kafka"
PLAYBOOKS = Path(__file__).absolute().parents[2] / "playbooks"
CALLBACK = "barevm.kafka.durability_events"
LEDGER = "BAREVM_KAFKA_LEDGER"
TO_END_S = 30.0
"""What the child's end may take on top of its time."""


class ActionModule(ActionBase):
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = checked(self, DOCUMENTATION)
        playbook, wrong = _playbook(given["verb"], given["playbook"])
        if wrong:
            return result | {"failed": True, "msg": f"Nothing was run: {wrong}."}
        more = [f"--extra-vars={json.dumps(given['extra_vars'])}"] if given["extra_vars"] else []
        command = [*command_line.arguments(context.CLIARGS), *more, playbook]
        result |= {"changed": False, "name": given["verb"] or Path(given["playbook"]).stem}
        if self._task.check_mode:
            # What was given with -e may be a secret, and was typed by whoever reads this.
            return result | {"msg": f"Would run {playbook} with this run's inventory and options."}
        prefix = given["prefix"] or f"{result['name']} | "
        answer = run_child(
            Display(),
            "operation",
            {
                # Not the script beside this Python, which an installation may not have.
                "command": [sys.executable, "-m", "ansible", "playbook", *command],
                "folder": os.getcwd(),
                "environment": _environment(given["ledger"]),
                "secrets": self._typed(),
                "prefix": prefix,
                "timeout_s": given["timeout_s"],
            },
            given["timeout_s"] + TO_END_S,
        )
        if given["ledger"] and (answer["rc"] or answer["timed_out"]):
            answer["last_words"] = _failure(Path(given["ledger"]), answer) or answer["last_words"]
        # Said in so many words: Ansible takes a status that is not 0 for a failure of the task.
        result |= {"failed": False, "msg": _told(result["name"], answer, given["timeout_s"])}
        return result | answer

    def _typed(self) -> str:
        """What was asked for when this run began."""
        secrets = getattr(getattr(self._loader, "_vault", None), "secrets", None) or []
        vault = {name or "default": secret.bytes.decode() for name, secret in secrets if secret.bytes}
        return command_line.typed(
            context.CLIARGS, self._play_context.password, self._play_context.become_pass, vault
        )


def _playbook(verb: str, playbook: str) -> tuple[str, str]:
    """What ansible-playbook calls it, and an empty text; or what is wrong with it."""
    if bool(verb) == bool(playbook):
        return "", "give either a verb or a playbook"
    if playbook:
        # A path as the shell's, from where the command was given; or a playbook of a collection.
        path = Path(playbook).expanduser().absolute()
        if path.is_file():
            return str(path), ""
        if playbook.count(".") >= 2 and "/" not in playbook:
            return playbook, ""
        return "", f"there is no playbook {path}"
    verbs = sorted(path.stem for path in PLAYBOOKS.glob("*.yml"))
    if verb in verbs:
        return f"{COLLECTION}.{verb}", ""
    near = difflib.get_close_matches(verb, verbs, n=2, cutoff=0.5)
    meant = f", did you mean {' or '.join(near)}?" if near else "."
    return "", f"{verb} is no verb{meant} There are {', '.join(verbs)}; any other playbook goes by its path"


def _environment(ledger: str) -> dict[str, str]:
    found = {"PYTHONUNBUFFERED": "1"}
    if ANSIBLE_COLOR:
        found["ANSIBLE_FORCE_COLOR"] = "1"
    if ledger:
        # The user's own stay enabled.
        enabled = [*constants.config.get_config_value("CALLBACKS_ENABLED"), CALLBACK]
        found |= {LEDGER: ledger, "ANSIBLE_CALLBACKS_ENABLED": ",".join(map(str, dict.fromkeys(enabled)))}
    return found


def _failure(ledger: Path, answer: dict[str, Any]) -> str:
    """The last failure that its callback told, which says the task as well."""
    failures = [
        event
        for event in durability_files.lines(ledger / durability_files.EVENTS)
        if event.get("failed") and event["at_ns"] >= answer["began_ns"]
    ]
    return f"{failures[-1]['host']}: {failures[-1]['what']}".removeprefix(": ") if failures else ""


def _told(name: str, answer: dict[str, Any], timeout_s: float) -> str:
    took = f"after {answer['seconds']:.1f} s"
    if answer["timed_out"]:
        return f"{name} was not done after {timeout_s:g} s and was ended: {answer['last_words']}"
    if answer["rc"]:
        return f"{name} ended with {answer['rc']} {took}: {answer['last_words']}"
    return f"{name} ended with 0 {took}"
