"""Reads text files of a host, where any of them may be absent or unreadable."""

from __future__ import annotations


def text(path: str) -> str | None:
    """The file's text; None where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return None
