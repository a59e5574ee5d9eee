"""What the host's kernel and processes say, read by the checks themselves, in one go."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from testinfra.host import Host

# One login under emulation takes longer than all of this.
READ = r"""
import json, subprocess

def text(path):
    with open(path) as stream:
        return stream.read()

def told(*words):
    return subprocess.check_output(words, text=True).strip()

def process(unit):
    number = told("systemctl", "show", "--property=MainPID", "--value", unit)
    limits = [line.split() for line in text(f"/proc/{number}/limits").splitlines()]
    return {
        "open_files": [line[3:5] for line in limits if line[:3] == ["Max", "open", "files"]][0],
        "oom_score_adj": text(f"/proc/{number}/oom_score_adj").strip(),
        "arguments": text(f"/proc/{number}/cmdline").split("\0"),
    }

print(json.dumps({
    "sysctls": {
        name: text("/proc/sys/" + name.replace(".", "/")).split()
        for name in NAMES
    },
    "huge_pages": text("/sys/kernel/mm/transparent_hugepage/enabled").strip(),
    "swaps": text("/proc/swaps").splitlines()[1:],
    "fstab": text("/etc/fstab").splitlines(),
    "memory_kb": int(text("/proc/meminfo").split()[1]),
    "mounts": {line.split()[1]: line.split()[3].split(",") for line in text("/proc/mounts").splitlines()},
    "time": told("timedatectl", "show", "--property=NTPSynchronized", "--value"),
    "kafka": process("kafka.service"),
    "zookeeper": process("zookeeper.service"),
}))
"""


@dataclass(frozen=True)
class Seen:
    """What was read."""

    content: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.content[name]

    @property
    def memory_mb(self) -> int:
        """The RAM in MiB."""
        return int(self.content["memory_kb"]) // 1024


def look(host: Host, names: list[str]) -> Seen:
    """Read it all; ``names`` are the kernel settings wanted."""
    script = READ.replace("NAMES", repr(names))
    return Seen(json.loads(host.check_output(f"python3 -c {shlex.quote(script)}")))
