"""The inventory that follows `vagrant up`, the daemon that will not start, and the box's name."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lab import box, libvirt, machine, network, vagrant
from lab.errors import LabError
from lab.plan import Plan
from lab.state import SLOW_VARIABLES, State
from lab.vagrant import Vagrant

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "inventories" / "vagrant" / "hosts.py"


def inventory(state: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Ask the inventory as Ansible does."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LAB_", "VAGRANT_"))}
    return subprocess.run(
        [str(SCRIPT), "--list"],
        env=clean | {"VAGRANT_DOTFILE_PATH": str(state), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def bring_up(state: Path, name: str, driver: str) -> Path:
    """What a host that is up leaves in Vagrant's state."""
    folder = state / "machines" / name / "libvirt"
    folder.mkdir(parents=True)
    (folder / "known_hosts").write_text("192.168.20.20 ssh-ed25519 AAAA\n")
    (folder / "private_key").write_text("secret")
    (folder / "driver").write_text(driver)
    return folder


def test_without_wishes_it_is_the_lab_that_the_readme_promises(tmp_path: Path) -> None:
    found = json.loads(inventory(tmp_path).stdout)
    hosts = found["_meta"]["hostvars"]
    assert {name: host["ansible_host"] for name, host in hosts.items()} == {
        "zkkafka1": "192.168.20.20",
        "zkkafka2": "192.168.20.21",
        "zkkafka3": "192.168.20.22",
    }
    assert [host["kafka_broker_id"] for host in hosts.values()] == [1, 2, 3]
    assert found["zookeeper"]["hosts"] == found["kafka"]["hosts"] == list(hosts)
    assert found["all"]["vars"]["ansible_user"] == "vagrant"
    assert found["all"]["vars"]["ansible_become"] is True


def test_it_says_what_the_lab_s_own_inventory_says(tmp_path: Path) -> None:
    plan = Plan(name="vagrant", backend="vagrant", user="vagrant", hosts=2)
    lab = yaml.safe_load(plan.inventory(".."))["all"]
    found = json.loads(inventory(tmp_path, LAB_HOSTS="2").stdout)
    groups = {name: group["hosts"] for name, group in found.items() if name in lab["children"]}
    assert groups == {name: list(group["hosts"]) for name, group in lab["children"].items()}
    assert found["all"]["vars"].items() >= yaml.safe_load(plan.values()).items()
    for name, host in lab["hosts"].items():
        assert found["_meta"]["hostvars"][name].items() >= host.items()


def test_the_environment_of_vagrant_up_tells_its_hosts(tmp_path: Path) -> None:
    found = json.loads(
        inventory(tmp_path, LAB_HOSTS="2", LAB_SUBNET="10.1.2.0/24", LAB_FIRST="5", LAB_PREFIX="k").stdout
    )
    assert {name: host["ansible_host"] for name, host in found["_meta"]["hostvars"].items()} == {
        "k1": "10.1.2.5",
        "k2": "10.1.2.6",
    }
    assert found["zookeeper"]["hosts"] == ["k1"]
    assert found["all"]["vars"]["kafka_default_replication_factor"] == 2


def test_an_empty_wish_is_none(tmp_path: Path) -> None:
    assert inventory(tmp_path, LAB_HOSTS="", LAB_SUBNET="").stdout == inventory(tmp_path).stdout


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("LAB_HOSTS", "three", "LAB_HOSTS=three: give a whole number"),
        ("LAB_HOSTS", "0", "0 hosts: this lab makes 1 to 50"),
        ("LAB_SUBNET", "192.168.20.0/29", "no room for 3 hosts"),
        ("LAB_PREFIX", "A b", "prefix 'A b'"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, variable: str, value: str, words: str) -> None:
    refused = inventory(tmp_path, **{variable: value})
    assert refused.returncode == 1
    assert words in refused.stderr


def test_a_play_over_an_inventory_that_cannot_be_fails(tmp_path: Path) -> None:
    """Not as one over no hosts, which succeeds."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(SCRIPT.parent), "site.yml"],
        cwd=ROOT,
        env=os.environ | {"VAGRANT_DOTFILE_PATH": str(tmp_path), "LAB_HOSTS": "three"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "LAB_HOSTS=three: give a whole number" in done.stdout + done.stderr


def test_a_host_that_is_up_is_reached_by_its_own_key_and_its_key_is_checked(tmp_path: Path) -> None:
    folder = bring_up(tmp_path, "zkkafka1", "qemu")
    found = json.loads(inventory(tmp_path).stdout)
    host = found["_meta"]["hostvars"]["zkkafka1"]
    assert host["ansible_ssh_private_key_file"] == str(folder / "private_key")
    assert "StrictHostKeyChecking=yes" in host["ansible_ssh_common_args"]
    assert str(folder / "known_hosts") in host["ansible_ssh_common_args"]


def test_a_host_that_is_not_up_stays_and_says_so_when_it_is_reached(tmp_path: Path) -> None:
    bring_up(tmp_path, "zkkafka1", "qemu")
    hosts = json.loads(inventory(tmp_path).stdout)["_meta"]["hostvars"]
    assert "zkkafka2 is not up" in hosts["zkkafka2"]["ansible_ssh_private_key_file"]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible"), "-i", str(SCRIPT), "zkkafka2", "-m", "ping"],
        cwd=ROOT,
        env=os.environ | {"VAGRANT_DOTFILE_PATH": str(tmp_path), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "`vagrant up` first" in done.stdout + done.stderr


def test_only_emulated_hosts_get_what_slow_processors_need(tmp_path: Path) -> None:
    bring_up(tmp_path, "zkkafka1", "qemu")
    bring_up(tmp_path, "zkkafka2", "kvm")
    assert json.loads(inventory(tmp_path).stdout)["emulated"]["hosts"] == ["zkkafka1"]
    there = yaml.safe_load((SCRIPT.parent / "group_vars" / "emulated.yml").read_text())
    assert there == yaml.safe_load(SLOW_VARIABLES.read_text()), "two files that say the same: change both"


@pytest.fixture
def machine_without_libvirt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that come first, and a machine whose settings and locks are files."""
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd starts libvirt's daemon here")
    for name in network.NEEDED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("0")
    monkeypatch.setattr(network, "SETTINGS", tmp_path)
    monkeypatch.setattr(network, "BEFORE", tmp_path / "before.json")
    monkeypatch.setattr(network, "LIBVIRT", tmp_path / "run")
    monkeypatch.setattr(network, "bridges", list)
    monkeypatch.setattr(libvirt, "FOLDER", tmp_path / "run")
    monkeypatch.setattr(libvirt, "LOCK", tmp_path / "lock")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def program(path: Path, words: str) -> None:
    """Put a program in another one's place."""
    path.write_text(words)
    path.chmod(0o755)


def test_a_daemon_that_ends_is_told_with_its_last_words(
    machine_without_libvirt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(machine_without_libvirt / "virtlogd", "#!/bin/sh\nexec sleep 60\n")
    program(machine_without_libvirt / "libvirtd", "#!/bin/sh\necho no permission; exit 1\n")
    monkeypatch.setattr(libvirt, "URI", "test:///no-such-file")
    with pytest.raises(LabError, match=r"libvirtd was started and has ended, .*\n.*no permission"):
        libvirt.up()
    assert not any(libvirt._pid(name) for name in libvirt.DAEMONS)
    assert not libvirt.FOLDER.exists()
    assert (network.SETTINGS / "net/ipv4/ip_forward").read_text() == "0"
    libvirt.let_go()


@pytest.fixture
def daemons(machine_without_libvirt: Path) -> Iterator[Path]:
    """Daemons that start; the file `networks` says which networks there are."""
    wait = "#!/usr/bin/env python3\nimport pathlib, signal\n"
    program(machine_without_libvirt / "virtlogd", wait + "signal.pause()\n")
    touch = f"pathlib.Path({str(machine_without_libvirt / 'answers')!r}).touch()\n"
    program(machine_without_libvirt / "libvirtd", wait + touch + "signal.pause()\n")
    answers = 'cd "${0%/*}"; case $* in *uri) cat answers && echo here;; *net-list*) cat networks;; esac\n'
    program(machine_without_libvirt / "virsh", "#!/bin/sh\n" + answers)
    for name in ("iptables", "ip6tables"):
        program(machine_without_libvirt / name, "#!/bin/sh\n")
    yield machine_without_libvirt
    libvirt.down()
    libvirt.let_go()


def test_a_daemon_stays_while_another_run_has_its_part(daemons: Path) -> None:
    libvirt.up()
    assert (network.SETTINGS / "net/ipv4/ip_forward").read_text() == "1"
    with libvirt.LOCK.open() as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert vagrant.release() == "another run"
        assert all(libvirt._pid(name) for name in libvirt.DAEMONS)
        # A lab of another backend, the last one, leaves the settings to the daemon's machines.
        network.put_settings_back()
        assert (network.SETTINGS / "net/ipv4/ip_forward").read_text() == "1"
    assert vagrant.release() == ""
    assert not any(libvirt._pid(name) for name in libvirt.DAEMONS)
    assert not libvirt.FOLDER.exists()
    assert (network.SETTINGS / "net/ipv4/ip_forward").read_text() == "0"


def test_what_a_person_asked_for_a_person_gives_back(daemons: Path) -> None:
    libvirt.up(asked_for=True)
    assert "vagrant-done" in vagrant.release()
    (daemons / "networks").write_text("kl-other-123456\n")
    assert vagrant.done() == "kl-other-123456"
    (daemons / "networks").unlink()
    assert vagrant.release() == ""
    assert not any(libvirt._pid(name) for name in libvirt.DAEMONS)


def test_nobody_gets_a_part_while_the_daemon_is_stopped(daemons: Path) -> None:
    with libvirt.alone() as alone, libvirt.LOCK.open() as other:
        assert alone
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)


def test_without_virsh_nothing_of_vagrants_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that only ever made other hosts has none of libvirt's programs; `lab down` asks anyway."""
    monkeypatch.setenv("PATH", str(tmp_path))
    backend = Vagrant(State("none-such"), Plan(name="none-such", backend="vagrant"))
    assert backend.names() == []
    assert not backend.network_present()
    assert backend.bridge == ""
    backend.network_down()


def test_the_plugin_is_asked_for_beside_vagrant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "VAGRANT_PLUGIN_ROOTS", (tmp_path,))
    assert "vagrant-libvirt" in machine.host_packages("vagrant")
    (tmp_path / "gems" / "vagrant-libvirt-0.11.2").mkdir(parents=True)
    assert "vagrant-libvirt" not in machine.host_packages("vagrant")
    assert "vagrant-libvirt" not in machine.host_packages("nspawn")


def test_another_box_has_another_name() -> None:
    plain = Plan(backend="vagrant")
    names = {
        box.box_name(plan)
        for plan in (
            plain,
            Plan(backend="vagrant", release="trixie"),
            Plan(backend="vagrant", packages=("less",)),
        )
    }
    assert len(names) == 3
    assert box.box_name(plain) == box.NAME
    assert box.box_name(Plan(backend="vagrant", name="two", hosts=5)) == box.NAME


def test_root_leaves_no_state_of_vagrant_s_in_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make vagrant-box` by sudo has made a `.vagrant` in which `vagrant up` could then not write."""
    program(tmp_path / "vagrant", f'#!/bin/sh\necho "$VAGRANT_DOTFILE_PATH" > {tmp_path}/state\n')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    box.vagrant("box", "list")
    state = Path((tmp_path / "state").read_text().strip())
    assert state.is_absolute()
    assert ROOT not in state.parents
    assert not state.exists()
