"""The tree is laid out as docs/layout.md says: six links, short files, no name of one machine."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

ROOT = Path(__file__).parents[2]
LINKS = {"galaxy.yml", "meta", "playbooks", "plugins", "roles", "templates"}
LONGEST = 400
# Written by a tool or by law, so their length says nothing about how they read.
ANY_LENGTH = {"LICENSE", "CHANGELOG.rst", "changelogs/changelog.yaml", "docs/variables.md", "docs/modules.md"}
# Documentation that the tree may point a reader at. Whatever is fetched comes through the clients
# (pip, mvn, apt) as the machine has them set up, or from a URL that the inventory gives.
HOSTS = {
    "archive.apache.org",  # an example of an official archive's URL; nothing fetches it by default
    "cwiki.apache.org",
    "docs.ansible.com",
    "hdrhistogram.org",
    "kafka.apache.org",
    "maven.apache.org",  # the name space of pom.xml
    "www.apache.org",
    "www.freedesktop.org",
    "www.gnu.org",
    "www.kernel.org",
    "www.w3.org",
    "zookeeper.apache.org",
}
RESERVED = re.compile(r"(^|\.)(example|invalid|test|localhost|example\.(com|net|org))$")  # RFC 2606
ADDRESS = re.compile(r"^[\d.]+$|^\[")
URL = re.compile(r"\bhttps?://[^\s\"'<>`)\]|,]+")
REGISTRIES = re.compile(
    r"\b(pypi|registry|repo1?|deb|security|galaxy|files|proxy|mirror)\.(maven\.)?(org|io|com|net"
    r"|debian\.org|npmjs\.org|apache\.org|pythonhosted\.org|ansible\.com|golang\.org)\b"
)
MACHINE = re.compile(r"(?<![\w.}/<-])/(work|home/\w+|root/\.(?!ssh))\b")


def tracked() -> list[Path]:
    """Files of the tree as git sees them, those not committed yet included."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip(f"not a git checkout: {listed.stderr.strip()}")
    return [ROOT / name for name in sorted(listed.stdout.split("\0")) if name]


def texts() -> list[tuple[str, str]]:
    """Name and text of every tracked text file but the licence and this test."""
    found = []
    for path in tracked():
        if path.is_symlink() or not path.is_file() or path.name == "LICENSE" or path == Path(__file__):
            continue
        try:
            found.append((str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    assert len(found) > 50, "the listing of the tree is not right"
    return found


def test_the_collection_is_reached_by_six_links() -> None:
    """Ansible finds a collection only below ansible_collections; a seventh link could close a loop."""
    folder = ROOT / "collections" / "ansible_collections" / "barevm" / "kafka"
    for above in (folder, *list(folder.parents)[:3]):
        assert above.is_dir(), above
        assert not above.is_symlink(), f"{above} must be a folder: a link above the six closes a loop"
    there = {path.name: path for path in folder.iterdir()}
    assert set(there) == LINKS
    for name, path in there.items():
        assert path.is_symlink(), f"{path} is not a link (was it checked out without links?)"
        assert str(path.readlink()) == f"../../../../{name}"
        assert path.resolve() == ROOT / name


def test_no_other_link_is_committed() -> None:
    inside = ROOT / "collections"
    others = [str(path) for path in tracked() if path.is_symlink() and inside not in path.parents]
    assert not others, "links outside collections/ break in an installed collection"


def test_files_stay_short_enough_to_be_read() -> None:
    long = {
        name: lines
        for name, text in texts()
        if name not in ANY_LENGTH and (lines := text.count("\n")) > LONGEST
    }
    assert not long, f"split what is longer than {LONGEST} lines: {long}"


def test_urls_point_at_documentation_or_reserved_names() -> None:
    foreign = []
    for name, text in texts():
        for match in URL.finditer(text):
            host = urlsplit(match[0]).hostname or ""
            if not re.fullmatch(r"[A-Za-z0-9.-]+", host):
                continue  # a template or an f-string, whose host is given elsewhere
            if host not in HOSTS and not RESERVED.search(host) and not ADDRESS.search(host):
                foreign.append(f"{name}: {match[0]}")
    assert not foreign, "\n".join(foreign)


@pytest.mark.parametrize(
    ("pattern", "what"), [(REGISTRIES, "a registry's host"), (MACHINE, "a machine's path")]
)
def test_nothing_is_tied_to_one_machine(pattern: re.Pattern[str], what: str) -> None:
    named = [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not named, f"{what}:\n" + "\n".join(named)


def test_no_mark_of_a_merge_is_left() -> None:
    marked = [name for name, text in texts() if re.search(r"(?m)^(<{7}|>{7}) ", text)]
    assert not marked, f"unresolved conflicts: {marked}"


def test_what_is_for_the_checkout_alone_is_not_shipped() -> None:
    ignored = yaml.safe_load((ROOT / "galaxy.yml").read_text())["build_ignore"]
    checkout = {".*", "build", "collections", "inventories", "molecule", "lab", "reports", "tests"}
    checkout |= {"ansible.cfg", "site.yml", "Makefile", "Vagrantfile", "pyproject.toml", "docs/generate.py"}
    assert checkout <= set(ignored)


def test_needs_nothing_but_ansible_itself() -> None:
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text())["dependencies"] == {}


def test_every_playbook_is_a_verb_with_a_page() -> None:
    verbs = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert verbs, "no playbooks"
    assert verbs <= pages, f"docs/<verb>.md is missing for {sorted(verbs - pages)}"


def test_the_layout_page_has_a_place_for_every_file_of_module_utils() -> None:
    page = (ROOT / "docs/layout.md").read_text(encoding="utf-8")
    table = page.partition("| `plugins/module_utils/` |")[2].partition("\n\n")[0]
    named = " ".join(row.split("|")[1] for row in table.splitlines()[2:])
    patterns = re.findall(r"`([a-z_*]+)`", named)
    files = {path.stem for path in (ROOT / "plugins/module_utils").glob("*.py")} - {"__init__"}
    without = {name for name in files if not any(fnmatchcase(name, pattern) for pattern in patterns)}
    gone = {pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in files)}
    assert not without, f"docs/layout.md does not say where these belong: {without}"
    assert not gone, f"docs/layout.md names what is not there: {gone}"


def test_plays_stop_for_all_hosts_and_gather_no_facts() -> None:
    """A host that drops out while the rest are changed leaves a cluster that nobody asked for."""
    wrong = []
    for path in sorted((ROOT / "playbooks").rglob("*.yml")):
        for play in yaml.safe_load(path.read_text()):
            if "hosts" not in play:
                continue
            for keyword, value in (("any_errors_fatal", True), ("gather_facts", False)):
                if play.get(keyword) is not value:
                    wrong.append(
                        f"{path.name}, {play['name']}: {keyword} is {play.get(keyword)!r}, not {value}"
                    )
    assert not wrong, "\n".join(wrong)


def test_a_host_that_may_be_down_does_not_end_the_run() -> None:
    """With any_errors_fatal one that does not answer ends it without a word, ignored or not."""

    def ignoring(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for task in tasks:
            yield from (task,) if task.get("ignore_unreachable") else ()
            for part in ("block", "rescue", "always"):
                yield from ignoring(task.get(part, []))

    tasks = {
        f"{path.relative_to(ROOT)}: {task['name']}": task.get("any_errors_fatal")
        for path in sorted((ROOT / "roles").glob("*/tasks/*.yml"))
        for task in ignoring(yaml.safe_load(path.read_text()) or [])
    }
    assert tasks
    assert {name for name, fatal in tasks.items() if fatal is not False} == set()
