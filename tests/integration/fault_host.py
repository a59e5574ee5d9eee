"""A real host with two services that behave, to a fault, as a broker and its ZooKeeper server do.

The broker holds a connection to the server on its host, keeps the locks of its log directories as Kafka does,
writes to them, and tells whoever connects how it is.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
GATEWAY = "192.168.33.1"
HOST = "192.168.33.20"
SERVICE = r"""
import fcntl, os, socket, sys, threading, time

PORT = {"kafka": 9092, "zookeeper": 2181}[sys.argv[1]]
state = {"answered": time.monotonic(), "dirs": []}

def talk():
    while True:
        try:
            with socket.create_connection(("127.0.0.1", 2181), 1) as server:
                while True:
                    server.sendall(b"?")
                    if not server.recv(100):
                        break
                    state["answered"] = time.monotonic()
                    time.sleep(0.1)
        except OSError:
            time.sleep(0.2)

def write():
    locks = {}
    for folder in ("/srv/kafka/a", "/srv/kafka/b"):
        try:
            with open(folder + "/meta.properties", "a") as stream:
                stream.write("x\n")
            locks[folder] = open(folder + "/.lock", "w")
            fcntl.flock(locks[folder], fcntl.LOCK_EX)
        except OSError:
            pass
    state["dirs"] = sorted(locks)
    while True:
        for folder in sorted(locks):
            try:
                with open(folder + "/log", "ab") as stream:
                    stream.write(bytes(1 << 14))
            except OSError:
                os.unlink(folder + "/.lock")
                locks.pop(folder).close()
                state["dirs"] = sorted(locks)
        if not locks:
            os._exit(1)
        time.sleep(0.2)

def serve(client):
    with client:
        if PORT == 2181:
            while data := client.recv(100):
                client.sendall(data)
        else:
            ok = time.monotonic() - state["answered"] < 1.5
            words = [str(os.getpid()), "connected" if ok else "alone", *state["dirs"]]
            client.sendall(" ".join(words).encode())

if PORT == 9092:
    for work in (talk, write):
        threading.Thread(target=work, daemon=True).start()
listener = socket.create_server(("", PORT))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""
SET_UP = f"""
set -e
cat > /usr/local/bin/service.py <<'END'
{SERVICE}
END
chown kafka /srv/kafka/a /srv/kafka/b
for name in zookeeper kafka; do cat > /etc/systemd/system/$name.service <<END
[Unit]
StartLimitIntervalSec=0
[Service]
Type=exec
User=$name
ExecStart=/usr/bin/python3 /usr/local/bin/service.py $name
Restart=on-failure
RestartSec=2
[Install]
WantedBy=multi-user.target
END
done
printf '[Unit]\\nWants=zookeeper.service\\nAfter=zookeeper.service\\n' >> /etc/systemd/system/kafka.service
systemctl daemon-reload
systemctl enable --now zookeeper kafka
"""


def lab(*arguments: str) -> str:
    """The lab's command line."""
    done = subprocess.run(
        [sys.executable, "-m", "lab", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass
class FaultHost:
    """The host, and what is seen of it from outside."""

    name: str
    facts: dict[str, Any] = field(default_factory=dict)

    def up(self) -> None:
        """Make the host, or bring it back."""
        lab(
            *("up", "--name", self.name, "--subnet", "192.168.33.0/24", "--hosts", "1", "--user", "ops"),
            *("--log-file-systems", "2"),
        )
        self.facts = json.loads(lab("status", "--json", "--name", self.name))

    def set_up(self) -> None:
        """Give it its services."""
        self.shell("for name in zookeeper kafka; do useradd --system --shell /usr/sbin/nologin $name; done")
        self.shell(SET_UP)

    def shell(self, command: str) -> str:
        """What a command of root's prints on the host; its failure is an error."""
        facts = self.facts
        done = subprocess.run(
            [
                *("ssh", "-q", "-i", facts["key"], "-o", f"UserKnownHostsFile={facts['known_hosts']}"),
                *("-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
                *(
                    "-o",
                    "ControlMaster=auto",
                    "-o",
                    "ControlPersist=10",
                    "-o",
                    "ControlPath=/tmp/faulttest-%C",
                ),
                *(f"ops@{HOST}", "sudo sh"),
            ],
            input=command,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def fault(self, check: bool = False, fails: bool = False, **options: Any) -> dict[str, Any]:
        """Run module fault on the host as an operator's play does."""
        tool = Path(sys.executable).with_name("ansible")
        done = subprocess.run(
            [
                *(tool, "zkkafka1", "-i", self.facts["inventory"], "-m", "barevm.kafka.fault"),
                *("-a", json.dumps(options), *(["--check"] if check else [])),
            ],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        result: dict[str, Any] = json.loads(done.stdout.partition("=> ")[2])
        return result

    def struck(self, **options: Any) -> dict[str, Any]:
        return self.fault(state="struck", **options)

    def healed(self, **options: Any) -> dict[str, Any]:
        return self.fault(state="healed", **options)

    def broker(self) -> list[str]:
        """What the broker says of itself: its process, connected or alone, its folders; nothing if silent."""
        try:
            with socket.create_connection((HOST, 9092), 0.7) as connection:
                connection.settimeout(0.7)
                return connection.recv(1000).decode().split()
        except OSError:
            return []

    def process(self) -> str:
        """The broker's process, once it answers: on a busy machine it may be late."""
        said: list[str] = []

        def answers() -> bool:
            said[:] = self.broker()
            return bool(said)

        wait_for("the broker answers", answers)
        return said[0]

    def well(self) -> bool:
        """Whether both services serve, and the broker has all that it needs."""
        return self.broker()[1:] == ["connected", "/srv/kafka/a", "/srv/kafka/b"] and echoes(HOST, 2181)

    def left(self) -> str:
        """Whatever a fault has left on the host."""
        return self.shell(
            "find /run/barevm.kafka /run/systemd -name '*barevm*' -o -path '/run/barevm.kafka*' 2>/dev/null\n"
            "nft list tables | grep barevm; ls -A /srv/kafka/a /srv/kafka/b | grep filler\n"
            "systemctl list-units --all --no-legend 'barevm*'\n"
            "systemctl is-failed kafka zookeeper | grep failed\n"
            "grep -l 'State:.T' /proc/[0-9]*/status 2>/dev/null; true"
        )

    @contextmanager
    def drop_in(self, line: str) -> Iterator[None]:
        """Have a drop-in of an operator's, read after ours, for the broker."""
        path = "/run/systemd/system/kafka.service.d"
        self.shell(f"mkdir {path}; printf '[Service]\\n{line}\\n' >{path}/99.conf; systemctl daemon-reload")
        try:
            yield
        finally:
            self.shell(f"rm -r {path}; systemctl daemon-reload")

    def forget(self) -> None:
        """Lose the notes and the undo, as nobody should."""
        self.shell("systemctl stop 'barevm*.timer'; rm -r /run/barevm.kafka")


def echoes(address: str, port: int) -> bool:
    """Whether what is sent to an address comes back."""
    try:
        with socket.create_connection((address, port), 0.7) as connection:
            connection.settimeout(0.7)
            connection.sendall(b"?")
            return connection.recv(10) == b"?"
    except OSError:
        return False


class Peer:
    """Another host of the cluster, on this machine: it listens on a port, and echoes."""

    def __init__(self, port: int) -> None:
        self.listener = socket.create_server((GATEWAY, port), reuse_port=True)
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_why: object) -> None:
        # A thread in accept() keeps a closed listener alive.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._echo, args=(client,), daemon=True).start()

    def _echo(self, client: socket.socket) -> None:
        with client:
            while data := client.recv(100):
                client.sendall(data)


def wait_for(what: str, holds: Callable[[], bool], limit_s: float = 120) -> None:
    """Wait until something holds."""
    end = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end, f"not within {limit_s} s: {what}"
        time.sleep(0.1)
