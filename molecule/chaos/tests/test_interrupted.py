"""Runs that are refused, and runs that are killed in the middle: what they left is healed."""

from __future__ import annotations

import cluster_client
import left
import playbook
import pytest
from testinfra.host import Host

# The runs below work on all hosts at once.
testinfra_hosts = ["chaos2"]
CHAOS = "barevm.kafka.chaos"
STRUCK = "start:barevm.kafka.chaos : Await "
HEAL = ("-e", "heal=true")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ("-e", "chaos_allowed=false", "-e", "scenario=kill_leader"),
            "the command line chaos_allowed does not",
        ),
        (
            ("-e", "chaos_allowed=true", "-e", "scenario=kill_leader"),
            "the command line chaos_allowed does not",
        ),
        (("-e", "scenario=kill_leadr"), "is it kill_leader?"),
        (("-e", "scenario=kill_machine"), "needs chaos_power_off_command and chaos_power_on_command"),
        (("-e", "scenario=kill_leader", "--limit", "chaos1"), "a chaos run is of the whole cluster"),
    ],
)
def test_refused_before_anything_is_struck(host: Host, options: tuple[str, ...], words: str) -> None:
    before = left.processes()
    refused = playbook.run(CHAOS, *options, succeeds=False)
    assert words in " ".join(refused.output.split())
    assert left.processes() == before


def test_check_mode_says_the_steps_and_strikes_nothing(host: Host) -> None:
    before = left.processes()
    run = playbook.run(CHAOS, "-e", "scenario=kill_leader", "--check")
    assert "chaos:   kill -9 of kafka, leader" in run.output
    assert "chaos:   await deregistered, at most 11 s" in run.output
    assert set(run.changed.values()) == {0}
    assert left.processes() == before


def test_a_killed_run_is_healed_by_heal_alone_whoever_is_at_work(host: Host) -> None:
    playbook.killed(CHAOS, STRUCK, "-e", "scenario=kill_leader")
    [struck] = [name for name in left.HOSTS if left.of(name)]
    assert {"drop-in", "timer"} <= left.of(struck)
    assert left.processes()[struck] == "0"

    with cluster_client.zookeeper(left.CONNECT) as living:
        # The lock of the run that was killed goes with it; now one holds it that has not been killed.
        cluster_client.wait_until("its lock is gone", lambda: not living.exists("/barevm.kafka/roll"))
        living.create("/barevm.kafka/roll", b"{}", ephemeral=True, makepath=True)
        refused = playbook.run(CHAOS, "-e", "scenario=steady", succeeds=False)
        assert "another run is at work on this cluster" in " ".join(refused.output.split())
        assert left.processes()[struck] == "0", "healed, though it may be the other run's"
        playbook.run(CHAOS, *HEAL)
    left.await_nothing(*left.HOSTS)
    assert "0" not in left.processes().values()
    assert set(playbook.run(CHAOS, *HEAL).changed.values()) == {0}
    left.await_brokers()


def test_a_killed_run_is_healed_by_the_hosts_own_timer(host: Host) -> None:
    playbook.killed(CHAOS, STRUCK, "-e", "scenario=cut_leader")
    [struck] = [name for name in left.HOSTS if left.of(name)]
    assert {"rules", "timer"} <= left.of(struck)
    # It is due in minutes. What it will run is run now, by systemd and without anybody from outside.
    left.elapse(struck)
    left.await_nothing(struck)
    left.await_brokers()


def test_the_next_run_heals_first(host: Host) -> None:
    playbook.killed(CHAOS, STRUCK, "-e", "scenario=pause_leader")
    [struck] = [name for name in left.HOSTS if left.of(name)]
    run = playbook.run(CHAOS, "-e", "scenario=steady")
    assert run.changed[struck] == 1, "the healing"
    left.await_nothing(*left.HOSTS)
