"""Templates printed from plain data: every template of the collection, read back by who will read it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import jinja2
import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import properties, rendering

TEMPLATES = Path(__file__).parents[2] / "templates"
HEADER = f"# {rendering.MANAGED}\n"


def test_properties_are_sorted_and_read_back() -> None:
    settings = {"log.dirs": ["/a", "/b"], "broker.id": 1, "x": "ä=#\\", "delete.topic.enable": True}
    text = rendering.render(TEMPLATES, "properties.j2", {"settings": settings})
    assert text.startswith(HEADER)
    assert properties.parse(text) == {
        "broker.id": "1",
        "delete.topic.enable": "true",
        "log.dirs": "/a,/b",
        "x": "ä=#\\",
    }
    assert [line.split("=")[0] for line in text.splitlines()[1:]] == sorted(settings)


def test_units_have_a_line_for_each_item() -> None:
    sections = {
        "Unit": {"Description": "A service", "RequiresMountsFor": ["/a", "/b"]},
        "Service": {"PrivateTmp": True, "CapabilityBoundingSet": "", "RestartSec": 30},
    }
    assert rendering.render(TEMPLATES, "systemd_unit.j2", {"sections": sections}) == (
        f"{HEADER}\n[Unit]\nDescription=A service\nRequiresMountsFor=/a\nRequiresMountsFor=/b\n"
        "\n[Service]\nPrivateTmp=yes\nCapabilityBoundingSet=\nRestartSec=30\n"
    )


def test_environment_values_are_quoted_as_systemd_reads_them() -> None:
    settings = {"B_OPTS": '-Da="b c" -De=\\n $HOME', "A_HEAP": "-Xmx1g", "FLAG": True}
    text = rendering.render(TEMPLATES, "environment.j2", {"settings": settings})
    assert text == f'{HEADER}A_HEAP="-Xmx1g"\nB_OPTS="-Da=\\"b c\\" -De=\\\\n $HOME"\nFLAG="true"\n'


def test_logback_is_well_formed() -> None:
    data = {"file": "/var/log/zookeeper/zookeeper.log", "size": "20MB", "backups": 10, "level": "INFO"}
    text = rendering.render(TEMPLATES, "logback.xml.j2", data)
    root = ElementTree.fromstring(text)
    assert root.findtext(".//maxFileSize") == "20MB"
    assert root.findtext(".//maxIndex") == "10"
    assert root.find("root").attrib["level"] == "INFO"  # type: ignore[union-attr]
    assert rendering.MANAGED in text


def test_undefined_data_is_an_error_that_names_it() -> None:
    with pytest.raises(jinja2.UndefinedError, match="settings"):
        rendering.render(TEMPLATES, "properties.j2", {})


def test_a_template_sees_nothing_but_its_data(tmp_path: Path) -> None:
    (tmp_path / "t.j2").write_text("{% if true %}\nkept\n{% endif %}\n{{ managed }}\n")
    assert rendering.render(tmp_path, "t.j2", {}) == f"kept\n{rendering.MANAGED}\n"
    (tmp_path / "t.j2").write_text("{{ lookup('pipe', 'id') }}")
    with pytest.raises(jinja2.UndefinedError, match="lookup"):
        rendering.render(tmp_path, "t.j2", {})


def tool(folder: Path, name: str, *arguments: str) -> list[str]:
    """What the launcher hands to the release's tool ``name`` when it is given ``arguments``."""
    (folder / "release/bin").mkdir(parents=True, exist_ok=True)
    data = {
        "java_home": "/opt/java",
        "release": str(folder / "release"),
        "client_properties": "/etc/kafka/client.properties",
        "bootstrap": "a:9092,b:9092",
        "zookeeper": "z:2181/kafka",
    }
    launcher, real = folder / name, folder / "release/bin" / name
    launcher.write_text(rendering.render(TEMPLATES, "kafka_tool.sh.j2", data))
    real.write_text('#!/bin/sh\necho "$JAVA_HOME"\nfor argument; do echo "$argument"; done\n')
    for path in (launcher, real):
        path.chmod(0o755)
    done = subprocess.run([str(launcher), *arguments], capture_output=True, text=True, check=True)
    java, *handed = done.stdout.splitlines()
    assert java == "/opt/java"
    return handed


@pytest.mark.parametrize(
    ("name", "given", "handed"),
    [
        ("zookeeper-shell.sh", [], ["z:2181/kafka"]),
        ("zookeeper-shell.sh", ["y:2181"], ["y:2181"]),
        (
            "kafka-topics.sh",
            ["--list"],
            [
                "--list",
                "--command-config",
                "/etc/kafka/client.properties",
                "--bootstrap-server",
                "a:9092,b:9092",
            ],
        ),
        ("kafka-topics.sh", [], []),
        ("kafka-topics.sh", ["--help"], ["--help"]),
        (
            "kafka-topics.sh",
            ["--list", "--bootstrap-server", "c:9092", "--command-config=mine"],
            ["--list", "--bootstrap-server", "c:9092", "--command-config=mine"],
        ),
        (
            "kafka-console-consumer.sh",
            ["--topic", "two words"],
            [
                *("--topic", "two words", "--consumer.config", "/etc/kafka/client.properties"),
                *("--bootstrap-server", "a:9092,b:9092"),
            ],
        ),
        ("kafka-dump-log.sh", ["--files", "x"], ["--files", "x"]),
    ],
)
def test_tools_know_the_cluster_unless_told_otherwise(
    tmp_path: Path, name: str, given: list[str], handed: list[str]
) -> None:
    assert tool(tmp_path, name, *given) == handed


@pytest.mark.skipif(not shutil.which("dash"), reason="dash is not installed")
def test_the_tool_launcher_is_a_plain_shell_script(tmp_path: Path) -> None:
    text = rendering.render(
        TEMPLATES,
        "kafka_tool.sh.j2",
        {"java_home": "", "release": "/r", "client_properties": "/c", "bootstrap": "b", "zookeeper": "z"},
    )
    assert not re.search(r"\{\{|\{%", text)
    assert "JAVA_HOME" not in text
    subprocess.run(["dash", "-n"], input=text, text=True, check=True)
