"""Runs the phases of ``make test``: a time table at the end, and a plain count of what passed and failed.

``tests/run.py`` runs all, ``tests/run.py unit`` or ``tests/run.py molecule-cluster`` one, which then
speaks for itself. Phases of one stage run side by side, stages one after the other; every phase has a log in
``build/test/`` and a time limit, and a failed one shows the end of its log.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOGS = ROOT / "build" / "test"
JUNIT = ROOT / "build" / "junit"
LAST_LINES = 60
PROGRESS_EVERY_S = 30
STOP_LIMIT_S = 20
COUNTS = ("passed", "failed", "skipped")
# Scenarios that run on the older of the two supported ansible-core lines; the others run on the newer.
ON_OLDEST = {"classic"}
# Scenarios that measure what producers notice: beside others they would measure those, so each runs alone.
UNDER_LOAD = {"change", "chaos"}
# Scenarios on virtual machines: where their processors are emulated, one takes two of the machine's.
VIRTUAL = {"host_tuning_vm"}
ALONE = UNDER_LOAD | VIRTUAL
INTEGRATION = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests/integration").glob("test_*.py"))
# These mostly wait, for sessions and time-outs: beside the others.
DURABILITY = [path for path in INTEGRATION if Path(path).stem.startswith("test_durability_")]
FAULTS = [path for path in INTEGRATION if Path(path).stem.startswith("test_faults")]
# These boot virtual machines: one after the other, and beside nothing else.
MACHINES = [path for path in INTEGRATION if Path(path).stem in ("test_lab_qemu", "test_vagrant")]
SCENARIOS = sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))


@dataclass(frozen=True)
class Phase:
    """One command of the tests, whose first word is looked up in its environment.

    ``tests`` says that it is a pytest run with an XML report, ``lab`` names the hosts that it makes,
    ``lines`` says that each of its steps is a line that starts with "ok" or "FAILED".
    """

    name: str
    command: tuple[str, ...]
    limit_s: int
    environment: str = ".venv"
    tests: bool = True
    lines: bool = False
    lab: str = ""

    @property
    def log(self) -> Path:
        """All that it said."""
        return LOGS / f"{self.name}.log"

    @property
    def junit(self) -> Path:
        """Its report of tests."""
        return JUNIT / f"{self.name}.xml"


def pytest(name: str, paths: Sequence[str], limit_s: int, environment: str = ".venv", *options: str) -> Phase:
    """A phase of pytest over folders or files."""
    report = f"--junitxml={JUNIT / name}.xml"
    return Phase(name, ("pytest", "-q", *options, report, *paths), limit_s, environment)


def scenario(name: str) -> Phase:
    """A phase of one molecule scenario."""
    environment = ".venv-oldest" if name in ON_OLDEST else ".venv"
    command = ("molecule", "test", "-s", name)
    limit_s = 2700 if name in VIRTUAL else 2400
    return Phase(f"molecule-{name}", command, limit_s, environment, lab=f"molecule-{name}")


STAGES: dict[str, tuple[Phase, ...]] = {
    "lint": (Phase("lint", ("python", "tests/lint.py"), 900, tests=False, lines=True),),
    "unit": (
        pytest("unit", ["tests/unit"], 1200, ".venv", "-n", "auto"),
        pytest("unit-oldest", ["tests/unit"], 1200, ".venv-oldest", "-n", "auto"),
    ),
    "integration": (
        pytest(
            "integration", [path for path in INTEGRATION if path not in DURABILITY + FAULTS + MACHINES], 3000
        ),
        pytest("integration-durability", DURABILITY, 3000),
        pytest("integration-faults", FAULTS, 3000),
    ),
    "integration-machines": (pytest("integration-machines", MACHINES, 2700),),
    "molecule": tuple(scenario(name) for name in SCENARIOS if name not in ALONE),
    **{f"molecule-{name}": (scenario(name),) for name in SCENARIOS if name in ALONE},
}


@dataclass
class Outcome:
    """What became of a phase."""

    phase: Phase
    seconds: float
    passed: int
    failed: int
    skipped: int
    why: str = ""


@dataclass
class Running:
    """A phase that runs."""

    phase: Phase
    process: subprocess.Popen[bytes]
    started: float

    def end(self) -> None:
        """End it and all that it started: first as Ctrl-C does, then for good."""
        for number in (signal.SIGINT, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, number)
            try:
                self.process.wait(STOP_LIMIT_S)
                return
            except subprocess.TimeoutExpired:
                continue


def start(phase: Phase, shown: bool) -> Running:
    """Start a phase; ``shown`` lets it speak for itself instead of into its log."""
    tools = ROOT / phase.environment / "bin"
    phase.junit.unlink(missing_ok=True)
    process = subprocess.Popen(
        [str(tools / phase.command[0]), *phase.command[1:]],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "NO_COLOR": "1", "PY_COLORS": "0"},
        stdin=subprocess.DEVNULL,
        stdout=None if shown else phase.log.open("wb"),
        stderr=None if shown else subprocess.STDOUT,
        start_new_session=True,
    )
    return Running(phase, process, time.monotonic())


def judge(running: Running, why: str) -> Outcome:
    """Count what a phase that has ended did; ``why`` is set where it was ended."""
    phase, code = running.phase, running.process.returncode
    outcome = Outcome(phase, time.monotonic() - running.started, 0, 0, 0, why)
    if phase.tests:
        outcome.passed, outcome.failed, outcome.skipped = count_tests(phase.junit)
        if not outcome.passed and not outcome.failed and not why:
            outcome.why = f"no test ran (exit code {code})"
    if phase.lines and phase.log.exists():
        words = phase.log.read_text(errors="replace")
        outcome.passed = len(re.findall(r"^ok ", words, re.MULTILINE))
        outcome.failed = len(re.findall(r"^FAILED ", words, re.MULTILINE))
    if code and not outcome.failed and not outcome.why:
        outcome.why = f"exit code {code}"
    # A scenario is more than its tests: check mode, idempotence and the rest of its sequence count as one.
    if phase.lab:
        outcome.passed += code == 0 and not outcome.why
        outcome.failed += code != 0 and not outcome.why
    outcome.failed += bool(outcome.why)
    return outcome


def count_tests(report: Path) -> tuple[int, int, int]:
    """Tests that passed, failed and were skipped, by a pytest XML report; zeros where there is none."""
    if not report.exists():
        return 0, 0, 0
    passed = failed = skipped = 0
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        left_out = int(suite.get("skipped", 0))
        passed += int(suite.get("tests", 0)) - bad - left_out
        failed, skipped = failed + bad, skipped + left_out
    return passed, failed, skipped


def remove_lab(phase: Phase) -> None:
    """Remove a scenario's hosts, whatever an aborted run left of them."""
    subprocess.run(
        [sys.executable, "-m", "lab", "down", "--name", phase.lab],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        check=False,
    )


@contextmanager
def labs_removed(phases: Sequence[Phase]) -> Iterator[None]:
    """Without leftovers before, and leaving none behind, Ctrl-C included."""
    with_labs = [phase for phase in phases if phase.lab]
    for phase in with_labs:
        remove_lab(phase)
    try:
        yield
    finally:
        for phase in with_labs:
            remove_lab(phase)


def at_once() -> int:
    """How many phases run side by side: one more than there are processors, since each mostly waits."""
    return len(os.sched_getaffinity(0)) + 1


def run_stage(phases: Sequence[Phase], shown: bool) -> list[Outcome]:
    """Run phases side by side, as many as the processors bear; one beyond its limit is ended and failed."""
    outcomes: list[Outcome] = []
    waiting = list(phases)
    running: list[Running] = []
    said = time.monotonic()
    with labs_removed(phases):
        try:
            while waiting or running:
                while waiting and len(running) < at_once():
                    running.append(start(waiting.pop(0), shown))
                time.sleep(0.1)
                for one in list(running):
                    seconds, why = time.monotonic() - one.started, ""
                    if one.process.poll() is None and seconds > one.phase.limit_s:
                        one.end()
                        why = f"no end after {one.phase.limit_s} s"
                    if one.process.poll() is not None:
                        running.remove(one)
                        outcomes.append(judge(one, why))
                        tell(outcomes[-1], shown)
                if not shown and running and time.monotonic() - said > PROGRESS_EVERY_S:
                    said = time.monotonic()
                    print(
                        "  running: "
                        + ", ".join(
                            f"{one.phase.name} {said - one.started:.0f} s of {one.phase.limit_s} s at most"
                            for one in running
                        ),
                        flush=True,
                    )
        finally:
            for one in running:
                one.end()
    return outcomes


def tell(outcome: Outcome, shown: bool) -> None:
    """A line for a phase that ended, and what its log ends with where it failed."""
    phase = outcome.phase
    print(f"{'FAILED' if outcome.failed else 'ok    '}  {phase.name:20} {outcome.seconds:6.1f} s", flush=True)
    if outcome.failed and not shown:
        lines = phase.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        print(f"  {outcome.why or 'see its words'}; the end of {phase.log.relative_to(ROOT)}:", flush=True)
        print("\n".join(f"  | {line}" for line in lines), flush=True)


def table(outcomes: Sequence[Outcome], wall_s: float) -> list[str]:
    """The time table, and the count as its last line."""
    lines = [f"{'phase':22} {'wall s':>8} {'passed':>7} {'failed':>7} {'skipped':>8}"]
    for one in outcomes:
        counts = f"{one.passed:7} {one.failed:7} {one.skipped:8}"
        lines.append(f"{one.phase.name:22} {one.seconds:8.1f} {counts}  {one.why}".rstrip())
    passed, failed, skipped = (sum(getattr(one, kind) for one in outcomes) for kind in COUNTS)
    lines += [f"{'all':22} {wall_s:8.1f}", f"{passed} passed, {failed} failed, {skipped} skipped"]
    return lines


def chosen(words: Sequence[str]) -> list[tuple[Phase, ...]]:
    """The stages to run: all, or those of the names given, a stage's or a phase's."""
    if not words:
        return list(STAGES.values())
    phases = {phase.name: (phase,) for stage in STAGES.values() for phase in stage}
    # A stage's name goes before that of a phase: `unit` is both lines of ansible-core.
    known = phases | STAGES
    unknown = [word for word in words if word not in known]
    if unknown:
        raise SystemExit(f"no such phase: {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return [known[word] for word in words]


def main(words: Sequence[str]) -> int:
    """Run; 1 where anything failed, 130 after Ctrl-C."""
    # As Ctrl-C, so that what is running ends and its hosts go. Started in a shell's background, an interrupt
    # is ignored, and what is started here would inherit that.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    begun = time.monotonic()
    stages = chosen(words)
    if any(phase.environment == ".venv-oldest" for stage in stages for phase in stage):
        subprocess.run(
            [shutil.which("python3") or sys.executable, "-m", "lab", "venv", "--oldest"], cwd=ROOT, check=True
        )
    LOGS.mkdir(parents=True, exist_ok=True)
    JUNIT.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    try:
        for stage in stages:
            outcomes += run_stage(stage, shown=len(stages) == 1 and len(stage) == 1 and not stage[0].lines)
    except KeyboardInterrupt:
        print("interrupted; what was running is ended and its hosts are removed", file=sys.stderr)
        return 130
    print()
    for line in table(outcomes, time.monotonic() - begun):
        print(line)
    return 1 if any(one.failed for one in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
