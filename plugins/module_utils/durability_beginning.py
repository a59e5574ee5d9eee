"""How a durability test begins: everything is refused that would keep it from meaning something.

A start that is refused, or fails, leaves no topic and no folder.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import durability_files as files
from ansible_collections.barevm.kafka.plugins.module_utils import durability_options, durability_settings
from ansible_collections.barevm.kafka.plugins.module_utils.durability_ledger import Ledger
from ansible_collections.barevm.kafka.plugins.module_utils.durability_probe import topic_of
from ansible_collections.barevm.kafka.plugins.module_utils.durability_pulse import Pulse
from ansible_collections.barevm.kafka.plugins.module_utils.durability_running import (
    ACKNOWLEDGED_S,
    BALLAST,
    End,
    Running,
)
from ansible_collections.barevm.kafka.plugins.module_utils.durability_topic import Refused, Topic, Topics
from ansible_collections.barevm.kafka.plugins.module_utils.perf_producer import payload_bodies
from confluent_kafka import KafkaException

BALLAST_BYTES = 1 << 20
"""Room on the ledger's disk, given back where it is full, so that the end can be written down."""

SETTINGS_S = 15.0

Answer = Callable[..., None]


def run(options: Mapping[str, Any], told: threading.Event, answer: Answer) -> None:
    """Run the test of these options of ``durability_test`` until its end, or until ``told``.

    Answers ``progress`` any number of times, then ``ledger`` and ``test`` once it runs, or ``error``; then
    nothing is left of it.
    """
    with ExitStack() as undone:
        try:
            running = _started(options, told, answer, undone)
        except (Refused, OSError, ValueError) as error:
            undone.close()
            answer(error=str(error))
            return
        except KafkaException as error:
            undone.close()
            answer(error=f"{error.args[0].str()}; check bootstrap_servers and client_properties")
            return
        undone.pop_all()
    answer(ledger=str(running.folder), test=asdict(running.test))
    log = os.open(running.folder / files.TESTER_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        end = running.keep(told)
    except Exception as error:
        traceback.print_exc()
        end = End("error", f"the tester failed: {error}", failed=True)
    running.finish(end)


def _started(options: Mapping[str, Any], told: threading.Event, answer: Answer, undone: ExitStack) -> Running:
    """The test once every partition has acknowledged a record; ``undone`` takes it all back."""
    owner = os.pidfd_open(options["owner"])
    options = {**options, "record_size": _record_size(options)}
    topics = Topics(durability_options.client(options), options)
    run_id = secrets.token_hex(8)
    folder = Path(options["reports_dir"]) / files.LEDGERS / f"{options['name']}-{run_id}"
    _made_folder(folder, undone)
    name = options["topic"] or f"durability-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{run_id[:6]}"
    undone.callback(topics.remove_made)
    answer(progress=f"durability: topic {name} through {', '.join(options['bootstrap_servers'])}")
    topic = topics.prepare(name, options["partitions"])
    _refuse_too_few(options, topic)
    if options["probe"]:
        topics.prepare(topic_of(name), topic.partitions)
    test = _test(options, topic, run_id, topics.brokers)
    _lay_out(folder, test)
    _note_settings(folder, options, name)
    running = Running(options, test, folder, owner, topics.brokers)
    undone.callback(running.abandon)
    answer(progress=f"durability: waiting until each of {topic.partitions} partitions acknowledges a record")
    running.begin(told)
    return running


def _refuse_too_few(options: Mapping[str, Any], topic: Topic) -> None:
    """Raises Refused where the topic, or the rate, has less than what the test is to begin with."""
    if topic.partitions < options["producers"]:
        raise Refused(
            f"topic {topic.name} has {topic.partitions} partitions, fewer than the {options['producers']} "
            "producers, and each partition is written by one: lower producers"
        )
    first = min(topic.partitions, options["records"] or topic.partitions)
    first_s = first / options["records_per_s"] if options["records_per_s"] else 0.0
    if first_s > ACKNOWLEDGED_S / 2:
        raise Refused(
            f"with {options['records_per_s']:g} records/s it takes {first_s:,.0f} s until each of "
            f"{topic.partitions} partitions has a record, and may take {ACKNOWLEDGED_S / 2:g} s: "
            "raise records_per_s, or take fewer partitions"
        )


def _record_size(options: Mapping[str, Any]) -> int:
    """Bytes of the largest record; raises OSError, and ValueError where a payload file has none."""
    if not options["payload_file"]:
        return int(options["record_size"])
    bodies = payload_bodies(Path(options["payload_file"]), options["payload_delimiter"])
    size = max(map(len, bodies)) + durability_options.HEAD_SIZE
    if size > durability_options.LARGEST_SIZE:
        raise ValueError(
            f"the largest record of payload_file {options['payload_file']} is {size:,} bytes with its head "
            f"of {durability_options.HEAD_SIZE}; a test sends {durability_options.LARGEST_SIZE:,} at most"
        )
    return size


def _made_folder(folder: Path, undone: ExitStack) -> None:
    """The ledger's folder, locked until this process ends; raises Refused."""
    try:
        folder.mkdir(parents=True)
        undone.callback(shutil.rmtree, folder, ignore_errors=True)
        # Stays open, and locked, as long as this process lives.
        handle = os.open(folder / files.LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(handle, fcntl.LOCK_EX)
        _fill(folder / BALLAST, BALLAST_BYTES)
    except OSError as error:
        what = "is full" if error.errno == errno.ENOSPC else f"cannot be written ({error.strerror})"
        raise Refused(f"the ledger's folder {folder} {what}; give another reports_dir") from None


def _fill(path: Path, size: int) -> None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.posix_fallocate(handle, 0, size)
    finally:
        os.close(handle)


def _lay_out(folder: Path, test: files.Started) -> None:
    """The files that everything else is written beside; raises Refused where there is no room for them."""
    try:
        files.write_test(folder, test)
        Ledger(folder, test.partitions).close()
        Pulse(folder, test.partitions)
    except OSError as error:
        raise Refused(f"the ledger {folder} cannot be written: {error}; give another reports_dir") from None


def _note_settings(folder: Path, options: Mapping[str, Any], topic: str) -> None:
    """What topic and brokers are set to; where it cannot be had, the judging says so. Raises OSError."""
    until = time.monotonic() + SETTINGS_S
    while time.monotonic() < until:
        # Not every broker knows of a topic at once.
        with suppress(KafkaException, KeyError):
            durability_settings.write_before(
                folder, options["bootstrap_servers"], options["client_properties"], topic
            )
            return
        time.sleep(0.1)


def _test(options: Mapping[str, Any], topic: Topic, run_id: str, brokers: int) -> files.Started:
    given = {name: value for name, value in options.items() if name in files.Started.__dataclass_fields__}
    now_ns = time.monotonic_ns()
    kept = {name: options[name] for name in durability_options.WORKLOAD}
    options = {**options, "partitions": topic.partitions}
    plain = durability_options.producer_client(
        {**options, "client_properties": {}}, options["record_size"], brokers
    )
    used = durability_options.producer_client(options, options["record_size"], brokers)
    del plain["bootstrap.servers"]
    return files.Started(
        **{
            **given,
            "run_id": run_id,
            "topic": topic.name,
            "own_topic": topic.own,
            "partitions": topic.partitions,
            "replication_factor": topic.replication_factor,
            "min_insync_replicas": topic.min_insync_replicas,
            "started": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "started_ns": now_ns,
            "wall_ns": time.time_ns() - now_ns,
            "boot_id": files.boot_id(),
            # Of client_properties only what replaces a value of the test's own: others may be secrets.
            "options": {**kept, "client": {name: used[name] for name in plain}},
        }
    )
