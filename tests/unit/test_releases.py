"""Releases by name, checksum and manifest; archives and folders that are not what they claim to be."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import releases_archive, releases_cache
from ansible_collections.barevm.kafka.plugins.module_utils.releases import (
    Release,
    ReleaseError,
    is_installed,
    lack,
)

COLLECTIONS = Path(__file__).parents[2] / "collections"
HASH = hashlib.sha512(b"archive").hexdigest()
SPACED = HASH.upper()
GPG = "kafka_2.13-3.9.2.tgz: " + "\n                      ".join(
    " ".join(SPACED[start + group : start + group + 8] for group in range(0, 40, 8)).strip()
    for start in range(0, 128, 40)
)


def quiet(_: str) -> None:
    pass


def make_tree(parent: Path, folder: str = "kafka_2.13-3.9.2", jar: str = "kafka_2.13-3.9.2.jar") -> Path:
    """A release in the official layout, as small as can be."""
    tree = parent / folder
    (tree / "libs").mkdir(parents=True)
    (tree / "bin").mkdir()
    with zipfile.ZipFile(tree / "libs" / jar, "w") as content:
        content.writestr("kafka/Kafka.class", b"\xca\xfe")
    (tree / "bin/kafka-topics.sh").write_text("#!/bin/sh\n")
    (tree / "bin/kafka-topics.sh").chmod(0o755)
    return tree


def make_archive(parent: Path, **names: str) -> Path:
    tree = make_tree(parent / "made", **names)
    archive = parent / "kafka_2.13-3.9.2.tgz"
    with tarfile.open(archive, "w:gz") as content:
        content.add(tree, tree.name)
    return archive


def sha512(path: Path) -> str:
    return hashlib.sha512(path.read_bytes()).hexdigest()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the URL it is served under."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, directory=str(folder), **kwargs)  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def archive_of(url: object, checksum: str = "") -> Release:
    return Release("kafka", "3.9.2", "2.13", "archive", url=str(url), sha512=checksum, path="/opt/k")


def nothing_left(cache: Path) -> bool:
    """Whether the cache holds nothing but lock files."""
    return all(path.name.endswith(".lock") for path in cache.iterdir())


def test_names() -> None:
    assert Release("kafka", "3.9.2", "2.13").folder == "kafka_2.13-3.9.2"
    assert Release("zookeeper", "3.9.5").folder == "apache-zookeeper-3.9.5-bin"


@pytest.mark.parametrize(
    "text",
    [
        f"{HASH}  kafka_2.13-3.9.2.tgz\n",
        f"{HASH.upper()} *kafka_2.13-3.9.2.tgz\n",
        f"SHA512 (kafka_2.13-3.9.2.tgz) = {HASH}\n",
        HASH,
        GPG,
        GPG + "\n",
        f"{'0' * 128}  other.tgz\n{HASH}  kafka_2.13-3.9.2.tgz\n",
    ],
)
def test_checksum_file_is_read(text: str) -> None:
    assert releases_archive.parse_sha512(text, "kafka_2.13-3.9.2.tgz") == HASH


@pytest.mark.parametrize(
    "text",
    ["", "<html>404</html>", f"{HASH}  other.tgz\n", GPG[:-9], GPG.replace("kafka", "other"), HASH[:-1]],
)
def test_checksum_file_that_says_nothing_of_the_archive_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"kafka_2\.13-3\.9\.2\.tgz"):
        releases_archive.parse_sha512(text, "kafka_2.13-3.9.2.tgz")


def test_archive_by_http_with_its_checksum_beside_it(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = served
    archive = make_archive(folder)
    checksum = sha512(archive)
    (folder / f"{archive.name}.sha512").write_text(f"{checksum}  {archive.name}\n")
    release = archive_of(f"{url}/{archive.name}")
    releases_cache.probe(release, tmp_path / "cache")
    had = releases_cache.fetch(release, tmp_path / "cache", quiet)
    assert had.fetched
    assert had.origin_sha512 == checksum
    assert had.sha512 == sha512(had.archive)
    assert (had.tree / "bin/kafka-topics.sh").stat().st_mode & 0o777 == 0o755
    assert set(had.files) == {"bin/kafka-topics.sh", "libs/kafka_2.13-3.9.2.jar"}
    archive.unlink()  # the second fetch needs no server
    assert not releases_cache.fetch(release, tmp_path / "cache", quiet).fetched


def test_archive_by_path_is_packed_alike_wherever_it_was_unpacked(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    release = archive_of(archive, sha512(archive).upper())
    one = releases_cache.fetch(release, tmp_path / "one", quiet)
    time.sleep(1.1)  # so that times of files differ
    other = releases_cache.fetch(release, tmp_path / "other", quiet)
    assert one.sha512 == other.sha512
    with tarfile.open(one.archive) as content:
        assert {(member.uid, member.uname, member.mtime) for member in content} == {(0, "root", 0)}


def refusal(release: Release, cache: Path) -> ReleaseError:
    with pytest.raises(ReleaseError) as caught:
        releases_cache.fetch(release, cache, quiet)
    assert nothing_left(cache)
    assert caught.value.finding.host == "controller"
    return caught.value


def test_wrong_checksum_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    problem = refusal(archive_of(archive, "0" * 128), tmp_path / "cache")
    assert problem.finding.variable == "kafka_release_sha512"
    assert sha512(archive) in problem.finding.rule


def test_without_checksum_there_is_no_install(tmp_path: Path) -> None:
    problem = refusal(archive_of(make_archive(tmp_path)), tmp_path / "cache")
    assert problem.finding.variable == "kafka_release_sha512"
    assert "no checksum, no install" in problem.finding.rule


def test_checksum_that_is_none(tmp_path: Path) -> None:
    problem = refusal(archive_of(make_archive(tmp_path), "abc"), tmp_path / "cache")
    assert problem.finding.value == "abc"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:9/kafka.tgz", "refused"),
        ("/nowhere/kafka.tgz", "No such file"),
        ("ftp://127.0.0.1/kafka.tgz", "ftp"),
    ],
)
def test_unreachable_archive(tmp_path: Path, url: str, words: str) -> None:
    problem = refusal(archive_of(url, "0" * 128), tmp_path / "cache")
    assert problem.finding.variable == "kafka_release_url"
    assert words in problem.finding.rule
    with pytest.raises(ReleaseError, match=words):
        releases_cache.probe(archive_of(url, "0" * 128), tmp_path / "cache")


def test_missing_archive_on_a_server(served: tuple[Path, str], tmp_path: Path) -> None:
    problem = refusal(archive_of(f"{served[1]}/kafka.tgz", "0" * 128), tmp_path / "cache")
    assert "HTTP status 404" in problem.finding.rule


@pytest.mark.parametrize("names", [{"jar": "kafka_2.13-3.9.1.jar"}, {"jar": "kafka-clients-3.9.2.jar"}])
def test_archive_of_another_version(tmp_path: Path, names: dict[str, str]) -> None:
    archive = make_archive(tmp_path, **names)
    problem = refusal(archive_of(archive, sha512(archive)), tmp_path / "cache")
    assert names["jar"] in problem.finding.rule
    assert "kafka_version" in problem.finding.remedy


def test_file_that_is_no_archive(tmp_path: Path) -> None:
    page = tmp_path / "kafka.tgz"
    page.write_text("<html>log in first</html>")
    problem = refusal(archive_of(page, sha512(page)), tmp_path / "cache")
    assert "cannot be unpacked" in problem.finding.rule


@pytest.mark.parametrize("what", ["libs/kafka_2.13-3.9.2.jar", "bin/kafka-topics.sh"])
def test_damaged_cache_is_fetched_again(tmp_path: Path, what: str) -> None:
    archive = make_archive(tmp_path)
    release = archive_of(archive, sha512(archive))
    first = releases_cache.fetch(release, tmp_path / "cache", quiet)
    (first.tree / what).write_bytes(b"damaged")
    said: list[str] = []
    again = releases_cache.fetch(release, tmp_path / "cache", said.append)
    assert again.fetched
    assert again.sha512 == first.sha512
    assert any(what in line and "checksum" in line for line in said)


def test_another_checksum_in_the_inventory_is_not_served_from_the_cache(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    releases_cache.fetch(archive_of(archive, sha512(archive)), tmp_path / "cache", quiet)
    with pytest.raises(ReleaseError, match="it was refused"):
        releases_cache.fetch(archive_of(archive, "0" * 128), tmp_path / "cache", quiet)


def test_local_folder_is_read_each_time(tmp_path: Path) -> None:
    tree = make_tree(tmp_path)
    (tree / "logs").mkdir()
    (tree / "logs/server.log").write_text("started by hand")
    release = Release("kafka", "3.9.2", "2.13", "local", dir=str(tree))
    first = releases_cache.fetch(release, tmp_path / "cache", quiet)
    assert "logs/server.log" not in first.files
    (tree / "bin/kafka-topics.sh").write_text("#!/bin/sh\n# patched\n")
    assert releases_cache.fetch(release, tmp_path / "cache", quiet).sha512 != first.sha512


def test_local_folder_that_is_none(tmp_path: Path) -> None:
    problem = refusal(Release("kafka", "3.9.2", "2.13", "local", dir="/nowhere"), tmp_path / "cache")
    assert problem.finding.variable == "kafka_release_dir"


def test_leftover_of_an_interrupted_fetch_goes(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    left = tmp_path / "cache/.kafka_2.13-3.9.2-archive.part-left"
    left.mkdir(parents=True)
    releases_cache.fetch(archive_of(archive, sha512(archive)), tmp_path / "cache", quiet)
    assert not left.exists()


class Slow(http.server.BaseHTTPRequestHandler):
    """Announces 100 MB and sends them too slowly to ever end."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(100_000_000))
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * (1 << 20))
                time.sleep(0.1)
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_interrupted_fetch_leaves_nothing(tmp_path: Path) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cache = tmp_path / "cache"
    request = {
        "releases": [
            {
                "product": "kafka",
                "version": "3.9.2",
                "scala_version": "2.13",
                "source": "archive",
                "url": f"http://127.0.0.1:{server.server_port}/kafka.tgz",
                "sha512": "0" * 128,
            }
        ],
        "cache_dir": str(cache),
        "check_only": False,
    }
    module = "ansible_collections.barevm.kafka.plugins.module_utils.releases_fetch"
    with subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(COLLECTIONS)},
    ) as child:
        assert child.stdin is not None
        child.stdin.write(json.dumps(request).encode() + b"\n")
        child.stdin.flush()
        deadline = time.monotonic() + 120
        while not list(cache.glob(".*.part-*/download")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        child.send_signal(signal.SIGTERM)
        child.wait(120)
    server.shutdown()
    server.server_close()
    assert nothing_left(cache)


def test_two_fetches_of_one_release_wait_for_each_other(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    release = archive_of(archive, sha512(archive))
    had: list[releases_cache.CachedRelease] = []
    threads = [
        threading.Thread(target=lambda: had.append(releases_cache.fetch(release, tmp_path / "cache", quiet)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.fetched for one in had) == [False, False, False, True]


def test_every_refusal_of_a_run_is_told(tmp_path: Path) -> None:
    wanted = [archive_of("/nowhere/a.tgz", "0" * 128), Release("kafka", "3.9.2", "2.13", "local", dir="/no")]
    had, refused = releases_cache.fetch_all(wanted, tmp_path / "cache", quiet, check_only=False)
    assert not had
    assert [one.finding.variable for one in refused] == ["kafka_release_url", "kafka_release_dir"]


def test_installed() -> None:
    release = Release("kafka", "3.9.2", "2.13", "archive", url="/a.tgz", path="/opt/k")
    manifest = release.manifest("push", HASH, 3)
    assert is_installed(release, manifest)
    assert not is_installed(release, None)
    assert not is_installed(Release("kafka", "3.9.1", "2.13", "archive", url="/a.tgz"), manifest)
    assert not is_installed(Release("kafka", "3.9.2", "2.13", "maven"), manifest)
    assert is_installed(archive_of("/a.tgz", HASH.upper()), manifest)
    assert not is_installed(archive_of("/a.tgz", "0" * 128), manifest)


def test_lack_asks_only_hosts_that_should_have_it() -> None:
    wanted = {"product": "zookeeper", "version": "3.9.5", "path": "/opt/z"}
    manifest = Release("zookeeper", "3.9.5").manifest("push", "", 3)
    has, lacks, other = ({"releases": found} for found in ({"/opt/z": manifest}, {"/opt/z": None}, {}))
    assert not lack([has, other], wanted)
    assert lack([has, lacks], wanted)


@pytest.mark.parametrize(
    ("fields", "variable"),
    [
        ({"source": "torrent"}, "kafka_release_source"),
        ({"source": "archive"}, "kafka_release_url"),
        ({"source": "local"}, "kafka_release_dir"),
    ],
)
def test_what_is_missing_is_named(fields: dict[str, str], variable: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        Release.from_dict({"product": "kafka", "version": "3.9.2", "scala_version": "2.13", **fields})
    assert caught.value.finding.variable == variable
