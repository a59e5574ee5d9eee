"""Properties text against java.util.Properties itself: it reads what we write, and we read what it reads."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from pathlib import Path

from ansible_collections.barevm.kafka.plugins.module_utils import properties

# Reads texts, base64 one a line, as Kafka does (bytes, so Latin-1), and prints the settings as code units.
READER = """
import java.io.*;
import java.util.*;

class Read {
    static String encoded(String text) {
        StringBuilder units = new StringBuilder();
        for (char unit : text.toCharArray()) units.append(String.format("%04x", (int) unit));
        return units.toString();
    }

    public static void main(String[] arguments) throws IOException {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null; ) {
            Properties settings = new Properties();
            settings.load(new ByteArrayInputStream(Base64.getDecoder().decode(line)));
            StringBuilder shown = new StringBuilder();
            for (String key : settings.stringPropertyNames())
                shown.append(encoded(key)).append('=').append(encoded(settings.getProperty(key))).append(' ');
            System.out.println(shown);
        }
    }
}
"""
SEED = 20
TRICKY = ["a", "b", " ", "\t", "\f", "\n", "\r", "\\", "=", ":", "#", "!", "\\u0041", "\x85", "é"]
ALSO_WRITTEN = [*TRICKY, "😀", "\u2028", "\x00", "\x7f", "\U0010ffff", "漢"]


def test_java_reads_what_we_write_and_we_read_what_java_reads(tmp_path: Path) -> None:
    chance = random.Random(SEED)

    def text(alphabet: list[str]) -> str:
        return "".join(chance.choices(alphabet, k=chance.randrange(10)))

    written = [{text(ALSO_WRITTEN): text(ALSO_WRITTEN) for _ in range(4)} for _ in range(2000)]
    foreign = ["".join(chance.choices(TRICKY, k=chance.randrange(25))) for _ in range(5000)]
    read = java_reads(tmp_path, [properties.render(settings) for settings in written] + foreign)
    assert read[: len(written)] == written
    for source, settings in zip(foreign, read[len(written) :], strict=True):
        assert named(properties.parse(source)) == named(settings), json.dumps(source)


def named(settings: dict[str, str]) -> dict[str, str]:
    """Without the empty setting that a stray backslash at the very end makes in some Java versions."""
    return {key: value for key, value in settings.items() if key or value}


def java_reads(folder: Path, texts: list[str]) -> list[dict[str, str]]:
    (folder / "Read.java").write_text(READER)
    lines = "".join(base64.b64encode(text.encode("latin-1")).decode() + "\n" for text in texts)
    run = subprocess.run(
        ["java", str(folder / "Read.java")],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return [
        dict(tuple(decoded(half) for half in pair.split("=")) for pair in line.split())
        for line in run.stdout.splitlines()
    ]


def decoded(units: str) -> str:
    return bytes.fromhex(units).decode("utf-16-be")
