"""What a service was started with: the unit writes it down, and it is compared with what is there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import host_reading, started_with

UNIT = "kafka.service"
MEANING = {"%%": "%", "%n": UNIT, "$$": "$"}


class Host:
    """A host with one service: ``start`` runs what systemd would run, ``waits`` asks what is pending."""

    def __init__(self, root: Path) -> None:
        self.root, self.run, self.loaded = root, root / "run", list[str]()
        self.needs_reload = False
        self.drop_ins = root / "etc" / f"{UNIT}.d"
        self.java = root / "jdk"
        for folder in (self.run, self.drop_ins, self.java / "bin", self.java / "lib/server", root / "bin"):
            folder.mkdir(parents=True)
        (self.java / "release").write_text('IMPLEMENTOR="Debian"\nJAVA_VERSION="17.0.20"\n')
        (self.java / "bin/java").write_text("")
        (self.java / "lib/server/libjvm.so").write_text("")
        (root / "java").symlink_to(self.java / "bin/java")
        (root / "digest").write_text("")

    def load(self) -> None:
        """What `systemctl daemon-reload` does."""
        self.loaded, self.needs_reload = sorted(map(str, self.drop_ins.glob("*.conf"))), False

    def drop_in(self, name: str, text: str) -> Path:
        path = self.drop_ins / name
        path.write_text(text)
        return path

    def start(self) -> None:
        systemctl = self.root / "bin/systemctl"
        systemctl.write_text(
            "#!/bin/sh\n"
            f"echo DropInPaths={' '.join(self.loaded)}\n"
            f"echo NeedDaemonReload={'yes' if self.needs_reload else 'no'}\n"
        )
        systemctl.chmod(0o755)
        path = f"{self.root}/bin:{os.environ['PATH']}"
        for line in started_with.records(str(self.root / "java"), str(self.run)):
            command = line.split("-c ", 1)[1].strip("'")
            command = re.sub(r"%%|%n|\$\$", lambda one: MEANING[one.group()], command)
            subprocess.run(["/bin/sh", "-c", command], check=True, env={**os.environ, "PATH": path})

    def waits(self) -> list[str]:
        shown = {"drop_in_paths": self.loaded, "need_daemon_reload": self.needs_reload}
        definition = f"[Service]\nExecStartPre=-/bin/true\nExecStart={self.root}/java $OPTS kafka.Kafka\n"
        return started_with.pending({"unit": UNIT, "started_dir": str(self.run)}, shown, definition)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(started_with, "UNIT_FOLDERS", (str(tmp_path / "etc"), str(tmp_path / "usr")))
    made = Host(tmp_path)
    made.start()
    return made


def test_what_was_just_started_waits_for_nothing(host: Host) -> None:
    assert host.waits() == []
    host.drop_in("a.conf", "[Service]\nNice=1\n")
    host.load()
    host.start()
    assert host.waits() == []


@pytest.mark.parametrize("reloaded", [False, True])
def test_a_drop_in_that_was_added_after_the_start(host: Host, reloaded: bool) -> None:
    host.drop_in("a.conf", "[Service]\nNice=1\n")
    assert started_with.unread(UNIT, host.loaded)
    if reloaded:
        host.load()
        assert not started_with.unread(UNIT, host.loaded)
    assert host.waits() == ["unit: drop-ins"]
    host.load()
    host.start()
    assert host.waits() == []


@pytest.mark.parametrize("reloaded", [False, True])
def test_a_drop_in_that_was_changed_or_removed_after_the_start(host: Host, reloaded: bool) -> None:
    path = host.drop_in("a.conf", "[Service]\nNice=1\n")
    host.load()
    host.start()
    path.write_text("[Service]\nNice=2\n")
    assert host.waits() == ["unit: drop-ins"]
    path.write_text("[Service]\nNice=1\n")
    assert host.waits() == []
    path.unlink()
    if reloaded:
        host.load()
    assert host.waits() == ["unit: drop-ins"]


def test_a_start_with_drop_ins_that_systemd_had_not_read_again(host: Host) -> None:
    path = host.drop_in("a.conf", "[Service]\nNice=1\n")
    host.load()
    path.write_text("[Service]\nNice=2\n")
    host.needs_reload = True
    host.start()
    host.load()
    # The file is what it was at the start, and yet the process has the older one.
    assert host.waits() == ["unit: drop-ins"]
    host.start()
    assert host.waits() == []


def test_a_drop_in_that_was_there_but_not_loaded_at_the_start(host: Host) -> None:
    host.drop_in("a.conf", "[Service]\nNice=1\n")
    host.start()
    host.load()
    assert host.waits() == ["unit: drop-ins"]


def test_a_reload_for_the_unit_s_own_file_says_nothing_of_drop_ins(host: Host) -> None:
    host.needs_reload = True
    host.start()
    host.load()
    assert host.waits() == []


def test_a_drop_in_that_the_service_may_not_read_is_known_by_size_and_time(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = host.drop_in("a.conf", "[Service]\nEnvironment=PASSWORD=x\n")
    host.load()
    unable = host.root / "bin/sha256sum"
    unable.write_text("#!/bin/sh\nexit 1\n")
    unable.chmod(0o755)
    host.start()
    assert "." in (host.run / "drop-ins").read_text().splitlines()[-1].split("  ")[0]
    assert host.waits() == []
    path.write_text("[Service]\nEnvironment=PASSWORD=xy\n")
    assert host.waits() == ["unit: drop-ins"]


def test_what_is_applied_at_once_does_not_wait(host: Host) -> None:
    host.loaded = ["/etc/systemd/system.control/kafka.service.d/50-CPUWeight.conf"]
    assert host.waits() == []


def test_a_drop_in_that_another_hides_or_that_is_empty_would_not_be_loaded(host: Host) -> None:
    below = host.root / "usr" / f"{UNIT}.d"
    below.mkdir(parents=True)
    (below / "a.conf").write_text("[Service]\nNice=9\n")
    (below / "b.conf").write_text("")
    host.drop_in("a.conf", "[Service]\nNice=1\n")
    host.load()
    host.start()
    assert host.waits() == []
    (below / "c.conf").write_text("[Service]\nNice=9\n")
    assert host.waits() == ["unit: drop-ins"]


def replace(path: Path, text: str) -> None:
    """As a package manager does: another file under the old name."""
    other = path.with_suffix(".new")
    other.write_text(text)
    other.rename(path)


def upgraded(host: Host) -> None:
    replace(host.java / "release", 'JAVA_VERSION="17.0.21"\n')
    replace(host.java / "bin/java", "")


def same_version_again(host: Host) -> None:
    replace(host.java / "lib/server/libjvm.so", "")


def another_home(host: Host) -> None:
    other = host.root / "jdk21"
    (other / "bin").mkdir(parents=True)
    (other / "bin/java").write_text("")
    (host.root / "java").unlink()
    (host.root / "java").symlink_to(other / "bin/java")


def removed(host: Host) -> None:
    (host.java / "bin/java").unlink()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (upgraded, "java: 17.0.20 -> 17.0.21"),
        (same_version_again, "java: replaced"),
        (another_home, "java: 17.0.20 -> {root}/jdk21"),
        (removed, "java: 17.0.20 -> absent"),
    ],
)
def test_a_java_that_is_not_the_one_it_runs_on(host: Host, change: Callable[[Host], None], told: str) -> None:
    change(host)
    assert host.waits() == [told.format(root=host.root)]
    if change is not removed:
        host.start()
        assert host.waits() == []


def test_a_service_that_left_no_record_is_told_nothing_of(host: Host) -> None:
    for name in ("drop-ins", "java"):
        (host.run / name).unlink()
    host.drop_in("a.conf", "[Service]\nNice=1\n")
    upgraded(host)
    assert host.waits() == []


def test_the_host_s_reading_tells_it_beside_the_files(host: Host) -> None:
    host.drop_in("a.conf", "[Service]\nNice=1\n")
    unit_path = host.root / UNIT
    unit_path.write_text(f"[Service]\nExecStartPre=/bin/sh -c 'echo abc >x'\nExecStart={host.root}/java\n")
    (host.run / "unit").write_text("abd\n")
    service: dict[str, Any] = {"unit": UNIT, "unit_path": str(unit_path), "started_dir": str(host.run)}
    shown = {UNIT: {"drop_in_paths": [], "need_daemon_reload": False}}
    found = host_reading.pending([{**service, "files": []}], shown)
    assert found == {UNIT: ["unit: definition", "unit: drop-ins"]}
