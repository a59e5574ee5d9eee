"""The numbered lines of a UDP test, and reading them back."""

from __future__ import annotations

import errno
import re
import socket
import threading
import time
from collections import Counter

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import (
    udp_datagram,
    udp_path,
    udp_reading,
    udp_sender,
)

RUN = "0badcafe"
RFC_5424 = re.compile(rb"<\d{1,3}>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ \S+ \S+ \S+ - .+")


def line(size: int = 256, step: int = 3) -> udp_datagram.Line:
    return udp_datagram.Line(RUN, step, size, "2026-01-01T00:00:00.000Z", "controller")


@pytest.mark.parametrize("size", [150, 512, 1472, udp_datagram.LARGEST])
def test_a_line_has_its_size_and_is_syslog(size: int) -> None:
    text = line(size).numbered(12)
    assert len(text) == size
    assert RFC_5424.fullmatch(text)
    assert udp_datagram.read(text) == udp_datagram.Marked(RUN, 3, 12, True)


def test_a_line_is_found_in_what_a_template_makes_of_it() -> None:
    assert udp_datagram.read(b'{"msg": "' + line().numbered(999_999_999) + b'"}\n') == udp_datagram.Marked(
        RUN, 3, 999_999_999, True
    )
    cut = udp_datagram.read(line().numbered(5)[:120])
    assert cut is not None
    assert (cut.number, cut.whole) == (5, False)
    assert udp_datagram.read(b"<13>1 - - - - - - hello") is None


def test_the_shortest_line() -> None:
    least = udp_datagram.smallest(RUN, "controller")
    assert len(line(least, step=99).numbered(0)) == least
    with pytest.raises(ValueError, match=f"{least - 1} bytes are too few"):
        line(least - 1, step=99)


@pytest.mark.parametrize(("size", "packets"), [(1472, 1), (1473, 2), (2952, 2), (2953, 3), (65507, 45)])
def test_fragments_of_a_datagram(size: int, packets: int) -> None:
    assert udp_datagram.fragments(size, 1500) == packets


@pytest.mark.parametrize(("size", "packets"), [(1452, 1), (1453, 2), (2888, 2), (2889, 3)])
def test_fragments_over_ipv6_have_a_header_more(size: int, packets: int) -> None:
    assert udp_datagram.fragments(size, 1500, ipv6=True) == packets


def test_fragments_carry_multiples_of_eight_bytes() -> None:
    assert udp_datagram.fragments(2744, 1400) == 2
    assert udp_datagram.fragments(2745, 1400) == 3


def test_a_tally_counts_each_number_once() -> None:
    tally = udp_reading.Tally(RUN, 3, 20)
    for number in (0, 1, 1, 5, 19, 20):
        tally.add(line().numbered(number))
    tally.add(line(step=2).numbered(7))
    tally.add(line().numbered(2)[:120])
    tally.add(b"somebody else's")
    tally.add(None)
    assert tally.as_dict() == {
        "distinct": 5,
        "duplicates": 1,
        "cut_short": 1,
        "late": 1,
        "foreign": 3,
        "first_missing": 3,
    }
    whole = udp_reading.Tally(RUN, 3, 9)
    for number in range(9):
        whole.add(line().numbered(number))
    assert whole.first_missing() is None


def test_the_sender_keeps_its_rate_and_counts_what_the_kernel_took() -> None:
    got: list[tuple[float, bytes]] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(30)

        def receive() -> None:
            while len(got) < 500:
                text = receiver.recv(2048)
                got.append((time.monotonic(), text))

        reading = threading.Thread(target=receive)
        reading.start()
        done = udp_sender.send(line(), receiver.getsockname(), 1000, 500, lambda text: None, "a test")
        reading.join()
    assert done.sent == 500
    assert not done.errors
    assert done.duration_s >= 0.5, "it is not faster than it was told, however the machine stalls"
    numbers = [marked.number for _, text in got if (marked := udp_datagram.read(text))]
    assert numbers == list(range(500))
    assert got[-1][0] - got[-2][0] > udp_sender.LAST_S / 2, "the last one follows the others"


class Machine:
    """A clock that stalls once, and a socket that refuses every third datagram."""

    def __init__(self, stalls_s: float) -> None:
        self.now = 0.0
        self.stalls_s = stalls_s
        self.got: list[tuple[float, int]] = []
        self.tried = 0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now > 0.05:
            self.now += self.stalls_s
            self.stalls_s = 0.0

    def sendto(self, text: bytes, _target: tuple[str, int]) -> None:
        self.tried += 1
        if self.tried % 3 == 0:
            raise OSError(errno.ENOBUFS, "refused")
        marked = udp_datagram.read(text)
        assert marked
        self.got.append((self.now, marked.number))

    def setsockopt(self, *_option: int) -> None: ...

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_error: object) -> None: ...


def test_a_sender_that_was_held_up_makes_up_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(stalls_s=1.0)
    monkeypatch.setattr(udp_sender, "time", machine)
    monkeypatch.setattr(socket, "socket", lambda *_family: machine)
    done = udp_sender.send(line(), ("192.0.2.1", 9), 1000, 300, lambda _text: None, "a test")
    assert [number for _, number in machine.got] == list(range(200)), "what is refused has no number"
    assert (done.sent, done.errors) == (200, {"ENOBUFS": 100})
    assert done.held_up_s == pytest.approx(1.0, abs=0.01)
    assert max(Counter(at for at, _ in machine.got).values()) <= 3, "no burst after the stall"


def test_what_the_kernel_refuses_has_no_number() -> None:
    too_large = udp_datagram.Line(RUN, 1, udp_datagram.LARGEST + 1, "2026-01-01T00:00:00.000Z", "controller")
    done = udp_sender.send(too_large, ("127.0.0.1", 9), 1000, 3, lambda text: None, "a test")
    assert (done.sent, done.errors) == (0, {"EMSGSIZE": 3})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fe80::1", "a link-local address"),
        ("239.1.2.3", "no address of one host"),
        ("ff02::1", "no address of one host"),
        ("0.0.0.0", "no address of one host"),
        ("203.0.113.256", "Name or service not known"),
    ],
)
def test_what_is_no_address_of_a_host(name: str, words: str) -> None:
    with pytest.raises(OSError, match=words):
        udp_path.resolved(name)


def test_an_address_is_itself() -> None:
    assert [udp_path.resolved(one) for one in ("192.0.2.1", "2001:db8::1")] == ["192.0.2.1", "2001:db8::1"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_way_to_the_machine_itself_has_no_port(address: str) -> None:
    found = udp_path.way(address)
    assert (found.device, found.port) == ("lo", "")
    assert "no bridge" in found.why
    seen = udp_path.counters(found)
    assert seen["tap_dropped"] is None
    assert seen["controller_send_buffer"] is not None


def test_a_property_that_kafkas_client_does_not_know_is_named_with_its_variable() -> None:
    request = {"run": "0" * 8, "bootstrap_servers": ["127.0.0.1:1"], "client_properties": {"acsk": "1"}}
    answer = udp_reading.main(request, print)
    assert answer == {"error": 'udp_test_client_properties: No such configuration property: "acsk"'}
