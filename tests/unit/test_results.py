"""Result files: one shape, written whole or not at all."""

from __future__ import annotations

import json
import os
import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import results
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result

STARTED = datetime(2026, 1, 2, 5, 4, 5, 123456, tzinfo=timezone(timedelta(hours=2)))


def result(**fields: Any) -> Result:
    return Result(**{"verb": "verify", "started": STARTED, "duration_s": 1.23456, "result": "PASS", **fields})


def test_the_head_comes_first_and_time_is_utc(tmp_path: Path) -> None:
    path = results.write_result(tmp_path / "reports" / "lab", result(figures={"produce_p99_ms": 6.5}))
    assert path == tmp_path / "reports/lab/verify.json"
    assert list(json.loads(path.read_text()).items()) == [
        ("verb", "verify"),
        ("started", "2026-01-02T03:04:05.123+00:00"),
        ("duration_s", 1.235),
        ("result", "PASS"),
        ("reasons", []),
        ("produce_p99_ms", 6.5),
    ]
    assert path.read_text().endswith("}\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_reasons_stand_with_what_is_no_pass(tmp_path: Path) -> None:
    path = results.write_result(tmp_path, result(result="FAIL", reasons=("Broker 2 is not registered",)))
    assert json.loads(path.read_text())["reasons"] == ["Broker 2 is not registered"]
    with pytest.raises(ValueError, match="a PASS has no reasons, got: Slow"):
        result(reasons=["Slow"]).as_dict()


def test_a_figure_may_not_hide_the_head() -> None:
    with pytest.raises(ValueError, match="named like the head fields: result, verb"):
        result(figures={"verb": 1, "result": 2}).as_dict()


def test_an_earlier_result_is_replaced_in_one_step(tmp_path: Path) -> None:
    first = results.write_result(tmp_path, result())
    open_before = first.open()
    results.write_result(tmp_path, result(result="INCONCLUSIVE"))
    # A reader that had it open still reads the whole of the old one.
    assert json.load(open_before)["result"] == "PASS"
    open_before.close()
    assert json.loads(first.read_text())["result"] == "INCONCLUSIVE"
    assert os.listdir(tmp_path) == ["verify.json"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "verify.json"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        results.write_text(path, "new \ud800")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["verify.json"]


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(OSError, match="reports"):
        results.write_result(tmp_path / "reports", result())
    with pytest.raises(TypeError, match="not JSON serializable"):
        results.write_result(tmp_path, result(figures={"when": object()}))
    assert os.listdir(tmp_path) == ["reports"]
