"""Reading a host: this very machine, and hand-made text where it has nothing to say."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import host_reading, service_units

SHOWN = """\
Type=exec
Restart=on-failure
Id=kafka.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
NeedDaemonReload=yes
MainPID=4711
Result=success
ExecMainStatus=0
NRestarts=3
FragmentPath=/etc/systemd/system/kafka.service
DropInPaths=/etc/systemd/system/kafka.service.d/a.conf /etc/systemd/system/kafka.service.d/b=c.conf

Id=absent.service
LoadState=not-found
ActiveState=inactive
SubState=dead
UnitFileState=
NeedDaemonReload=no
MainPID=0
Result=success
ExecMainStatus=0
NRestarts=0
FragmentPath=
DropInPaths=
"""


def files(monkeypatch: pytest.MonkeyPatch, texts: dict[str, str]) -> None:
    """Puts hand-made text in the place of the machine's files."""
    monkeypatch.setattr(host_reading, "text", texts.get)


def test_accounts_are_those_of_this_machine() -> None:
    me = pwd.getpwuid(os.getuid())
    found = host_reading.users([me.pw_name, "no-such-account"])
    assert found["no-such-account"] is None
    assert found[me.pw_name] is not None
    assert (found[me.pw_name]["uid"], found[me.pw_name]["home"]) == (me.pw_uid, me.pw_dir)  # type: ignore[index]
    assert found[me.pw_name]["shell"] == me.pw_shell  # type: ignore[index]


def test_units_are_read_in_the_order_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shown").write_text(SHOWN)
    (tmp_path / "systemctl").write_text(f"#!/bin/sh\ncat {tmp_path}/shown\n")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = host_reading.units(["kafka.service", "absent.service"])
    assert found["kafka.service"] == {
        "load_state": "loaded",
        "active_state": "active",
        "sub_state": "running",
        "unit_file_state": "enabled",
        "need_daemon_reload": True,
        "main_pid": 4711,
        "result": "success",
        "exec_main_status": 0,
        "n_restarts": 3,
        "fragment_path": "/etc/systemd/system/kafka.service",
        "drop_in_paths": [
            "/etc/systemd/system/kafka.service.d/a.conf",
            "/etc/systemd/system/kafka.service.d/b=c.conf",
        ],
    }
    assert found["absent.service"]["load_state"] == "not-found"
    assert found["absent.service"]["drop_in_paths"] == []
    assert not found["absent.service"]["need_daemon_reload"]


def test_a_machine_without_systemd_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "systemctl").write_text(
        "#!/bin/sh\necho 'System has not been booted with systemd' >&2; exit 1\n"
    )
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="has not been booted with systemd"):
        host_reading.units(["kafka.service"])
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(OSError, match="systemctl"):
        host_reading.units(["kafka.service"])
    assert host_reading.units([]) == {}


@pytest.mark.skipif(not os.access("/usr/bin/java", os.X_OK), reason="no Java on this machine")
def test_the_java_of_this_machine_is_the_one_that_answers() -> None:
    said = subprocess.run(["/usr/bin/java", "-version"], capture_output=True, text=True, check=True).stderr
    found = host_reading.java([""])[""]
    assert found is not None
    assert f'"{found["version"]}"' in said
    assert found["major"] >= 8


@pytest.mark.parametrize(
    ("version", "major"),
    [("1.8.0_402", 8), ("11.0.22", 11), ("17.0.15", 17), ("21", 21), ("22-ea", 22)],
)
@pytest.mark.parametrize("by_release_file", [True, False])
def test_every_way_to_write_a_java_version(
    tmp_path: Path, version: str, major: int, by_release_file: bool
) -> None:
    (tmp_path / "bin").mkdir()
    java = tmp_path / "bin/java"
    if by_release_file:
        (tmp_path / "release").write_text(
            f'IMPLEMENTOR="Debian"\nJAVA_VERSION="{version}"\nOS_NAME="Linux"\n'
        )
        java.write_text("#!/bin/sh\nexit 1\n")
    else:
        java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2024-01-01' >&2\n")
    java.chmod(0o755)
    home = str(tmp_path)
    assert host_reading.java([home]) == {home: {"version": version, "major": major, "binary": str(java)}}


def test_a_java_that_is_not_there_or_says_nothing_is_none(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/java").write_text("#!/bin/sh\necho nothing\n")
    (tmp_path / "bin/java").chmod(0o755)
    assert host_reading.java([str(tmp_path), "/no/such/home"]) == {str(tmp_path): None, "/no/such/home": None}


def test_releases_have_a_manifest_or_are_none(tmp_path: Path) -> None:
    for name, manifest in (("good", '{"version": "3.9.2"}'), ("torn", '{"version": '), ("bare", None)):
        (tmp_path / name).mkdir()
        if manifest is not None:
            (tmp_path / name / ".release.json").write_text(manifest)
    paths = [str(tmp_path / name) for name in ("good", "torn", "bare", "absent")]
    assert list(host_reading.releases(paths).values()) == [{"version": "3.9.2"}, None, None, None]


def test_kernel_settings_are_those_of_the_kernel() -> None:
    found = host_reading.sysctls(["kernel.ostype", "net.ipv4.tcp_rmem", "no.such.setting"])
    assert found["kernel.ostype"] == "Linux"
    assert found["no.such.setting"] is None
    assert found["net.ipv4.tcp_rmem"] == " ".join(Path("/proc/sys/net/ipv4/tcp_rmem").read_text().split())
    assert "\t" not in found["net.ipv4.tcp_rmem"]


def test_memory_is_what_the_kernel_reports() -> None:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    assert abs(host_reading.memory_total_mb() - pages) <= 1


def test_swaps_and_huge_pages_of_hand_made_files(monkeypatch: pytest.MonkeyPatch) -> None:
    fstab = "# /dev/sda9 none swap sw 0 0\nUUID=1 / ext4 defaults 0 1\n\n/swap.img\tnone\tswap\tsw\t0\t0\nx\n"
    swaps = "Filename Type Size Used Priority\n/swap.img file 4194300 0 -2\n/dev/sda2 partition 1 0 -3\n"
    pages = "always [madvise] never\n"
    enabled = "/sys/kernel/mm/transparent_hugepage/enabled"
    files(monkeypatch, {"/proc/swaps": swaps, "/etc/fstab": fstab, enabled: pages})
    assert host_reading.swaps() == ["/swap.img", "/dev/sda2"]
    assert host_reading.fstab_swaps() == ["/swap.img"]
    assert host_reading.transparent_hugepages() == "madvise"
    files(monkeypatch, {})
    assert host_reading.swaps() == []
    assert host_reading.fstab_swaps() == []
    assert host_reading.transparent_hugepages() is None
    assert host_reading.memory_total_mb() == 0


def test_the_operating_system_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert host_reading.operating_system()["id"] in Path("/etc/os-release").read_text()
    text = 'NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'
    files(monkeypatch, {"/etc/os-release": text})
    assert host_reading.operating_system() == {
        "id": "debian",
        "version_id": "12",
        "version_codename": "bookworm",
    }


def test_a_folders_own_files_are_counted_and_not_those_of_its_folders(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(b"x" * 2**20)
    (tmp_path / "kafka.00000001").write_bytes(b"x" * 2**18)
    (tmp_path / "gone").symlink_to(tmp_path / "below" / "file")
    here, nowhere = str(tmp_path), str(tmp_path / "nowhere")
    found = host_reading.disks([here, nowhere])
    assert 2**18 <= found[here]["files_bytes"] < 2**18 + 2**16
    assert found[nowhere]["files_bytes"] == 0


def test_disks_are_those_that_hold_or_would_hold_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, below = str(tmp_path), str(tmp_path / "not/yet/there")
    (tmp_path / "file").write_text("")
    found = host_reading.disks([here, below, str(tmp_path / "file")])
    assert found[here]["exists"]
    assert not found[below]["exists"]
    assert not found[str(tmp_path / "file")]["exists"]
    state = os.statvfs(here)
    for one in found.values():
        assert os.stat(one["mount_point"]).st_dev == os.stat(here).st_dev
        assert abs(one["free_bytes"] - state.f_bavail * state.f_frsize) < 2**30
        assert "rw" in one["options"]
    assert host_reading.disks(["/proc/sys"])["/proc/sys"]["fstype"] == "proc"
    # What the inventory rules refuse must not keep the module busy for ever.
    monkeypatch.chdir(tmp_path)
    assert not host_reading.disks(["relative/path"])["relative/path"]["exists"]


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("unshare"), reason="mounting takes root")
def test_a_mount_with_blanks_that_covers_another(tmp_path: Path) -> None:
    point = tmp_path / "data disk\tä\\"
    point.mkdir()
    read = (
        "import json, sys; from ansible_collections.barevm.kafka.plugins.module_utils import host_reading; "
        "print(json.dumps(host_reading.disks([sys.argv[1] + '/kafka'])))"
    )
    mount = (
        'mount -t tmpfs -o size=1m none "$1" && mount -t tmpfs -o size=2m,noatime none "$1" && '
        'mkdir "$1/kafka" && exec "$2" -c "$3" "$1"'
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, "sh", str(point), sys.executable, read],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path("collections").absolute())},
    )
    if "ermission denied" in done.stderr or "not permitted" in done.stderr:
        pytest.skip("mounting is not permitted here")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout).values()
    assert (found["mount_point"], found["fstype"]) == (str(point), "tmpfs")
    assert "noatime" in found["options"]
    assert 1.5 * 2**20 < found["free_bytes"] <= 2 * 2**20


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_who_listens_on_a_port(family: socket.AddressFamily, address: str) -> None:
    try:
        listening = socket.create_server((address, 0), family=family)
    except OSError:
        pytest.skip("no IPv6 here")
    with listening, socket.socket(family) as bound:
        bound.bind((address, 0))  # bound but not listening
        port, idle = listening.getsockname()[1], bound.getsockname()[1]
        comm = Path("/proc/self/comm").read_text().strip()
        assert host_reading.ports([port, idle]) == {
            str(port): {"pid": os.getpid(), "process": comm},
            str(idle): None,
        }
        # A client's own port is no listener.
        with socket.create_connection((address, port)) as client:
            assert host_reading.ports([client.getsockname()[1]]) == {str(client.getsockname()[1]): None}
    assert host_reading.ports([port]) == {str(port): None}


def test_names_are_resolved_as_this_machine_does() -> None:
    found = host_reading.resolved(["localhost", "192.0.2.1", "no-such-host.invalid"])
    assert {"127.0.0.1", "::1"} & set(found["localhost"])
    assert found["192.0.2.1"] == ["192.0.2.1"]
    assert found["no-such-host.invalid"] == []


@pytest.fixture
def service(tmp_path: Path) -> dict[str, Any]:
    """A service as it is when it has started: its copies and its digest beside its files."""
    started, conf = tmp_path / "run", tmp_path / "etc"
    started.mkdir()
    conf.mkdir()
    for name, text in (
        ("server.properties", "broker.id=1\nnum.io.threads=8\n"),
        ("kafka.env", 'KAFKA_HEAP_OPTS="-Xmx1g"\n'),
        ("logback.xml", "<configuration/>\n"),
    ):
        (conf / name).write_text(text)
        (started / name).write_text(text)
    unit = service_units.with_digest({"Service": {"ExecStart": "/bin/true"}}, str(started))
    write = unit["Service"]["ExecStartPre"][-1]
    (conf / "kafka.service").write_text(f"[Service]\nExecStartPre={write}\nExecStart=/bin/true\n")
    # As systemd does: what is loaded is run, and the unit's own line writes the digest.
    subprocess.run(["/bin/sh", "-c", write.split("-c ", 1)[1].strip("'")], check=True)
    return {
        "unit": "kafka.service",
        "unit_path": str(conf / "kafka.service"),
        "started_dir": str(started),
        "files": [str(conf / name) for name in ("server.properties", "kafka.env", "logback.xml")],
    }


def test_a_service_that_runs_what_is_written_waits_for_nothing(service: dict[str, Any]) -> None:
    assert host_reading.pending([service], {}) == {"kafka.service": []}


def test_a_service_that_does_not_run_has_nothing_to_take_up(service: dict[str, Any]) -> None:
    shutil.rmtree(service["started_dir"])
    assert host_reading.pending([service], {}) == {"kafka.service": None}


def test_what_a_restart_would_take_up_is_named(service: dict[str, Any]) -> None:
    settings, environment, logging = map(Path, service["files"])
    settings.write_text("broker.id=1\nnum.io.threads=16\nbackground.threads=5\n")
    environment.write_text('KAFKA_HEAP_OPTS="-Xmx2g"\n')
    logging.write_text("<configuration debug='true'/>\n")
    unit = Path(service["unit_path"])
    unit.write_text(unit.read_text().replace("echo ", "echo 0", 1).replace("0 >", " >", 1))
    found = host_reading.pending([service], {})["kafka.service"]
    assert found is not None
    assert sorted(found) == sorted(
        [
            "unit: definition",
            f"{settings}: background.threads",
            f"{settings}: num.io.threads",
            f"{environment}: KAFKA_HEAP_OPTS",
            f"{logging}: content",
        ]
    )


def test_a_file_that_went_missing_and_one_of_which_only_a_comment_changed(service: dict[str, Any]) -> None:
    settings, environment, _logging = map(Path, service["files"])
    settings.write_text("# new\n" + settings.read_text())
    environment.unlink()
    assert host_reading.pending([service], {})["kafka.service"] == [
        f"{settings}: content",
        f"{environment}: KAFKA_HEAP_OPTS",
    ]


def test_a_start_is_told_from_every_other() -> None:
    me = host_reading.start_token(os.getpid())
    assert re.fullmatch(r"[0-9a-f-]{36}:\d+", me)
    assert host_reading.start_token(os.getpid()) == me
    with subprocess.Popen(["sleep", "60"]) as other:
        its = host_reading.start_token(other.pid)
        other.kill()
    assert its
    assert its != me
    assert host_reading.start_token(other.pid) == host_reading.start_token(0) == ""
    found = {"kafka.service": {"main_pid": os.getpid()}, "absent.service": {"main_pid": 0}}
    assert host_reading.started(found) == {"kafka.service": me, "absent.service": ""}


def test_a_command_with_blanks_and_parentheses_hides_no_field(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = " ".join(str(number) for number in range(3, 53))
    files(monkeypatch, {"/proc/9/stat": f"9 (a ) b) {fields}", "/proc/sys/kernel/random/boot_id": "boot\n"})
    assert host_reading.start_token(9) == "boot:22"


def test_the_note_of_overrides_is_read_or_empty(tmp_path: Path) -> None:
    note = tmp_path / "overrides.json"
    assert host_reading.overrides("") == host_reading.overrides(str(note)) == {}
    note.write_text('{"settings": {"num.io.threads": "12"}}')
    assert host_reading.overrides(str(note)) == {"settings": {"num.io.threads": "12"}}
    for broken in ("", "{", "[1]"):
        note.write_text(broken)
        assert host_reading.overrides(str(note)) == {}
