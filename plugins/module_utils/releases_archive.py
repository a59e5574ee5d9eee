"""An official release archive: found, downloaded, checked against its sha512, unpacked.

No checksum, no install: an archive is used only when it has the sha512 that the inventory gives or that
the ``.sha512`` file beside it states.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ansible_collections.barevm.kafka.plugins.module_utils.releases import Release

Progress = Callable[[str], None]

CHUNK = 1 << 20
CONNECT_TIMEOUT_S = 30.0
PROGRESS_INTERVAL_S = 5.0

UNREADABLE = (OSError, http.client.HTTPException, ValueError)
"""What opening or reading a URL raises (urllib's own errors are OSErrors)."""


def located(release: Release) -> str:
    """The archive's URL; a path on the controller becomes a file URL. Raises ReleaseError."""
    scheme = urllib.parse.urlsplit(release.url).scheme
    if not scheme:
        return Path(release.url).expanduser().absolute().as_uri()
    if scheme not in ("http", "https", "file"):
        raise release.error(
            "release_url",
            f"{scheme} is no way to fetch an archive",
            "Give a path, or an http or https URL",
            release.url,
        )
    return release.url


def expected_sha512(release: Release) -> str:
    """The checksum the archive must have, 128 lower-case hex digits. Raises ReleaseError."""
    given = release.sha512.strip().lower()
    if given:
        if not re.fullmatch(r"[0-9a-f]{128}", given):
            raise release.error(
                "release_sha512",
                "is no sha512, which has 128 hex digits",
                "Copy it from the download page",
                given,
            )
        return given
    beside = located(release) + ".sha512"
    try:
        with _opened(beside) as stream:
            text = stream.read(1 << 16).decode("utf-8", "replace")
    except UNREADABLE as problem:
        raise release.error(
            "release_sha512",
            f"is not given, and {beside} cannot be read ({_why(problem)}): no checksum, no install",
            f"Give {release.variable('release_sha512')}, or put the .sha512 file beside the archive",
            "",
        ) from problem
    try:
        return parse_sha512(text, Path(urllib.parse.urlsplit(beside).path).stem)
    except ValueError as problem:
        raise release.error(
            "release_sha512",
            f"is not given, and {beside} {problem}: no checksum, no install",
            f"Give {release.variable('release_sha512')}, or repair the .sha512 file beside the archive",
            "",
        ) from problem


def parse_sha512(text: str, name: str) -> str:
    """The checksum of file ``name`` in a ``.sha512`` file, 128 lower-case hex digits.

    Understands ``HASH  file`` (sha512sum), ``SHA512 (file) = HASH`` (BSD), a bare hash, and the
    ``file: AB12 CD34 …`` of several lines that Kafka's releases carry (gpg --print-md). Raises ValueError.
    """
    whole = re.findall(r"^(.*?)\b([0-9a-fA-F]{128})\b(.*)$", text, re.MULTILINE)
    if whole:
        named = [one for one in whole if name in one[0] or name in one[2]]
        bare = [one for one in whole if not (one[0] + one[2]).strip()]
        if not (named or bare):
            raise ValueError(f"has no line for {name}")
        return str((named or bare)[0][1]).lower()
    owner, colon, groups = text.partition(":")
    digits = re.sub(r"\s", "", groups)
    if colon and owner.strip() == name and re.fullmatch(r"[0-9a-fA-F]{128}", digits):
        return digits.lower()
    raise ValueError(f"states no sha512 of {name}")


def probe(release: Release) -> None:
    """Raise ReleaseError unless the archive is there and its checksum known; fetches neither."""
    with _archive(release, method="HEAD"):
        expected_sha512(release)


def download(release: Release, target: Path, progress: Progress) -> str:
    """Fetch the archive to the new file ``target``; returns its sha512, which is the expected one.

    On any refusal ``target`` may hold a part of it: removing that is the caller's, who made its folder.
    Raises ReleaseError.
    """
    digest = hashlib.sha512()
    started = said = time.monotonic()
    done = 0
    with _archive(release) as (stream, size), target.open("xb") as file:
        expected = expected_sha512(release)
        while chunk := _read(release, stream):
            file.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            if time.monotonic() - said >= PROGRESS_INTERVAL_S:
                said = time.monotonic()
                progress(f"{release.name}: {transferred(done, size, said - started)}")
    if size is not None and done != size:
        raise release.error(
            "release_url",
            f"the transfer ended after {done} of {size} bytes",
            "Run again; if it ends there again, look at the server or the proxy between",
            release.url,
        )
    if digest.hexdigest() != expected:
        raise release.error(
            "release_sha512",
            f"{release.url} has the sha512 {digest.hexdigest()}; it was refused and nothing of it was kept",
            "Check the checksum against the download page; if it is right, the archive is damaged or not the "
            "official one",
            expected,
        )
    return expected


def transferred(done: int, size: int | None, seconds: float) -> str:
    """How far a transfer is, for people: ``35 of 120 MB (29 %), 7.0 MB/s, 12 s left``."""
    rate = done / max(seconds, 0.001)
    if size is None:
        return f"{done / 1e6:.0f} MB, {rate / 1e6:.1f} MB/s"
    left = (size - done) / max(rate, 1.0)
    share = 100 * done / max(size, 1)
    return (
        f"{done / 1e6:.0f} of {size / 1e6:.0f} MB ({share:.0f} %), {rate / 1e6:.1f} MB/s, {left:.0f} s left"
    )


def unpack(release: Release, archive: Path, tree: Path) -> None:
    """Unpack the archive's one top folder as the new folder ``tree``; raises ReleaseError."""
    beside = tree.with_name(tree.name + ".unpacked")
    beside.mkdir()
    try:
        with tarfile.open(archive) as content:
            content.extractall(beside, filter="data")
    except (tarfile.TarError, OSError, EOFError) as problem:
        raise release.error(
            "release_url",
            f"cannot be unpacked: {problem}",
            "Give the .tgz or .tar.gz of the release",
            release.url,
        ) from problem
    tops = list(beside.iterdir())
    if len(tops) != 1 or not tops[0].is_dir():
        raise release.error(
            "release_url",
            f"does not hold one folder, but {', '.join(sorted(top.name for top in tops)[:5]) or 'nothing'}",
            "Give the .tgz or .tar.gz of the release",
            release.url,
        )
    tops[0].rename(tree)
    beside.rmdir()


@contextmanager
def _archive(release: Release, method: str = "GET") -> Iterator[tuple[IO[bytes], int | None]]:
    """The open archive and its size in bytes, None where the server does not say."""
    url = located(release)
    try:
        opened = _opened(url, method)
    except UNREADABLE as problem:
        raise release.error(
            "release_url",
            f"{url} cannot be read from the controller ({_why(problem)})",
            "Correct it, make it reachable (http_proxy and https_proxy count), or use another release source",
            release.url,
        ) from problem
    with opened as stream:
        size = stream.headers.get("Content-Length")
        yield stream, int(size) if size else None


def _opened(url: str, method: str = "GET"):  # type: ignore[no-untyped-def]  # urllib has no name for what it returns
    request = urllib.request.Request(url, method=method, headers={"User-Agent": "barevm.kafka"})
    return urllib.request.urlopen(request, timeout=CONNECT_TIMEOUT_S)


def _read(release: Release, stream: IO[bytes]) -> bytes:
    try:
        return stream.read(CHUNK)
    except UNREADABLE as problem:
        raise release.error(
            "release_url",
            f"the transfer broke ({_why(problem)})",
            "Run again; if it breaks again, look at the server or the proxy between",
            release.url,
        ) from problem


def _why(problem: BaseException) -> str:
    if isinstance(problem, urllib.error.HTTPError):
        return f"HTTP status {problem.code} {problem.reason}"
    if isinstance(problem, urllib.error.URLError):
        return str(problem.reason)
    return str(problem) or type(problem).__name__
