"""Java properties files: written so that java.util.Properties reads back what was meant.

Source: java.util.Properties.load, section "line-oriented format". Runs on managed hosts too, hence
the Python 3.9 syntax.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f"}
_UNESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
# What Kafka's own definition types as a password, and what ZooKeeper and the JVM name alike.
_SECRET = re.compile(
    r"password|secret|jaas|credential|token|keystore\.(key|certificate)|truststore\.cert", re.IGNORECASE
)
# Names that hold one of those words and no secret: times, addresses, algorithms, paths.
_PUBLIC = re.compile(
    r"token\.(expiry|max|endpoint)|password\.encoder\.(cipher|iterations|key)|passwordpath", re.IGNORECASE
)
# A JVM flag within a value, as KAFKA_OPTS has them: its name up to the sign, then what it sets.
_FLAG = re.compile(r"(-D([\w.\-]+)=)((?:\\.|[^\s\"'\\])*)")


def is_secret(name: str) -> bool:
    """Whether what a setting of this name holds must not be shown."""
    return bool(_SECRET.search(name)) and not _PUBLIC.search(name)


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
            units = char.encode("utf-16-be", "surrogatepass")
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


def _logical_lines(source: str, comments: bool = False) -> list[str]:
    """The lines that hold a setting, continuation lines joined; comments, if asked for, as they stand."""
    lines: list[str] = []
    pending: str | None = None
    for natural in re.split(r"\r\n|\r|\n", source):
        line = natural.lstrip(" \t\f")
        if not pending and (not line or line[0] in "#!"):
            if line and comments:
                lines.append(line)
            pending = None
            continue
        trailing = len(line) - len(line.rstrip("\\"))
        if trailing % 2:
            pending = (pending or "") + line[:-1]
            continue
        lines.append((pending or "") + line)
        pending = None
    if pending is not None:
        lines.append(pending)
    return lines


def _unescape(raw: str) -> str:
    """What the escapes mean; a malformed one, which Java refuses, stays as it stands."""
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
        if char != "u":
            units.append(_UNESCAPES.get(char, char))
            continue
        digits = re.compile(r"[0-9A-Fa-f]{4}").match(raw, position)
        if digits is None:
            units.append("\\u")
            continue
        units.append(chr(int(digits.group(), 16)))
        position += 4
    # surrogate pairs arrive as two escapes
    return "".join(units).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _key_and_value(line: str) -> tuple[str, str]:
    """Both halves of one logical line, still escaped."""
    match = re.match(r"((?:\\.|[^\\=: \t\f])*)[ \t\f]*(?:[=:][ \t\f]*)?(.*)", line, re.DOTALL)
    assert match is not None  # the pattern matches every string
    return match.group(1), match.group(2)


def parse(source: str) -> dict[str, str]:
    """Read properties text as java.util.Properties does; the last of two equal keys wins."""
    pairs = [_key_and_value(line) for line in _logical_lines(source)]
    return {_unescape(key): _unescape(value) for key, value in pairs}


def differing(before: str, after: str) -> list[str]:
    """The sorted names of the settings that differ between two properties texts."""
    old, new = parse(before), parse(after)
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def masked(before: str, after: str) -> tuple[str, str]:
    """Both texts with the values of secret settings hidden one by one, a change still visible as one."""
    return _mask(before, before), _mask(after, before)


def _mask(source: str, earlier: str) -> str:
    """``source`` without its secrets; one that ``earlier`` has with another value is called changed."""
    old = parse(earlier)
    old_flags = {name: value for _start, name, value in _FLAG.findall(earlier)}

    def hide_flag(match: re.Match[str]) -> str:
        start, name, value = match.groups()
        return start + _hidden(value, old_flags.get(name)) if is_secret(name) else match.group()

    lines = []
    for line in _logical_lines(source, comments=True):
        if line.startswith(("#", "!")):
            # A setting that was commented out keeps its secret.
            lines.append("# <hidden>" if _SECRET.search(line) else line)
            continue
        key, value = (_unescape(half) for half in _key_and_value(line))
        if is_secret(key):
            lines.append(render_line(key, _hidden(value, old.get(key))))
        else:
            lines.append(_FLAG.sub(hide_flag, line))
    return "".join(line + "\n" for line in lines)


def _hidden(value: str, before: str | None) -> str:
    return "<hidden>" if before in (None, value) else "<hidden, changed>"
