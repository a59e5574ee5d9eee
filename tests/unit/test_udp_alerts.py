"""The Prometheus rules about lost UDP datagrams, fed by promtool with what node_exporter would say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.barevm.kafka.plugins.module_utils import rendering, udp_alerts

from tests import playbooks

ROOT = Path(__file__).parents[2]
SERIES = ROOT / "tests/unit/data/prometheus_udp_rules_test.yml"
PAGE = ROOT / "docs/udp_alerts.md"


def rendered(**asked: Any) -> str:
    data = udp_alerts.thresholds(asked)
    return rendering.render(ROOT / "templates", "prometheus_udp_rules.yml.j2", data)


def promtool(folder: Path, verb: str, rules: str) -> subprocess.CompletedProcess[str]:
    (folder / "rules.yml").write_text(rules)
    asked = folder / "rules.yml" if verb == "check" else shutil.copy(SERIES, folder)
    return subprocess.run(
        ["promtool", verb, "rules", str(asked)], capture_output=True, text=True, check=False, timeout=60
    )


def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    done = promtool(tmp_path, "check", rendered())
    assert done.returncode == 0, done.stderr
    assert "10 rules found" in done.stdout


def test_who_loses_what_is_alerted_and_nobody_else(tmp_path: Path) -> None:
    done = promtool(tmp_path, "test", rendered())
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        (r"\n +\+ rate\(node_netstat_Udp_InErrors\[5m\]\)", ""),  # a share of what was delivered alone
        (r">= 10", ">= 0"),  # 0 / 0, and hosts that hardly receive anything
        (r"rate\(", "deriv("),  # negative after a reboot
        (r"rate\((node_netstat_Udp_InErrors)", r"rate(node_netstat_Udp_RcvbufErrors"),  # a part of the errors
        (r"node_netstat_Udp6_InErrors", "node_netstat_Udp_InErrors"),  # IPv6 forgotten
        (r"for: 10m", "for: 1m"),  # a burst taken for a lasting loss
        (r"for: 10m", "for: 30m"),
        (r"> 0\.01", "> 0.009"),
        (r"> 0\.01", "> 0.3"),
        (r"> 0\.001", "> 0.1"),  # a burst that nobody sees
        (r"instance=%q,", "instance!=%q,"),  # another host's figures in the words
    ],
)
def test_the_series_tell_broken_rules_from_whole_ones(tmp_path: Path, what: str, instead: str) -> None:
    broken, count = re.subn(what, instead, rendered())
    assert count
    assert promtool(tmp_path, "check", broken).returncode == 0
    assert promtool(tmp_path, "test", broken).returncode == 1


def test_thresholds_are_the_operators(tmp_path: Path) -> None:
    text = rendered(loss_ratio=0.2, window="10m", hold="3m", severity="page", least_per_s=0.5)
    assert promtool(tmp_path, "check", text).returncode == 0
    alert = next(one for one in yaml.safe_load(text)["groups"][0]["rules"] if "alert" in one)
    assert alert["expr"] == 'instance:udp_lost:ratio{window="10m"} > 0.2'
    assert alert["for"] == "3m"
    assert alert["labels"] == {"severity": "page"}
    assert ">= 0.5" in text
    assert "[10m]" in text


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"los_ratio": 0.1}, r"there is no threshold los_ratio; did you mean loss_ratio\?"),
        ({"x": 1}, r"no threshold x; there are loss_ratio, window, hold"),
        ({"loss_ratio": 1}, r"loss_ratio = 1: give a share between 0 and 1"),
        ({"loss_ratio": "1%"}, r"loss_ratio = '1%': give a share"),
        ({"burst_loss_ratio": 0}, r"burst_loss_ratio = 0: give a share"),
        ({"least_per_s": 0}, r"least_per_s = 0: give a number of datagrams a second above 0"),
        ({"hold": "10 minutes"}, r"hold = '10 minutes': give a time as Prometheus writes it"),
        ({"window": 5}, r"window = 5: give a time"),
        ({"severity": "very bad"}, r"severity = 'very bad': give one word"),
        ({"least_per_s": float("inf")}, r"least_per_s = inf: give a number of datagrams"),
        ({"window": "1h"}, r"burst_window = 1h is not longer than window = 1h"),
        ({"window": "1h", "burst_window": "60m"}, r"burst_window = 60m is not longer than window = 1h"),
        ({"burst_window": "1m"}, r"burst_window = 1m is not longer than window = 5m"),
    ],
)
def test_thresholds_that_cannot_be(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(udp_alerts.ThresholdError, match=words):
        udp_alerts.thresholds(asked)


def test_the_page_names_every_threshold_with_its_default() -> None:
    rows = dict(re.findall(r"(?m)^\| `(\w+)` \| (\S+) \|", PAGE.read_text(encoding="utf-8")))
    assert rows == {name: str(value) for name, value in udp_alerts.DEFAULTS.items()}


def test_the_play_of_the_page_writes_the_rules(tmp_path: Path) -> None:
    block = re.search(r"(?ms)^```yaml\n(- name.*?)^```$", PAGE.read_text(encoding="utf-8"))
    assert block
    play = yaml.safe_load(block[1].replace("/etc/prometheus", str(tmp_path)))
    del play[0]["become"], play[0]["tasks"][1]
    entry = play[0]["tasks"][0]["barevm.kafka.rendered_files"]["files"][0]
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {"prometheus": {"hosts": {"here": here}}}
    done = playbooks.run(tmp_path, play, inventory)
    assert done.status == 0, done.printed
    assert Path(entry["path"]).read_text() == rendered(loss_ratio=0.005)
    entry["data"] = entry["data"].replace("loss_ratio", "loss")
    wrong = playbooks.run(tmp_path, play, inventory)
    assert wrong.status == 2
    assert "there is no threshold loss" in wrong.printed
