"""Reads a Linux host: accounts, units, memory, kernel settings, disks, ports, what a service started with.

Runs on managed hosts, needs nothing but Python 3.9 and its library, and changes nothing. What is not
there is reported as None: absence is an answer, not an error.
"""

from __future__ import annotations

import contextlib
import glob
import grp
import json
import os
import pwd
import re
import socket
import subprocess
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import file_changes, started_with
from ansible_collections.barevm.kafka.plugins.module_utils.host_files import text

UNIT_PROPERTIES: dict[str, Callable[[str], Any]] = {
    "LoadState": str,
    "ActiveState": str,
    "SubState": str,
    "UnitFileState": str,
    "NeedDaemonReload": lambda value: value == "yes",
    "MainPID": int,
    "Result": str,
    "ExecMainStatus": int,
    "NRestarts": int,
    "FragmentPath": str,
    "DropInPaths": str.split,
}


def users(names: Iterable[str]) -> dict[str, dict[str, Any] | None]:
    """Each account's uid, group, home and shell; None where there is none."""
    found: dict[str, dict[str, Any] | None] = {}
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            found[name] = None
            continue
        try:
            group = grp.getgrgid(entry.pw_gid).gr_name
        except KeyError:
            group = str(entry.pw_gid)
        found[name] = {"uid": entry.pw_uid, "group": group, "home": entry.pw_dir, "shell": entry.pw_shell}
    return found


def _snake(name: str) -> str:
    # NRestarts is two words as well.
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=^N)(?=[A-Z])", "_", name).lower()


def units(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What systemd says of each unit (systemctl show), absent ones with load_state not-found.

    Raises OSError where there is no systemctl.
    """
    wanted = list(names)
    if not wanted:
        return {}
    shown = subprocess.run(
        ["systemctl", "show", "--property=Id," + ",".join(UNIT_PROPERTIES), *wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    if shown.returncode:
        raise OSError(f"systemctl show: {shown.stderr.strip() or 'no answer'}")
    found = {}
    for name, block in zip(wanted, shown.stdout.strip().split("\n\n")):
        values = dict(line.split("=", 1) for line in block.splitlines())
        found[name] = {
            _snake(key): kind(values.get(key) or "0" if kind is int else values.get(key, ""))
            for key, kind in UNIT_PROPERTIES.items()
        }
    return found


def start_token(pid: int) -> str:
    """What tells one start of a service from every other: the boot and the ticks of proc_pid_stat(5).

    Empty where there is no such process.
    """
    stat = text(f"/proc/{pid}/stat") if pid else None
    if stat is None:
        return ""
    # The second field is the command in parentheses, which may hold blanks; starttime is the 22nd.
    ticks = stat.rpartition(")")[2].split()[19]
    return f"{(text('/proc/sys/kernel/random/boot_id') or '').strip()}:{ticks}"


def started(found: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """For each of ``found``, as units() returned them, the token of its start; empty if it does not run."""
    return {name: start_token(unit["main_pid"]) for name, unit in found.items()}


def overrides(path: str) -> dict[str, Any]:
    """What this collection noted of the overrides that it set; empty where it set none."""
    try:
        noted = json.loads((text(path) if path else "") or "{}")
    except ValueError:
        return {}
    return noted if isinstance(noted, dict) else {}


def java(homes: Iterable[str]) -> dict[str, dict[str, Any] | None]:
    """Version and major of each JAVA_HOME; the name "" asks for the java on PATH."""
    found: dict[str, dict[str, Any] | None] = {}
    for home in homes:
        binary = os.path.join(home, "bin", "java") if home else "/usr/bin/java"
        found[home] = _java_release(os.path.realpath(binary)) if os.access(binary, os.X_OK) else None
    return found


def _java_release(binary: str) -> dict[str, Any] | None:
    # The release file answers in no time; starting a JVM to ask costs a tenth of a second.
    release = text(os.path.join(os.path.dirname(os.path.dirname(binary)), "release")) or ""
    match = re.search(r'^JAVA_VERSION="([^"]+)"', release, re.MULTILINE)
    if match is None:
        asked = subprocess.run([binary, "-version"], capture_output=True, text=True, check=False)
        match = re.search(r'version "([^"]+)"', asked.stderr)
        if match is None:
            return None
    version = match.group(1)
    numbers = re.findall(r"\d+", version)
    return {
        "version": version,
        "major": int(numbers[1] if numbers[0] == "1" else numbers[0]),
        "binary": binary,
    }


def releases(folders: Iterable[str]) -> dict[str, dict[str, Any] | None]:
    """Each release folder's manifest, None where the folder or its manifest is missing."""
    found: dict[str, dict[str, Any] | None] = {}
    for folder in folders:
        manifest = text(os.path.join(folder, ".release.json"))
        try:
            found[folder] = json.loads(manifest) if manifest else None
        except ValueError:
            found[folder] = None
    return found


def sysctls(names: Iterable[str]) -> dict[str, str | None]:
    """Each kernel setting as one line, fields separated by single blanks; None where there is none."""
    found = {}
    for name in names:
        value = text("/proc/sys/" + name.replace(".", "/"))
        found[name] = " ".join(value.split()) if value is not None else None
    return found


def fixed_settings(names: Iterable[str]) -> list[str]:
    """Those of the kernel's settings that not even root may write here: a container's are its machine's.

    ``names`` are sysctls; transparent_hugepage is looked at beside them.
    """
    paths = {name: "/proc/sys/" + name.replace(".", "/") for name in names}
    paths["transparent_hugepage"] = "/sys/kernel/mm/transparent_hugepage/enabled"
    return sorted(name for name, path in paths.items() if not os.access(path, os.W_OK))


def swaps() -> list[str]:
    """The swap devices and files in use (/proc/swaps)."""
    return [line.split()[0] for line in (text("/proc/swaps") or "").splitlines()[1:]]


def fstab_swaps() -> list[str]:
    """The swap devices and files that fstab(5) names."""
    lines = [line.split() for line in (text("/etc/fstab") or "").splitlines()]
    return [fields[0] for fields in lines if len(fields) > 2 and fields[0][0] != "#" and fields[2] == "swap"]


def transparent_hugepages() -> str | None:
    """The mode in brackets: always, madvise or never; None where the kernel has none."""
    match = re.search(r"\[(\w+)\]", text("/sys/kernel/mm/transparent_hugepage/enabled") or "")
    return match.group(1) if match else None


def memory_total_mb() -> int:
    """MiB of RAM the kernel reports."""
    match = re.search(r"^MemTotal:\s+(\d+) kB", text("/proc/meminfo") or "", re.MULTILINE)
    return int(match.group(1)) // 1024 if match else 0


def operating_system() -> dict[str, str]:
    """``id``, ``version_id`` and ``version_codename`` of os-release(5), those that it has."""
    pairs = re.findall(r'^(\w+)="?([^"\n]*)"?$', text("/etc/os-release") or "", re.MULTILINE)
    return {key.lower(): value for key, value in pairs if key in ("ID", "VERSION_ID", "VERSION_CODENAME")}


def disks(paths: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The file system that holds, or would hold, each path: mount point, type, options and free bytes.

    ``files_bytes`` is what the files right in the path take of it, folders within it left out.
    """
    mounts = []
    for line in (text("/proc/self/mounts") or "").splitlines():
        _device, escaped, kind, options = line.split()[:4]
        mounts.append((_without_octal(escaped), kind, options.split(",")))
    found = {}
    for path in paths:
        existing = os.path.abspath(path)
        while not os.path.isdir(existing):
            existing = os.path.dirname(existing)
        real = os.path.realpath(existing)
        holding = [
            mount for mount in mounts if real == mount[0] or real.startswith(mount[0].rstrip("/") + "/")
        ]
        # the last of the longest: a later mount covers an earlier one
        point, kind, flags = max(enumerate(holding), key=lambda item: (len(item[1][0]), item[0]))[1]
        state = os.statvfs(existing)
        found[path] = {
            "exists": os.path.isdir(path),
            "mount_point": point,
            "fstype": kind,
            "options": flags,
            "free_bytes": state.f_bavail * state.f_frsize,
            "files_bytes": _files_bytes(path),
        }
    return found


def _files_bytes(folder: str) -> int:
    taken = 0
    try:
        with os.scandir(folder) as entries:
            for one in entries:
                # A queue's file may be gone by now.
                with contextlib.suppress(FileNotFoundError):
                    # A log directory has thousands of folders: the list says what they are, unasked. stat(2)
                    # counts in 512 bytes, whatever the file system's blocks are.
                    if not one.is_dir(follow_symlinks=False):
                        taken += one.stat(follow_symlinks=False).st_blocks * 512
    except OSError:
        return 0
    return taken


def _without_octal(escaped: str) -> str:
    """A mount point as it is: /proc/mounts writes blanks and backslashes as three octal digits (proc(5))."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), escaped)


def ports(numbers: Iterable[int], protocol: str = "tcp") -> dict[str, dict[str, Any] | None]:
    """Who listens on each port of ``protocol``, tcp or udp: pid and command, None where nobody does."""
    wanted = set(numbers)
    # proc_net_tcp.txt: 0A is LISTEN, 07 is a UDP socket that is connected to nobody.
    listening = {"tcp": "0A", "udp": "07"}[protocol]
    inodes: dict[str, int] = {}
    for table in (f"/proc/net/{protocol}", f"/proc/net/{protocol}6"):
        for line in (text(table) or "").splitlines()[1:]:
            fields = line.split()
            port = int(fields[1].rsplit(":", 1)[1], 16)
            if fields[3] == listening and port in wanted:
                inodes[fields[9]] = port
    found: dict[str, dict[str, Any] | None] = {str(port): None for port in wanted}
    for port in inodes.values():
        found[str(port)] = {"pid": 0, "process": "unknown"}
    if inodes:
        for link in glob.glob("/proc/[0-9]*/fd/*"):
            try:
                target = os.readlink(link)
            except OSError:
                continue
            inode = target[8:-1] if target.startswith("socket:[") else ""
            if inode in inodes:
                pid = int(link.split("/")[2])
                command = (text(f"/proc/{pid}/comm") or "unknown").strip()
                found[str(inodes[inode])] = {"pid": pid, "process": command}
    return found


def resolved(names: Iterable[str]) -> dict[str, list[str]]:
    """The addresses that each name has on this host; an empty list where it has none."""
    found = {}
    for name in names:
        try:
            found[name] = sorted({str(info[4][0]) for info in socket.getaddrinfo(name, None)})
        except OSError:
            found[name] = []
    return found


def pending(
    services: Iterable[Mapping[str, Any]], shown: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[str] | None]:
    """What each running service would pick up at a restart: "file: setting", "unit: definition", "java: …".

    A service's unit copies its files to ``started_dir`` before it starts, and its digest with them;
    what differs from the files on disk now has not taken effect. None for a service that is not running.
    ``shown`` is what systemd says of the units (`units`).
    """
    found: dict[str, list[str] | None] = {}
    for service in services:
        started = service["started_dir"]
        digest = text(os.path.join(started, "unit"))
        if digest is None:
            found[service["unit"]] = None
            continue
        definition = text(service["unit_path"]) or ""
        differences = file_changes.pending(service["unit_path"], file_changes.UNIT, digest, definition)
        if service["unit"] in shown:
            differences += started_with.pending(service, shown[service["unit"]], definition)
        for path in service["files"]:
            copy = text(os.path.join(started, os.path.basename(path)))
            differences += file_changes.pending(path, _template(path), copy or "", text(path) or "")
        found[service["unit"]] = differences
    return found


def _template(path: str) -> str | None:
    """The kind of file that a service's file is, as file_changes tells them apart."""
    return file_changes.OF_SETTINGS[0] if path.endswith((".properties", ".cfg", ".env")) else None
