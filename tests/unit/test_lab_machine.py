"""What the lab says where it cannot work, and what it leaves alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import machine, network, state, verbs
from lab.backend import backend_of
from lab.errors import LabError
from lab.hostfiles import HostFiles, write_host
from lab.images import image_name
from lab.nspawn import Nspawn
from lab.plan import Plan

ROOT = Path(__file__).parents[2]


@pytest.fixture
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's `.lab` of its own."""
    monkeypatch.setattr(state, "LABS", tmp_path / ".lab")
    return tmp_path / ".lab"


def test_elsewhere_than_on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(LabError, match=r"need Linux; this is darwin"):
        machine.require_linux()


def test_neither_root_nor_sudo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match=r"takes root: run this as root, or .*sudo -n true"):
        machine.become_root(["up"])


def test_too_little_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1_500_000_000})
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: usage)
    machine.require_space(tmp_path, 2)
    with pytest.raises(
        LabError, match=r"3 new hosts and an image need 3000 MB .*1500 MB are free.*LAB_HOSTS"
    ):
        machine.require_space(tmp_path / "not" / "yet", 3, image_mb=900)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--hosts=x", "LAB_HOSTS=x: give a whole number from 1 on"),
        ("--hosts=0", "LAB_HOSTS=0"),
        ("--memory-mb=abc", "LAB_MEMORY_MB=abc: give a whole number from 1 on"),
        ("--cpus=0", "LAB_CPUS=0: give a whole number from 1 on"),
        ("--backend=foo", "backend 'foo': this lab knows nspawn, qemu, vagrant (LAB_BACKEND)"),
        ("--release=sid", "release 'sid': this lab knows bookworm, trixie (LAB_RELEASE)"),
    ],
)
def test_an_option_that_cannot_be_is_one_line(option: str, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", "make", "--name", "none-such", option],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not done.stdout


# A verb of the lab that takes its time to undo what it has begun, and is asked twice to end.
UNDOES = """\
import pathlib, signal, sys, time
from lab import __main__ as lab
for number in lab.SIGNALS: signal.signal(number, lab.interrupted)
try:
    pathlib.Path(sys.argv[1]).write_text("begun")
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1)
    pathlib.Path(sys.argv[1]).write_text("undone")
"""
RUNS = """\
import os, signal, sys
from lab import __main__ as lab, make_lab
for number in lab.SIGNALS: signal.signal(number, lab.interrupted)
make_lab._run([sys.executable, "-c", sys.argv[2], sys.argv[1]], os.environ)
"""


@pytest.mark.parametrize(
    ("end", "number"),
    [(os.killpg, signal.SIGINT), (os.killpg, signal.SIGTERM), (os.kill, signal.SIGTERM)],
    ids=["Ctrl-C", "to the group", "to make alone"],
)
def test_a_phase_that_is_interrupted_undoes_what_it_has_begun(
    tmp_path: Path, end: Callable[[int, int], None], number: signal.Signals
) -> None:
    mark = tmp_path / "mark"
    running = subprocess.Popen(
        [sys.executable, "-c", RUNS, str(mark), UNDOES],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not mark.exists() and running.poll() is None:
        time.sleep(0.05)
    time.sleep(0.2)
    end(running.pid, number)
    assert running.wait(60) != 0
    assert mark.read_text() == "undone"


def test_tools_missing_without_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.missing_packages(
        {"nft": "nftables", "ssh": "openssh-client", "scp": "openssh-client"}
    ) == [
        "nftables",
        "openssh-client",
    ]
    with pytest.raises(LabError, match=r"missing here: maven, nftables .*no apt-get"):
        machine.install(["nftables", "maven"])


def test_nothing_missing_runs_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    machine.install([])


def test_a_range_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = '[{"ifname": "docker0", "addr_info": [{"local": "192.168.20.1", "prefixlen": 24}]}]'
    monkeypatch.setattr(network, "run", lambda *command: taken if "address" in command else "[]")
    with pytest.raises(LabError, match=r"192.168.20.0/24 is in use: interface docker0 .*LAB_SUBNET="):
        network.refuse_used_range(Plan(), "kl-lab-1")


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"hosts": 2}, r"lab lab is there with hosts = 3, and 2 was asked for.*data.*make lab-down"),
        ({"release": "trixie"}, r"release = bookworm, and trixie"),
        ({"subnet": "192.168.30.0/24"}, r"subnet = 192.168.20.0/24"),
    ],
)
def test_a_lab_is_never_changed_under_its_data(labs: Path, wish: dict, words: str) -> None:
    there = state.State("lab")
    there.folder.mkdir(parents=True)
    there.save(Plan(), {})
    with pytest.raises(LabError, match=words):
        verbs.wanted_plan(there, wish)


def test_another_backend_is_told_before_what_it_could_not_have(labs: Path) -> None:
    there = state.State("vm")
    there.folder.mkdir(parents=True)
    there.save(Plan(name="vm", backend="qemu", memory_mb=1024), {})
    with pytest.raises(LabError, match=r"lab vm is there with backend = qemu, and nspawn was asked for"):
        verbs.wanted_plan(there, {"backend": "nspawn"})


def test_more_hosts_are_added_and_what_is_not_asked_stays(labs: Path) -> None:
    there = state.State("two")
    there.folder.mkdir(parents=True)
    there.save(Plan(name="two", hosts=4, release="trixie", subnet="192.168.30.0/24"), {})
    assert verbs.wanted_plan(there, {}).hosts == 4
    grown = verbs.wanted_plan(there, {"hosts": 5})
    assert (grown.hosts, grown.release, grown.subnet) == (5, "trixie", "192.168.30.0/24")


def test_an_inventory_of_its_own_has_the_labs_values_and_its_own_name(labs: Path) -> None:
    there = state.State("two")
    there.folder.mkdir(parents=True)
    plan = Plan(name="two")
    there.save(plan, backend_of(there, plan).variables())
    values = there.inventory / "group_vars" / "all"
    assert (values / "lab.yml").read_text() == (ROOT / "inventories/lab/group_vars/all.yml").read_text()
    assert "kafka_cluster_name: two" in (values / "this_lab.yml").read_text()
    assert sorted(path.name for path in values.iterdir())[-1] == "this_lab.yml"


def test_half_a_lab_json_is_no_lab(labs: Path) -> None:
    there = state.State("two")
    there.folder.mkdir(parents=True)
    (there.folder / "lab.json").write_text('{"name": "two"')
    assert there.plan() is None


def test_an_image_is_named_by_all_that_makes_it() -> None:
    names = {
        image_name("bookworm", ()),
        image_name("trixie", ()),
        image_name("bookworm", ("less",)),
    }
    assert len(names) == 3
    assert image_name("bookworm", ("a", "b")) == image_name("bookworm", ("b", "a"))


def test_somebody_else_s_process_is_never_taken_for_a_host(labs: Path) -> None:
    backend = Nspawn(state.State("two"), Plan(name="two"))
    assert backend.pid("zkkafka1") is None
    folder = labs / "two" / "hosts" / "zkkafka1" / "root"
    ours = subprocess.Popen(["sh", "-c", "sleep 600; :", f"--directory={folder}"])
    other = subprocess.Popen(["sh", "-c", "sleep 600; :", f"--directory={folder}x"])
    try:
        # A process has its command line only some way into its exec.
        while not all(Path(f"/proc/{one.pid}/cmdline").read_bytes().endswith(b"\0") for one in (ours, other)):
            time.sleep(0.01)
        assert backend.pid("zkkafka1") == ours.pid
        assert backend.names() == ["zkkafka1"]
    finally:
        for process in (ours, other):
            process.kill()
            process.wait()


def test_a_lock_outlives_the_removal_of_what_it_locks(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    with state.locked(folder, "the test"):
        waiting = subprocess.Popen(
            [
                *(sys.executable, "-c"),
                "import sys; from pathlib import Path; from lab.state import locked\n"
                "folder = Path(sys.argv[1])\n"
                "with locked(folder, 'the test'): (folder / 'mine').touch()",
                str(folder),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert waiting.stdout is not None
        assert "waiting for the test" in waiting.stdout.readline()
        folder.rmdir()
    assert waiting.wait(120) == 0
    assert (folder / "mine").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other owners, which takes root")
def test_a_host_is_itself_and_lets_in_whom_it_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "nameservers", lambda: ["10.0.0.53"])
    image, upper, keys = tmp_path / "image", tmp_path / "upper", tmp_path / "keys"
    for folder in ("etc/ssh", "etc/sudoers.d", "root", "home"):
        (image / folder).mkdir(parents=True)
    (image / "root").chmod(0o700)
    (image / "etc/sudoers.d").chmod(0o750)
    for name, mode in (("passwd", 0o644), ("group", 0o644), ("shadow", 0o640), ("gshadow", 0o640)):
        (image / "etc" / name).write_text("root:x:0:0:::\n")
        (image / "etc" / name).chmod(mode)
    keys.mkdir()
    (keys / "host_key").write_text("secret")
    (keys / "host_key.pub").write_text("public")
    upper.mkdir()
    plan = Plan(user="ops")
    write_host(HostFiles(image, upper), plan, plan.members[0], keys, "ssh-ed25519 AAAA me\n", "eth0")

    def mode(path: str) -> int:
        return (upper / path).stat().st_mode & 0o7777

    hosts = (upper / "etc/hosts").read_text()
    assert "192.168.20.20\tzkkafka1" in hosts
    assert "127.0.1.1" not in hosts
    assert (upper / "etc/hostname").read_text() == "zkkafka1\n"
    assert mode("etc/ssh/ssh_host_ed25519_key") == 0o600
    assert mode("etc/shadow") == 0o640
    assert mode("etc/sudoers.d") == 0o750
    assert mode("etc/sudoers.d/ops") == 0o440
    assert (upper / "etc/ssh/sshd_config.d/root.conf").read_text() == "PermitRootLogin no\n"
    assert (upper / "home/ops/.ssh/authorized_keys").stat().st_uid == 1000
    assert mode("home/ops/.ssh") == 0o700
    assert not (upper / "root").exists()
    assert "Name=eth0\n" in (upper / "etc/systemd/network/10-static.network").read_text()
