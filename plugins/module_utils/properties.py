"""Java properties files: written so that java.util.Properties reads back what was meant.

Source: java.util.Properties.load, section "line-oriented format". Runs on managed hosts too, hence
the Python 3.9 syntax.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f"}
_UNESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
SECRET_KEY = re.compile(r"password|secret|jaas|credential|token(?!.*(expir|lifetime|max))", re.IGNORECASE)


def text(value: object) -> str:
    """A value as Kafka writes it: true/false, lists joined by commas, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(text(item) for item in value)
    return str(value)


def _escape(raw: str, key: bool) -> str:
    escaped = []
    for position, char in enumerate(raw):
        if char in _ESCAPES:
            escaped.append(_ESCAPES[char])
        elif (key and char in " =:#!") or (char == " " and position == 0):
            escaped.append("\\" + char)
        elif not " " <= char <= "~":
            units = char.encode("utf-16-be")
            escaped.extend(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
        else:
            escaped.append(char)
    return "".join(escaped)


def render_line(key: str, value: object) -> str:
    """One ``key=value`` line, escaped; no line end."""
    return f"{_escape(key, key=True)}={_escape(text(value), key=False)}"


def render(settings: Mapping[str, object]) -> str:
    """The settings as properties lines, sorted by key."""
    return "".join(render_line(key, settings[key]) + "\n" for key in sorted(settings))


def _logical_lines(source: str) -> list[str]:
    lines: list[str] = []
    pending = ""
    for natural in re.split(r"\r\n|\r|\n", source):
        line = natural.lstrip(" \t\f")
        if not pending and (not line or line[0] in "#!"):
            continue
        trailing = len(line) - len(line.rstrip("\\"))
        if trailing % 2:
            pending += line[:-1]
            continue
        lines.append(pending + line)
        pending = ""
    if pending:
        lines.append(pending)
    return lines


def _unescape(raw: str) -> str:
    units: list[str] = []
    position = 0
    while position < len(raw):
        char = raw[position]
        position += 1
        if char != "\\" or position == len(raw):
            units.append(char)
            continue
        char = raw[position]
        position += 1
        if char == "u":
            units.append(chr(int(raw[position : position + 4], 16)))
            position += 4
        else:
            units.append(_UNESCAPES.get(char, char))
    # surrogate pairs arrive as two escapes
    return "".join(units).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def parse(source: str) -> dict[str, str]:
    """Read properties text as java.util.Properties does; the last of two equal keys wins."""
    settings: dict[str, str] = {}
    for line in _logical_lines(source):
        match = re.match(r"((?:\\.|[^\\=: \t\f])*)[ \t\f]*(?:[=:][ \t\f]*)?(.*)", line, re.DOTALL)
        assert match is not None  # the pattern matches every string
        settings[_unescape(match.group(1))] = _unescape(match.group(2))
    return settings


def differing(before: str, after: str) -> list[str]:
    """The sorted names of the settings that differ between two properties texts."""
    old, new = parse(before), parse(after)
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def masked(before: str, after: str) -> tuple[str, str]:
    """Both texts with the values of secret keys hidden one by one, a change still visible as one."""
    old, new = parse(before), parse(after)
    return _mask(before, lambda _key: "<hidden>"), _mask(
        after, lambda key: "<hidden>" if old.get(key) == new.get(key) else "<hidden, changed>"
    )


def _mask(source: str, hide: object) -> str:
    assert callable(hide)
    # Continuation lines belong to their key: fold them before a value is hidden.
    folded = re.sub(r"\\\r?\n[ \t\f]*", "", source)
    lines = []
    for line in folded.splitlines():
        key = next(iter(parse(line)), "")
        lines.append(render_line(key, hide(key)) if SECRET_KEY.search(key) else line)
    return "".join(line + "\n" for line in lines)
