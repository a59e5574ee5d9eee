"""A release assembled from its published jars by the mvn client, for sites that reach an artifact proxy only.

Which proxy is asked, and with which login, is what the user's own Maven settings say.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from ansible_collections.barevm.kafka.plugins.module_utils import releases_launchers
from ansible_collections.barevm.kafka.plugins.module_utils.releases import Release, ReleaseError

Progress = Callable[[str], None]

# Pinned, so that every controller's Maven lays the jars out alike.
COPY_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"
PROGRESS_INTERVAL_S = 5.0

# log4j 1.2.17 is unmaintained and has known vulnerabilities; reload4j is its drop-in successor. The old
# pair is left out where a release still names it, and the new one named where a release names none.
REPLACED = (("log4j", "log4j"), ("org.slf4j", "slf4j-log4j12"))
LOGGING = ("org.slf4j:slf4j-reload4j:1.7.36",)


def coordinates(release: Release) -> list[str]:
    """The artifacts whose runtime dependencies make up the release, ``group:name[:version]``.

    Without a version, that of the product's own parent is meant.
    """
    version = release.version_key()
    if release.product == "kafka":
        names = [f"kafka_{release.scala_version}", "kafka-tools", "connect-file"]
        if version >= (3, 5):
            names += ["connect-mirror", "kafka-shell"]
        return [f"org.apache.kafka:{name}:{release.version}" for name in names] + list(LOGGING)
    # Declared `provided` or `optional` by ZooKeeper, and all the same needed by a server.
    extras = [
        "io.dropwizard.metrics:metrics-core",
        "org.xerial.snappy:snappy-java",
        "org.eclipse.jetty:jetty-server",
        "org.eclipse.jetty:jetty-servlet",
        "com.fasterxml.jackson.core:jackson-databind",
        "commons-cli:commons-cli",
    ]
    extras += ["ch.qos.logback:logback-classic"] if version >= (3, 8) else LOGGING
    return [f"org.apache.zookeeper:zookeeper:{release.version}", *extras]


def pom(release: Release) -> str:
    """The project file that mvn resolves."""
    exclusions = "".join(
        f"<exclusion><groupId>{group}</groupId><artifactId>{name}</artifactId></exclusion>"
        for group, name in REPLACED
    )
    dependencies = ""
    for coordinate in coordinates(release):
        group, name, *version = map(escape, coordinate.split(":"))
        stated = f"<version>{version[0]}</version>" if version else ""
        dependencies += (
            f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>{stated}"
            f"<exclusions>{exclusions}</exclusions></dependency>\n"
        )
    managed = ""
    if release.product == "zookeeper":
        managed = (
            "<dependencyManagement><dependencies><dependency><groupId>org.apache.zookeeper</groupId>"
            f"<artifactId>parent</artifactId><version>{escape(release.version)}</version><type>pom</type>"
            "<scope>import</scope></dependency></dependencies></dependencyManagement>\n"
        )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>\n'
        "<groupId>barevm</groupId><artifactId>release</artifactId><version>1</version>"
        f"<packaging>pom</packaging>\n{managed}<dependencies>\n{dependencies}</dependencies></project>\n"
    )


def recipe(release: Release) -> str:
    """A checksum of all that decides what is assembled; another one means that it must be assembled anew."""
    text = pom(release) + COPY_GOAL + releases_launchers.texts(release.product)
    return hashlib.sha512(text.encode()).hexdigest()


def check_client(release: Release) -> None:
    """Raise ReleaseError unless the mvn client is on the controller's PATH."""
    if shutil.which("mvn") is None:
        raise release.error(
            "release_source",
            "assembling a release needs the mvn client, which is not on the controller's PATH",
            "Install it there (Debian: apt install maven), or use source archive or local",
            "maven",
        )


def assemble(release: Release, tree: Path, progress: Progress) -> None:
    """Fill the new folder ``tree`` with the release's jars and launchers.

    Takes 5 to 60 s, by what the user's local Maven repository has. Raises ReleaseError.
    """
    check_client(release)
    with tempfile.TemporaryDirectory(dir=tree.parent, prefix=".mvn-") as project:
        Path(project, "pom.xml").write_text(pom(release), encoding="utf-8")
        command = [
            *("mvn", "--batch-mode", "--strict-checksums", "--file", f"{project}/pom.xml", COPY_GOAL),
            *("-DincludeScope=runtime", f"-DoutputDirectory={tree.absolute() / release.library}"),
        ]
        status, output = _run(command, release, progress)
    if status != 0:
        raise refusal(release, output)
    releases_launchers.add_launchers(release, tree)


def _run(command: Sequence[str], release: Release, progress: Progress) -> tuple[int, list[str]]:
    """Run mvn, saying every few seconds how far it is."""
    started = time.monotonic()
    output: list[str] = []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as mvn:
        assert mvn.stdout is not None
        done = threading.Event()

        def report() -> None:
            while not done.wait(PROGRESS_INTERVAL_S):
                fetched = sum("Downloaded from" in line and ".jar" in line for line in output)
                elapsed = time.monotonic() - started
                progress(
                    f"{release.name}: mvn has fetched {fetched} jars in {elapsed:.0f} s (usually under 60 s)"
                )

        threading.Thread(target=report, daemon=True).start()
        try:
            output.extend(mvn.stdout)
        except BaseException:
            mvn.kill()
            raise
        finally:
            done.set()
    return mvn.returncode, output


def refusal(release: Release, output: Sequence[str]) -> ReleaseError:
    """What mvn's output means to an operator."""
    errors = [line.partition("[ERROR]")[2].strip() for line in output if "[ERROR]" in line]
    telling = [one for one in errors if re.search(r"Could not find artifact|was not found in", one)]
    said = next(iter(telling + list(filter(None, errors))), "it said nothing").split(" -> [Help")[0]
    if telling:
        missing = re.search(r"([\w.-]+:[\w.-]+):(?:jar|pom):([\w.-]+\w)", said)
        what = f"{missing[1]} {missing[2]}" if missing else "one of its artifacts"
        return release.error(
            "version",
            f"Maven finds no {what} in the repositories of the controller's settings",
            "Choose a released version, or another release source",
        )
    return release.error(
        "release_source",
        f"mvn could not assemble {release.name}: {said}",
        "Make mvn work on the controller (its proxy and mirrors are set in ~/.m2/settings.xml), "
        "or use source archive or local",
        "maven",
    )
