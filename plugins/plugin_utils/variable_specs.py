"""What a role's spec says against a variable's value: named exactly, down to the option of one listener."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator, ValidationResult
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

Option = Mapping[str, Any]

TAKES = {
    "str": "text",
    "path": "a path",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a dictionary",
}

# What needs no conversion, which for hundreds of hosts saves seconds.
AS_IS: dict[str, type] = {"str": str, "int": int, "bool": bool, "dict": dict}


def violations(host: str, variable: str, option: Option, value: Any) -> Iterator[Finding]:
    """Every finding of one variable of one host; ``option`` is its part of the spec."""
    if value is None:
        yield Finding(
            host, variable, None, "it has no value", "Give it one, or leave it out to have its default"
        )
    elif option["type"] == "list" and "options" in option and isinstance(value, Sequence):
        for position, element in enumerate(value):
            name = element.get("name", position) if isinstance(element, Mapping) else position
            yield from _of_dictionary(host, f"{variable}[{name}]", option["options"], element)
    elif not _converts(option, value):
        choices = ", ".join(map(str, option.get("choices", [])))
        takes = f"one of {choices}" if choices else _takes(option)
        yield Finding(host, variable, value, f"it takes {takes}", "docs/variables.md has what it means")


def _of_dictionary(host: str, variable: str, options: Mapping[str, Option], value: Any) -> Iterator[Finding]:
    if not isinstance(value, Mapping):
        yield Finding(host, variable, value, "it takes a dictionary", f"Give {', '.join(options)}")
        return
    for name in value:
        if name not in options:
            yield Finding(
                host,
                f"{variable}.{name}",
                value[name],
                "there is no such option",
                f"Use {', '.join(options)}",
            )
    for name, option in options.items():
        if name in value:
            yield from violations(host, f"{variable}.{name}", option, value[name])
        elif option.get("required"):
            yield Finding(host, f"{variable}.{name}", None, f"it takes {_takes(option)}", f"Give {name}")


def _converts(option: Option, value: Any) -> bool:
    """Whether Ansible takes the value, and makes nothing surprising of it."""
    kind = option["type"]
    # Ansible would write True or ['a'] for text, and count true as 1: YAML reads an unquoted no as false.
    if isinstance(value, bool) and kind in ("str", "path", "int", "float"):
        return False
    if kind in ("str", "path") and not isinstance(value, (str, int, float)):
        return False
    if "choices" not in option and isinstance(value, AS_IS.get(kind, ())):
        return True
    return not _validated({"it": option}, {"it": value}).error_messages


def _takes(option: Option) -> str:
    elements = option.get("elements")
    words = {"int": "whole numbers", "str": "texts", "path": "paths", "dict": "dictionaries"}
    return TAKES[option["type"]] + (f" of {words.get(elements, elements)}" if elements else "")


def converted(options: Mapping[str, Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values that violate nothing, as the spec types them, with the defaults of suboptions."""
    others = {name: value for name, value in values.items() if not _is_as_it_is(options[name], value)}
    outcome = _validated({name: options[name] for name in others}, others)
    assert not outcome.error_messages, outcome.error_messages
    return {name: outcome.validated_parameters.get(name, values[name]) for name in values}


def _is_as_it_is(option: Option, value: Any) -> bool:
    """Whether the value is of the option's type already (Python counts true as a number)."""
    kind = option["type"]
    return isinstance(value, AS_IS.get(kind, ())) and not (kind == "int" and isinstance(value, bool))


def _validated(options: Mapping[str, Option], values: Mapping[str, Any]) -> ValidationResult:
    return _validator(json.dumps(options, sort_keys=True)).validate(dict(values))


@cache
def _validator(options: str) -> ArgumentSpecValidator:
    """Building one takes longer than using it, and hundreds of hosts share one spec."""
    return ArgumentSpecValidator(
        {name: {**option, "required": False} for name, option in json.loads(options).items()}
    )
