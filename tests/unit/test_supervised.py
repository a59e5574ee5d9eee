"""run_child against real child processes: their progress, their result, and their end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible.errors import AnsibleError
from ansible_collections.barevm.kafka.plugins.module_utils import child
from ansible_collections.barevm.kafka.plugins.plugin_utils import supervised

CHILDREN = {
    "echo": """
def main(request, progress):
    print("noise on standard output")
    progress("half way")
    return {"twice": request["number"] * 2}
""",
    "broken": """
def main(request, progress):
    raise OSError("the disk is full")
""",
    "slow": """
import os, subprocess, time
def main(request, progress):
    grandchild = subprocess.Popen(["sleep", "600"])
    try:
        progress(f"{os.getpid()} {grandchild.pid}")
        time.sleep(600)
    finally:
        open(request["cleaned"], "w").close()
""",
}


class Recorder:
    """Stands where Ansible's Display does; keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def display(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    package = tmp_path / "children_of_test"
    package.mkdir()
    for name, source in CHILDREN.items():
        serve = "from ansible_collections.barevm.kafka.plugins.module_utils.child import serve\n"
        (package / f"{name}.py").write_text(f"{serve}{source}\nif __name__ == '__main__':\n    serve(main)\n")
    monkeypatch.setattr(child, "PACKAGE", "children_of_test")
    monkeypatch.setattr(child, "COLLECTIONS_ROOT", f"{Path('collections').absolute()}{os.pathsep}{tmp_path}")
    return Recorder()


def test_progress_is_shown_and_the_result_returned(display: Recorder) -> None:
    assert supervised.run_child(display, "echo", {"number": 21}, 30) == {"twice": 42}
    assert display.lines == ["half way"]


def test_a_child_that_breaks_is_quoted(display: Recorder) -> None:
    with pytest.raises(AnsibleError, match=r"(?s)broken ended with status 1 .*the disk is full"):
        supervised.run_child(display, "broken", {}, 30)


def test_a_missing_child_is_named(display: Recorder) -> None:
    with pytest.raises(AnsibleError, match=r"No module named children_of_test\.absent"):
        supervised.run_child(display, "absent", {}, 30)


def test_a_late_child_cleans_up_and_leaves_no_process(display: Recorder, tmp_path: Path) -> None:
    # So long that it has begun, however busy the machine is.
    limit_s = 10
    began = time.monotonic()
    with pytest.raises(AnsibleError, match="slow was not done after 10 s"):
        supervised.run_child(display, "slow", {"cleaned": str(tmp_path / "cleaned")}, limit_s)
    assert time.monotonic() - began < limit_s + supervised.STOP_GRACE_S, "it ended when it was told to"
    assert (tmp_path / "cleaned").exists()
    _assert_gone(display.lines[0])


def test_a_child_cleans_up_when_its_supervisor_is_killed(display: Recorder, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    supervisor = os.fork()
    if supervisor == 0:

        class Piped(Recorder):
            def display(self, text: str) -> None:
                os.write(writer, text.encode() + b"\n")

        supervised.run_child(Piped(), "slow", {"cleaned": str(tmp_path / "cleaned")}, 60)
        os._exit(0)
    os.close(writer)
    line = os.read(reader, 200).decode()
    os.kill(supervisor, 9)
    os.waitpid(supervisor, 0)
    until = time.monotonic() + 120
    while not (tmp_path / "cleaned").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert (tmp_path / "cleaned").exists()
    os.close(reader)
    _assert_gone(line)


def _assert_gone(pids: str) -> None:
    for pid in pids.split():
        until = time.monotonic() + 60
        while _runs(pid) and time.monotonic() < until:
            time.sleep(0.02)
        assert not _runs(pid)


def _runs(pid: str) -> bool:
    """Whether the process exists and is more than an entry that waits for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
