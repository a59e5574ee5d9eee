"""What `make` does where there is no lab, and that it lists all it can do."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make as a person would, with what it would install taken for there."""
    command = ["make", "--old-file=venv", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("verb", ["site", "verify", "perf"])
def test_without_a_lab_no_playbook_is_run(verb: str) -> None:
    done = make(verb, "LAB_NAME=none-such")
    assert done.returncode != 0
    assert "lab none-such is not there" in done.stderr
    assert "PLAY [" not in done.stdout


def test_alone_it_lists_every_target_that_a_person_types() -> None:
    listed = set(re.findall(r"^  make (\S+) +\S", make().stdout, re.MULTILINE))
    given = set(re.findall(r"^([a-z][a-z_-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert listed == given - {"test-tools"}
