"""Every role's defaults and its argument_specs say the same: names, values, and words for each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

ROOT = Path(__file__).parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if any(path.glob("tasks/*.yml")))
TYPES = {"str", "int", "float", "bool", "list", "dict", "path", "raw"}
# Keywords whose value is an expression without braces.
BARE = {"when", "until", "failed_when", "changed_when", "that", "var", "break_when"}


def document(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None


@cache
def defaults(role: str) -> dict[str, Any]:
    return document(ROOT / "roles" / role / "defaults" / "main.yml") or {}


@cache
def entries(role: str) -> dict[str, dict[str, Any]]:
    spec = document(ROOT / "roles" / role / "meta" / "argument_specs.yml")
    assert spec, f"roles/{role}/meta/argument_specs.yml is missing: every role has a spec"
    return dict(spec["argument_specs"])


@cache
def options(role: str) -> dict[str, dict[str, Any]]:
    """Every option of the role's entry points; one that two of them share must be the same in both."""
    merged: dict[str, dict[str, Any]] = {}
    for entry in entries(role).values():
        for name, option in (entry.get("options") or {}).items():
            assert merged.get(name, option) == option, f"{name} differs between entry points"
            merged[name] = option
    return merged


def nested(found: dict[str, dict[str, Any]], parent: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, option in found.items():
        yield f"{parent}{name}", option
        yield from nested(option.get("options") or {}, f"{parent}{name}.")


def test_there_are_roles() -> None:
    assert {"preflight", "host_tuning", "java", "dist", "zookeeper", "kafka", "verify", "perf"} <= set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_point_is_documented_and_there(role: str) -> None:
    for name, entry in entries(role).items():
        assert (ROOT / "roles" / role / "tasks" / f"{name}.yml").is_file(), f"no tasks/{name}.yml"
        assert entry.get("short_description"), name
        assert entry.get("description"), name
    assert "main" in entries(role)


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_the_options_that_are_not_required(role: str) -> None:
    optional = {name for name, option in options(role).items() if not option.get("required")}
    assert set(defaults(role)) == optional, "left: defaults/main.yml, right: options without required"


@pytest.mark.parametrize("role", ROLES)
def test_values_are_the_same(role: str) -> None:
    different = []
    for name, value in defaults(role).items():
        said = options(role).get(name, {})
        if "default" not in said or said["default"] != value or type(said["default"]) is not type(value):
            different.append(f"{name}: defaults {value!r}, spec {said.get('default', 'nothing')!r}")
    assert not different, "\n".join(different)


@pytest.mark.parametrize("role", ROLES)
def test_a_required_variable_has_no_default(role: str) -> None:
    both = [name for name, option in options(role).items() if option.get("required") and "default" in option]
    assert not both


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_has_a_type_and_words(role: str) -> None:
    wrong = []
    for name, option in nested(options(role)):
        if not option.get("description"):
            wrong.append(f"{name}: no description")
        if option.get("type") not in TYPES:
            wrong.append(f"{name}: type {option.get('type')!r}")
        if option.get("type") == "list" and option.get("elements") not in TYPES:
            wrong.append(f"{name}: a list needs elements")
        choices, default = option.get("choices"), option.get("default")
        given = default if isinstance(default, list) else [default]
        if choices and default is not None and not set(given) <= set(choices):
            wrong.append(f"{name}: its default {default!r} is not among its choices")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("role", ROLES)
def test_names_begin_with_the_role(role: str) -> None:
    assert not [name for name in options(role) if not name.startswith(f"{role}_")]


@pytest.mark.parametrize("role", ROLES)
def test_defaults_hold_values_and_titles_alone(role: str) -> None:
    """A comment is one line: a group's title, or the example of an empty dict under it."""
    path = ROOT / "roles" / role / "defaults" / "main.yml"
    if not path.is_file():
        return
    prose = []
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        comment = re.match(r"\s*#\s?(.*)", line)
        if not comment:
            assert not re.search(r"\s#\s", line), f"{path}:{number}: {line}"
            continue
        example = re.match(r"\s*[\w.-]+:(\s|$)|\s*- ", comment[1])
        after_comment = number > 1 and re.match(r"\s*#\s?[^\s-]+ ", lines[number - 2])
        if not example and (len(comment[1]) > 75 or after_comment or comment[1].rstrip().endswith(".")):
            prose.append(f"{path.relative_to(ROOT)}:{number}: {line}")
    assert not prose, "words belong into meta/argument_specs.yml:\n" + "\n".join(prose)


def test_no_variable_belongs_to_two_roles() -> None:
    owners: dict[str, list[str]] = {}
    for role in ROLES:
        for name in options(role):
            owners.setdefault(name, []).append(role)
    assert not {name: roles for name, roles in owners.items() if len(roles) > 1}


def expressions(node: Any, bare: bool = False) -> Iterator[str]:
    """Every text of a YAML document that Jinja sees."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from expressions(value, bare=key in BARE)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value, bare)
    elif isinstance(node, str):
        yield f"{{{{ {node} }}}}" if bare and "{{" not in node else node


def given(node: Any) -> Iterator[str]:
    """Every name that a YAML document defines by vars, set_fact, register or a loop."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("vars", "ansible.builtin.set_fact") and isinstance(value, dict):
                yield from value
            if key in ("register", "loop_var", "index_var") and isinstance(value, str):
                yield value
            yield from given(value)
    elif isinstance(node, list):
        for value in node:
            yield from given(value)


def read_names(text: str) -> set[str]:
    tree = jinja2.Environment(extensions=["jinja2.ext.do"]).parse(text)
    return {node.name for node in tree.find_all(jinja2.nodes.Name) if node.ctx == "load"}


def task_files() -> list[Path]:
    patterns = ("roles/*/tasks/*.yml", "roles/*/handlers/*.yml", "roles/*/vars/*.yml", "playbooks/**/*.yml")
    return [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]


def test_every_public_name_that_is_read_is_specified() -> None:
    """A misspelled variable in a task would be found by the first operator who sets the right one."""
    known = {name for role in ROLES for name in (*options(role), *defaults(role))}
    public = re.compile(rf"^({'|'.join(ROLES)})_")
    files = [*task_files(), *sorted(ROOT.glob("roles/*/defaults/*.yml"))]
    documents = {path: document(path) for path in files}
    known |= {name for found in documents.values() for name in given(found)}
    known |= {name for path, found in documents.items() if path.parent.name == "vars" for name in found or {}}
    unknown = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, found in documents.items()
        for text in expressions(found)
        for name in read_names(text)
        if public.match(name) and name not in known
    ]
    assert not unknown, "\n".join(unknown)


def test_every_variable_is_used() -> None:
    """A variable that nothing reads is a promise that nothing keeps."""
    patterns = ("roles/*/tasks/*", "roles/*/vars/*", "roles/*/defaults/*", "roles/*/handlers/*")
    paths = [path for pattern in (*patterns, "playbooks/*", "plugins/*/*.py") for path in ROOT.glob(pattern)]
    text = "\n".join(
        # A default's own line is no use of it.
        re.sub(r"(?m)^[a-z_]+:", "", words) if path.parent.name == "defaults" else words
        for path in paths
        if path.is_file()
        for words in [path.read_text(encoding="utf-8")]
    )
    used = set(re.findall(r"\w+", text))

    def is_used(role: str, name: str) -> bool:
        stem = name.removeprefix(f"{role}_")
        # Where one line serves many variables it names them without the role, or by Kafka's own name.
        spellings = (f'"{stem}"', f"}}_{stem}", f'"{stem.replace("_", ".")}"')
        return name in used or any(spelling in text for spelling in spellings)

    unused = [name for role in ROLES for name in options(role) if not is_used(role, name)]
    assert not unused, unused
