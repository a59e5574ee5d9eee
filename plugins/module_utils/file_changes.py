"""What a change to a file means: which settings it touches, how it is shown, and whether it has taken effect.

Runs where the file is, so that no secret it holds has to travel to be compared or hidden.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from ansible_collections.barevm.kafka.plugins.module_utils import properties

# The templates whose text is made of settings; both formats read alike for this purpose.
OF_SETTINGS = ("properties.j2", "environment.j2")
UNIT = "systemd_unit.j2"
# The digest that a unit carries differs with every other change to it.
_DIGEST = re.compile(r"\becho [0-9a-f]{64}\b")


def settings(template: str | None, before: str, after: str) -> list[str] | None:
    """The names of the settings that differ; None for a file that is not made of settings."""
    return properties.differing(before, after) if template in OF_SETTINGS else None


def values(template: str | None, before: str, after: str) -> dict[str, dict[str, str | None]]:
    """Each setting that differs, with its value ``before`` and ``after``: None where it is not set.

    Secret values are hidden one by one. A unit's settings are named ``Section.Key``; any other file that is
    not made of settings has none.
    """
    if template not in (*OF_SETTINGS, UNIT):
        return {}
    parse = _of_unit if template == UNIT else properties.parse
    plain_old, plain_new = parse(before), parse(after)
    old, new = (parse(shown) for shown in properties.masked(before, after))
    return {
        name: {"before": old.get(name), "after": new.get(name)}
        for name in sorted(plain_old.keys() | plain_new.keys())
        if plain_old.get(name) != plain_new.get(name)
    }


def _of_unit(text: str) -> dict[str, str]:
    """A unit's settings as ``Section.Key``, a key that is given several times with all its values."""
    found: dict[str, str] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line and line[0] not in "#;":
            key, _sign, value = line.partition("=")
            name = f"{section}.{key}"
            value = _DIGEST.sub("echo DIGEST", value)
            found[name] = f"{found[name]}; {value}" if name in found else value
    return found


def text_diff(path: str, template: str | None, before: str, after: str) -> dict[str, str]:
    """Ansible's diff of a file's text, secret values hidden one by one."""
    if template in OF_SETTINGS:
        before, after = properties.masked(before, after)
    return {"before_header": path, "after_header": path, "before": before, "after": after}


def attribute_diff(path: str, what: Sequence[str]) -> dict[str, str]:
    """Ansible's diff of a folder, a link, or a file whose text is right."""
    created = "created" in what
    return {
        "before_header": path,
        "after_header": path,
        "before": "absent\n" if created else "".join(f"{item}: differs\n" for item in what),
        "after": "present\n" if created else "".join(f"{item}: as asked\n" for item in what),
    }


def pending(path: str, template: str | None, started: str, wanted: str) -> list[str]:
    """What a service that was started with ``started`` would take up at a restart, as "file: setting"."""
    if template == UNIT:
        return _pending_unit(started.split(), wanted)
    if started == wanted:
        return []
    return [f"{path}: {name}" for name in settings(template, started, wanted) or ["content"]]


def pending_values(
    path: str, template: str | None, started: str, wanted: str
) -> dict[str, dict[str, str | None]]:
    """What `pending` names, each setting with what the service runs with and what it would take up.

    A unit leaves no copy of itself, so what it was is not known.
    """
    if template not in OF_SETTINGS:
        return {}
    return {f"{path}: {name}": value for name, value in values(template, started, wanted).items()}


def _pending_unit(started: Sequence[str], wanted: str) -> list[str]:
    """A unit leaves the digest that it carries, and the release it runs, instead of a copy of itself."""
    carried = re.search(r"'echo ([^']+) >", wanted)
    now = carried.group(1).split() if carried else []
    if now == list(started):
        return []
    old, new = (os.path.basename("".join(one[1:])) for one in (started, now))
    changed = [f"release: {old} -> {new}"] if old and new and old != new else []
    return ["unit: definition", *changed]
