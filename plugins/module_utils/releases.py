"""A release of Kafka or ZooKeeper: what it is called, what its folder holds, whether a host has it.

The folder has the layout and the name of the official archive, wherever the release came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

MANIFEST = ".release.json"
"""Written into a host's release folder last, so a folder without it was not put there by this collection."""

SOURCES = ("archive", "maven", "local")

IDENTITY = ("product", "version", "scala_version", "source")
"""What a manifest must share with a release to be that release."""


class ReleaseError(Exception):
    """A release cannot be had; ``finding`` says why and what to do."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


@dataclass(frozen=True)
class Release:
    """One release and where it comes from.

    ``source`` is archive (``url``: http, https, file or a path, and ``sha512`` in hex or ""), maven, or
    local (``dir`` on the controller). ``scala_version`` is "" for ZooKeeper. ``path`` is the folder on
    hosts, "" where that does not matter.
    """

    product: str
    version: str
    scala_version: str = ""
    source: str = "maven"
    url: str = ""
    sha512: str = ""
    dir: str = ""
    path: str = ""

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Release:
        """Raises TypeError on an unknown field, ReleaseError on a product, source or field that cannot be."""
        release = cls(**fields)
        if release.product not in ("kafka", "zookeeper"):
            raise release.error(
                "version", "no such product: kafka and zookeeper are known", "Name one of these"
            )
        if release.source not in SOURCES:
            raise release.error(
                "release_source",
                f"must be one of {', '.join(SOURCES)}",
                "Choose one of these",
                release.source,
            )
        if release.source == "archive" and not release.url:
            raise release.error("release_url", "an archive needs its URL or path", "Set it", "")
        if release.source == "local" and not release.dir:
            raise release.error(
                "release_dir", "a local release needs its folder on the controller", "Set it", ""
            )
        return release

    @property
    def name(self) -> str:
        """As people say it: "Kafka 3.9.2"."""
        return f"{'Kafka' if self.product == 'kafka' else 'ZooKeeper'} {self.version}"

    @property
    def folder(self) -> str:
        """The official archive's top folder: ``kafka_2.13-3.9.2``, ``apache-zookeeper-3.9.5-bin``."""
        if self.product == "kafka":
            return f"kafka_{self.scala_version}-{self.version}"
        return f"apache-zookeeper-{self.version}-bin"

    @property
    def library(self) -> str:
        """The folder of jars inside the release."""
        return "libs" if self.product == "kafka" else "lib"

    @property
    def configuration(self) -> str:
        """The folder of sample configuration inside the release."""
        return "config" if self.product == "kafka" else "conf"

    @property
    def main_jar(self) -> str:
        """The jar that only this product in this version has, relative to the release."""
        if self.product == "kafka":
            return f"libs/kafka_{self.scala_version}-{self.version}.jar"
        return f"lib/zookeeper-{self.version}.jar"

    def version_key(self) -> tuple[int, ...]:
        """Numbers of the version, for comparing; what is not a number counts as 0."""
        return tuple(int(part) if part.isdigit() else 0 for part in self.version.split("."))

    def variable(self, suffix: str) -> str:
        """The inventory's name of a setting of this product: ``kafka_release_url``."""
        return f"{self.product}_{suffix}"

    def error(self, suffix: str, rule: str, remedy: str, value: Any = None) -> ReleaseError:
        """The refusal of ``<product>_<suffix>``; without a value that of the version is shown."""
        return ReleaseError(
            Finding(
                "controller", self.variable(suffix), self.version if value is None else value, rule, remedy
            )
        )

    def manifest(self, sha512: str, origin_sha512: str, files: int) -> dict[str, Any]:
        """What a host keeps in ``.release.json``: the release, the pushed archive's checksum, how many files.

        ``origin_sha512`` is the checksum of the official archive, "" where the source is none.
        """
        identity = {key: value for key, value in asdict(self).items() if key in IDENTITY}
        return {**identity, "sha512": sha512, "origin_sha512": origin_sha512, "files": files}


def is_installed(release: Release, manifest: Mapping[str, Any] | None) -> bool:
    """Whether a folder with ``manifest`` (None: there is none) holds ``release``.

    A checksum given in the inventory counts; one that would have to be fetched first does not.
    """
    if manifest is None:
        return False
    if any(manifest.get(key) != getattr(release, key) for key in IDENTITY):
        return False
    given = release.sha512.strip().lower()
    return release.source != "archive" or given in ("", manifest.get("origin_sha512"))


def lack(states: Iterable[Mapping[str, Any]], wanted: Mapping[str, Any]) -> bool:
    """Whether any host that should have the release lacks it.

    ``states`` are host_state's answers; a host that was not asked for the release's path should not have it.
    """
    release = Release.from_dict(wanted)
    return any(
        release.path in state["releases"] and not is_installed(release, state["releases"][release.path])
        for state in states
    )


def check_tree(release: Release, tree: Path, suffix: str, value: str) -> None:
    """Raise ReleaseError, naming the variable the folder came by, unless ``tree`` holds this release."""
    if (tree / release.main_jar).is_file():
        return
    jars = sorted(path.name for path in (tree / release.library).glob(f"{release.product}[-_]*.jar"))
    found = (
        f"it has {', '.join(jars[:3])}"
        if jars
        else f"it has no {release.library} folder of {release.product}"
    )
    raise release.error(
        suffix,
        f"holds no {release.main_jar} ({found}), so it is not {release.name}",
        f"Point it at {release.folder}, or set {release.variable('version')} to what it holds",
        value,
    )
