"""What the faults of module ``fault`` leave on a host, and what they change, read from the host.

Runs on managed hosts, within the module and without it (faults_heal says how).
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

FOLDER = "/run/barevm.kafka/chaos"
NOTES = FOLDER + "/faults.json"
SCRIPT = FOLDER + "/heal.pyz"
TABLE = "barevm_chaos"
CHAINS = {"cut": ("cut_in", "cut_out"), "loss": ("loss_in", "loss_out")}
OWN = "own"
"""The set with the ports from which a process that is cut off here has connected."""
UNITS = ("zookeeper.service", "kafka.service")
"""In the order in which they are started."""
DROP_IN = "/run/systemd/system/{}.d/90-barevm-chaos.conf"
DROP_IN_MARK = "# barevm.kafka fault: "
FILLER = ".barevm-chaos-filler"
UNDO = "barevm-chaos-undo-"
"""What the names of the timers start with, and of the services that they start."""

COMMAND_LIMIT_S = 600
# File systems that may hang, or mount themselves, when they are looked at.
NOT_LOOKED_AT = re.compile(r"nfs\d?|cifs|smb\d|fuse(\..*)?|autofs|9p|ceph")

Note = dict[str, Any]


def run(*command: str, text: str = "", may_fail: bool = False) -> str:
    """What a command prints; ``text`` is its input. Raises OSError where it fails or there is none."""
    environment = {**os.environ, "LC_ALL": "C", "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    try:
        done = subprocess.run(
            list(command),
            input=text,
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=COMMAND_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"`{' '.join(command)}` has not ended after {COMMAND_LIMIT_S} s") from None
    if done.returncode and not may_fail:
        raise OSError(f"`{' '.join(command)}`: {done.stderr.strip() or done.stdout.strip() or 'failed'}")
    return done.stdout


def read(path: str) -> str:
    """A file's text; empty where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def unit_state(name: str) -> dict[str, Any]:
    """What systemd says of a unit: main_pid, n_restarts, load, active, sub and file state, restart."""
    keys = {
        "MainPID": "main_pid",
        "NRestarts": "n_restarts",
        "LoadState": "load_state",
        "ActiveState": "active_state",
        "SubState": "sub_state",
        "UnitFileState": "unit_file_state",
        "Restart": "restart",
        "Result": "result",
    }
    shown = run("systemctl", "show", "--property=" + ",".join(keys), name)
    values = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    found: dict[str, Any] = {ours: values.get(theirs, "") for theirs, ours in keys.items()}
    for number in ("main_pid", "n_restarts"):
        found[number] = int(found[number] or 0)
    return found


def process_state(pid: int) -> str:
    """The letter of proc_pid_status(5) for a process, T where it is stopped; empty where there is none."""
    match = re.search(r"^State:\s+(\w)", read(f"/proc/{pid}/status") if pid else "", re.MULTILINE)
    return match.group(1) if match else ""


def free_bytes(folder: str) -> int | None:
    """What anybody but root may still write into a folder's file system; None where there is no such."""
    try:
        known = os.statvfs(folder)
    except OSError:
        return None
    return known.f_bavail * known.f_frsize


def dropped_packets(kind: str = "") -> int | None:
    """How many packets the rules of a kind, or all of them, have dropped; None where there are none."""
    try:
        shown = json.loads(run("nft", "--json", "list", "counters", "table", "inet", TABLE))
    except (OSError, ValueError):
        return None
    counters = [entry["counter"] for entry in shown["nftables"] if "counter" in entry]
    wanted = [one["packets"] for one in counters if kind in ("", one["name"].partition("_")[2])]
    return sum(wanted) if wanted else None


def chains() -> dict[str, list[str]]:
    """The chains of ours that there are, by kind."""
    try:
        shown = json.loads(run("nft", "--json", "list", "table", "inet", TABLE))
    except (OSError, ValueError):
        return {}
    there = {entry["chain"]["name"] for entry in shown["nftables"] if "chain" in entry}
    found = {kind: [name for name in names if name in there] for kind, names in CHAINS.items()}
    return {kind: names for kind, names in found.items() if names}


def facts(unit: str, folder: str = "") -> dict[str, Any]:
    """What a fault changes: of a unit, of the host, of the rules, of a folder's file system."""
    state = unit_state(unit)
    return {
        "main_pid": state["main_pid"],
        "process_state": process_state(state["main_pid"]),
        "boot_id": read("/proc/sys/kernel/random/boot_id").strip(),
        "active_state": state["active_state"],
        "sub_state": state["sub_state"],
        "n_restarts": state["n_restarts"],
        "dropped_packets": dropped_packets(),
        "free_bytes": free_bytes(folder) if folder else None,
    }


def notes() -> dict[str, Any]:
    """What the strikes noted: ``faults``, and ``undo_at``, the monotonic second of their undo."""
    try:
        noted = json.loads(read(NOTES) or "{}")
    except ValueError:
        noted = {}
    return {"faults": noted.get("faults", []), "undo_at": noted.get("undo_at", 0.0)}


def undo_in_s(noted: dict[str, Any]) -> float | None:
    """Seconds until the host heals itself; None where nothing is noted."""
    return round(noted["undo_at"] - time.monotonic(), 1) if noted["faults"] else None


def write_notes(noted: dict[str, Any]) -> None:
    """Note faults in one step, so that a reader sees all or what was there before."""
    beside = NOTES + ".new"
    with open(beside, "w", encoding="utf-8") as stream:
        json.dump(noted, stream)
    os.replace(beside, NOTES)


@contextlib.contextmanager
def locked(limit_s: float) -> Iterator[bool]:
    """Have the host's faults for oneself; not, where somebody else has them for longer than the limit."""
    end = time.monotonic() + limit_s
    while True:
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        descriptor = os.open(FOLDER, os.O_RDONLY)
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > end:
                        yield False
                        return
                    time.sleep(0.1)
            # Whoever had it before may have removed the folder that was waited for.
            if os.path.isdir(FOLDER) and os.stat(FOLDER).st_ino == os.fstat(descriptor).st_ino:
                yield True
                return
        finally:
            os.close(descriptor)


def drop_ins() -> dict[str, Note]:
    """What the drop-ins of ours say, by unit: they mark a unit that a fault has taken down."""
    found = {}
    for path in glob.glob(DROP_IN.format("*")):
        match = re.search(DROP_IN_MARK + "(.*)", read(path))
        try:
            note = json.loads(match.group(1)) if match else {}
        except ValueError:
            note = {}
        found[os.path.basename(os.path.dirname(path))[: -len(".d")]] = note
    return found


def locked_log_dirs(pid: int) -> set[str]:
    """The log directories that a broker works in, by their locks (Kafka's LogManager).

    It takes all at once when it starts, and lets go of the one of a directory that it gives up.
    """
    found = set()
    for path in glob.glob(f"/proc/{pid}/fd/*") if pid else []:
        with contextlib.suppress(OSError):  # closed since
            folder, name = os.path.split(os.readlink(path))
            found |= {folder} if name == ".lock" else set()
    return found


def fillers() -> list[str]:
    """The fillers on this host: each lies where its file system is mounted."""
    found = []
    for line in read("/proc/self/mountinfo").splitlines():
        if NOT_LOOKED_AT.fullmatch(line.partition(" - ")[2].split()[0]):
            continue
        path = os.path.join(mount_point(line), FILLER)
        if os.path.isfile(path) and not os.path.islink(path):
            found.append(path)
    return sorted(set(found))


def mount_point(line: str) -> str:
    """Where a line of proc_pid_mountinfo(5) says that something is mounted."""
    return re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), line.split()[4])


def timers() -> list[str]:
    """The timers that wait to undo faults."""
    listed = run("systemctl", "list-units", "--all", "--plain", "--no-legend", "--full", UNDO + "*.timer")
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def has_table() -> bool:
    """Whether the host has rules of ours; not, where it has no nft."""
    try:
        return f"table inet {TABLE}\n" in run("nft", "list", "tables")
    except OSError:
        return False


def await_that(holds: Callable[[], bool], limit_s: float) -> bool:
    """Wait until something holds; whether it did within the limit."""
    end = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
