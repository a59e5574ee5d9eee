"""The Vagrantfile, and one real host by it: up, at its address, reached by both inventories, killed, gone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import libvirt
from lab.state import State
from tests.integration import lab_command

ROOT = Path(__file__).parents[2]
NAME = "vagranttest"
SUBNET = "192.168.32.0/24"
ADDRESS = "192.168.32.20"
# Packages, an image and a box may have to be made, and processors may be emulated and shared.
UP_LIMIT_S = 1500


def environment(**wishes: str) -> dict[str, str]:
    """This process's environment without wishes, and with those given."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LAB_", "VAGRANT_"))}
    return clean | wishes


def vagrant(*arguments: str, **wishes: str) -> subprocess.CompletedProcess[str]:
    """Run Vagrant at the root of the checkout."""
    return subprocess.run(
        ["vagrant", *arguments],
        cwd=ROOT,
        env=environment(**wishes),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def lab(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the lab's command line, whatever becomes of it."""
    return lab_command.lab(*arguments, limit_s=UP_LIMIT_S, check=False, environment=environment())


def facts() -> dict:
    """The lab as it stands."""
    return json.loads(lab("status", "--json", "--name", NAME).stdout)


def ansible(inventory: str, module: str, *arguments: str, **wishes: str) -> str:
    """Run a module on all hosts of an inventory; what it said."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible"), "-i", inventory, "all", "-m", module, *arguments],
        cwd=ROOT,
        env=environment(ANSIBLE_NOCOLOR="1", **wishes),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """No such lab before; none, and no trace of one, after."""
    if os.geteuid() != 0 and not shutil.which("sudo"):
        pytest.skip("making hosts takes root")
    lab("down", "--name", NAME)
    yield
    assert lab("down", "--name", NAME).returncode == 0
    owner = State(NAME).bridge
    assert not State(NAME).folder.exists()
    assert not list(Path("/etc/libvirt/qemu").glob(f"{owner}*"))
    assert not list(Path("/etc/libvirt/qemu/networks").glob(f"{owner}*"))
    assert not list(Path("/var/lib/libvirt/images").glob(f"{owner}*"))
    assert SUBNET.split("/")[0][:-1] not in subprocess.check_output(["ip", "-4", "address"], text=True)
    with libvirt.alone() as alone:
        # Where the daemon is still there, somebody else needs it.
        assert not alone or not libvirt.FOLDER.is_dir() or libvirt.kept_for()


def test_the_vagrantfile_is_valid() -> None:
    for wishes in ({}, {"LAB_HOSTS": "5", "LAB_SUBNET": "10.0.0.0/16", "LAB_PROVISION": "1"}):
        done = vagrant("validate", "--ignore-provider", **wishes)
        assert done.returncode == 0, done.stderr


def test_virtualbox_knows_every_setting_that_it_is_given(tmp_path: Path) -> None:
    """Nothing is run by VirtualBox: Vagrant's provider judges the settings, where it believes to have one."""
    manager = tmp_path / "VBoxManage"
    manager.write_text("#!/bin/sh\necho 6.1.50r1\n")
    manager.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = vagrant("validate", PATH=path, VAGRANT_DEFAULT_PROVIDER="virtualbox")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("LAB_HOSTS", "0", "LAB_HOSTS=0: give a whole number from 1 to 50"),
        ("LAB_HOSTS", "51", "LAB_HOSTS=51: give a whole number from 1 to 50"),
        ("LAB_PREFIX", "A b", "LAB_PREFIX=A b: use up to 21 lower-case letters"),
        ("LAB_PROVISION", "yes", "LAB_PROVISION=yes: 0 or 1"),
        ("LAB_HOSTS", "many", "LAB_HOSTS=many"),
        ("LAB_MEMORY_MB", "100", "LAB_MEMORY_MB=100: give a whole number from 1024 on"),
        ("LAB_SUBNET", "192.168.20.0/29", "no room for LAB_HOSTS=3 from its address number 20 on"),
        ("LAB_SUBNET", "here", "give one like 192.168.20.0/24"),
        ("LAB_SUBNET", "fd00::/64", "LAB_SUBNET=fd00::/64 is no range of IPv4 addresses"),
        ("LAB_SUBNET", "192.168.20.7/24", "is no range of IPv4 addresses; give one like 192.168.20.0/24"),
        ("LAB_DRIVER", "fast", "LAB_DRIVER=fast: kvm or qemu"),
    ],
)
def test_what_cannot_be_is_refused(variable: str, value: str, words: str) -> None:
    refused = vagrant("validate", "--ignore-provider", **{variable: value})
    assert refused.returncode != 0
    assert words in refused.stderr


def test_too_little_memory_is_told_before_anything_is_begun() -> None:
    refused = vagrant("up", LAB_MEMORY_MB="9000000")
    assert refused.returncode != 0
    assert "too little memory: 3 machines of 9000000 MB" in refused.stderr
    assert "LAB_HOSTS" in refused.stderr


def test_a_range_in_use_is_told_before_anything_is_begun(tmp_path: Path) -> None:
    wishes = {"LAB_HOSTS": "1", "LAB_MEMORY_MB": "1024", "LAB_SUBNET": "127.0.0.0/24"}
    refused = vagrant("up", "--provider=libvirt", **wishes, VAGRANT_DOTFILE_PATH=str(tmp_path))
    assert refused.returncode != 0
    assert "LAB_SUBNET=127.0.0.0/24 is in use: interface lo has 127.0.0.1" in refused.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="hides the daemon's socket, which takes root")
def test_no_daemon_is_told_with_the_way_out(tmp_path: Path) -> None:
    hidden = "[ ! -d /run/libvirt ] || mount -t tmpfs none /run/libvirt; exec vagrant up --provider=libvirt"
    refused = subprocess.run(
        ["unshare", "--mount", "sh", "-euc", hidden],
        cwd=ROOT,
        env=environment(LAB_HOSTS="1", LAB_MEMORY_MB="1024", VAGRANT_DOTFILE_PATH=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert refused.returncode != 0
    assert "no libvirt daemon answers (No such file" in refused.stderr
    assert "`make vagrant-box` starts one" in refused.stderr


@pytest.mark.usefixtures("nothing_left")
def test_one_host_up_at_its_address_and_gone() -> None:
    wanted = ("--name", NAME, "--backend", "vagrant", "--subnet", SUBNET, "--hosts", "1")
    made = lab("up", *wanted)
    assert made.returncode == 0, made.stdout + made.stderr
    there = facts()
    assert there["accelerator"] in ("kvm", "tcg")
    assert there["members"][0]["pid"]
    assert there["members"][0]["interface"].startswith("vnet")

    # Its static address is its own interface's, and what its own name means.
    addresses = ansible(there["inventory"], "command", "-a", "ip -4 -o address show eth1")
    assert f"{ADDRESS}/24" in addresses
    assert ADDRESS in ansible(there["inventory"], "command", "-a", "getent hosts zkkafka1")

    # The inventory of `vagrant up` by hand reaches it too, as the user vagrant with sudo.
    by_hand = {
        "VAGRANT_DOTFILE_PATH": str(State(NAME).folder / "vagrant"),
        "LAB_HOSTS": "1",
        "LAB_SUBNET": SUBNET,
    }
    assert "root" in ansible("inventories/vagrant", "command", "-a", "id -un", **by_hand)
    known = State(NAME).folder / "vagrant/machines/zkkafka1/libvirt/known_hosts"
    assert " ".join(there_key().split()[:2]) in known.read_text()

    # A second `up` has nothing to do, and a power cut takes nothing that was on the disk.
    ansible(there["inventory"], "shell", "-a", "echo kept > /root/note; sync")
    assert facts()["members"] == there["members"]
    assert lab("up", *wanted).returncode == 0
    assert facts()["members"] == there["members"]
    assert lab("kill", "--name", NAME, "--host", "zkkafka1").returncode == 0
    assert facts()["members"][0]["pid"] is None
    again = lab("up", *wanted)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "kept" in ansible(there["inventory"], "command", "-a", "cat /root/note")

    taken = lab("up", "--name", f"{NAME}2", "--backend", "vagrant", "--subnet", SUBNET, "--hosts", "1")
    assert taken.returncode == 1
    assert f"{SUBNET} is in use: interface" in taken.stderr


def there_key() -> str:
    """The public key that the lab made for its host."""
    return (State(NAME).host_folder("zkkafka1") / "host_key.pub").read_text()
