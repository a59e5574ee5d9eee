"""The lab's command line, as a person would run it, through a pipe."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]


def lab(
    *arguments: str, limit_s: int, check: bool = True, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it; raises CalledProcessError where it fails and ``check``, TimeoutExpired after ``limit_s`` s."""
    return subprocess.run(
        [sys.executable, "-m", "lab", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=check,
        timeout=limit_s,
    )
