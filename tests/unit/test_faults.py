"""Which faults are refused, what their rules are, and which units healing starts."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import (
    faults,
    faults_heal,
    faults_look,
    faults_rules,
)
from ansible_collections.barevm.kafka.plugins.module_utils.faults_rules import RefusedError

NOTHING: dict[str, Any] = {
    "kind": "kill",
    "unit": "kafka",
    "undo_after_s": 300,
    "hold": True,
    "peers": [],
    "local_ports": [],
    "user": "kafka",
    "ports": [],
    "percent": 0,
    "folder": "",
}
PEER = {"address": "192.0.2.7", "ports": [9092], "connections": "both"}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"kind": "cut"}, "kind=cut needs whom .* peers, local_ports"),
        ({"kind": "loss", "ports": [9092]}, "kind=loss needs percent"),
        ({"kind": "loss", "percent": 10}, "kind=loss needs ports"),
        ({"kind": "loss", "percent": 101, "ports": [9092]}, "percent=101: give 1 to 100"),
        ({"kind": "loss", "percent": -1, "ports": [9092]}, "percent=-1: give 1 to 100"),
        ({"kind": "fill"}, "kind=fill needs folder"),
        ({"kind": "kill", "percent": 10}, "percent=10: kind=kill has no such option; loss has"),
        ({"kind": "pause", "peers": [PEER]}, "kind=pause has no such option; cut has"),
        ({"undo_after_s": 0}, "undo_after_s=0: .* at least 1"),
    ],
    ids=str,
)
def test_options_that_make_no_fault_are_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        faults_rules.check_options({**NOTHING, **asked})


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        ([], "ports: name the ports"),
        ([9092, 22], "ports=22: is SSH's"),
        ([2222], "ports=2222: is SSH's"),
        ([0], "ports=0: is no port"),
        ([65536], "ports=65536: is no port"),
    ],
)
def test_ports_that_would_lose_the_host_are_refused(ports: list[int], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        faults_rules.check_ports("ports", ports, ssh=[2222])


@pytest.mark.parametrize("address", ["192.0.2.1", "127.0.0.1", "::1"])
def test_a_host_is_not_cut_off_from_itself_as_from_a_peer(address: str) -> None:
    with pytest.raises(RefusedError, match=r"peers='me': is this host .*local_ports"):
        faults_rules.check_peers({"me": [address]}, ["192.0.2.1"])
    faults_rules.check_peers({"other": ["192.0.2.2"]}, ["192.0.2.1"])


@pytest.mark.parametrize(
    ("kind", "same_as", "size", "memory", "words"),
    [
        ("ext4", ["/", "/opt"], 1, None, "shares its file system with /, /opt"),
        ("btrfs", [], 1, None, "type btrfs is not its own"),
        ("overlay", [], 1, None, "type overlay is not its own"),
        ("tmpfs", [], 600, 1000, "600 bytes are more than half of the 1000"),
    ],
)
def test_what_others_need_is_not_filled(
    kind: str, same_as: list[str], size: int, memory: int | None, words: str
) -> None:
    with pytest.raises(RefusedError, match=words):
        faults_rules.check_filled("/data", kind, same_as, size, memory)


def test_a_file_system_of_its_own_is_filled() -> None:
    faults_rules.check_filled("/data", "ext4", [], 10**12, None)
    faults_rules.check_filled("/data", "tmpfs", [], 500, 1000)


def rules(text: str) -> list[str]:
    return [
        line.removeprefix("add rule inet barevm_chaos ")
        for line in text.splitlines()
        if line.startswith("add rule")
    ]


def test_a_peer_is_cut_off_both_ways_by_port() -> None:
    text = faults_rules.cut_rules([PEER, {**PEER, "address": "2001:db8::7"}], [], "kafka", [])
    end = 'counter name "dropped_cut" drop'
    assert rules(text) == [
        f"cut_out ip daddr 192.0.2.7 tcp dport {{ 9092 }} {end}",
        f"cut_in ip saddr 192.0.2.7 tcp sport {{ 9092 }} {end}",
        f"cut_out ip daddr 192.0.2.7 tcp sport {{ 9092 }} {end}",
        f"cut_in ip saddr 192.0.2.7 tcp dport {{ 9092 }} {end}",
        f"cut_out ip6 daddr 2001:db8::7 tcp dport {{ 9092 }} {end}",
        f"cut_in ip6 saddr 2001:db8::7 tcp sport {{ 9092 }} {end}",
        f"cut_out ip6 daddr 2001:db8::7 tcp sport {{ 9092 }} {end}",
        f"cut_in ip6 saddr 2001:db8::7 tcp dport {{ 9092 }} {end}",
    ]
    # Struck again, the rules are replaced.
    assert text.count("flush chain") == 2


def test_a_peer_s_own_connections_stay_where_only_outgoing_ones_are_meant() -> None:
    outgoing = faults_rules.cut_rules([{**PEER, "connections": "outgoing"}], [], "kafka", [])
    assert [line.split(" counter")[0] for line in rules(outgoing)] == [
        "cut_out ip daddr 192.0.2.7 tcp dport { 9092 }",
        "cut_in ip saddr 192.0.2.7 tcp sport { 9092 }",
    ]


def test_a_process_is_cut_off_from_its_own_host_and_told_by_its_account() -> None:
    text = faults_rules.cut_rules([], [2181], "kafka", [40002, 40001])
    assert "add element inet barevm_chaos own { 40001, 40002 }\n" in text
    assert [line.split(" counter")[0] for line in rules(text)] == [
        'cut_out oifname "lo" meta skuid "kafka" tcp dport { 2181 } add @own { tcp sport }',
        'cut_out oifname "lo" tcp dport { 2181 } tcp sport @own',
        'cut_out oifname "lo" tcp sport { 2181 } tcp dport @own',
    ]


def test_packets_are_lost_on_either_end_but_not_within_the_host() -> None:
    found = rules(faults_rules.loss_rules([9092, 2181], 10))
    assert len(found) == 4
    assert all('!= "lo"' in rule and "numgen random mod 100 < 10 counter" in rule for rule in found)
    assert found[0].startswith('loss_in iifname != "lo" tcp sport { 2181, 9092 }')
    # nft refuses a chance that is none.
    assert "numgen" not in faults_rules.loss_rules([9092], 100)


TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 142CA8C0:9C41 142CA8C0:0885 01 00000000:00000000 00:00000000 00000000   998        0 1
   1: 142CA8C0:9C42 152CA8C0:0885 01 00000000:00000000 00:00000000 00000000   997        0 2
   2: 142CA8C0:9C43 152CA8C0:2384 01 00000000:00000000 00:00000000 00000000   998        0 3
"""


def test_connections_of_an_account_are_found() -> None:
    assert faults_rules.connected_ports([TCP, ""], 998, [2181]) == [0x9C41]


UP = {"load_state": "loaded", "active_state": "active", "sub_state": "running", "unit_file_state": "enabled"}
KILLED = {"kind": "kill", "unit": "kafka.service", "unit_file_state": "enabled"}


@pytest.mark.parametrize(
    ("unit", "note", "filled", "starts"),
    [
        ({}, KILLED, False, False),
        ({"active_state": "failed"}, KILLED, False, True),
        ({"active_state": "failed"}, None, False, True),
        ({"active_state": "failed", "unit_file_state": "disabled"}, None, False, False),
        ({"active_state": "failed", "unit_file_state": "disabled"}, KILLED, False, False),
        (
            {"active_state": "failed", "unit_file_state": "disabled"},
            {**KILLED, "unit_file_state": "disabled"},
            False,
            True,
        ),
        ({"active_state": "inactive"}, None, False, False),
        ({"active_state": "inactive"}, {**KILLED, "kind": "fill"}, False, False),
        ({"active_state": "inactive"}, {**KILLED, "kind": "stop"}, False, True),
        ({"active_state": "deactivating"}, {**KILLED, "kind": "stop"}, False, True),
        ({"active_state": "inactive", "unit_file_state": "masked"}, KILLED, False, False),
        ({"active_state": "inactive", "load_state": "not-found"}, KILLED, False, False),
        ({"active_state": "activating", "sub_state": "auto-restart"}, KILLED, False, False),
        ({"active_state": "activating", "sub_state": "auto-restart"}, None, True, True),
    ],
    ids=str,
)
def test_healing_starts_what_a_fault_took_down_and_nothing_else(
    unit: dict[str, Any], note: dict[str, Any] | None, filled: bool, starts: bool
) -> None:
    assert faults_heal.must_start({**UP, **unit}, note, filled) is starts


def test_the_undo_is_the_very_code_of_the_healing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(faults, "SCRIPT", str(tmp_path / "heal.pyz"))
    faults.write_script()
    with zipfile.ZipFile(tmp_path / "heal.pyz") as packed:
        for module in (faults_heal, faults_look):
            assert module.__file__ is not None
            name = module.__name__.replace(".", "/") + ".py"
            assert packed.read(name).decode() == Path(module.__file__).read_text()
