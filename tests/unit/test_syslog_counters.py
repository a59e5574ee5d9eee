"""What waits and what was dropped, by the last counters that rsyslog wrote."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.barevm.kafka.plugins.module_utils import syslog_counters


def line(at: str, name: str, size: int, full: int, nearly: int = 0) -> str:
    stats = {"name": name, "origin": "core.queue", "size": size}
    stats |= {"discarded.full": full, "discarded.nf": nearly}
    return json.dumps({"at": at, "stats": stats})


def test_the_last_of_each_queue_counts() -> None:
    text = "\n".join(
        [
            line("1", "kafka queue", 500, 0),
            line("1", "kafka queue[DA]", 90, 7),
            line("2", "stats", 12, 99),
            line("2", "kafka queue", 10, 0),
            line("2", "kafka queue[DA]", 80, 9),
            line("2", "syslog_ingest", 1, 2, 4),
            '{"at":"3","sta',
        ]
    )
    assert syslog_counters.last(text) == {"at": "2", "waiting": 91, "dropped": 15}


def test_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    assert syslog_counters.read(str(tmp_path / "none.json")) == {"at": "", "waiting": 0, "dropped": 0}
