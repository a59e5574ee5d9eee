"""The producer with its ledger, against real brokers: what it tells is what happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from confluent_kafka.admin import AdminClient

from tests import ledger
from tests.integration.cluster import Kafka, wait_until
from tests.ledger_figures import SECOND_NS


def bootstrap(kafka: Kafka) -> str:
    """The brokers' addresses."""
    return ",".join(f"127.0.0.1:{first}" for first, _second in kafka.ports.values())


def ledgers(kafka: Kafka) -> set[str]:
    """The topics of ledgers that are there."""
    admin = AdminClient({"bootstrap.servers": bootstrap(kafka)})
    return {name for name in admin.list_topics(timeout=10).topics if name.startswith("ledger-")}


def test_every_record_is_accounted_for(kafka: Kafka) -> None:
    with ledger.running(bootstrap(kafka), records_per_s=500, partitions=6) as producer:
        assert ledgers(kafka) == {producer.topic}
        since_ns = time.monotonic_ns()
        time.sleep(2)
        until_ns = time.monotonic_ns()
        time.sleep(1)
        kafka.stop(1, 2, hard=True)
        # Until their sessions have expired they cannot start again.
        time.sleep(8)
        kafka.start(1, 2)
        report = producer.stop()
    found, steady = report.figures(), report.figures(since_ns, until_ns)
    assert 950 < steady.records < 1050
    assert steady.longest_gap_s < 1
    assert (found.failed, found.unknown, report.errors) == (0, 0, {})
    assert found.acknowledged == found.records == report.read_back.read
    assert report.read_back.exact
    # Two replicas must have a record, and of three two were gone.
    assert found.longest_gap_s > 5
    assert found.worst_partition_gap_s >= found.longest_gap_s
    assert report.figures(until_ns + 2 * SECOND_NS).longest_gap_s == found.longest_gap_s
    assert ledgers(kafka) == set()


def test_nothing_is_left_of_a_ledger_that_nobody_waits_for(kafka: Kafka) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\nfrom tests import ledger\n"
            f"with ledger.running({bootstrap(kafka)!r}, 100, 3):\n"
            "    print('runs', flush=True)\n    time.sleep(60)",
        ],
        cwd=ledger.ROOT,
        env=os.environ | {"PYTHONPATH": str(ledger.ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "runs\n"
    assert len(ledgers(kafka)) == 1
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    wait_until("the topic is removed", lambda: not ledgers(kafka))
