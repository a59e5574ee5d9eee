"""Generated configurations through our checks and through Kafka's own: every disagreement has its reason."""

from __future__ import annotations

import base64
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import (
    findings,
    inventory_rules,
    kafka_settings,
    properties,
)
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

from tests import generated_settings, server_properties
from tests.described import together
from tests.generated_settings import Configuration
from tests.integration.conftest import ReleaseOf

ROOT = Path(__file__).parents[2]

# Reads properties, base64 one a line, and answers each with what Kafka's constructor says of it.
HARNESS = """
import java.io.*;
import java.util.*;

class Judge {
    public static void main(String[] arguments) throws IOException {
        PrintStream answers = System.out;
        System.setOut(System.err);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null; ) {
            Properties settings = new Properties();
            settings.load(new ByteArrayInputStream(Base64.getDecoder().decode(line)));
            String said = "taken";
            try {
                kafka.server.KafkaConfig.fromProps(settings, false);
            } catch (Exception | LinkageError refusal) {
                said = refusal.getClass().getSimpleName() + ": " + refusal.getMessage();
            }
            answers.println(said.replaceAll("\\\\s+", " "));
        }
    }
}
"""


@dataclass(frozen=True)
class Row:
    """Who refuses what the other takes, in words that are matched; why; and how many settings it concerns."""

    refuses: str
    words: str
    why: str
    settings: dict[str, int]


MOST, CLASSIC = "3.9.2", "2.6.0"
EXPLAINED = (
    Row("we", r"cannot be negative", "a time, size or number below 0 means nothing", {MOST: 51, CLASSIC: 34}),
    Row(
        "we",
        r"is 1 or more, or -1 for no limit",
        "everything would be deleted at once",
        {MOST: 4, CLASSIC: 4},
    ),
    Row("we", r"is from 0 to 100", "it is a percentage", {MOST: 1, CLASSIC: 1}),
    Row("we", r"\.replication\.factor is at least 1$", "no topic could be made", {MOST: 1, CLASSIC: 1}),
    Row("we", r"asks for more replicas than there are", "no topic could be made", {MOST: 3, CLASSIC: 3}),
    Row("we", r"so acks=all could never be given", "nobody could write", {MOST: 2, CLASSIC: 2}),
    Row(
        "we",
        r"so the largest batch could not pass",
        "replication would crawl, or stop",
        {MOST: 2, CLASSIC: 2},
    ),
    Row("we", r"largest batch would fit no segment", "the batch would be refused", {MOST: 2, CLASSIC: 2}),
    Row("we", r"ZooKeeper grants sessions of", "ZooKeeper would change it", {MOST: 1, CLASSIC: 1}),
    Row("we", r"so no consumer could join", "every group would be refused", {MOST: 2, CLASSIC: 2}),
    Row("we", r"is below log\.cleaner\.min\.compaction", "it could not be kept", {MOST: 1, CLASSIC: 1}),
    Row("we", r"belongs to a cluster without ZooKeeper", "nothing would read it", {MOST: 35, CLASSIC: 1}),
    Row("we", r"quorum\..* may not be empty", "nothing would read it", {MOST: 2, CLASSIC: 0}),
    Row(
        "we",
        r"does not have this setting yet",
        "Kafka takes any name, and reads none that it does not know",
        {MOST: 0, CLASSIC: 3},
    ),
    Row("we", r"the checks and the proof must know", "a variable says it", {MOST: 0, CLASSIC: 1}),
    Row("we", r"a port is a number from 1 to 65535", "clients could not be told", {MOST: 1, CLASSIC: 1}),
    Row("we", r"made of capitals, digits", "its settings could not be named", {MOST: 1, CLASSIC: 1}),
    Row(
        "we",
        r"is one of INFO, DEBUG, TRACE",
        "the broker would stop when it begins to measure",
        {MOST: 1, CLASSIC: 1},
    ),
    Row(
        "Kafka",
        r"could not be found|^ClassNotFound",
        "which classes a release has, its jars know",
        {MOST: 9, CLASSIC: 10},
    ),
    Row(
        "Kafka",
        r"must implement KafkaPrincipalSerde",
        "what a class can do, its jar knows",
        {MOST: 1, CLASSIC: 0},
    ),
)


@dataclass(frozen=True)
class Judged:
    """One configuration, what we say of it, and what Kafka says; empty where it is taken."""

    configuration: Configuration
    ours: list[Finding]
    kafkas: str


@pytest.fixture(params=[MOST, CLASSIC], scope="module")
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def judged(version: str, release_of: ReleaseOf, tmp_path_factory: pytest.TempPathFactory) -> list[Judged]:
    """Every configuration, judged twice; Kafka's part in one process."""
    drawn = generated_settings.configurations(version)
    ours, texts = [], []
    for one in drawn:
        groups, hosts = together(
            everywhere={"kafka_version": version, **one.variables, "kafka_properties": one.properties}
        )
        ours.append(findings.errors(inventory_rules.check(groups, hosts)))
        # The last broker's, whose id is the highest.
        texts.append(
            properties.render(kafka_settings.broker_settings(hosts["n3"], "192.0.2.1:2181"))
            if hosts["n3"]["kafka_listeners"]
            else "zookeeper.connect=192.0.2.1\nlisteners=\n"
        )
    libraries = release_of("kafka", version) / "libs" / "*"
    answers = kafkas_answers(libraries, texts, tmp_path_factory.mktemp("judge"))
    return [Judged(*row) for row in zip(drawn, ours, answers, strict=True)]


def kafkas_answers(libraries: Path, texts: list[str], folder: Path) -> list[str]:
    """What Kafka says of each server.properties, all in one process; empty where it takes it."""
    source = folder / "Judge.java"
    source.write_text(HARNESS)
    run = subprocess.run(
        ["java", "-cp", str(libraries), str(source)],
        input="".join(base64.b64encode(text.encode("latin-1")).decode() + "\n" for text in texts),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return ["" if line == "taken" else line for line in run.stdout.splitlines()]


def test_enough_is_judged_on_both_sides(judged: list[Judged], version: str) -> None:
    alike = [one for one in judged if bool(one.ours) == bool(one.kafkas)]
    print(f"\n{version}: {len(judged)} configurations, {len(alike)} judged alike")
    assert len(judged) >= 2000
    assert sum(not one.ours for one in alike) >= 500
    assert sum(bool(one.ours) for one in alike) >= 500


def test_every_disagreement_is_explained_and_every_explanation_needed(
    judged: list[Judged], version: str
) -> None:
    seen: dict[str, set[str]] = defaultdict(set)
    unexplained = []
    for one in judged:
        if bool(one.ours) == bool(one.kafkas):
            continue
        who = "we" if one.ours else "Kafka"
        said = (
            [(_setting(finding.variable), finding.rule) for finding in one.ours]
            if one.ours
            else [(_named(one), one.kafkas)]
        )
        for setting, words in said:
            rows = [row for row in EXPLAINED if row.refuses == who and re.search(row.words, words)]
            if len(rows) == 1:
                seen[rows[0].words].add(setting)
            else:
                unexplained.append(f"{who} refuse {one.configuration}: {words} ({len(rows)} rows)")
    assert not unexplained, "\n".join(unexplained[:20])
    counted = {row.words: row.settings[version] for row in EXPLAINED}
    assert {words: len(seen[words]) for words in counted} == counted, dict(seen)


def _setting(variable: str) -> str:
    """The setting that a finding blames, by whichever name it is written."""
    within = re.fullmatch(r"kafka_properties\[(.+)\]", variable)
    named = {kafka_settings.variable(name): name for name in kafka_settings.NAMED}
    return within[1] if within else named.get(variable, variable)


def _named(one: Judged) -> str:
    """The setting that Kafka's words name, or whose value they name."""
    given = one.configuration.properties
    by_name = [name for name in given if name in one.kafkas]
    by_value = [name for name, value in given.items() if value and value in one.kafkas]
    return (by_name or by_value)[0]


def test_kafka_takes_the_files_that_people_have(version: str, release_of: ReleaseOf, tmp_path: Path) -> None:
    """What tests/unit holds to have no finding has none for Kafka either."""
    texts = [
        path.read_text(encoding="utf-8")
        for path in server_properties.FILES
        # What a provider fills in is on the host that has it.
        if server_properties.version(path) == version and "config.providers" not in path.read_text()
    ]
    assert len(texts) >= 7
    answers = kafkas_answers(release_of("kafka", version) / "libs" / "*", texts, tmp_path)
    assert answers == [""] * len(texts)


def test_the_page_tells_every_reason() -> None:
    page = " ".join((ROOT / "docs" / "preflight.md").read_text(encoding="utf-8").split())
    assert [row.why for row in EXPLAINED if row.why not in page] == []
