"""A program's words, or in one sentence why there are none."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import commands


def test_what_a_program_prints() -> None:
    assert commands.said("echo", "one", "two", limit_s=60) == "one two\n"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no such device >&2; exit 3", "no such device"),
        ("echo on the other stream; exit 1", "on the other stream"),
        ("exit 7", "status 7"),
    ],
)
def test_a_program_that_fails_is_told_with_its_words(script: str, words: str) -> None:
    with pytest.raises(OSError, match=rf"^sh -c {re.escape(script)}: {words}$"):
        commands.said("sh", "-c", script, limit_s=60)


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(OSError, match=r"^barevm-no-such-program is not installed$"):
        commands.said("barevm-no-such-program", "--version", limit_s=60)


def test_a_program_that_hangs_is_ended() -> None:
    began = time.monotonic()
    with pytest.raises(OSError, match=r"^sleep 600 was not done after 0\.2 s$"):
        commands.said("sleep", "600", limit_s=0.2)
    assert time.monotonic() - began < 300


def test_a_login_without_sbin_reaches_what_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    (tmp_path / "told").write_text('#!/bin/sh\necho "$PATH $LC_ALL"\n')
    (tmp_path / "told").chmod(0o755)
    assert commands.said("told", limit_s=60) == f"{tmp_path}:/usr/sbin:/sbin C\n"
