"""Holds a task's arguments to what the module of the action's name documents.

An action without this passes over a misspelled option in silence; a second specification beside the
documentation would drift from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.action import ActionBase

FACTS = ("type", "required", "default", "choices", "elements", "aliases")


def specification(options: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Documented options as an argument_spec; suboptions become its options."""
    return {
        name: {
            **{fact: option[fact] for fact in FACTS if fact in option},
            **({"options": specification(option["suboptions"])} if "suboptions" in option else {}),
        }
        for name, option in options.items()
    }


def checked(action: ActionBase, documentation: str) -> dict[str, Any]:
    """The task's arguments, typed, with their defaults; raises AnsibleActionFail naming what is wrong."""
    options = yaml_load(documentation).get("options") or {}
    _, arguments = action.validate_argument_spec(argument_spec=specification(options))
    return dict(arguments)
