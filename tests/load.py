"""Records that are sent while something is done to a cluster: the collection's own durability test.

``with sent("10.0.0.1:9092") as load`` sends them from the first acknowledgement of each partition on;
``load.result()`` ends that, reads them back and gives the result.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.barevm.kafka.plugins.module_utils import (
    durability_files,
    durability_judging,
    durability_tester,
)
from ansible_collections.barevm.kafka.plugins.modules.durability_test import DOCUMENTATION

DEFAULTS: dict[str, Any] = {
    name: option.get("default") for name, option in yaml.safe_load(DOCUMENTATION)["options"].items()
}


class Load:
    """A durability test that runs; it ends with this process, too."""

    def __init__(self, bootstrap: str, folder: str, options: dict[str, Any]) -> None:
        given = {**DEFAULTS, "bootstrap_servers": bootstrap.split(","), "reports_dir": folder, **options}
        self._ledger: str = durability_tester.start(given, os.getpid(), _unheard)["ledger"]

    def result(self, hold_s: float = 0.0, **expect: Any) -> dict[str, Any]:
        """The document of a PASS, after ``hold_s`` at most; raises AssertionError where it is none."""
        request = {"ledger": self._ledger, "hold_s": hold_s, "expect": expect}
        found = durability_judging.main(request, _unheard)
        assert "error" not in found, found["error"]
        document: dict[str, Any] = found["document"]
        assert document["result"] == "PASS", document["reasons"]
        return document

    def abandon(self) -> None:
        """End the sending where nobody asked for its result."""
        if Path(self._ledger).exists():
            (Path(self._ledger) / durability_files.STOP).touch()


@contextmanager
def sent(bootstrap: str, **options: Any) -> Iterator[Load]:
    """A test with these options of ``durability_test`` beside its defaults: 1,000 records/s, acks=all.

    Raises NotStarted where the cluster does not take records.
    """
    # What is abandoned may still write while the folder goes.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        load = Load(bootstrap, folder, options)
        try:
            yield load
        finally:
            load.abandon()


def _unheard(_words: str) -> None:
    """Progress that nobody reads."""
