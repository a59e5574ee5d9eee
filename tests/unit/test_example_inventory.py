"""The inventory that people copy passes the checks that theirs will have to pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("inventory", ["example", "lab"])
def test_preflight_accepts_it(inventory: str) -> None:
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible"),
            *("-i", str(ROOT / "inventories" / inventory), "kafka", "--limit", "kafka[0]"),
            *("-m", "barevm.kafka.preflight_inventory"),
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "findings: []" in said, said
