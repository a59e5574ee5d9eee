"""Reading what took effect on a host: this very machine, and hand-made folders beside it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import effect_reading


def test_a_process_is_read_as_the_kernel_has_it() -> None:
    found = effect_reading.process(os.getpid())
    assert found is not None
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert found["open_files"] == (-1 if soft == resource.RLIM_INFINITY else soft)
    assert found["oom_score_adj"] == int(Path("/proc/self/oom_score_adj").read_text())
    assert found["heap_mb"] is None
    assert found["stopped"] is False


def test_a_process_that_a_signal_has_stopped_is_told_from_one_that_works() -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        try:
            sleeper.send_signal(signal.SIGSTOP)
            os.waitpid(sleeper.pid, os.WUNTRACED)
            held = effect_reading.process(sleeper.pid)
            assert held is not None
            assert held["stopped"] is True
        finally:
            sleeper.kill()


def test_no_process_is_none() -> None:
    gone = 2**22 + 1
    assert effect_reading.processes({"a.service": {"main_pid": 0}, "b.service": {"main_pid": gone}}) == {
        "a.service": None,
        "b.service": None,
    }


def test_any_number_of_files(tmp_path: Path) -> None:
    folder = tmp_path / "7"
    folder.mkdir()
    (folder / "limits").write_text(
        "Max open files            unlimited            unlimited            files\n"
    )
    (folder / "oom_score_adj").write_text("-500\n")
    (folder / "cmdline").write_bytes(b"java\0-Xmx2g\0-cp\0x\0")
    assert effect_reading.process(7, str(tmp_path)) == {
        "stopped": False,
        "open_files": -1,
        "oom_score_adj": -500,
        "heap_mb": 2048,
    }


@pytest.mark.parametrize(
    ("arguments", "heap_mb"),
    [
        (["java", "-Xms1g", "-Xmx512m"], 512),
        (["java", "-Xmx1G"], 1024),
        (["java", "-Xmx524288k"], 512),
        (["java", "-Xmx536870912"], 512),
        (["java", "-XX:MaxHeapSize=536870912"], 512),
        (["java", "-Xmx512m", "-Xmx768m"], 768),
        (["java", "-Xmxmany", "kafka.Kafka"], None),
    ],
)
def test_largest_heap(arguments: list[str], heap_mb: int | None) -> None:
    assert effect_reading.largest_heap_mb(arguments) == heap_mb


def unit(root: Path, path: str, text: str = "[Swap]\nWhat=/dev/x\n") -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_units_that_bring_swap_back(tmp_path: Path) -> None:
    assert effect_reading.swap_units(tmp_path) == []
    # There, but started by nothing.
    unit(tmp_path, "etc/systemd/system/alone.swap")
    unit(
        tmp_path,
        "run/systemd/generator/swap.target.requires/of-fstab.swap",
        "[Unit]\nSourcePath=/etc/fstab\n",
    )
    assert effect_reading.swap_units(tmp_path) == []
    unit(tmp_path, "run/systemd/generator.late/swap.target.wants/dev-vda2.swap")
    unit(tmp_path, "etc/systemd/system/swap.target.wants/own.swap")
    unit(tmp_path, "etc/systemd/system/multi-user.target.wants/zramswap.service")
    unit(tmp_path, "etc/systemd/system/multi-user.target.wants/kafka.service")
    assert effect_reading.swap_units(tmp_path) == ["dev-vda2.swap", "own.swap", "zramswap.service"]
    (tmp_path / "etc/systemd/system/own.swap").symlink_to("/dev/null")
    assert effect_reading.swap_units(tmp_path) == ["dev-vda2.swap", "zramswap.service"]
    (tmp_path / "etc/systemd/system/swap.target").symlink_to("/dev/null")
    assert effect_reading.swap_units(tmp_path) == []


def test_the_clock_of_this_machine_and_its_services() -> None:
    absent = {"load_state": "not-found", "active_state": "inactive", "fragment_path": ""}
    chrony = {
        "load_state": "loaded",
        "active_state": "active",
        "fragment_path": "/lib/systemd/system/chrony.service",
    }
    found = effect_reading.time_state(
        {"chrony.service": chrony, "chronyd.service": chrony, "ntp.service": absent}
    )
    assert found["services"] == {"chrony.service": "active"}
    assert found["synchronised"] in (True, False, None)
    assert (found["max_error_ms"] is None) == (found["synchronised"] is None)
    assert effect_reading.time_state({})["services"] == {}


@pytest.mark.parametrize(("status", "synchronised"), [(0x2041, False), (0x2001, True), (0, True)])
def test_what_the_kernel_says_of_its_clock(
    monkeypatch: pytest.MonkeyPatch, status: int, synchronised: bool
) -> None:
    class Kernel:
        """Answers as adjtimex(2) does."""

        def __init__(self, _name: None) -> None: ...

        def adjtimex(self, reference: object) -> int:
            clock = reference._obj  # type: ignore[attr-defined]
            clock.status, clock.maxerror = status, 12500
            return 0

    monkeypatch.setattr(effect_reading.ctypes, "CDLL", Kernel)
    found = effect_reading.time_state({})
    assert (found["synchronised"], found["max_error_ms"]) == (synchronised, 12.5)


def test_this_machine_says_whether_it_is_a_container() -> None:
    note = Path("/run/systemd/container")
    assert effect_reading.container() == (note.read_text().strip() if note.exists() else "")
