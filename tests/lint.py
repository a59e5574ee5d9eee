"""Every check of form in one command: a line a step, the words of those that failed, one exit code.

``make lint`` runs it. The steps share nothing, so they run side by side.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = Path(sys.executable).parent
TIME_LIMIT_S = 300


@dataclass(frozen=True)
class Step:
    """One check: its name in the report, and a command whose first word is looked up beside Python."""

    name: str
    command: tuple[str, ...]

    def run(self) -> tuple[bool, float, str]:
        """Whether it passed, the seconds that it took, and all that it said."""
        start = time.monotonic()
        try:
            done = subprocess.run(
                [str(TOOLS / self.command[0]), *self.command[1:]],
                cwd=ROOT,
                env={**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=TIME_LIMIT_S,
                check=False,
            )
        except FileNotFoundError:
            return False, 0.0, f"{self.command[0]} is not in {TOOLS}: pip install -r requirements-dev.txt"
        except subprocess.TimeoutExpired:
            return False, TIME_LIMIT_S, f"no end after {TIME_LIMIT_S} s"
        return done.returncode == 0, time.monotonic() - start, done.stdout


TYPED = (
    *("plugins/module_utils", "plugins/plugin_utils", "lab", "docs/generate.py"),
    *("tests/lint.py", "tests/release.py", "tests/run.py", "tests/load.py"),
)
# mypy's cache is left out: one that has once seen a module_util missing goes on missing it.
# Longest first: the whole takes as long as ansible-lint does.
STEPS = (
    Step("ansible-lint, profile production", ("ansible-lint", "-q", "--nocolor")),
    Step("mypy, strict", ("mypy", f"--cache-dir={os.devnull}", *TYPED)),
    Step("docs are what the specs say", ("python", "docs/generate.py", "--check")),
    Step("changelog fragments", ("antsibull-changelog", "lint")),
    Step("yamllint", ("yamllint", "--strict", ".")),
    Step("ruff, rules", ("ruff", "check", "--quiet", ".")),
    Step("ruff, format", ("ruff", "format", "--check", "--quiet", ".")),
)


def main() -> int:
    """Run all steps; returns 1 where any failed."""
    width = max(len(step.name) for step in STEPS)
    failed = {}
    with ThreadPoolExecutor() as pool:
        running = {pool.submit(step.run): step for step in STEPS}
        for done in as_completed(running):
            step = running[done]
            passed, seconds, words = done.result()
            print(f"{'ok    ' if passed else 'FAILED'}  {step.name:{width}}  {seconds:5.1f} s", flush=True)
            if not passed:
                failed[step.name] = words
    for name, words in failed.items():
        print(f"\n== {name}\n{words.strip()}")
    if failed:
        print(f"\n{len(failed)} of {len(STEPS)} checks failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
