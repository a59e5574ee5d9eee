# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renders a role's files on the controller and lets one module execution compare and write them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.barevm.kafka.plugins.module_utils import rendering

TEMPLATES = Path(__file__).parents[2] / "templates"


class ActionModule(ActionBase):
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        files = [_sent(entry) for entry in _entries(self._task.args.get("files", []))]
        arguments = {**self._task.args, "files": files}
        result = self._execute_module("barevm.kafka.rendered_files", arguments, task_vars=task_vars)
        result.pop("invocation", None)
        return result


def _entries(files: list[Any]) -> Iterator[dict[str, Any]]:
    """The entries of a task, those that a variable holds as a list among them."""
    for one in files:
        if isinstance(one, list):
            yield from one
        else:
            yield one


def _sent(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry as the module takes it: rendered, without the data it was rendered from."""
    content = base64.b64encode(_text(entry).encode()).decode()
    return {**{key: value for key, value in entry.items() if key != "data"}, "content": content}


def _text(entry: dict[str, Any]) -> str:
    if ("template" in entry) == ("content" in entry):
        raise AnsibleActionFail(f"rendered_files: {entry.get('path')} needs either template or content")
    if "content" in entry:
        return str(entry["content"])
    try:
        return rendering.render(TEMPLATES, entry["template"], entry.get("data", {}))
    except jinja2.TemplateError as error:
        raise AnsibleActionFail(
            f"rendered_files: {entry['path']} from {entry['template']}: {type(error).__name__}: {error}"
        ) from error
