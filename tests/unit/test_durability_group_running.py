"""What asks the group of a durability test for a bounce."""

from __future__ import annotations

import threading
from pathlib import Path

from ansible_collections.barevm.kafka.plugins.module_utils.durability_group_running import BOUNCE, ask_bounce


def test_a_wish_is_never_read_before_it_is_written(tmp_path: Path) -> None:
    """An empty one would be taken for the other wish."""
    seen: set[str] = set()
    asked = threading.Event()

    def read() -> None:
        while not asked.is_set():
            if (tmp_path / BOUNCE).exists():
                seen.add((tmp_path / BOUNCE).read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(3000):
        ask_bounce(tmp_path, hard=False)
    asked.set()
    reader.join()
    assert seen == {"leave"}
