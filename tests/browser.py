"""Pages in a real browser: headless Chromium."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=10000",
)


def dom_of(page: Path) -> str:
    """The page as it is after its scripts have run; raises AssertionError where it did not open."""
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            ["chromium", *OPTIONS, f"--user-data-dir={profile}", "--dump-dom", page.absolute().as_uri()],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    assert 'class="verdict' in done.stdout, f"{page} did not open: {done.stdout[:500]}"
    return done.stdout


def plotted_points(dom: str) -> list[int]:
    """For each plot of the page, how many points were drawn."""
    plots = re.split(r'<div[^>]*class="[^"]*plotly-graph-div[^"]*"', dom)[1:]
    return [len(re.findall(r'<path class="point"', plot)) for plot in plots]
