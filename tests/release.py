"""Builds the release and uses it as somebody who installed it would.

``make release`` runs it: the fragments become the changelog in a copy of the tree, the copy is built
into ``build/``, and the archive is installed into an empty folder. There its playbooks are checked, its
modules' documentation is read, and a wrong inventory must be refused in words. With ``--inventory``
it also runs the site playbook against hosts that are up and expects that nothing changes.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
TOOLS = Path(sys.executable).parent
UNSHIPPED = re.compile(
    r"^(lab|molecule|inventories|collections|reports|build|tests)/|^(Makefile|Vagrantfile|site\.yml|ansible\.cfg)$"
    r"|^(pyproject\.toml|requirements-.*\.txt|docs/generate\.py)$|(^|/)\.|(^|/)__pycache__/"
)
SHIPPED = ("MANIFEST.json", "CHANGELOG.rst", "README.md", "LICENSE", "meta/runtime.yml", "playbooks/site.yml")
# One host with both parts: its two mistakes are found without a connection.
WRONG_INVENTORY = """\
zookeeper:
  hosts:
    alone.example:
      zookeeper_id: 1
      ansible_host: 127.0.1.1
kafka:
  hosts:
    alone.example:
"""


class ReleaseError(Exception):
    """The release is not fit to be given away; the text says why."""


def run(command: Sequence[str], folder: Path, collections: Path | None = None, expect: int | None = 0) -> str:
    """What a command said; raises ReleaseError where it ended otherwise than expected (None: anything)."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment["PATH"] = f"{TOOLS}:{environment['PATH']}"
    environment["NO_COLOR"] = "1"
    environment["ANSIBLE_HOME"] = str(folder / ".ansible")
    if collections:
        environment["ANSIBLE_COLLECTIONS_PATH"] = str(collections)
    done = subprocess.run(
        [str(TOOLS / command[0]), *command[1:]],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if expect is not None and done.returncode != expect:
        raise ReleaseError(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def copy_tree(to: Path) -> None:
    """Copy what git tracks, as it is on the disk now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, to / name
        if source.is_file() and not source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def release_changelog(folder: Path, version: str) -> None:
    """Turn the fragments into CHANGELOG.rst; raises ReleaseError where one of them is left out."""
    fragments = [
        path for path in (folder / "changelogs/fragments").iterdir() if path.suffix in (".yml", ".yaml")
    ]
    if not fragments:
        raise ReleaseError("changelogs/fragments is empty: what would this release say?")
    said = [
        str(entry)
        for path in fragments
        for entries in yaml.safe_load(path.read_text(encoding="utf-8")).values()
        for entry in entries
    ]
    run(("antsibull-changelog", "lint"), folder)
    run(("antsibull-changelog", "release", "--version", version), folder)
    run(("antsibull-changelog", "lint-changelog-yaml", "changelogs/changelog.yaml"), folder)
    written = " ".join((folder / "CHANGELOG.rst").read_text(encoding="utf-8").split())
    lost = [
        entry for entry in said if " ".join(entry.split()).replace("`", "") not in written.replace("`", "")
    ]
    if lost or f"v{version}" not in written:
        raise ReleaseError(f"CHANGELOG.rst lacks {lost or version}")


def judge_archive(archive: Path) -> int:
    """The number of files in it; raises ReleaseError where it holds too much or too little."""
    with tarfile.open(archive) as tar:
        names = [member.name for member in tar.getmembers() if not member.isdir()]
        links = [member.name for member in tar.getmembers() if member.issym() or member.islnk()]
    wrong = sorted(filter(UNSHIPPED.search, names))
    if wrong:
        raise ReleaseError(f"the archive holds what is for the checkout alone: {', '.join(wrong)}")
    if links:
        raise ReleaseError(f"the archive holds links: {', '.join(links)}")
    missing = sorted(set(SHIPPED) - set(names))
    if missing:
        raise ReleaseError(f"the archive lacks {', '.join(missing)}")
    return len(names)


def use(place: Path, archive: Path, inventory: Path | None) -> None:
    """Install the archive below ``place``, where nothing else is, and run what it holds."""
    collections = place / "collections"
    run(("ansible-galaxy", "collection", "install", "--offline", "-p", str(collections), str(archive)), place)
    installed = collections / "ansible_collections/barevm/kafka"
    wrong = place / "wrong.yml"
    wrong.write_text(WRONG_INVENTORY, encoding="utf-8")
    for playbook in sorted((installed / "playbooks").glob("*.yml")):
        name = f"barevm.kafka.{playbook.stem}"
        run(("ansible-playbook", name, "--syntax-check", "-i", str(wrong)), place, collections)
        print(f"  {name} passes the syntax check")
    modules = sorted(path.stem for path in (installed / "plugins/modules").glob("*.py"))
    for module in modules:
        words = run(("ansible-doc", "-t", "module", f"barevm.kafka.{module}"), place, collections)
        if "OPTIONS" not in words.upper() and "EXAMPLES" not in words.upper():
            raise ReleaseError(f"ansible-doc says nothing of {module}:\n{words}")
    print(f"  ansible-doc reads {len(modules)} modules")
    words = run(("ansible-playbook", "barevm.kafka.site", "-i", str(wrong)), place, collections, expect=2)
    for needed in ("alone.example", "kafka_broker_id", "127.0.1.1"):
        if needed not in words:
            raise ReleaseError(f"a wrong inventory was refused without naming {needed}:\n{words}")
    print("  a wrong inventory is refused, naming host, variable and value")
    if inventory:
        words = run(("ansible-playbook", "barevm.kafka.site", "-i", str(inventory)), place, collections)
        changed = re.findall(r"^(\S+)\s*:.*changed=(\d+)", words, re.MULTILINE)
        if not changed or any(count != "0" for _, count in changed):
            raise ReleaseError(f"the installed site playbook changed something:\n{words}")
        print(f"  barevm.kafka.site on {', '.join(host for host, _ in changed)}: changed=0")


def main() -> int:
    """Build, judge, install and use; returns 1 where something is not fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inventory", type=Path, help="hosts that are up and converged, to run against")
    inventory = parser.parse_args().inventory
    version = str(yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"])
    build = ROOT / "build"
    try:
        with tempfile.TemporaryDirectory(prefix="release.") as name:
            tree, place = Path(name) / "tree", Path(name) / "elsewhere"
            tree.mkdir()
            place.mkdir()
            copy_tree(tree)
            release_changelog(tree, version)
            print(f"the changelog of {version} is written from its fragments")
            run(("ansible-galaxy", "collection", "build", "--force", "--output-path", str(build)), tree)
            archive = build / f"barevm-kafka-{version}.tar.gz"
            print(
                f"{archive.relative_to(ROOT)}: {judge_archive(archive)} files, {archive.stat().st_size} bytes"
            )
            print("installed in an empty place:")
            use(place, archive, inventory.resolve() if inventory else None)
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
