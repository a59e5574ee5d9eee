"""Each fault struck on a real host, seen from outside, and healed: by the module, and by the host alone."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.fault_host import GATEWAY, HOST, FaultHost, Peer, echoes, lab, wait_for

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 and not shutil.which("sudo"), reason="making hosts takes root"
)
RESTART_S = 2
# Long enough to strike a host of a busy machine.
UNDO_AFTER_S = 20
PEER = {"address": GATEWAY, "ports": [9092, 2181]}
FAULTS: dict[str, dict[str, Any]] = {
    "kill": {"kind": "kill"},
    "stop": {"kind": "stop"},
    "pause": {"kind": "pause"},
    "cut from peers": {"kind": "cut", "peers": [PEER]},
    "cut from its host": {"kind": "cut", "local_ports": [2181]},
    "loss": {"kind": "loss", "ports": [9092], "percent": 100},
    "one folder full": {"kind": "fill", "folder": "/srv/kafka/a"},
}
SHOWN = {
    "kill": ("killed", ["new_pid"]),
    "stop": ("stopped", ["new_pid"]),
    "pause": ("process_stopped", ["same_pid"]),
    "cut from peers": ("dropped_packets", ["dropped_packets"]),
    "cut from its host": ("dropped_packets", ["dropped_packets"]),
    "loss": ("dropped_packets", ["dropped_packets"]),
    "one folder full": ("disk_full", ["kept_running", "log_dir_offline"]),
}


@pytest.fixture(scope="module")
def made() -> Iterator[FaultHost]:
    found = FaultHost("faulttest")
    lab("down", "--name", found.name)
    try:
        found.up()
        found.set_up()
        yield found
    finally:
        lab("down", "--name", found.name)


@pytest.fixture
def host(made: FaultHost) -> Iterator[FaultHost]:
    """The host, well before and after."""
    wait_for("the host is well", made.well)
    yield made
    if made.left() or not made.well():
        made.healed()
    wait_for("the host is well again", made.well)
    nothing_left(made)


def nothing_left(host: FaultHost) -> None:
    """Wait until there is no trace: systemd forgets a unit that has ended a moment later."""
    wait_for("nothing is left", lambda: host.left() == "")


@contextmanager
def seen(host: FaultHost, name: str) -> Iterator[threading.Event]:
    """Look all the time whether a fault is seen: the host may undo it before whoever struck it is told."""
    found, ended = threading.Event(), threading.Event()

    def look() -> None:
        while not ended.is_set() and not found.is_set():
            if hurt(host, name):
                found.set()
            time.sleep(0.05)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        ended.set()
        looking.join()


def hurt(host: FaultHost, name: str) -> bool:
    """Whether a fault is seen from outside, and only where it is meant."""
    if name == "cut from its host":
        return host.broker()[1:2] == ["alone"] and echoes(HOST, 2181)
    if name == "one folder full":
        return host.broker()[1:] == ["connected", "/srv/kafka/b"]
    if name == "cut from peers":
        return not host.broker() and not echoes(HOST, 2181)
    return not host.broker() and echoes(HOST, 2181)


def shows(result: dict[str, Any], *names: str) -> None:
    held = {proof["name"] for proof in result["proofs"] if proof["holds"]}
    assert held >= set(names), result["proofs"]


@pytest.mark.parametrize("name", FAULTS)
def test_struck_seen_and_healed(host: FaultHost, name: str) -> None:
    before = host.process()
    struck = host.struck(undo_after_s=600, **FAULTS[name])
    assert struck["changed"]
    assert struck["faults"] == [{"kind": FAULTS[name]["kind"], "unit": "kafka.service"}]
    assert 500 < struck["undo_in_s"] <= 600
    wait_for(f"{name} is seen", lambda: hurt(host, name))
    at_once, later = SHOWN[name]
    if at_once != "dropped_packets":  # it takes somebody to send one
        shows(struck, at_once)
    if name == "kill":
        time.sleep(RESTART_S + 1)
        assert hurt(host, name), "systemd has restarted what was to stay down"

    healed = host.healed()
    assert healed["changed"]
    shows(healed, *later)
    wait_for("the host is well", host.well)
    assert (host.process() == before) is (name not in ("kill", "stop", "one folder full"))
    nothing_left(host)
    again = host.healed()
    assert (again["changed"], again["healed"], again["proofs"], again["faults"]) == (False, [], [], [])


@pytest.mark.parametrize("name", FAULTS)
def test_the_host_undoes_it_alone(host: FaultHost, name: str) -> None:
    with seen(host, name) as found:
        host.struck(undo_after_s=UNDO_AFTER_S, **FAULTS[name])
        wait_for("the host is well without anybody's help", lambda: found.is_set() and host.well())
    nothing_left(host)
    assert not host.healed()["changed"]


@pytest.mark.parametrize("name", FAULTS)
def test_healed_although_its_notes_are_gone(host: FaultHost, name: str) -> None:
    host.struck(**FAULTS[name])
    wait_for(f"{name} is seen", lambda: hurt(host, name))
    host.forget()
    assert host.healed()["changed"]
    wait_for("the host is well", host.well)
    nothing_left(host)


def test_both_folders_full_end_the_broker(host: FaultHost) -> None:
    host.struck(kind="fill", folder="/srv/kafka/a")
    host.struck(kind="fill", folder="/srv/kafka/b")
    wait_for("the broker ends", lambda: not host.broker())
    healed = host.healed()
    shows(healed, "halted")
    wait_for("the host is well", host.well)


def test_without_holding_it_systemd_restarts_what_was_killed(host: FaultHost) -> None:
    before = host.process()
    host.struck(kind="kill", hold=False)
    wait_for("systemd has restarted it", host.well)
    shows(host.healed(), "new_pid")
    assert host.process() != before


def test_the_connection_alone_is_cut_that_is_meant(host: FaultHost) -> None:
    """ZooKeeper's port: the peer still reaches this host's server, and this host not the peer's."""
    connect = f"import socket; socket.create_connection(('{GATEWAY}', 2181), 5)"
    ask = f'python3 -c "{connect}" 2>/dev/null && echo yes || echo no'
    with Peer(2181):
        assert host.shell(ask) == "yes"
        host.struck(kind="cut", peers=[{**PEER, "ports": [2181], "connections": "outgoing"}])
        assert host.shell(ask) == "no"
        wait_for("the host is well", host.well)
        host.healed()
        assert host.shell(ask) == "yes"


def test_the_undo_of_a_second_strike_comes_later_and_never_sooner(host: FaultHost) -> None:
    host.struck(kind="pause", undo_after_s=600)
    sooner = host.struck(kind="cut", local_ports=[2181], undo_after_s=100)
    assert 300 < sooner["undo_in_s"] < 600
    later = host.struck(kind="cut", local_ports=[2181], undo_after_s=2000)
    assert later["undo_in_s"] > 1700
    assert later["faults"] == [{"kind": kind, "unit": "kafka.service"} for kind in ("pause", "cut")]
    assert len(host.shell("systemctl list-units --no-legend 'barevm*.timer'").splitlines()) == 1


def test_one_of_two_is_healed_and_the_other_keeps_its_undo(host: FaultHost) -> None:
    host.struck(kind="loss", ports=[9092], percent=100)
    host.struck(kind="cut", local_ports=[2181])
    assert host.healed(kind="loss")["faults"] == [{"kind": "cut", "unit": "kafka.service"}]
    wait_for("the other is seen alone", lambda: hurt(host, "cut from its host"))
    assert "timer" in host.left()


def test_what_an_operator_has_stopped_is_left_alone(host: FaultHost) -> None:
    host.struck(kind="pause", unit="zookeeper")
    host.shell("systemctl stop kafka")
    assert host.healed()["changed"]
    assert host.fault(state="read")["after"]["active_state"] == "inactive"
    host.shell("systemctl start kafka")


def test_what_an_operator_has_disabled_since_is_left_alone(host: FaultHost) -> None:
    host.struck(kind="kill")
    host.shell("systemctl disable kafka")
    host.healed()
    assert host.fault(state="read")["after"]["main_pid"] == 0
    host.shell("systemctl enable --now kafka")


def test_what_failed_and_is_enabled_is_started(host: FaultHost) -> None:
    with host.drop_in("Restart=no"):
        host.shell(
            "systemctl kill --signal=KILL kafka; until systemctl -q is-failed kafka; do sleep 0.1; done"
        )
    assert host.fault(state="read")["after"]["active_state"] == "failed"
    assert host.healed()["healed"] == ["kafka.service started (failed before)"]


@pytest.mark.parametrize("name", ["kill", "cut from its host", "one folder full"])
def test_check_mode_touches_nothing(host: FaultHost, name: str) -> None:
    before = host.process()
    would = host.fault(check=True, state="struck", **FAULTS[name])
    assert would["changed"]
    assert FAULTS[name]["kind"] in would["would"]
    wait_for("the host is well", host.well)
    assert host.process() == before
    assert host.left() == ""


def test_check_mode_says_what_it_would_heal(host: FaultHost) -> None:
    host.struck(kind="stop")
    would = host.fault(check=True, state="healed")
    assert would["healed"] == host.healed()["healed"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "cut", "peers": [{"address": GATEWAY, "ports": [22]}]}, "peers=22: is SSH's"),
        ({"kind": "cut", "peers": [{"address": HOST, "ports": [9092]}]}, f"peers='{HOST}': is this host"),
        (
            {"kind": "cut", "peers": [{"address": "nobody.invalid", "ports": [1]}]},
            "does not know its address",
        ),
        ({"kind": "cut", "local_ports": [2181], "user": "nobody2"}, "user='nobody2': this host has no such"),
        ({"kind": "fill", "folder": "/var/lib"}, "folder='/var/lib'"),
        ({"kind": "fill", "folder": "/run"}, "shares its file system with /run"),
        ({"kind": "fill", "folder": "/srv/none"}, "is no folder of this host"),
    ],
    ids=str,
)
def test_what_is_refused_touches_nothing(host: FaultHost, options: dict[str, Any], words: str) -> None:
    refused = host.fault(state="struck", fails=True, **options)["msg"]
    assert refused.startswith("zkkafka1: ")
    assert words in refused
    assert host.left() == ""


def test_a_host_without_nft_is_told_the_package(host: FaultHost) -> None:
    host.shell("mv /usr/sbin/nft /usr/sbin/nft.away")
    try:
        refused = host.fault(state="struck", fails=True, **FAULTS["loss"])["msg"]
    finally:
        host.shell("mv /usr/sbin/nft.away /usr/sbin/nft")
    assert "install package nftables" in refused


def test_what_does_not_run_is_not_struck(host: FaultHost) -> None:
    host.struck(kind="kill")
    assert "does not run (failed)" in host.fault(state="struck", kind="pause", fails=True)["msg"]


def test_a_strike_that_fails_on_its_way_is_healed_at_once(host: FaultHost) -> None:
    with host.drop_in("Restart=always"):
        assert "another drop-in" in host.fault(state="struck", kind="kill", fails=True)["msg"]
        wait_for("the host is well", host.well)
        nothing_left(host)


def test_a_host_killed_as_by_a_power_cut_comes_back(host: FaultHost) -> None:
    host.shell("echo kept > /srv/kafka/a/note")
    before = host.fault(state="read")["after"]["boot_id"]
    lab("kill", "--name", host.name, "--host", "zkkafka1")
    assert not host.broker()
    host.up()
    wait_for("its services come back", host.well)
    assert host.fault(state="read")["after"]["boot_id"] != before
    assert host.shell("cat /srv/kafka/a/note") == "kept"
