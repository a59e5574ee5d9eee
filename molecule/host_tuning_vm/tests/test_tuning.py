"""What is asked of a host is in effect, and still is after a reboot; and what is broken by hand is found."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import playbook
import pytest
import yaml
from seen import Seen, look
from testinfra.host import Host

testinfra_hosts = ["tuning1"]
ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
REPORT = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "reports" / "verify.json"
DEFAULTS = yaml.safe_load((ROOT / "roles/host_tuning/defaults/main.yml").read_text())
SYSCTLS = {name: str(value).split() for name, value in DEFAULTS["host_tuning_sysctl"].items()}
REBOOT_LIMIT_S = 900

# Each in a way of its own, and nothing that the running cluster would notice.
BREAK = r"""
set -eu
kafka=$(systemctl show --property=MainPID --value kafka)
zookeeper=$(systemctl show --property=MainPID --value zookeeper)
sysctl --write vm.swappiness=60 net.core.rmem_max=212992
echo always >/sys/kernel/mm/transparent_hugepage/enabled
swapon /swapfile
echo '/swapfile none swap sw 0 0' >>/etc/fstab
mkdir --parents /etc/systemd/system/swap.target.wants
printf '[Swap]\nWhat=/swapfile\n' >/etc/systemd/system/swap.target.wants/swapfile.swap
prlimit --pid "$kafka" --nofile=1024:100000
echo 0 >"/proc/$zookeeper/oom_score_adj"
mount --options-mode ignore --options remount,relatime /srv/kafka/a
systemctl stop systemd-timesyncd
python3 - <<END
import ctypes, struct
# adjtimex(2): ADJ_STATUS, and STA_UNSYNC as the status.
clock = ctypes.create_string_buffer(512)
struct.pack_into("@I", clock, 0, 0x0010)
struct.pack_into("@i", clock, 40, 0x0040)
assert ctypes.CDLL(None).adjtimex(clock) == 5, "the clock is still synchronised"
END
"""
FINDINGS = {
    "net.core.rmem_max": "212992",
    "vm.swappiness": "60",
    "transparent_hugepage": "always",
    "swap": "/swapfile",
    "swap at a boot": "/swapfile in fstab, swapfile.swap",
    "zookeeper OOMScoreAdjust": "0",
    "kafka LimitNOFILE": "1024",
    "clock": "not synchronised",
}


def verify(*options: str, succeeds: bool = True) -> tuple[str, dict[str, Any]]:
    """Run verify; what it printed, and the rows of its result by name."""
    output = playbook.run("barevm.kafka.verify", *options, succeeds=succeeds).output
    written = json.loads(REPORT.read_text())
    assert written["result"] == ("PASS" if succeeds else "FAIL")
    rows = {row["name"]: row for row in written["host"]}
    assert len(rows) == len(written["host"])
    return output, rows


def table(output: str) -> str:
    """The lines of asked against effective."""
    lines = output.splitlines()
    (start,) = [number for number, line in enumerate(lines) if line.startswith("host: ")]
    end = next(number for number in range(start + 1, len(lines)) if not lines[number].startswith("  "))
    return "\n".join(lines[start:end])


def reboot(host: Host) -> None:
    """Reboot, and wait until it is another boot, its clock synchronised: verify does not wait for that."""
    question = "cat /proc/sys/kernel/random/boot_id; timedatectl show --property=NTPSynchronized --value"
    before = host.check_output(question).split()[0]
    host.run("systemd-run --on-active=1 systemctl reboot")
    limit = time.monotonic() + REBOOT_LIMIT_S
    while time.monotonic() < limit:
        time.sleep(2)
        try:
            found = host.run(question).stdout.split()
        except RuntimeError:
            continue
        if len(found) == 2 and found[0] != before and found[1] == "yes":
            return
    raise AssertionError(f"no synchronised clock {REBOOT_LIMIT_S} s after a reboot")


@pytest.fixture(scope="module", params=["first boot", "after a reboot"])
def seen(request: pytest.FixtureRequest, host: Host) -> Seen:
    """The host as site.yml left it, then after a reboot; each as soon as verify proves the cluster."""
    if request.param != "first boot":
        reboot(host)
    output, rows = verify("-v")
    # Told whatever comes of it: asked against effective, on both boots.
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{request.param}\n{table(output)}")
    assert [name for name, row in rows.items() if not row["holds"]] == ["mount /"]
    assert not rows["mount /"]["finding"]
    return Seen({**look(host, sorted(SYSCTLS)).content, "rows": rows})


def test_every_kernel_setting_is_in_effect(seen: Seen) -> None:
    # The kernel has more of it by itself, which is never lowered.
    wanted = {**SYSCTLS, "fs.file-max": ["9223372036854775807"]}
    assert seen["sysctls"] == wanted


def test_swap_is_off_and_nothing_brings_it_back(seen: Seen) -> None:
    assert seen["swaps"] == []
    lines = [line for line in seen["fstab"] if "/swapfile" in line]
    assert lines == ["# swap is off on broker hosts: /swapfile none swap sw 0 0"]


def test_huge_pages_are_for_those_that_ask(seen: Seen) -> None:
    assert seen["huge_pages"] == "always [madvise] never"


@pytest.mark.parametrize(
    ("service", "open_files", "share"), [("kafka", "100000", 4), ("zookeeper", "65536", 8)]
)
def test_processes_run_with_what_was_asked_for_them(
    seen: Seen, service: str, open_files: str, share: int
) -> None:
    process = seen[service]
    assert process["open_files"] == [open_files, open_files]
    assert process["oom_score_adj"] == "-500"
    # No heap is named here, so it is the rule's share of this virtual machine's own memory.
    assert 2500 < seen.memory_mb < 3072
    assert f"-Xmx{seen.memory_mb // share}m" in process["arguments"]


def test_where_the_records_are_no_access_times_are_written(seen: Seen) -> None:
    assert "noatime" in seen["mounts"]["/srv/kafka/a"]
    assert seen["rows"]["mount /srv/kafka/a"]["holds"]
    # Where ZooKeeper's are they are, and the host is advised.
    assert "relatime" in seen["mounts"]["/"]


def test_the_clock_is_synchronised(seen: Seen) -> None:
    assert seen["time"] == "yes"
    assert seen["rows"]["clock"]["note"] == "systemd-timesyncd.service is active"


def test_the_proof_says_what_the_kernel_says(seen: Seen) -> None:
    rows = seen["rows"]
    for name, value in seen["sysctls"].items():
        assert rows[name]["effective"].split() == value
    assert rows["heaps together"]["effective"] == f"{seen.memory_mb // 4 + seen.memory_mb // 8} MiB"


def test_what_is_broken_by_hand_is_found(host: Host) -> None:
    """Last: the host is left broken."""
    host.check_output(BREAK)
    # The broker runs with another heap than is now asked for.
    output, rows = verify("--extra-vars", "kafka_heap_size=300m", succeeds=False)
    print(table(output))
    found = {name: row["effective"] for name, row in rows.items() if row["finding"]}
    heap = found.pop("kafka -Xmx")
    assert heap != "300 MiB"
    assert found == FINDINGS
    advised = [name for name, row in rows.items() if not row["holds"] and not row["finding"]]
    assert advised == ["mount /", "mount /srv/kafka/a"]
    for name, effective in FINDINGS.items():
        assert f"tuning1: {name} is {effective}, the inventory asks for" in " ".join(output.split())
