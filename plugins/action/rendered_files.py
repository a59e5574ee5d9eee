# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renders a role's files on the controller and lets one module execution compare and write them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import jinja2
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.barevm.kafka.plugins.module_utils import properties, rendering

TEMPLATES = Path(__file__).parents[2] / "templates"


class ActionModule(ActionBase):
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        files = {entry["path"]: entry for entry in self._task.args.get("files", [])}
        texts = {path: self._text(entry) for path, entry in files.items()}
        arguments = {
            "directories": self._task.args.get("directories", []),
            "links": self._task.args.get("links", []),
            "files": [
                {
                    **{
                        key: entry[key]
                        for key in ("path", "owner", "group", "mode", "started")
                        if key in entry
                    },
                    "content": base64.b64encode(texts[path].encode()).decode(),
                }
                for path, entry in files.items()
            ],
        }
        result = self._execute_module("barevm.kafka.rendered_files", arguments, task_vars=task_vars)
        result.pop("invocation", None)
        if result.get("failed"):
            return result
        before, started = _decoded(result.pop("before")), _decoded(result.pop("started"))
        for change in result["changes"]:
            path = change["path"]
            if _holds_settings(files.get(path, {})) and {"created", "content"} & set(change["what"]):
                change["settings"] = properties.differing(before.get(path, ""), texts[path])
        result["changed_paths"] = [change["path"] for change in result["changes"]]
        result["pending"] = [
            item for path, text in started.items() for item in _pending(files[path], text, texts[path])
        ]
        if self._task.diff:
            result["diff"] = [_diff(change, files, before, texts) for change in result["changes"]]
        return result

    def _text(self, entry: dict[str, Any]) -> str:
        if ("template" in entry) == ("content" in entry):
            raise AnsibleActionFail(f"rendered_files: {entry['path']} needs either template or content")
        if "content" in entry:
            return str(entry["content"])
        try:
            return rendering.render(TEMPLATES, entry["template"], entry.get("data", {}))
        except jinja2.TemplateError as error:
            raise AnsibleActionFail(
                f"rendered_files: {entry['path']} from {entry['template']}: {error}"
            ) from error


def _decoded(texts: dict[str, str]) -> dict[str, str]:
    return {path: base64.b64decode(text).decode(errors="replace") for path, text in texts.items()}


def _pending(entry: dict[str, Any], started: str, wanted: str) -> list[str]:
    if entry.get("template") == "systemd_unit.j2":
        # A unit leaves the digest that it carries instead of a copy of itself.
        return [] if started.strip() in wanted else ["unit: definition"]
    if started == wanted:
        return []
    settings = properties.differing(started, wanted) if _holds_settings(entry) else []
    return [f"{entry['path']}: {name}" for name in settings or ["content"]]


def _holds_settings(entry: dict[str, Any]) -> bool:
    return entry.get("template") in ("properties.j2", "environment.j2")


def _diff(
    change: dict[str, Any], files: dict[str, dict[str, Any]], before: dict[str, str], texts: dict[str, str]
) -> dict[str, str]:
    path, what = change["path"], change["what"]
    if path in files and {"created", "content"} & set(what):
        old, new = before.get(path, ""), texts[path]
        if _holds_settings(files[path]):
            old, new = properties.masked(old, new)
        return {"before_header": path, "after_header": path, "before": old, "after": new}
    return {
        "before_header": path,
        "after_header": path,
        "before": "absent\n" if "created" in what else "".join(f"{item}: differs\n" for item in what),
        "after": "present\n" if "created" in what else "".join(f"{item}: as asked\n" for item in what),
    }
