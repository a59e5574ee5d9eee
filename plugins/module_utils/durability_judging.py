"""Judges a durability test: stops it, reads everything back, compares, writes ``<name>.json`` and its page.

Started by the action ``durability_test`` (state=stopped) as a child process of its own (``child.py``). All
that it knows of the test is in the ledger's folder, so that it judges that of a killed tester as well.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import durability_evidence as evidence
from ansible_collections.barevm.kafka.plugins.module_utils import durability_figures as figures
from ansible_collections.barevm.kafka.plugins.module_utils import durability_files as files
from ansible_collections.barevm.kafka.plugins.module_utils import durability_group_judging, durability_page
from ansible_collections.barevm.kafka.plugins.module_utils import durability_scenario_rules as scenario
from ansible_collections.barevm.kafka.plugins.module_utils import durability_settings as settings
from ansible_collections.barevm.kafka.plugins.module_utils.child import Progress, serve
from ansible_collections.barevm.kafka.plugins.module_utils.connection import remove_topic
from ansible_collections.barevm.kafka.plugins.module_utils.durability_comparison import Comparison
from ansible_collections.barevm.kafka.plugins.module_utils.durability_group_rules import Group
from ansible_collections.barevm.kafka.plugins.module_utils.durability_group_running import END_S
from ansible_collections.barevm.kafka.plugins.module_utils.durability_ledger import Ledger
from ansible_collections.barevm.kafka.plugins.module_utils.durability_probe import topic_of
from ansible_collections.barevm.kafka.plugins.module_utils.durability_reading import (
    ReadBack,
    Source,
    Topic,
    read_back,
)
from ansible_collections.barevm.kafka.plugins.module_utils.perf_latency import Latencies
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result, write_result, write_text
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

POLL_S = 0.2
TALK_S = 5.0
QUIET_S = 6.0
"""Producers whose tester was killed end within less; until then they write what they still learn."""
REMOVE_S = 15.0


class NotJudged(Exception):
    """There is no verdict; the message says why and what to do."""


def main(request: dict[str, Any], progress: Progress) -> Mapping[str, Any]:
    """Judge the test whose ledger ``request`` names.

    Returns ``document`` (as in ``<name>.json``), ``summary``, ``json_path``, ``html_path``, ``ledger`` and
    ``topic`` (both "" where they were removed); or ``error``, where there is no verdict.
    """
    try:
        # Before anything is read: that may take an hour.
        scenario.check(dict(request.get("expect") or {}))
        with _alone(Path(request["ledger"])):
            return judge(request, progress)
    except (NotJudged, OSError, ValueError) as error:
        return {"error": str(error)}
    except KafkaException as error:
        # What the cluster answers is evidence; this is said of clients that could not be made.
        return {"error": f"{error.args[0].str()}; check client_properties, and judge again"}


def judge(request: Mapping[str, Any], progress: Progress, source: Source | None = None) -> Mapping[str, Any]:
    """What ``main`` does; ``source`` is where the records come from, the cluster where none is given.

    Raises NotJudged, OSError, and ValueError where the folder holds no ledger.
    """

    def say(words: str) -> None:
        progress(f"durability: {words}")

    began = time.monotonic()
    folder = Path(request["ledger"])
    test = _test(folder)
    _stop(folder, test, request, say)
    judged = _Judging(folder, test, request, say)
    result = judged.result(source, began)
    reports = Path(request.get("reports_dir") or folder.parent.parent)
    try:
        json_path = write_result(reports, result)
        html_path = reports / f"{test.name}.html"
        write_text(html_path, durability_page.html(result))
    except OSError as error:
        raise NotJudged(
            f"the result ({result.result}) could not be written to {reports}: {error.strerror}; "
            f"{_kept(folder, test)}"
        ) from error
    ledger, topic = str(folder), test.topic
    notes = []
    if result.result == "PASS" and not request.get("keep"):
        notes = judged.remove()
        ledger, topic = ("", "") if not notes else (ledger, topic)
    else:
        notes = [_kept(folder, test)]
    for note in notes:
        say(note)
    return {
        "document": result.as_dict(),
        "summary": "; ".join([figures.summary(result.figures), *notes]),
        "json_path": str(json_path),
        "html_path": str(html_path),
        "ledger": ledger,
        "topic": topic,
    }


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else judges meanwhile: whoever finds PASS first removes what the other one reads.

    Raises NotJudged where somebody does, or where there is nothing to judge.
    """
    _test(folder)
    handle = os.open(folder / files.TEST, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise NotJudged(f"{folder} is being judged by another run: wait for its result") from None
    finally:
        os.close(handle)


def _test(folder: Path) -> files.Started:
    try:
        return files.read_test(folder)
    except FileNotFoundError:
        raise NotJudged(
            f"{folder} holds no {files.TEST}: it is no ledger of a durability test, or one that was removed "
            "after its PASS"
        ) from None


def _kept(folder: Path, test: files.Started) -> str:
    topics = " and ".join(_topics(test))
    return (
        f"topic {topics} and ledger {folder} are kept: judge again with "
        f"`ansible-playbook barevm.kafka.durability -e durability_ledger={folder}`, or remove both "
        f"(kafka-topics.sh --delete --topic {test.topic}, rm -r {folder})"
    )


def _topics(test: files.Started) -> list[str]:
    """The topics of a test, those that it removes on its PASS first."""
    return [test.topic, *([topic_of(test.topic)] if test.probe else [])]


def _stop(folder: Path, test: files.Started, request: Mapping[str, Any], say: evidence.Say) -> None:
    """Let the test go on as long as asked, then end it and wait until nobody writes its ledger any more."""
    until = time.monotonic() + float(request.get("hold_s") or 0)
    _wait(folder, until, say, lambda left_s: f"{left_s:.0f} s left")
    if files.is_running(folder):
        try:
            (folder / files.STOP).touch()
        except OSError as error:
            raise NotJudged(
                f"the tester could not be told to stop: {error}; make room there, then judge the ledger again"
            ) from error
    grace_s = settings.STOP_GRACE_S + (END_S if test.group_members else 0)
    limit_s = float(request.get("stop_timeout_s") or 0) or test.delivery_timeout_s + grace_s
    until = time.monotonic() + limit_s
    _wait(folder, until, say, lambda left_s: f"waiting for records in flight, {left_s:.0f} s at most")
    if files.is_running(folder):
        raise NotJudged(
            f"the tester did not end within {limit_s:.0f} s after it was told to; see "
            f"{folder / files.TESTER_LOG}, then judge the ledger {folder} again"
        )
    if files.final(folder) is None:
        while (quiet_s := _quiet_s(folder)) < QUIET_S:
            say("the tester was killed; waiting for its producers to end")
            time.sleep(QUIET_S - quiet_s)


def _quiet_s(folder: Path) -> float:
    """How long producers have written nothing into the ledger."""
    written = [
        path.stat().st_mtime
        for path in folder.iterdir()
        if path.suffix in (".acked", ".failed", ".offsets") or path.name == files.SECONDS
    ]
    quiet_s = time.time() - max(written, default=0.0)
    # With a clock that was set back nothing can be told.
    return quiet_s if quiet_s >= 0 else QUIET_S


class _Watch:
    """What the producers of a running test report, a line for each few seconds."""

    def __init__(self, folder: Path) -> None:
        self._seconds = files.Tail(folder / files.SECONDS, from_end=True)
        self._told = time.monotonic()

    def line(self) -> str:
        """The records and latencies of the time since the last line."""
        latencies = Latencies()
        for line in self._seconds.fresh():
            if line["who"] != figures.READER:
                latencies.add(line["buckets"], line["max_us"])
        now = time.monotonic()
        per_s, self._told = latencies.count / (now - self._told), now
        p99 = latencies.percentile_ms(99)
        return f"{per_s:,.0f} records/s acknowledged, p99 {'none' if p99 is None else f'{p99:,.1f} ms'}"


def _wait(folder: Path, until: float, say: evidence.Say, words: Callable[[float], str]) -> None:
    """Wait until the tester has ended or ``until`` (monotonic seconds), with a line every few seconds."""
    watch = _Watch(folder)
    told = time.monotonic()
    while files.is_running(folder) and (left_s := until - time.monotonic()) > 0:
        if time.monotonic() >= told + TALK_S:
            told = time.monotonic()
            say(f"{watch.line()}, {words(left_s)}")
        time.sleep(min(POLL_S, left_s))


class _Judging:
    """One test, and the cluster that it wrote to."""

    def __init__(
        self,
        folder: Path,
        test: files.Started,
        request: Mapping[str, Any],
        say: evidence.Say,
    ) -> None:
        self._folder, self._test, self._request, self._say = folder, test, request, say
        self._clients: Mapping[str, Any] = dict(request.get("client_properties") or {})

    def result(self, source: Source | None, began: float) -> Result:
        """Read back, compare, and judge."""
        test, servers = self._test, self._test.bootstrap_servers
        before = settings.read_before(self._folder)
        wait_s = float(self._request.get("full_isr_timeout_s", settings.FULL_ISR_S))
        topics = [test.topic, *([settings.OFFSETS_TOPIC] if test.group_members else [])]
        lacking = settings.wait_for_full_isr(servers, self._clients, topics, wait_s, self._say)
        if lacking:
            self._say(f"no full ISR within {wait_s:.0f} s ({lacking}); reading back what there is")
        ledger = Ledger(self._folder, test.partitions, read_only=True)
        try:
            totals = ledger.totals()
            self._say(f"reading back {test.topic}: {totals.acked:,} records were acknowledged")
            read = self._read(ledger, source, before)
        finally:
            ledger.close()
        after, after_error = self._settings_now()
        group = self._group(read) if test.group_members else None
        known = evidence.Known(
            folder=self._folder,
            test=test,
            totals=totals,
            read=read,
            lacking=lacking,
            before=before,
            after=after,
            after_error=after_error,
            booted=test.boot_id != files.boot_id(),
            group=group.figures if group else None,
            more=group.findings if group else (),
        )
        verdict, reasons, found = evidence.judged(known, dict(self._request.get("expect") or {}))
        if title := self._request.get("title"):
            found["parameters"]["options"] = {**found["parameters"]["options"], "title": title}
        started = datetime.fromisoformat(test.started)
        duration_s = (time.time() - started.timestamp()) if not known.booted else time.monotonic() - began
        return Result(test.name, started, max(0.0, duration_s), verdict, reasons, found)

    def _read(self, ledger: Ledger, source: Source | None, before: settings.Settings | None) -> ReadBack:
        test = self._test
        if source is None:
            timeout_s = float(self._request.get("read_timeout_s", settings.READ_S))
            source = Topic(test.bootstrap_servers, self._clients, test.topic, timeout_s)
        first = {int(number): offset for number, offset in (before or {}).get("starts", {}).items()}
        comparison = Comparison(ledger, test.run_id)
        return read_back(source, comparison, range(test.partitions), first, self._say)

    def _group(self, read: ReadBack) -> Group:
        if not read.ends:
            return Group({}, [])
        client = settings.client(self._test.bootstrap_servers, self._clients)
        return durability_group_judging.judge(self._folder, self._test, client, read.starts, read.ends)

    def _settings_now(self) -> tuple[settings.Settings | None, str]:
        try:
            return settings.settings(self._test.bootstrap_servers, self._clients, self._test.topic), ""
        except KafkaException as error:
            return None, str(error.args[0].str())

    def remove(self) -> list[str]:
        """Remove what the test made; returns a sentence for each thing that could not be."""
        test = self._test
        client = settings.client(test.bootstrap_servers, self._clients)
        if test.group_members:
            durability_group_judging.remove(client, test)
        admin = AdminClient(client)
        names = [name for name in _topics(test) if name != test.topic or test.own_topic]
        if left := [said for name in names if (said := remove_topic(admin, name, REMOVE_S))]:
            return [f"{'; '.join(left)}; remove it with kafka-topics.sh --delete, and {self._folder}"]
        shutil.rmtree(self._folder)
        return []


if __name__ == "__main__":
    serve(main)
