"""Changes of a cluster that serves: a producer with an acknowledgement ledger runs all the time.

The limits on gaps are wide, since other work may share the machine; `make bench` measures them.
"""

from __future__ import annotations

import time

import world
from testinfra.host import Host

from tests import ledger
from tests.ledger_figures import Figures

# The runs below work on all hosts at once.
testinfra_hosts = ["change1"]
LONGEST_GAP_S = 5.0
READ_ONLY = {"kafka_properties": {"queued.max.requests": "600"}}


def held(report: ledger.Report, since_ns: int) -> Figures:
    """Nothing is failed, unknown, lost or there twice; returns the figures since a moment."""
    assert report.read_back.exact, report.read_back
    found = report.figures(since_ns)
    assert (found.failed, found.unknown, report.errors) == (0, 0, {}), found
    return found


def test_a_setting_that_needs_a_restart_is_rolled(host: Host) -> None:
    before = world.processes()
    with ledger.running(world.BOOTSTRAP) as producer, world.watching() as watch:
        since_ns = time.monotonic_ns()
        run = world.site(READ_ONLY)
        found = held(producer.stop(), since_ns)
    assert run.changes >= {
        (name, "/etc/kafka/server.properties", "queued.max.requests") for name in world.HOSTS
    }
    assert world.restarted(before) == {world.KAFKA: set(world.HOSTS), world.ZOOKEEPER: set()}
    assert world.setting("queued.max.requests") == {"600"}
    # One at a time, each once, and the controller last, so that it moves but once.
    assert sorted(watch.left) == sorted(world.HOSTS)
    assert watch.fewest == len(world.HOSTS) - 1
    assert watch.left[-1] == watch.controllers[0]
    assert len(watch.controllers) == 2
    assert found.longest_gap_s <= LONGEST_GAP_S, found
    assert found.worst_partition_gap_s <= LONGEST_GAP_S, found

    rolled = world.processes()
    again = world.site(READ_ONLY)
    assert set(again.changed.values()) == {0}
    assert "PENDING" not in again.output
    assert world.processes() == rolled
