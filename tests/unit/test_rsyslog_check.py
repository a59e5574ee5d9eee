"""What a host's rsyslog says of a configuration: which lines are told, and of which variable."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import rsyslog_check

# What rsyslogd -N1 of 8.2302 printed.
OPTION = "rsyslogd: template error: invalid field option 'x' specified - ignored [v8.2302.0]"
PROPERTY = "rsyslogd: error during parsing file rsyslog.conf, on or before line 2: invalid property 'x' [v8]"
OTHER = "rsyslogd: error during parsing file rsyslog.conf, on or before line 9: parameter 'y' not known"
NOISE = "rsyslogd: version 8.2302.0, config validation run (level 1), master config rsyslog.conf"


def rsyslogd(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str, status: int = 1) -> None:
    """A program that prints ``lines`` in rsyslogd's place."""
    program = folder / "rsyslogd"
    (folder / "lines").write_text("".join(f"{line}\n" for line in lines))
    program.write_text(f"#!/bin/sh\ncat {folder / 'lines'} >&2\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setattr(rsyslog_check, "RSYSLOGD", str(program))


def test_what_it_says_of_a_template_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rsyslogd(tmp_path, monkeypatch, NOISE, OPTION, PROPERTY, OTHER)
    assert rsyslog_check.config("text", "/var/spool/x", {}) == [
        f"syslog_ingest_template: {OPTION}",
        f"syslog_ingest_template: {PROPERTY}",
        OTHER,
    ]


def test_what_it_takes_is_right_whatever_it_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rsyslogd(tmp_path, monkeypatch, NOISE, "rsyslogd: high water mark is set quite low", status=0)
    assert rsyslog_check.config("text", "/var/spool/x", {}) == []
    rsyslogd(tmp_path, monkeypatch, NOISE, status=3)
    assert rsyslog_check.config("text", "/var/spool/x", {}) == ["rsyslogd -N1 ended with 3"]
