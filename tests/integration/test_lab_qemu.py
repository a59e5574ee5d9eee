"""A real lab of one virtual machine: its kernel is its own, its data outlasts its end, nothing is left."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import accelerator
from tests.integration import lab_command

ROOT = Path(__file__).parents[2]
NAME = "qemutest"
SUBNET = "192.168.31.0/24"
# Its network interface's name is found by that, whatever other labs there are.
PREFIX = "vmt"
UP = (
    *("up", "--name", NAME, "--subnet", SUBNET, "--hosts", "1", "--backend", "qemu", "--user", "ops"),
    *("--memory-mb", "1024", "--cpus", "1", "--log-file-systems", "1", "--prefix", PREFIX),
)
# An emulated machine on a busy one takes a minute to boot.
LIMIT_S = 400
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 and not shutil.which("sudo"), reason="making hosts takes root"
)


lab = functools.partial(lab_command.lab, limit_s=LIMIT_S)


def up() -> tuple[dict, str]:
    """Bring the lab up; its facts, and what was said."""
    said = lab(*UP).stdout
    return json.loads(lab("status", "--json", "--name", NAME).stdout), said


def on_host(facts: dict, command: str) -> str:
    """Run a command on the host, its key checked."""
    return subprocess.check_output(
        [
            *("ssh", "-q", "-i", facts["key"], "-o", f"UserKnownHostsFile={facts['known_hosts']}"),
            *("-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
            *("-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=6"),
            f"{facts['user']}@{facts['members'][0]['address']}",
            command,
        ],
        text=True,
        timeout=LIMIT_S,
    ).strip()


def boot_id(facts: dict) -> str:
    """Which boot of the host this is."""
    return on_host(facts, "cat /proc/sys/kernel/random/boot_id")


def booted_after(facts: dict, earlier: str) -> str:
    """Wait until the host has booted once more; which boot that is."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        try:
            now = boot_id(facts)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            now = ""
        if now not in ("", earlier):
            return now
        time.sleep(1)
    raise AssertionError(f"no new boot within {LIMIT_S} s")


def traces() -> list[str]:
    """Whatever of the lab is still on this machine."""
    found = [str(path) for path in (ROOT / ".lab").glob(NAME)]
    links = json.loads(subprocess.check_output(["ip", "-j", "link"], text=True))
    found += [link["ifname"] for link in links if link["ifname"].startswith(("kl-qemut", f"{PREFIX}1-"))]
    tables = subprocess.check_output(["nft", "list", "tables"], text=True)
    found += [line for line in tables.splitlines() if "kl_qemut" in line]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"/.lab/{NAME}/hosts/" in command:
            found.append(command.replace("\0", " "))
    return found


@pytest.fixture
def machine() -> Iterator[tuple[dict, str]]:
    """A lab with one virtual machine that has booted; no trace of it after."""
    lab("down", "--name", NAME)
    try:
        yield up()
    finally:
        lab("down", "--name", NAME)
    assert traces() == []


def test_a_virtual_machine_from_its_first_boot_to_its_last(machine: tuple[dict, str]) -> None:
    facts, said = machine
    assert facts["accelerator"] in ("kvm", "tcg")
    assert ("KVM" in said) if facts["accelerator"] == "kvm" else ("emulated" in said)
    port = facts["members"][0]["interface"]
    ports = json.loads(subprocess.check_output(["ip", "-j", "link", "show", "master", facts["bridge"]]))
    assert [link["ifname"] for link in ports] == [port]
    assert len(port) <= 15

    # As the plan says, a whole system, and nothing in it that knows of a lab.
    assert on_host(facts, "hostname; systemctl is-system-running --wait; nproc; sudo id -u").split() == [
        *(f"{PREFIX}1", "running", "1", "0"),
    ]
    memory_kb = int(on_host(facts, "awk '/^MemTotal/ {print $2}' /proc/meminfo"))
    assert 900_000 < memory_kb <= 1024 * 1024
    assert on_host(facts, "sudo grep -ril 'qemu\\|/.lab/' /etc/fstab /etc/systemd /etc/ssh || true") == ""
    assert on_host(facts, "findmnt -no SOURCE,FSTYPE /").split() == ["/dev/vda", "ext4"]
    assert on_host(facts, "findmnt -no FSTYPE /srv/kafka/a; ls -A /srv/kafka/a").split() == ["ext4"]
    assert on_host(facts, "stat -c %U:%a /etc/shadow /usr/bin/sudo").split() == ["root:640", "root:4755"]

    # What no container could do: a kernel setting of its own, which the machine does not see.
    setting = Path("/proc/sys/net/core/rmem_max")
    mine = setting.read_text().strip()
    assert on_host(facts, f"echo 33554432 | sudo tee {setting}; cat {setting}").split() == ["33554432"] * 2
    assert setting.read_text().strip() == mine

    first, identity = boot_id(facts), on_host(facts, "cat /etc/machine-id")
    on_host(facts, "echo kept | sudo tee /srv/kafka/a/note > note; sync")
    on_host(facts, "sudo systemd-run --on-active=1 systemctl reboot 2>/dev/null")
    second = booted_after(facts, first)
    assert on_host(facts, "cat note /srv/kafka/a/note /etc/machine-id").split() == ["kept", "kept", identity]

    lab("kill", "--name", NAME, "--host", f"{PREFIX}1")
    killed = json.loads(lab("status", "--json", "--name", NAME).stdout)
    assert killed["members"][0]["pid"] is None
    again, _ = up()
    assert boot_id(again) not in (first, second)
    assert on_host(again, "cat note /srv/kafka/a/note /etc/machine-id").split() == ["kept", "kept", identity]

    # The probe says yes where a kernel boots, and no where it ends before its first process.
    boot = ROOT / ".lab" / NAME / "hosts" / f"{PREFIX}1" / "boot"
    kernel, initrd = boot / "vmlinuz", boot / "initrd"
    assert accelerator.boots("tcg", kernel, initrd, limit_s=120) == (True, "")
    works, words = accelerator.boots("tcg", kernel, kernel, limit_s=120)
    assert not works
    assert "Kernel panic" in words

    refused = lab("up", "--name", NAME, "--memory-mb", "2048", check=False)
    assert refused.returncode == 1
    assert "memory_mb = 1024, and 2048 was asked for" in refused.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_while_it_boots(number: signal.Signals) -> None:
    lab("down", "--name", NAME)
    begun = subprocess.Popen(
        [sys.executable, "-m", "lab", *UP],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert begun.stdout is not None
        while "booted" not in (line := begun.stdout.readline()):
            assert line, "ended before it booted the machine"
        begun.send_signal(number)
        _, words = begun.communicate(timeout=LIMIT_S)
        if number == signal.SIGINT:
            assert begun.returncode == 130, words
            assert traces() == []
        else:
            assert any("qemu-system" in trace for trace in traces())
    finally:
        begun.kill()
        begun.communicate()
        lab("down", "--name", NAME)
    assert traces() == []
