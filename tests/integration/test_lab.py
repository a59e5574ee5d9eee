"""A real lab of two hosts: made, hurt, brought up again, interrupted, removed, and nothing left of it."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration import lab_command

ROOT = Path(__file__).parents[2]
NAME = "selftest"
SUBNET = "192.168.28.0/24"
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 and not shutil.which("sudo"), reason="making hosts takes root"
)


lab = functools.partial(lab_command.lab, limit_s=300)


def up(*options: str) -> dict:
    """Bring the lab up; its facts."""
    lab("up", "--name", NAME, "--subnet", SUBNET, "--hosts", "2", *options)
    facts = json.loads(lab("status", "--json", "--name", NAME).stdout)
    assert all(member["pid"] for member in facts["members"])
    return facts


def traces() -> list[str]:
    """Whatever of the lab is still on this machine."""
    found = [str(path) for path in (ROOT / ".lab").glob(NAME)]
    links = json.loads(subprocess.check_output(["ip", "-j", "link"], text=True))
    found += [link["ifname"] for link in links if link["ifname"].startswith("kl-selft")]
    found += [
        line
        for line in subprocess.check_output(["nft", "list", "tables"], text=True).splitlines()
        if "kl_selft" in line
    ]
    found += [line for line in Path("/proc/mounts").read_text().splitlines() if f"/.lab/{NAME}/" in line]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode()
        except OSError:
            continue
        if f"/.lab/{NAME}/hosts/" in command:
            found.append(command.replace("\0", " "))
    return found


def on_host(facts: dict, number: int, command: str) -> str:
    """Run a command on a host, its key checked."""
    return subprocess.check_output(
        [
            *("ssh", "-q", "-i", facts["key"], "-o", f"UserKnownHostsFile={facts['known_hosts']}"),
            *("-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
            f"{facts['user']}@{facts['members'][number - 1]['address']}",
            command,
        ],
        text=True,
        timeout=300,
    ).strip()


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No lab before; none, and no trace of one, after."""
    lab("down", "--name", NAME)
    yield
    lab("down", "--name", NAME)
    assert traces() == []


def test_made_hurt_and_mended() -> None:
    facts = up("--user", "ops")
    assert Path(facts["key"]).stat().st_mode & 0o777 == 0o600
    assert on_host(facts, 1, "hostname; systemctl is-system-running --wait; sudo id -u").split() == [
        "zkkafka1",
        "running",
        "0",
    ]
    assert on_host(facts, 2, "getent hosts zkkafka2").split() == ["192.168.28.21", "zkkafka2"]
    assert on_host(facts, 1, "grep -ril 'nspawn\\|/.lab/' /etc || true") == ""
    on_host(facts, 2, "echo kept > note; sync")

    os.kill(facts["members"][1]["pid"], signal.SIGKILL)
    again = up()
    assert again["members"][0] == facts["members"][0]
    assert again["members"][1]["pid"] != facts["members"][1]["pid"]
    assert on_host(again, 2, "cat note") == "kept"

    refused = lab("up", "--name", NAME, "--release", "trixie", check=False)
    assert refused.returncode == 1
    assert "release = bookworm, and trixie was asked for" in refused.stderr


def test_a_second_checkout_s_range_is_refused() -> None:
    up()
    refused = lab("up", "--name", "selftest2", "--subnet", SUBNET, check=False)
    assert refused.returncode == 1
    assert f"{SUBNET} is in use: interface kl-selft" in refused.stderr
    assert not (ROOT / ".lab" / "selftest2").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_while_hosts_boot(number: signal.Signals) -> None:
    begun = subprocess.Popen(
        [sys.executable, "-m", "lab", "up", "--name", NAME, "--subnet", SUBNET, "--hosts", "2"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert begun.stdout is not None
    while "booted" not in (line := begun.stdout.readline()):
        assert line, "ended before it booted a host"
    begun.send_signal(number)
    _, words = begun.communicate(timeout=300)
    if number != signal.SIGKILL:
        assert begun.returncode == 130, words
        assert "what was begun is undone" in words
        assert traces() == []
    up()


def test_the_caller_is_let_go() -> None:
    """Who waits for the end of what it says gets it, although the hosts live on."""
    done = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m lab up --name {NAME} --subnet {SUBNET} --hosts 1 | cat"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert "is up after" in done.stdout
