"""Renders the collection's templates from plain data, the same on every ansible-core.

A template sees the data it is given and nothing else, so what a file will say can be known, tested
and compared without a play.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from ansible_collections.barevm.kafka.plugins.module_utils import properties, service_units

MANAGED = "Managed by Ansible (barevm.kafka): what is changed here is overwritten by the next run."


def _environment_value(value: object) -> str:
    """The right-hand side of one line of an environment file, in quotes (systemd.exec(5))."""
    escaped = properties.text(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def environment(templates: Path) -> jinja2.Environment:
    """The renderer over one folder of templates: undefined names are errors, blocks leave no lines."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    env.filters["properties"] = properties.render
    env.filters["environment_value"] = _environment_value
    env.filters["unit_values"] = service_units.values
    env.filters["comment"] = lambda text: textwrap.indent(text, "# ")
    return env


def render(templates: Path, name: str, data: Mapping[str, Any]) -> str:
    """The text of template ``name`` with ``data``; raises jinja2.TemplateError, which names the line."""
    return environment(templates).get_template(name).render({"managed": MANAGED, **data})
