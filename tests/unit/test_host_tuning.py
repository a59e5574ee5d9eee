"""What is written for a reboot, what is set now, and what is told where a kernel refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.barevm.kafka.plugins.module_utils import host_tuning
from ansible_collections.barevm.kafka.plugins.module_utils.kernel_tuning import Kernel, tune

ROOT = Path(__file__).parents[2]
DEFAULTS = yaml.safe_load((ROOT / "roles/host_tuning/defaults/main.yml").read_text(encoding="utf-8"))


def test_each_default_has_its_reason() -> None:
    assert set(DEFAULTS["host_tuning_sysctl"]) == set(host_tuning.REASONS)


@pytest.mark.parametrize(
    ("name", "wanted", "current", "effective"),
    [
        ("vm.swappiness", 1, "1", True),
        ("vm.swappiness", 1, "60", False),
        ("vm.swappiness", 1, None, False),
        ("net.core.rmem_max", 16777216, "33554432", True),
        ("net.core.rmem_max", 16777216, "212992", False),
        ("net.ipv4.tcp_rmem", "4096 131072 16777216", "4096\t131072\t33554432", True),
        ("net.ipv4.tcp_rmem", "4096 131072 16777216", "4096 131072 6291456", False),
        ("net.ipv4.tcp_rmem", "4096  131072 16777216", "4096\t131072\t16777216", True),
        ("fs.file-max", 1000000, "9223372036854775807", True),
        ("fs.file-max", "many", "10", False),
    ],
)
def test_effective(name: str, wanted: Any, current: str | None, effective: bool) -> None:
    assert host_tuning.is_effective(name, wanted, current) is effective


def test_file_never_lowers_a_capacity() -> None:
    wanted = {"fs.file-max": 1000, "net.core.rmem_max": 500, "vm.swappiness": 1, "x.y": 3}
    current = {"fs.file-max": "9999", "net.core.rmem_max": "100", "vm.swappiness": "60"}
    kept = host_tuning.settings(wanted, current)
    assert [(one["name"], one["value"]) for one in kept] == [
        ("net.core.rmem_max", "500"),
        ("vm.swappiness", "1"),
        ("x.y", "3"),
    ]
    # What took effect stays in the file.
    assert host_tuning.settings(wanted, current | {"net.core.rmem_max": "500", "vm.swappiness": "1"}) == kept


def state(**changed: Any) -> dict[str, Any]:
    settled = {"sysctls": {"vm.swappiness": "1"}, "transparent_hugepages": "madvise"}
    return {**settled, "fixed_settings": [], "swaps": [], "fstab_swaps": [], **changed}


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({}, False),
        ({"transparent_hugepages": None}, False),
        ({"transparent_hugepages": "always"}, True),
        ({"sysctls": {"vm.swappiness": "60"}}, True),
        ({"sysctls": {"vm.swappiness": "60"}, "fixed_settings": ["vm.swappiness"]}, False),
        ({"transparent_hugepages": "always", "fixed_settings": ["transparent_hugepage"]}, False),
        ({"sysctls": {"vm.swappiness": "60"}, "fixed_settings": ["transparent_hugepage"]}, True),
        ({"swaps": ["/dev/sda2"]}, True),
        ({"fstab_swaps": ["UUID=1"]}, True),
    ],
)
def test_a_settled_kernel_is_left_alone(changed: dict[str, Any], differs: bool) -> None:
    assert host_tuning.differs(state(**changed), {"vm.swappiness": 1}, "madvise", True) is differs


FSTAB = """\
# a comment about swap
UUID=1 / ext4 defaults 0 1
/dev/sda2	none	swap	sw 0 0
#/dev/sdb none swap sw 0 0
"""


def test_only_swap_lines_are_commented_out() -> None:
    lines = host_tuning.without_swap(FSTAB).splitlines()
    assert lines[2] == "# swap is off on broker hosts: /dev/sda2\tnone\tswap\tsw 0 0"
    assert [*lines[:2], lines[3]] == [*FSTAB.splitlines()[:2], FSTAB.splitlines()[3]]
    assert host_tuning.without_swap("\n".join(lines) + "\n") == "\n".join(lines) + "\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A kernel's files, as far as they are used."""
    for name, text in {
        "proc/sys/vm/swappiness": "60\n",
        "proc/sys/net/core/rmem_max": "33554432\n",
        "proc/swaps": "Filename Type Size Used Priority\n",
        "sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never\n",
        "etc/fstab": FSTAB,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "etc/fstab").chmod(0o640)
    return tmp_path


WANTED = {"vm.swappiness": 1, "net.core.rmem_max": 16777216, "net.core.netdev_max_backlog": 5000}


def test_check_mode_predicts_what_then_changes(root: Path) -> None:
    predicted = tune(Kernel(dry=True, root=root), WANTED, "madvise", True)
    assert (root / "proc/sys/vm/swappiness").read_text() == "60\n"
    assert (root / "etc/fstab").read_text() == FSTAB
    real = tune(Kernel(dry=False, root=root), WANTED, "madvise", True)
    assert predicted == real
    assert [one["before_header"] for one in real["diff"]] == [
        "/etc/fstab",
        "kernel: vm.swappiness",
        "kernel: transparent_hugepage",
    ]
    assert (root / "proc/sys/net/core/rmem_max").read_text() == "33554432\n"
    assert (root / "etc/fstab").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in (root / "etc").iterdir()] == ["fstab"]


def test_what_cannot_be_written_is_told_without_trying() -> None:
    refused = state(
        sysctls={"vm.swappiness": "60"}, transparent_hugepages="always", fixed_settings=["vm.swappiness"]
    )
    missed = host_tuning.missed(refused, {"vm.swappiness": 1, "x.y": 3}, "madvise")
    findings = host_tuning.not_effective(missed, "h1")
    assert [(one["variable"], one["value"]) for one in findings] == [
        ("vm.swappiness", "60"),
        ("x.y", None),
        ("transparent_hugepage", "always"),
    ]
    assert findings[0]["rule"] == "not effective here, 1 is wanted (it cannot be written here)"
    assert host_tuning.missed(state(), {"vm.swappiness": 1}, "madvise") == []


def test_second_run_changes_nothing_and_still_names_what_is_not_effective(root: Path) -> None:
    tune(Kernel(dry=False, root=root), WANTED, "madvise", True)
    again = tune(Kernel(dry=False, root=root), WANTED, "madvise", True)
    assert not again["changed"]
    (finding,) = host_tuning.not_effective(again["settings"], "h1")
    assert (finding["host"], finding["variable"], finding["value"]) == (
        "h1",
        "net.core.netdev_max_backlog",
        None,
    )
    assert finding["rule"].startswith("not effective here, 5000 is wanted")


def test_refused_write_is_a_finding_and_no_change(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, text: str) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "write_text", refuse)
    result = tune(Kernel(dry=False, root=root), {"vm.swappiness": 1}, "always", False)
    assert not result["changed"]
    assert result["settings"][0]["reason"] == "the kernel refused: Read-only file system"
    assert not result["settings"][0]["effective"]


def test_noatime_is_advised_once_a_mount() -> None:
    disks = {
        "/data/a": {"mount_point": "/data", "options": ["rw", "relatime"]},
        "/data/b": {"mount_point": "/data", "options": ["rw", "relatime"]},
        "/fast": {"mount_point": "/fast", "options": ["rw", "noatime"]},
    }
    (finding,) = host_tuning.advice("h1", disks, sorted(disks))
    assert finding["variable"] == "/data"
    assert "noatime" in finding["remedy"]


def test_documentation_has_each_setting_with_its_reason() -> None:
    page = (ROOT / "docs/host_tuning.md").read_text(encoding="utf-8")
    for name, value in DEFAULTS["host_tuning_sysctl"].items():
        assert f"| `{name}` | {value} | {host_tuning.REASONS[name]} |" in page
