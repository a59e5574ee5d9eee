"""Keeping what a host has, changing it, and putting it back: by the script that the host runs itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import udp_profile
from ansible_collections.barevm.kafka.plugins.module_utils.udp_profile import Profile

STOPPED = "stop barevm-udp-test-restore.timer\n"
NAMES = ["net.core.rmem_max", "net.core.netdev_max_backlog"]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings and a file, and a systemctl that notes what it is told."""
    (tmp_path / "sys/net/core").mkdir(parents=True)
    (tmp_path / "sys/net/core/rmem_max").write_text("16777216\n")
    (tmp_path / "config").write_text("tuned\n")
    (tmp_path / "config").chmod(0o600)
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "systemctl").write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/told\n')
    (commands / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    return tmp_path


def profile(host: Path) -> Profile:
    return Profile(host / "kept", host / "sys")


def told(host: Path) -> str:
    return (host / "told").read_text() if (host / "told").exists() else ""


def test_what_was_changed_is_put_back(host: Path) -> None:
    changing = profile(host)
    assert changing.keep(NAMES, [str(host / "config")], "rsyslog.service")
    changed, refused = changing.set({"net.core.rmem_max": 212992, "net.core.netdev_max_backlog": 1000})
    assert changed == ["net.core.rmem_max"]
    assert [one["name"] for one in refused] == ["net.core.netdev_max_backlog"], "this kernel has none"
    (host / "config").write_text("untuned\n")

    assert profile(host).put_back()
    assert (host / "sys/net/core/rmem_max").read_text().strip() == "16777216"
    assert (host / "config").read_text() == "tuned\n"
    assert (host / "config").stat().st_mode & 0o777 == 0o600
    assert told(host) == "restart rsyslog.service\n" + STOPPED
    assert not (host / "kept").exists()
    assert not profile(host).put_back(), "a second time there is nothing to do"


def test_the_service_is_left_alone_where_no_file_differs(host: Path) -> None:
    changing = profile(host)
    changing.keep(NAMES, [str(host / "config")], "rsyslog.service")
    changing.set({"net.core.rmem_max": 212992})
    assert changing.put_back()
    assert told(host) == STOPPED
    assert changing.values(NAMES) == {"net.core.rmem_max": "16777216", "net.core.netdev_max_backlog": None}


def test_a_second_keeping_does_not_take_the_changed_for_the_first(host: Path) -> None:
    profile(host).keep(NAMES, [str(host / "config")], "rsyslog.service")
    profile(host).set({"net.core.rmem_max": 212992})
    (host / "config").write_text("untuned\n")
    assert not profile(host).keep(NAMES, [str(host / "config")], "rsyslog.service")
    profile(host).put_back()
    assert (host / "sys/net/core/rmem_max").read_text().strip() == "16777216"
    assert (host / "config").read_text() == "tuned\n"


def test_what_could_not_be_put_back_can_be_tried_again(host: Path) -> None:
    changing = profile(host)
    changing.keep(NAMES, [str(host / "config")], "rsyslog.service")
    (host / "config").write_text("untuned\n")
    (host / "bin/systemctl").write_text("#!/bin/sh\necho no such unit >&2\nexit 5\n")
    with pytest.raises(OSError, match="no such unit"):
        changing.put_back()
    assert changing.stands
    (host / "bin/systemctl").write_text(f'#!/bin/sh\necho "$@" >>{host}/told\n')
    assert changing.put_back()
    assert told(host) == "restart rsyslog.service\n" + STOPPED, (
        "the service still runs with what was put back"
    )


def test_a_file_that_could_not_be_put_back_is_tried_again_and_nothing_restarted(host: Path) -> None:
    changing = profile(host)
    changing.keep(NAMES, [str(host / "config")], "rsyslog.service")
    (host / "config").write_text("untuned\n")
    (host / "bin/cp").write_text("#!/bin/sh\necho no space left >&2\nexit 1\n")
    (host / "bin/cp").chmod(0o755)
    with pytest.raises(OSError, match="no space left"):
        changing.put_back()
    assert changing.stands
    assert not told(host), "the timer is still armed"
    (host / "bin/cp").unlink()
    assert changing.put_back()
    assert (host / "config").read_text() == "tuned\n"


def test_the_host_puts_back_by_itself_and_tries_again_each_minute(host: Path) -> None:
    (host / "bin/systemd-run").write_text(f'#!/bin/sh\necho "$@" >>{host}/told\n')
    (host / "bin/systemd-run").chmod(0o755)
    udp_profile.arm(host / "kept/restore", 90)
    _disarmed, armed = told(host).splitlines()
    assert "--on-active=90 --on-unit-inactive=60" in armed
    assert armed.endswith(str(host / "kept/restore"))


def test_a_file_that_is_not_there_is_refused_before_anything_is_kept(host: Path) -> None:
    with pytest.raises(FileNotFoundError):
        profile(host).keep(NAMES, [str(host / "missing")], "rsyslog.service")
    assert not profile(host).stands


def test_the_script_runs_without_python(host: Path) -> None:
    changing = profile(host)
    changing.keep(NAMES, [str(host / "config")], "rsyslog.service")
    changing.set({"net.core.rmem_max": 1})
    subprocess.run(["/bin/sh", str(changing.script)], check=True)
    assert (host / "sys/net/core/rmem_max").read_text().strip() == "16777216"
