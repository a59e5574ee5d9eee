"""What a change to a file means: which settings it touches, how it is shown, and whether it has taken effect.

Runs where the file is, so that no secret it holds has to travel to be compared or hidden.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.barevm.kafka.plugins.module_utils import properties

# The templates whose text is made of settings; both formats read alike for this purpose.
OF_SETTINGS = ("properties.j2", "environment.j2")
UNIT = "systemd_unit.j2"


def settings(template: str | None, before: str, after: str) -> list[str] | None:
    """The names of the settings that differ; None for a file that is not made of settings."""
    return properties.differing(before, after) if template in OF_SETTINGS else None


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
        # A unit leaves the digest that it carries instead of a copy of itself.
        return [] if f"echo {started.strip()} >" in wanted else ["unit: definition"]
    if started == wanted:
        return []
    return [f"{path}: {name}" for name in settings(template, started, wanted) or ["content"]]
