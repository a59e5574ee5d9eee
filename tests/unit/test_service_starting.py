"""How far a broker's log says that it has come."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.barevm.kafka.plugins.module_utils import service_starting

LOADED = (
    "[2026-11-21 10:29:42,1] INFO Completed load of Log(dir=/var/lib/kafka/{dir}/t-{n}) in 3ms "
    "({n}/{all} completed in /var/lib/kafka/{dir})\n"
)


def test_progress_is_read_from_where_the_start_began(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text(LOADED.format(dir="a", n=9, all=9))
    since = service_starting.log_size(str(log))
    assert service_starting.recovery(str(log), since) is None
    with log.open("a") as stream:
        stream.write(LOADED.format(dir="a", n=1, all=40) + LOADED.format(dir="b", n=3, all=5))
        stream.write(LOADED.format(dir="a", n=2, all=40))
    assert service_starting.recovery(str(log), since) == {"completed": 5, "total": 45}


def test_a_log_that_was_rotated_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text(LOADED.format(dir="a", n=4, all=8))
    assert service_starting.recovery(str(log), 10**6) == {"completed": 4, "total": 8}


def test_a_broker_that_logs_no_count(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("[2020-08-01 10:00:00,1] INFO Completed load of log with 1 segments (kafka.log.Log)\n" * 3)
    assert service_starting.recovery(str(log), 0) == {"completed": 3, "total": None}


def test_no_log() -> None:
    assert service_starting.recovery("", 0) is None
    assert service_starting.recovery("/nowhere/server.log", 0) is None
    assert service_starting.log_size("/nowhere/server.log") == 0
