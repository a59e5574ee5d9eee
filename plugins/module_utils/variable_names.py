"""Variables of the inventory that no role knows: a misspelt name would be ignored without a word."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import properties
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

# Beginnings that are this collection's alone: whatever begins so and is unknown is a mistake.
OWN = ("kafka_", "zookeeper_", "host_tuning_", "preflight_", "syslog_ingest_")
# Ansible's own words.
ANSIBLE = re.compile(r"(ansible|molecule|inventory|group|hostvars|omit|play|playbook|role|environment)(_|$)")
# As alike as this, a name that begins otherwise is taken for a misspelt one of ours.
ALIKE = 0.85
ALIKE_REST = 0.7


def unknown(
    given: Mapping[str, Mapping[str, Any]], known: Collection[str], foreign: Mapping[str, Iterable[str]]
) -> Iterator[Finding]:
    """A finding for each name of each host that nobody reads.

    Args:
        given: the variables that the inventory or the command line gives each host, as they are written.
        known: every variable of every role.
        foreign: for each host the beginnings of names that belong to others.
    """
    hosts_of: dict[str, list[str]] = defaultdict(list)
    for host, variables in given.items():
        for name in variables.keys() - known:
            hosts_of[name].append(host)
    for name in sorted(hosts_of):
        meant = _meant(name, known)
        if meant is None:
            continue
        remedy = f"Write {meant} if that was meant; if" if meant else "If"
        for host in hosts_of[name]:
            if not name.startswith(tuple(foreign[host])):
                yield Finding(
                    host,
                    name,
                    _shown(given[host][name], meant),
                    "no role has a variable of this name, so nothing would read it",
                    f"{remedy} it is your own, add its beginning to preflight_foreign_variables",
                )


def _meant(name: str, known: Collection[str]) -> str | None:
    """The name that was meant; empty where none is near; None where it is not ours at all."""
    if ANSIBLE.match(name) or name.startswith("_") or "_" not in name:
        return None
    begins = next((own for own in OWN if name.startswith(own)), "")
    if not begins:
        begins = _misspelt(name.partition("_")[0])
    if not begins:
        near = difflib.get_close_matches(name, known, n=1, cutoff=ALIKE)
        return near[0] if near and not _another_word(name, near[0]) else None
    # Judged by what follows the beginning, which all have in common.
    rest = name.removeprefix(begins) if name.startswith(begins) else name.partition("_")[2]
    ours = {one.removeprefix(begins): one for one in known if one.startswith(begins)}
    near = [one for one in sorted(ours, key=len) if rest and one.startswith(rest)]
    near += difflib.get_close_matches(rest, ours, n=1, cutoff=ALIKE_REST)
    return ours[near[0]] if near else ""


def _another_word(name: str, near: str) -> bool:
    """Whether the names differ in their first words alone, and that is a tool's: kafkacat_version."""
    (word, _, rest), (ours, _, our_rest) = name.partition("_"), near.partition("_")
    return rest == our_rest and word.startswith(ours) and len(word) > len(ours) + 1


def _misspelt(word: str) -> str:
    """The beginning of ours that ``word`` was meant to be; empty where it is another word."""
    near = difflib.get_close_matches(word, ("kafka", "zookeeper"), n=1, cutoff=0.8)
    # kakfa and zookeper are misspelt; kafka2 is a word of its own.
    return f"{near[0]}_" if near and word.isalpha() else ""


def _shown(value: Any, meant: str | None) -> Any:
    """The value as it may be told: neither a vault's content nor what a secret setting would hold."""
    kind = type(value).__name__
    return "<hidden>" if "Encrypted" in kind or properties.is_secret(meant or "") else value
