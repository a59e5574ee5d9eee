"""What the handbook names is there: pages, make targets, verbs, modules, variables, files."""

from __future__ import annotations

import configparser
import importlib
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCES = re.compile(r"(?ms)^```.*?^```$")
ROLES = sorted(path.parents[1].name for path in ROOT.glob("roles/*/meta/argument_specs.yml"))


def names(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """Headings as a renderer turns them into anchors."""
    heads = re.findall(r"(?m)^#+ (.+)$", FENCES.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w -]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCES.sub("", page.read_text(encoding="utf-8"))):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken.append(target)
    assert not broken


def test_every_page_is_led_to() -> None:
    linked = set()
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s#]+\.md)", page.read_text(encoding="utf-8")):
            linked.add((page.parent / target).resolve())
    assert not {names(page) for page in PAGES[1:]} - {names(page) for page in PAGES if page in linked}


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_make_targets_are_there(page: Path) -> None:
    rules = set(re.findall(r"(?m)^([\w%-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    text = page.read_text(encoding="utf-8")
    told = set(re.findall(r"`make ([a-z-]+)|(?m:^make ([a-z-]+))", text))
    missing = {one or other for one, other in told} - rules
    assert not {name for name in missing if not name.startswith("molecule-")}


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_names_of_the_collection_are_there(page: Path) -> None:
    there = {
        path.stem
        for folder in ("playbooks", "plugins/modules", "plugins/callback")
        for path in (ROOT / folder).iterdir()
    }
    for path in (ROOT / "plugins/filter").glob("*.py"):
        module = importlib.import_module(f"ansible_collections.barevm.kafka.plugins.filter.{path.stem}")
        there |= set(module.FilterModule().filters())
    named = set(re.findall(r"\bbarevm\.kafka\.(\w+)", page.read_text(encoding="utf-8")))
    assert not {name for name in named - there - set(ROLES) if len(name) > 1}


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "modules.md"], ids=names)
def test_variables_are_there(page: Path) -> None:
    """Of the names in backticks, those that begin like a role's variable."""
    there = {
        path.stem for kind in ("modules", "module_utils") for path in (ROOT / "plugins" / kind).iterdir()
    }
    there |= {path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml")}
    there |= {
        "preflight_cluster",
        "preflight_host",
        "preflight_judged",
        "host_tuning_findings",
    }  # what roles hand on
    for role in ROLES:
        spec = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text(encoding="utf-8"))
        for entry in spec["argument_specs"].values():
            there |= set(entry.get("options") or {})
    words = re.findall(rf"`((?:{'|'.join(ROLES)})_[a-z0-9_]+)`", page.read_text(encoding="utf-8"))
    assert not {word for word in words if word not in there}


def test_the_readme_names_what_was_tested() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pins = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line]
    assert pins
    assert not [pin for pin in pins if pin not in readme]
    for role in ("kafka", "zookeeper"):
        defaults = yaml.safe_load((ROOT / f"roles/{role}/defaults/main.yml").read_text(encoding="utf-8"))
        assert f"{defaults[f'{role}_version']} (default)" in readme
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    assert f"build/barevm-kafka-{galaxy['version']}.tar.gz" in readme


def test_the_readme_gives_the_settings_that_the_checkout_runs_with() -> None:
    block = re.search(r"(?ms)^```ini\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert block
    told, used = configparser.ConfigParser(), configparser.ConfigParser()
    told.read_string(block[1])
    used.read(ROOT / "ansible.cfg")
    own = {"inventory"}  # named as the page tells to copy it
    for section in told.sections():
        for key, value in told[section].items():
            assert key in own or used[section].get(key) == value, f"[{section}] {key}"
    speed = {("ssh_connection", "pipelining"), ("ssh_connection", "ssh_args"), ("defaults", "forks")}
    assert not {(section, key) for section, key in speed if not told.has_option(section, key)}
