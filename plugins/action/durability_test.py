# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Begins a durability test that outlives its task, marks events in it, and has it judged."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.barevm.kafka.plugins.module_utils import (
    durability_files,
    durability_options,
    durability_settings,
    durability_tester,
)
from ansible_collections.barevm.kafka.plugins.modules.durability_test import DOCUMENTATION
from ansible_collections.barevm.kafka.plugins.plugin_utils.arguments import checked
from ansible_collections.barevm.kafka.plugins.plugin_utils.supervised import run_child

LIBRARIES = {
    "confluent_kafka": "confluent-kafka",
    "hdrh": "hdrhistogram",
    "kazoo": "kazoo",
    "numpy": "numpy",
    "plotly": "plotly",
}
COLUMNS = ("series", "events", "cluster", "settings")
"""What is for plots: in the result's file and on the page, and left out of what a task prints."""

JUDGED_BY = (
    "ledger",
    "client_properties",
    "reports_dir",
    "expect",
    "title",
    "hold_s",
    "full_isr_timeout_s",
    "read_timeout_s",
    "keep",
)


class ActionModule(ActionBase):
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = checked(self, DOCUMENTATION)
        # What a test makes it removes, and the reports are the controller's: nothing is changed.
        result["changed"] = False
        if wrong := _wrong(given):
            return result | {"failed": True, "msg": f"Nothing was done: {'; '.join(wrong)}."}
        if self._task.check_mode:
            return result | {"msg": _intention(given)}
        for module, library in LIBRARIES.items():
            if importlib.util.find_spec(module) is None:
                return result | {"failed": True, "msg": missing_required_lib(library)}
        return result | {"started": _started, "marked": _marked, "stopped": _stopped}[given["state"]](given)


def _wrong(given: Mapping[str, Any]) -> list[str]:
    if given["state"] == "started":
        return durability_options.contradictions(given)
    if not given["ledger"]:
        return [f"ledger is not set; it is needed for state {given['state']}"]
    if given["state"] == "marked" and not given["what"]:
        return ["what is not set; an event needs some words"]
    if given["state"] == "marked" and not str(given["data"].get("at_ns", 0)).isdecimal():
        return [
            f"data.at_ns is {given['data']['at_ns']!r}; it is a time of the monotonic clock in nanoseconds"
        ]
    return []


def _intention(given: Mapping[str, Any]) -> str:
    if given["state"] == "started":
        return durability_options.intention(given)
    return f"Would have {'marked an event in' if given['state'] == 'marked' else 'judged'} {given['ledger']}."


def _started(given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        # This process's parent is the run; the task's own process ends with the task.
        answer = durability_tester.start(given, os.getppid(), Display().display)
    except durability_tester.NotStarted as error:
        return {"failed": True, "msg": f"The durability test was not begun: {error}."}
    test = answer["test"]
    return {"ledger": answer["ledger"], **{name: test[name] for name in ("topic", "run_id", "started_ns")}}


def _marked(given: Mapping[str, Any]) -> dict[str, Any]:
    folder = Path(given["ledger"])
    # Of a template comes text.
    when = {"at_ns": int(given["data"]["at_ns"])} if "at_ns" in given["data"] else {}
    more = {**given["data"], **when, **({"host": given["host"]} if given["host"] else {})}
    try:
        durability_files.read_test(folder)
        line = durability_files.mark(folder, given["kind"], given["what"], **more)
    except (OSError, ValueError) as error:
        return {"failed": True, "msg": f"The event was not noted: {error}."}
    return {"ledger": given["ledger"], "at_ns": line["at_ns"]}


def _stopped(given: Mapping[str, Any]) -> dict[str, Any]:
    request = {name: given[name] for name in JUDGED_BY}
    limit_s = durability_settings.judging_limit_s(request)
    answer = run_child(Display(), "durability_judging", request, limit_s)
    if "error" in answer:
        return {"failed": True, "msg": f"Nothing was judged: {answer['error']}."}
    document = answer["document"]
    found = {
        "result": document["result"],
        "reasons": document["reasons"],
        "figures": {name: value for name, value in document.items() if name not in COLUMNS},
        "msg": answer["summary"],
        **{name: answer.get(name, "") for name in ("json_path", "html_path", "ledger", "topic")},
    }
    if document["result"] != "PASS" and given["fail_unless_pass"]:
        found["failed"] = True
        found["msg"] = f"{document['result']}: {'; '.join(document['reasons'])} ({answer['json_path']})."
    return found
