"""What a host remembers of live changes: the note, and the copy that the broker was started with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import applied_settings
from ansible_collections.barevm.kafka.plugins.modules import applied_settings as module


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Any]:
    """A file with two settings that its started copy has not."""
    (tmp_path / "file").write_text("# new\na=1\nb=2\nc=3\n")
    (tmp_path / "copy").write_text("a=0\nb=0\nc=3\n")
    (tmp_path / "copy").chmod(0o600)
    return {
        **{name: str(tmp_path / name) for name in ("file", "copy", "note")},
        "unit": "kafka.service",
        "state": "read",
        "settings": {},
        "names": [],
    }


def test_what_is_set_must_be_what_the_file_says(asked: dict[str, Any]) -> None:
    asked.update(state="noted", settings={"a": "1"})
    assert module.refusal(asked, "boot:1") == ""
    assert "does not run" in module.refusal(asked, "")
    asked["settings"] = {"a": "1", "b": "9", "removed": "7"}
    assert module.refusal(asked, "boot:1").endswith("another value than is to be set for b; run again")


def test_nothing_else_may_have_changed_when_it_is_done(asked: dict[str, Any]) -> None:
    asked.update(state="applied", names=["a", "b"])
    assert module.refusal(asked, "boot:1") == ""
    asked["names"] = ["a"]
    assert module.refusal(asked, "boot:1").endswith("has changed meanwhile, in b; run again")


def test_the_copy_becomes_the_file_and_keeps_to_its_owner(asked: dict[str, Any]) -> None:
    file, copy = Path(asked["file"]), Path(asked["copy"])
    applied_settings.take_over(asked["file"], asked["copy"])
    assert copy.read_text() == file.read_text()
    assert copy.stat().st_mode & 0o777 == 0o600
    assert copy.stat().st_uid == file.stat().st_uid
    assert sorted(path.name for path in copy.parent.iterdir()) == ["copy", "file"]


def test_the_note_is_for_root_alone_and_goes_when_it_is_empty(asked: dict[str, Any]) -> None:
    note = Path(asked["note"])
    applied_settings.keep(asked["note"], {"settings": {"a": "1"}, "started": "boot:1"})
    assert json.loads(note.read_text())["settings"] == {"a": "1"}
    assert note.stat().st_mode & 0o777 == 0o600
    applied_settings.keep(asked["note"], {})
    assert not note.exists()
    applied_settings.keep(asked["note"], {})
