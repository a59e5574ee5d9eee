"""Changes of a cluster that serves: a durability test runs all the time.

The limits on gaps are wide, since other work may share the machine; `make bench` measures them.
"""

from __future__ import annotations

import world
from testinfra.host import Host

from tests import load

# The runs below work on all hosts at once.
testinfra_hosts = ["change1"]
SETTINGS = "/etc/kafka/server.properties"
AT_MOST = {"records_failed": 0, "longest_gap_s": 10.0, "worst_partition_gap_s": 10.0}
"""A broker that is not stopped in order is missed for its session of 18 s. And nothing is unknown, lost or
there twice, or the result is no PASS."""
READ_ONLY = {"kafka_properties": {"queued.max.requests": "600"}}


def test_a_setting_that_needs_a_restart_is_rolled(host: Host) -> None:
    plan = world.plan(READ_ONLY)
    before = world.processes()
    with load.sent(world.BOOTSTRAP) as sending, world.watching() as watch:
        run = world.site(READ_ONLY)
        sending.result(at_most=AT_MOST)
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
    with load.sent(world.BOOTSTRAP) as sending, world.watching() as watch:
        run = world.site(wanted)
        sending.result(at_most=AT_MOST)
    assert {change for change in run.changes if change[1] == SETTINGS} == {
        (host, SETTINGS, name) for host in world.HOSTS for name in names
    }
    assert world.setting("num.io.threads") == {"10"}
    assert world.setting("log.retention.ms") == {str(24 * 3600 * 1000)}
    assert world.processes() == before
    assert watch.left == []
    assert set(world.site(wanted).changed.values()) == {0}
