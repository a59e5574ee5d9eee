"""What a durability test leaves on disk: one folder a test, whose files are all that its processes share.

A tester that is killed leaves them as they are: what was acknowledged is in mapped files, every event is a
line of its own. So a later run can still judge. Times are nanoseconds of the controller's monotonic clock,
which all its processes share and which no clock step moves; it begins anew with a boot.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

LEDGERS = "ledgers"
"""The folder of all ledgers, in the reports folder."""
TEST = "test.json"
SENT = "sent"
EVENTS = "events.jsonl"
OBSERVED = "observed.jsonl"
SECONDS = "seconds.jsonl"
GAPS = "gaps.jsonl"
PULSE = "pulse"
"""int64 for each partition: the time of its newest acknowledgement, 0 before the first."""
PROBE = "probe.jsonl"
FINAL = "final.json"
LOCK = "lock"
STOP = "stop"
TESTER_LOG = "tester.log"

Line = dict[str, Any]


@dataclass(frozen=True)
class Started:
    """What was started: test.json. It holds no client properties, since those may be secrets."""

    run_id: str
    """16 hexadecimal digits; each record carries them."""
    name: str
    """What the result is called: ``<name>.json``."""
    topic: str
    own_topic: bool
    """Whether the test made the topic, and may remove it."""
    partitions: int
    replication_factor: int
    min_insync_replicas: int
    producers: int
    record_size: int
    """Bytes of a record's value; with a payload file, of its largest."""
    payload_file: str
    acks: str
    idempotence: bool
    compression: str
    records_per_s: float
    """Of all producers together; 0 is as fast as it goes."""
    delivery_timeout_s: float
    bootstrap_servers: list[str]
    zookeeper_connect: str
    zookeeper_servers: list[dict[str, Any]]
    """As ``preflight_cluster.zookeeper.servers``."""
    brokers: list[dict[str, Any]]
    """As ``preflight_cluster.kafka.brokers``: a broker's id and its host's name."""
    reader: bool
    """Whether a reader ran alongside."""
    group_members: int
    probe: bool
    started: str
    """Wall clock, ISO 8601 in UTC."""
    started_ns: int
    """Monotonic clock; second 0 of every series."""
    wall_ns: int
    """Wall clock minus monotonic clock at the start, to notice a step."""
    boot_id: str
    """The controller's: after another boot, monotonic times say nothing."""
    options: dict[str, Any] = field(default_factory=dict)
    """What else was given, for the result's parameters."""


def boot_id() -> str:
    """Which boot of this machine it is; raises OSError."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def partition_file(folder: Path, partition: int, kind: str) -> Path:
    """The file of one partition; ``kind`` is ``acked``, ``failed`` or ``offsets``."""
    return folder / f"p{partition:05}.{kind}"


def write_test(folder: Path, test: Started) -> None:
    """Write test.json; raises OSError."""
    (folder / TEST).write_text(json.dumps(asdict(test), indent=2) + "\n")


def read_test(folder: Path) -> Started:
    """Read test.json; raises OSError, and ValueError where it is none."""
    try:
        return Started(**json.loads((folder / TEST).read_text()))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{folder / TEST} is no durability test: {error}") from None


def append(path: Path, /, **line: Any) -> Line:
    """Add a line with the time ``at_ns`` (now, unless given); several processes may. Raises OSError."""
    whole = {"at_ns": time.monotonic_ns(), **line}
    text = json.dumps(whole).encode() + b"\n"
    # One write to a file opened for appending: lines of several processes do not mix (open(2), O_APPEND).
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            # A full disk, or the end of its process, cut off what stands before: it must not take this along.
            text = b"\n" + text
        if os.write(handle, text) < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(handle)
    return whole


def lines(path: Path) -> Iterator[Line]:
    """The lines of a file, none where there is no file; half a line is none, as at its end."""
    try:
        with path.open("rb") as stream:
            for line in stream:
                if line.endswith(b"\n"):
                    yield from parsed(line)
    except FileNotFoundError:
        return


def parsed(line: bytes) -> Iterator[Line]:
    """What a line says; nothing where it was cut off, of which whoever wrote it was told."""
    with suppress(ValueError):
        document = json.loads(line)
        if isinstance(document, dict):
            yield document


class Tail:
    """The lines of a file that is being written, from its beginning or ``from_end`` on."""

    def __init__(self, path: Path, from_end: bool = False) -> None:
        self._path = path
        self._read = path.stat().st_size if from_end and path.exists() else 0

    def fresh(self) -> list[Line]:
        """The whole lines since the last call; none where there is no file yet."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._read)
                whole = stream.read().rpartition(b"\n")[0]
        except FileNotFoundError:
            return []
        self._read += len(whole) + bool(whole)
        return [document for line in whole.splitlines() for document in parsed(line)]


def mark(folder: Path, kind: str, what: str, /, **more: Any) -> Line:
    """Add an event of the test (``kind``: note, task, strike, healed, proof, …); raises OSError."""
    return append(folder / EVENTS, **{**more, "kind": kind, "what": what})


def is_running(folder: Path) -> bool:
    """Whether the tester of this ledger lives: it holds the lock as long."""
    try:
        handle = os.open(folder / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def final(folder: Path) -> Mapping[str, Any] | None:
    """What the tester said at its end; None where it did not come to it."""
    try:
        document: Mapping[str, Any] = json.loads((folder / FINAL).read_text())
    except (FileNotFoundError, ValueError):
        # Half a document is what a machine that lost its power left.
        return None
    return document
