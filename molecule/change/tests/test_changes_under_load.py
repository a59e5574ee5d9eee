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
SETTINGS = "/etc/kafka/server.properties"
LONGEST_GAP_S = 5.0
READ_ONLY = {"kafka_properties": {"queued.max.requests": "600"}}


def held(report: ledger.Report, since_ns: int) -> Figures:
    """Nothing is failed, unknown, lost or there twice; returns the figures since a moment."""
    assert report.read_back.exact, report.read_back
    found = report.figures(since_ns)
    assert (found.failed, found.unknown, report.errors) == (0, 0, {}), found
    return found


def test_a_setting_that_needs_a_restart_is_rolled(host: Host) -> None:
    plan = world.plan(READ_ONLY)
    before = world.processes()
    with ledger.running(world.BOOTSTRAP) as producer, world.watching() as watch:
        since_ns = time.monotonic_ns()
        run = world.site(READ_ONLY)
        found = held(producer.stop(), since_ns)
    rolled = {(name, SETTINGS, "queued.max.requests") for name in world.HOSTS}
    assert rolled <= run.changes
    assert world.restarted(before) == {world.KAFKA: set(world.HOSTS), world.ZOOKEEPER: set()}
    assert world.setting("queued.max.requests") == {"600"}
    # One at a time, each once, and the controller last, so that it moves but once.
    assert watch.fewest == len(world.HOSTS) - 1
    assert len(watch.controllers) == 2
    assert watch.left[-1] == watch.controllers[0]
    # The plan said so, and nothing else.
    assert watch.left == [restart["host"] for restart in plan["restarts"]]
    assert (plan["result"], plan["live"]) == ("PASS", [])
    assert found.longest_gap_s <= LONGEST_GAP_S, found
    assert found.worst_partition_gap_s <= LONGEST_GAP_S, found

    after = world.processes()
    again = world.site(READ_ONLY)
    assert set(again.changed.values()) == {0}
    assert "PENDING" not in again.output
    assert world.processes() == after


def test_a_setting_that_can_be_live_restarts_nothing(host: Host) -> None:
    wanted = READ_ONLY | {"kafka_num_io_threads": 10, "kafka_log_retention_hours": 24}
    names = {"num.io.threads", "log.retention.ms"}
    plan = world.plan(wanted)
    assert (plan["restarts"], set(plan["live"])) == ([], set(world.HOSTS))
    before = world.processes()
    with ledger.running(world.BOOTSTRAP) as producer, world.watching() as watch:
        since_ns = time.monotonic_ns()
        run = world.site(wanted)
        found = held(producer.stop(), since_ns)
    assert {change for change in run.changes if change[1] == SETTINGS} == {
        (host, SETTINGS, name) for host in world.HOSTS for name in names
    }
    assert world.setting("num.io.threads") == {"10"}
    assert world.setting("log.retention.ms") == {str(24 * 3600 * 1000)}
    assert world.processes() == before
    assert watch.left == []
    assert found.longest_gap_s <= LONGEST_GAP_S, found
    assert set(world.site(wanted).changed.values()) == {0}
