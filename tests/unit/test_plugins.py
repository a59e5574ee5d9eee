"""Every module says what it takes, takes what it says, and runs on the Python that its hosts have."""

from __future__ import annotations

import ast
import builtins
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import ansible.module_utils.basic
import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.plugins.action import ActionBase

from docs import generate

ROOT = Path(__file__).parents[2]
PACKAGE = "ansible_collections.barevm.kafka.plugins"
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py") if path.stem != "__init__")
ACTIONS = sorted(path.stem for path in (ROOT / "plugins/action").glob("*.py") if path.stem != "__init__")
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
# Debian 11's; ansible-core 2.19 itself asks a host for 3.8.
OLDEST_PYTHON = (3, 9)
# The controller's packages: what imports one of them never runs on a managed host.
CONTROLLER_PACKAGES = {"kazoo", "confluent_kafka", "hdrh", "numpy", "plotly"}
MARKS = ("type", "required", "default", "choices", "elements", "aliases", "no_log")


def source(kind: str, name: str) -> ast.Module:
    return ast.parse((ROOT / "plugins" / kind / f"{name}.py").read_text(encoding="utf-8"))


def text_of(tree: ast.Module, name: str) -> str | None:
    """The constant text that a module assigns to ``name``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == name for t in node.targets):
            return str(ast.literal_eval(node.value))
    return None


@cache
def documentation() -> dict[str, dict[str, Any]]:
    """What ansible-doc reads, doc fragments merged in."""
    return generate.module_docs()


def test_there_are_modules() -> None:
    assert {"host_state", "rendered_files", "broker_registration", "zookeeper_ensemble", "perf_test"} <= set(
        MODULES
    )


@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_has_a_module_of_its_name(name: str) -> None:
    assert name in MODULES, f"plugins/modules/{name}.py would document plugins/action/{name}.py"


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_documented(name: str) -> None:
    tree = source("modules", name)
    raw = yaml.safe_load(text_of(tree, "DOCUMENTATION") or "")
    assert raw["module"] == name
    doc = documentation()[name]["doc"]
    assert doc["short_description"][0].isupper()
    assert not doc["short_description"].endswith(".")
    assert doc["description"]
    assert version(raw["version_added"]) <= version(GALAXY["version"]), "added in a version to come"
    for path, option in walk(doc.get("options") or {}):
        assert option.get("description"), path
        assert option.get("type"), f"{path}: no type"
        assert option["type"] != "list" or option.get("elements"), f"{path}: a list needs elements"
    returned = yaml.safe_load(text_of(tree, "RETURN") or "") or {}
    assert returned, "RETURN names nothing"
    for key, value in returned.items():
        assert {"description", "type", "returned"} <= set(value), f"RETURN {key}"


def version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def walk(options: dict[str, Any], parent: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, option in options.items():
        yield f"{parent}{name}", option
        yield from walk(option.get("suboptions") or option.get("options") or {}, f"{parent}{name}.")


@pytest.mark.parametrize("name", MODULES)
def test_its_examples_use_what_it_documents(name: str) -> None:
    tasks = yaml.safe_load(text_of(source("modules", name), "EXAMPLES") or "")
    assert tasks, "no examples"
    used = [task for task in tasks if f"barevm.kafka.{name}" in task]
    assert used, f"no example calls barevm.kafka.{name}"
    options = documentation()[name]["doc"].get("options") or {}
    for task in used:
        assert task.get("name"), "an example without a name"
        given = task[f"barevm.kafka.{name}"] or {}
        if isinstance(given, str):
            continue  # "{{ … }}": the whole of the arguments is data
        assert set(given) <= set(options), sorted(set(given) - set(options))
        required = {key for key, option in options.items() if option.get("required")}
        assert required <= set(given), f"the example lacks {sorted(required - set(given))}"


class CapturedError(Exception):
    """Carries the specification out of the module or action that was about to use it."""

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__("captured")
        self.spec = spec


def marks(option: dict[str, Any]) -> dict[str, Any]:
    """What both sides must agree on, with Ansible's own defaults filled in."""
    found = {key: option[key] for key in MARKS if option.get(key) not in (None, [], False)}
    found.setdefault("type", "str")
    # Docs carry a flow of JSON types; an argument spec may hold tuples.
    agreed: dict[str, Any] = json.loads(json.dumps(found, sort_keys=True, default=list))
    if option.get("default") is not None:
        agreed["default"] = json.loads(json.dumps(option["default"], default=list))
    agreed.pop("no_log", None)  # a matter of the code alone
    return agreed


def differences(documented: dict[str, Any], coded: dict[str, Any]) -> list[str]:
    documented_flat = {path: marks(option) for path, option in walk(documented)}
    coded_flat = {path: marks(option) for path, option in walk(coded)}
    return [
        f"{path}: documented {documented_flat.get(path, 'not')}, taken {coded_flat.get(path, 'not')}"
        for path in sorted({*documented_flat, *coded_flat})
        if documented_flat.get(path) != coded_flat.get(path)
    ]


def taken_by_module(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The argument_spec that the module hands to AnsibleModule."""

    def capture(_self: Any, argument_spec: dict[str, Any], **_rest: Any) -> None:
        raise CapturedError(argument_spec)

    monkeypatch.setattr(ansible.module_utils.basic.AnsibleModule, "__init__", capture)
    with pytest.raises(CapturedError) as caught:
        importlib.import_module(f"{PACKAGE}.modules.{name}").main()
    return caught.value.spec


def taken_by_action(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The argument_spec that stands between a task's arguments and the action's work.

    Either the action validates them itself, or it hands them all to its module, which does.
    """

    def validated(_self: Any, argument_spec: dict[str, Any], *_args: Any, **_rest: Any) -> None:
        raise CapturedError(argument_spec)

    def executed(self: Any, module_name: str = "", module_args: Any = None, **_rest: Any) -> None:
        arguments = self._task.args if module_args is None else module_args
        assert "misspelled" in arguments, f"{name} passes over an option that it does not know"
        assert module_name in ("", f"barevm.kafka.{name}")
        raise CapturedError(taken_by_module(name, monkeypatch))

    monkeypatch.setattr(ActionBase, "validate_argument_spec", validated)
    monkeypatch.setattr(ActionBase, "_execute_module", executed)
    task = Task()
    task.action, task.args = f"barevm.kafka.{name}", {"misspelled": 1}
    unused = MagicMock()
    action = importlib.import_module(f"{PACKAGE}.action.{name}").ActionModule(
        task=task,
        connection=unused,
        play_context=unused,
        loader=DataLoader(),
        templar=unused,
        shared_loader_obj=unused,
    )
    with pytest.raises(CapturedError) as caught:
        action.run(None, {})
    return caught.value.spec


@pytest.mark.parametrize("name", [name for name in MODULES if name not in ACTIONS])
def test_a_module_takes_what_it_documents(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    documented = documentation()[name]["doc"].get("options") or {}
    wrong = differences(documented, taken_by_module(name, monkeypatch))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_takes_what_it_documents(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An action that does not validate its arguments passes over a misspelled one in silence."""
    documented = documentation()[name]["doc"].get("options") or {}
    wrong = differences(documented, taken_by_action(name, monkeypatch))
    assert not wrong, "\n".join(wrong)


def own_imports(tree: ast.Module) -> set[str]:
    """The collection's own module_utils that a file imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}.module_utils"):
            rest = (node.module or "").removeprefix(f"{PACKAGE}.module_utils").lstrip(".")
            found |= {rest.split(".")[0]} if rest else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").endswith("module_utils") and node.level:
            found |= {alias.name for alias in node.names}
    return found


def foreign_imports(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").split(".")[0])
    return names


def closure(name: str) -> dict[str, ast.Module]:
    """A module and every module_util that goes to the host with it, by path inside plugins/."""
    found = {f"modules/{name}": source("modules", name)}
    waiting = own_imports(found[f"modules/{name}"])
    while waiting:
        util = waiting.pop()
        if f"module_utils/{util}" not in found:
            found[f"module_utils/{util}"] = source("module_utils", util)
            waiting |= own_imports(found[f"module_utils/{util}"])
    return found


@cache
def on_hosts() -> dict[str, ast.Module]:
    """Every file that may be sent to a managed host."""
    files: dict[str, ast.Module] = {}
    for name in MODULES:
        parts = closure(name)
        if not any(foreign_imports(tree) & CONTROLLER_PACKAGES for tree in parts.values()):
            files.update(parts)
    return files


def test_the_modules_of_hosts_are_found() -> None:
    assert {"modules/host_state", "modules/rendered_files"} <= set(on_hosts())
    assert "modules/broker_registration" not in on_hosts()


def test_what_runs_on_hosts_needs_only_their_python() -> None:
    allowed = set(sys.stdlib_module_names) | {"ansible", "ansible_collections", "__future__"}
    wrong = {
        name: sorted(foreign_imports(tree) - allowed)
        for name, tree in on_hosts().items()
        if foreign_imports(tree) - allowed
    }
    assert not wrong, "a managed host has python3 and nothing else"


def evaluated_unions(tree: ast.Module) -> list[int]:
    """Lines where ``X | None`` or ``int | str`` is evaluated, which needs 3.10; annotations are not."""
    annotations = {
        id(part)
        for node in ast.walk(tree)
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if annotation is not None
        for part in ast.walk(annotation)
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and id(node) not in annotations
        for side in (node.left, node.right)
        if (isinstance(side, ast.Constant) and side.value is None)
        or (isinstance(side, ast.Name) and isinstance(getattr(builtins, side.id, None), type))
    ]


def test_what_runs_on_hosts_runs_on_their_oldest_python() -> None:
    version = ".".join(map(str, OLDEST_PYTHON))
    files = [str(ROOT / "plugins" / f"{name}.py") for name in on_hosts()]
    for file in files:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"), file, feature_version=OLDEST_PYTHON)
        future = any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
        assert future, f"{file}: `from __future__ import annotations`, or Python {version} evaluates them"
        assert not evaluated_unions(tree), f"{file}: X | Y outside an annotation needs Python 3.10"
    vermin = str(Path(sys.executable).parent / "vermin")
    told = subprocess.run(
        [vermin, f"--target={version}-", "--violations", "--no-tips", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_module_utils_know_nothing_of_ansible() -> None:
    """The logic is tested and typed alone; plugins translate."""
    wrong = [
        path.name
        for path in sorted((ROOT / "plugins/module_utils").glob("*.py"))
        if "ansible" in foreign_imports(source("module_utils", path.stem))
    ]
    assert not wrong
