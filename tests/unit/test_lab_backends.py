"""What the lab's backends find here, what they refuse, and whose processes and variables are whose."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lab import accelerator, machine, network, qemu, state, verbs
from lab.backend import BACKEND_CLASSES, backend_of, backends_of_leftovers
from lab.errors import LabError
from lab.images import image_name
from lab.plan import BACKENDS, Host, Plan
from lab.qemu import Qemu

ROOT = Path(__file__).parents[2]
NOWHERE = Path("nowhere")


@pytest.fixture
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's `.lab` of its own."""
    monkeypatch.setattr(state, "LABS", tmp_path / ".lab")
    return tmp_path / ".lab"


def qemu_lab(accelerated: str = "", **wishes: object) -> Qemu:
    """The backend of a lab with a folder."""
    there = state.State("two")
    there.folder.mkdir(parents=True)
    if accelerated:
        (there.folder / "accelerator").write_text(accelerated + "\n")
    return Qemu(there, Plan(name="two", backend="qemu", **wishes))


def as_qemu(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program in qemu's place: no kernel hangs where KVM is well, or boots where not."""
    program = folder / "qemu-system-x86_64"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_every_backend_has_its_tools_and_its_class() -> None:
    assert set(BACKEND_CLASSES) == set(BACKENDS) == set(machine.HOST_TOOLS)
    assert "qemu-system-x86_64" not in machine.HOST_TOOLS["nspawn"]


@pytest.mark.parametrize(
    ("script", "limit_s", "words"),
    [
        ("echo 'error: failed to set MSR 0x10a'; echo Assertion; exit 134", 600, "error: failed to set MSR"),
        (
            "echo 'KVM internal error. Suberror: 1' >&2; exec sleep 600",
            600,
            "KVM internal error. Suberror: 1",
        ),
        ("exec sleep 600", 1, "nothing within 1 s"),
        # Long enough for a shell to begin on a busy machine.
        ("echo 'Linux version 6.1'; exec sleep 600", 10, "Linux version 6.1"),
    ],
)
def test_a_kvm_that_boots_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, limit_s: float, words: str
) -> None:
    as_qemu(tmp_path, monkeypatch, script)
    start = time.monotonic()
    boots, said = accelerator.boots("kvm", NOWHERE, NOWHERE, limit_s)
    assert not boots
    assert said.startswith(words)
    assert time.monotonic() - start < 300, "what has failed already was waited for"


def test_a_kvm_that_boots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_qemu(tmp_path, monkeypatch, "echo 'Kernel panic - not syncing: Attempted to kill init! exitcode=0'")
    monkeypatch.setattr(accelerator, "DEVICE", tmp_path)
    assert accelerator.find(NOWHERE, NOWHERE) == ("kvm", "")


def test_no_device_is_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_qemu(tmp_path, monkeypatch, "echo 'Attempted to kill init'")
    monkeypatch.setattr(accelerator, "DEVICE", tmp_path / "kvm")
    assert accelerator.find(NOWHERE, NOWHERE) == ("tcg", f"there is no {tmp_path}/kvm")


def test_too_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labs: Path) -> None:
    monkeypatch.setattr(machine, "MEMORY", tmp_path / "meminfo")
    machine.MEMORY.write_text("MemTotal:  16000000 kB\nMemAvailable:    7168000 kB\n")
    machine.require_memory(2, 3500)
    with pytest.raises(
        LabError, match=r"2 hosts .* 3501 MB each need 7002 MB, 7000 .*LAB_HOSTS.*LAB_MEMORY_MB"
    ):
        machine.require_memory(2, 3501)
    # What a host takes is more than the host sees, and only those that do not run yet count.
    backend = qemu_lab(hosts=3)
    with pytest.raises(LabError, match=r"3 hosts to boot with 3428 MB each"):
        backend.require_room([])
    monkeypatch.setattr(Qemu, "pid", lambda _, name: 1 if name == "zkkafka1" else None)
    backend.require_room([])


def test_a_lab_that_is_refused_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labs: Path
) -> None:
    monkeypatch.setattr(machine, "MEMORY", tmp_path / "meminfo")
    machine.MEMORY.write_text("MemAvailable:    1000000 kB\n")
    monkeypatch.setattr(machine, "install", lambda _: None)
    monkeypatch.setattr(network, "refuse_used_range", lambda *_: None)
    with pytest.raises(LabError, match=r"too little memory"):
        verbs.up("two", {"backend": "qemu"})
    assert not (labs / "two").exists()


def test_an_architecture_without_a_kernel(monkeypatch: pytest.MonkeyPatch, labs: Path) -> None:
    monkeypatch.setattr(qemu.platform, "machine", lambda: "aarch64")
    with pytest.raises(LabError, match=r"x86_64; this machine is aarch64.*LAB_BACKEND=nspawn"):
        qemu_lab().prepare()


def test_no_tap_devices(monkeypatch: pytest.MonkeyPatch, labs: Path) -> None:
    monkeypatch.setattr(qemu.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(qemu, "TUN", Path("/dev/net/none"))
    with pytest.raises(LabError, match=r"/dev/net/none cannot be opened \(No such file.*modprobe tun"):
        qemu_lab().prepare()


def test_a_kernel_makes_another_image() -> None:
    assert image_name("bookworm", ()) != image_name("bookworm", (), with_kernel=True)


def test_emulated_hosts_get_what_slow_processors_need_and_others_do_not(labs: Path) -> None:
    emulated = qemu_lab("tcg")
    emulated.state.save(emulated.plan, emulated.variables())
    values = emulated.state.inventory / "group_vars" / "all"
    assert sorted(path.name for path in values.iterdir()) == ["qemu.yml", "this_lab.yml"]
    slow = yaml.safe_load((values / "qemu.yml").read_text())
    assert slow["zookeeper_tick_time_ms"] == 4000
    # A session that ZooKeeper would shorten, 20 ticks at most, is no session of 60 s.
    assert slow["kafka_zookeeper_session_timeout_ms"] == 60000 <= 20 * slow["zookeeper_tick_time_ms"]
    (emulated.state.folder / "accelerator").write_text("kvm\n")
    assert emulated.variables() == {}
    assert emulated.facts() == {"accelerator": "kvm"}


def test_waits_grow_with_what_hosts_share(labs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    emulated = qemu_lab("tcg", hosts=2)
    assert (
        Qemu(emulated.state, Plan(name="two", backend="qemu", hosts=6)).ssh_limit_s
        == 3 * emulated.ssh_limit_s
    )
    (emulated.state.folder / "accelerator").write_text("kvm\n")
    assert emulated.ssh_limit_s == 120


@pytest.mark.skipif(os.geteuid() != 0, reason="makes network interfaces, which takes root")
def test_a_bridge_goes_with_the_tap_of_a_machine_that_has_ended() -> None:
    """As after a run that was killed: whichever backend removes the bridge, the tap goes."""
    bridge, tap = f"kl-unit-{os.getpid() % 10**6}", f"unit-{os.getpid() % 10**6}"
    subprocess.run(["ip", "link", "add", bridge, "type", "bridge"], check=True)
    subprocess.run(["ip", "tuntap", "add", "dev", tap, "mode", "tap"], check=True)
    subprocess.run(["ip", "link", "set", tap, "master", bridge], check=True)
    network.down(bridge)
    assert not Path("/sys/class/net", bridge).exists()
    assert not Path("/sys/class/net", tap).exists()


@given(name=st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True), number=st.integers(1, 50))
def test_a_tap_s_name_fits_the_kernel_and_differs_from_host_to_host(name: str, number: int) -> None:
    plan = Plan(name="two", backend="qemu", prefix=name)
    one, two = (Qemu(state.State("two"), plan).interface(f"{name}{n}") for n in (number, number + 1))
    assert len(one) <= 15
    assert one != two
    assert one[0] != "-"


def test_the_same_host_of_two_labs_has_two_taps() -> None:
    first, second = (
        Qemu(state.State(name), Plan(name=name, backend="qemu")).interface("zkkafka1") for name in ("a", "b")
    )
    assert first != second


@contextmanager
def process_with(argument: str) -> Iterator[int]:
    """A process that has an argument."""
    running = subprocess.Popen([sys.executable, "-c", "input()", argument], stdin=subprocess.PIPE)
    try:
        while argument.encode() not in Path(f"/proc/{running.pid}/cmdline").read_bytes():
            time.sleep(0.01)
        yield running.pid
    finally:
        running.kill()
        running.communicate()


def test_virtual_machines_are_found_by_their_folder_and_nobody_else(labs: Path) -> None:
    backend = qemu_lab()
    folder = backend.state.host_folder("zkkafka1")
    with process_with(f"{folder}x/qemu.log"), process_with(f"{folder}/qemu.log.1"):
        assert backend.pid("zkkafka1") is None
        # The first is a host of this lab by another name, which has no files any more.
        assert backend.names() == ["zkkafka1x"]
        with process_with(f"{folder}/qemu.log") as pid:
            assert backend.pid("zkkafka1") == pid
            assert backend.names() == ["zkkafka1", "zkkafka1x"]


@pytest.mark.skipif(os.geteuid() != 0, reason="removes a network interface, which takes root")
def test_a_killed_machine_is_gone_when_kill_returns(labs: Path) -> None:
    backend = qemu_lab()
    with process_with(f"{backend.state.host_folder('zkkafka1')}/qemu.log") as pid:
        backend.kill(["zkkafka1"])
        assert Path(f"/proc/{pid}/cmdline").read_bytes() == b""


def test_without_a_plan_every_backend_looks_for_what_it_left(labs: Path) -> None:
    there = state.State("two")
    assert {type(backend) for backend in backends_of_leftovers(there)} == set(BACKEND_CLASSES.values())
    there.folder.mkdir(parents=True)
    plan = Plan(name="two", backend="qemu")
    there.save(plan, {})
    assert [type(backend) for backend in backends_of_leftovers(there)] == [Qemu]
    assert isinstance(backend_of(there, plan), Qemu)


def test_a_command_line_of_qemu_says_what_the_plan_says(labs: Path) -> None:
    backend = qemu_lab("tcg", memory_mb=2048, cpus=3, log_file_systems=2)
    command = backend._command(Host(1, "zkkafka1", "192.168.20.20"), "tap1")
    options = {command[i]: command[i + 1] for i in range(1, len(command) - 1)}
    assert (options["-m"], options["-smp"]) == ("2048", "3")
    assert options["-accel"].startswith("tcg,")
    assert [word for word in command if ".img" in word] == [
        f"file={disk}.img,format=raw,if=virtio,cache=unsafe" for disk in ("root", "a", "b")
    ]
    (backend.state.folder / "accelerator").write_text("kvm\n")
    assert "kvm" in backend._command(Host(1, "zkkafka1", "192.168.20.20"), "tap1")
