"""No verb ends with success where it had no host to work on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import playbooks

VERBS = sorted((playbooks.ROOT / "playbooks").glob("*.yml"))
NO_HOST: dict[str, Any] = {"all": {"hosts": {}}}
MISSPELT = {"all": {"children": {"kafkas": {"hosts": {"web1": {}}}}}}
OTHERS = {
    "zookeeper": {"hosts": {"n1": {}}},
    "kafka": {"hosts": {"n1": {}}},
    "web": {"hosts": {"web1": {}}},
}


def run(folder: Path, verb: Path, inventory: Any, *arguments: str) -> tuple[int, str]:
    """Status and words of a verb on an inventory."""
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "hosts.yml", *arguments, verb],
        cwd=folder,
        env={"ANSIBLE_COLLECTIONS_PATH": str(playbooks.ROOT / "collections"), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.stem)
def test_a_verb_refuses_an_inventory_without_its_hosts(tmp_path: Path, verb: Path) -> None:
    status, said = run(tmp_path, verb, NO_HOST)
    assert status == 2
    assert "Nothing was done: the inventory" in said
    assert f"has no host in {' or '.join(groups_of(verb))}. Its groups are none" in said


@pytest.mark.parametrize(
    ("inventory", "arguments", "words"),
    [
        (MISSPELT, (), "Its groups are kafkas."),
        (MISSPELT, ("--limit", "web1", "--tags", "kafka"), "Its groups are kafkas."),
        (MISSPELT, ("--check",), "Its groups are kafkas."),
        (OTHERS, ("--limit", "web1"), "--limit leaves no host of zookeeper or kafka, which are n1."),
    ],
)
def test_it_is_refused_whatever_the_options(
    tmp_path: Path, inventory: Any, arguments: tuple[str, ...], words: str
) -> None:
    status, said = run(tmp_path, playbooks.ROOT / "playbooks" / "site.yml", inventory, *arguments)
    assert status == 2
    assert words in said


def groups_of(verb: Path) -> list[str]:
    """The groups whose hosts a verb is about: those of its last play."""
    return str(yaml.safe_load(verb.read_text())[-1]["hosts"]).split(":")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.stem)
def test_a_verb_begins_by_looking_for_the_hosts_of_its_last_play(verb: Path) -> None:
    first = yaml.safe_load(verb.read_text())[0]
    assert first["ansible.builtin.import_playbook"] == "begin/hosts.yml"
    assert first["vars"]["run_on"] == groups_of(verb)
