"""Which Java is refused, which is warned of, and what the operator is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import java_matrix


def severity(product: str, version: str, major: int) -> str:
    findings = java_matrix.check("h1", product, version, {"version": f"{major}.0.1", "major": major})
    return findings[0].severity if findings else ""


@pytest.mark.parametrize(
    ("product", "version", "major", "expected"),
    [
        ("kafka", "3.9.2", 17, ""),
        ("kafka", "3.9.2", 21, ""),
        ("kafka", "3.9.2", 11, ""),
        ("kafka", "3.9.2", 7, "error"),
        ("kafka", "3.9.2", 25, "error"),
        ("kafka", "3.9.2", 19, "warning"),
        ("kafka", "2.6.0", 17, ""),
        ("kafka", "2.8.1", 17, "warning"),
        ("kafka", "3.0.0", 17, "warning"),
        ("kafka", "3.3.1", 17, ""),
        ("zookeeper", "3.6.2", 17, ""),
        ("zookeeper", "3.8.4", 17, "warning"),
        ("zookeeper", "3.9.5", 21, ""),
        ("zookeeper", "3.9.5", 9, "error"),
        ("zookeeper", "3.7.1", 17, "warning"),
        ("kafka", "1.0.0", 17, ""),
        ("kafka", "1.0.0", 5, "error"),
    ],
)
def test_matrix(product: str, version: str, major: int, expected: str) -> None:
    assert severity(product, version, major) == expected


def test_finding_names_what_fits() -> None:
    (finding,) = java_matrix.check("h1", "kafka", "2.6.0", {"version": "19.0.2", "major": 19})
    assert str(finding) == (
        "h1: java_runtime_home = 'Java 19.0.2': Kafka 2.6.0 documents Java 8, 11, and was tested here on "
        "17, 21. Give the JAVA_HOME of another (Java 21 is the best choice), or leave java_runtime_home "
        "empty and name its package in java_runtime_package."
    )


def test_host_is_asked_only_for_what_it_runs() -> None:
    cluster = {
        "hosts": {"h1": {"zookeeper_version": "3.8.4", "kafka_version": "3.9.2"}},
        "zookeeper": {"servers": []},
        "kafka": {"brokers": [{"host": "h1"}]},
    }
    assert java_matrix.refusals({"version": "21.0.1", "major": 21}, "h1", cluster) == []
    cluster["zookeeper"] = {"servers": [{"host": "h1"}]}
    cluster["kafka"] = {"brokers": []}
    assert "Java 25" in java_matrix.refusals({"version": "25.0.1", "major": 25}, "h1", cluster)[0]
    assert "still no /usr/bin/java" in java_matrix.refusals(None, "h1", cluster)[0]


def test_documentation_has_the_matrix() -> None:
    names = {"kafka": "Kafka", "zookeeper": "ZooKeeper"}
    rows = [
        f"| {names[product]} {line.since[0]}.{line.since[1]} "
        f"| {', '.join(map(str, sorted(line.documented)))} "
        f"| {', '.join(map(str, sorted(line.tested))) or 'none'} |"
        for product, lines in java_matrix.LINES.items()
        for line in lines
    ]
    page = (Path(__file__).parents[2] / "docs/java.md").read_text(encoding="utf-8")
    assert [line for line in page.splitlines() if line.startswith(("| Kafka", "| ZooKeeper"))] == rows
