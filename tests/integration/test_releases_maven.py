"""Releases assembled by mvn: their tools run, honour their environment, and find a running cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import releases_cache, releases_maven
from ansible_collections.barevm.kafka.plugins.module_utils.releases import Release, ReleaseError
from ansible_collections.barevm.kafka.plugins.module_utils.releases_launchers import KAFKA_TOOLS

from tests.integration.cluster import Kafka, ZooKeeper

ReleaseOf = Callable[..., Path]


def run(*command: object, status: int = 0, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def bootstrap(kafka: Kafka) -> str:
    return f"127.0.0.1:{kafka.ports[1][0]}"


@pytest.fixture(scope="session")
def tools(release_of: ReleaseOf) -> Path:
    return release_of("kafka", "3.9.2") / "bin"


def test_newest_zookeeper_line_has_all_tools(tools: Path) -> None:
    gone = {"kafka-preferred-replica-election"}  # removed in 3.0; kafka-leader-election took its place
    assert {path.stem for path in tools.iterdir()} == set(KAFKA_TOOLS) - gone | {"kafka-run-class"}


def test_old_release_has_the_tools_that_its_classes_make(release_of: ReleaseOf) -> None:
    names = {path.stem for path in (release_of("kafka", "2.6.0") / "bin").iterdir()}
    assert {
        "kafka-topics",
        "kafka-configs",
        "kafka-preferred-replica-election",
        "kafka-server-start",
    } <= names
    assert not {"kafka-storage", "kafka-metadata-quorum", "kafka-cluster"} & names


@pytest.mark.parametrize("version", ["3.9.2", "2.6.0"])
def test_one_logging_binding_and_no_log4j_1(release_of: ReleaseOf, version: str) -> None:
    jars = [path.name for path in (release_of("kafka", version) / "libs").iterdir()]
    assert [name for name in jars if name.startswith(("log4j-1", "slf4j-log4j12"))] == []
    assert len([name for name in jars if name.startswith("slf4j-reload4j")]) == 1


def test_topics_are_described_through_a_link(kafka: Kafka, tools: Path, tmp_path: Path) -> None:
    link = tmp_path / "kafka-topics.sh"
    link.symlink_to(tools / "kafka-topics.sh")
    run(link, "--bootstrap-server", bootstrap(kafka), "--create", "--topic", "launched", "--partitions", "1")
    said = run(link, "--bootstrap-server", bootstrap(kafka), "--describe", "--topic", "launched")
    assert "Topic: launched" in said
    assert "log4j" not in said


def test_zookeeper_tools_answer(
    zookeeper: ZooKeeper, kafka: Kafka, tools: Path, release_of: ReleaseOf
) -> None:
    shell = run(tools / "zookeeper-shell.sh", zookeeper.hosts, "ls", "/kafka/brokers/ids")
    assert "[1, 2, 3]" in shell
    client = release_of("zookeeper", "3.9.5") / "bin/zkCli.sh"
    assert "[1, 2, 3]" in run(client, "-server", zookeeper.hosts, "ls", "/kafka/brokers/ids")


@pytest.fixture(scope="session")
def java_arguments(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """``java_arguments(tool, …, VARIABLE=…)`` is what a launcher starts java with."""
    home = tmp_path_factory.mktemp("java")
    (home / "bin").mkdir()
    (home / "bin/java").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (home / "bin/java").chmod(0o755)

    def answer(tool: Path, *words: str, **environment: str) -> list[str]:
        return run(tool, *words, JAVA_HOME=str(home), **environment).splitlines()

    return answer


def test_kafka_environment_is_honoured(tools: Path, java_arguments: Callable[..., list[str]]) -> None:
    words = java_arguments(
        tools / "kafka-topics.sh",
        "--list it",
        KAFKA_HEAP_OPTS="-Xms1m -Xmx2m",
        KAFKA_JVM_PERFORMANCE_OPTS="-XX:+UseSerialGC",
        KAFKA_GC_LOG_OPTS="-Xlog:gc",
        KAFKA_LOG4J_OPTS="-Dlog4j.configuration=file:/x",
        KAFKA_JMX_OPTS="-Dcom.sun.management.jmxremote.ssl=true",
        JMX_PORT="9999",
        KAFKA_OPTS="-javaagent:/agent.jar",
        LOG_DIR="/var/log/kafka",
        CLASSPATH="/extra.jar",
    )
    port = "-Dcom.sun.management.jmxremote"
    assert words == [
        *("-Xms1m", "-Xmx2m", "-XX:+UseSerialGC", "-Xlog:gc", "-Dcom.sun.management.jmxremote.ssl=true"),
        *(f"{port}.port=9999", f"{port}.rmi.port=9999", "-Dkafka.logs.dir=/var/log/kafka"),
        *(
            "-Dlog4j.configuration=file:/x",
            "-cp",
            f"/extra.jar:{tools.parent}/libs/*",
            "-javaagent:/agent.jar",
        ),
        *("org.apache.kafka.tools.TopicCommand", "--list it"),
    ]


def test_jmx_without_a_password_stays_on_loopback(
    tools: Path, java_arguments: Callable[..., list[str]]
) -> None:
    words = java_arguments(tools / "kafka-topics.sh", JMX_PORT="9999")
    assert "-Dcom.sun.management.jmxremote.host=127.0.0.1" in words
    assert not [word for word in java_arguments(tools / "kafka-topics.sh") if "jmxremote" in word]


def test_server_has_its_own_heap_and_logging(tools: Path, java_arguments: Callable[..., list[str]]) -> None:
    words = java_arguments(tools / "kafka-server-start.sh", "/etc/kafka/server.properties")
    assert {"-Xms1G", "-Xmx1G", f"-Dlog4j.configuration=file:{tools.parent}/config/log4j.properties"} <= set(
        words
    )
    assert words[-2:] == ["kafka.Kafka", "/etc/kafka/server.properties"]


def test_zookeeper_environment_is_honoured(
    release_of: ReleaseOf, java_arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    base = release_of("zookeeper", "3.9.5")
    (tmp_path / "java.env").write_text("SERVER_JVMFLAGS=-Dfrom=file\n")
    words = java_arguments(
        base / "bin/zkServer.sh",
        "start-foreground",
        ZOOCFGDIR=str(tmp_path),
        ZOO_LOG_DIR="/logs",
        ZK_SERVER_HEAP="64",
        JVMFLAGS="-Dboth=1",
    )
    assert words == [
        *(
            "-Xmx64m",
            "-Dzookeeper.log.dir=/logs",
            "-Dfrom=file",
            "-Dboth=1",
            "-cp",
            f"{tmp_path}:{base}/lib/*",
        ),
        *("org.apache.zookeeper.server.quorum.QuorumPeerMain", f"{tmp_path}/zoo.cfg"),
    ]


def test_launchers_say_what_they_do_not_do(tools: Path, release_of: ReleaseOf) -> None:
    assert "systemd unit" in run(tools / "kafka-server-start.sh", "-daemon", "x", status=64)
    assert "Usage" in run(release_of("zookeeper", "3.9.5") / "bin/zkServer.sh", "start", status=64)


def test_unknown_version_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError) as caught:
        releases_cache.fetch(Release("zookeeper", "3.9.99"), tmp_path / "cache", print)
    assert caught.value.finding.variable == "zookeeper_version"
    assert "3.9.99" in caught.value.finding.rule
    assert [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"] == []


def test_without_the_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ReleaseError, match="apt install maven"):
        releases_cache.probe(Release("kafka", "3.9.2", "2.13"), tmp_path)


def test_recipe_depends_on_what_is_assembled() -> None:
    recipes = {
        releases_maven.recipe(Release("kafka", version, scala))
        for version, scala in (("3.9.2", "2.13"), ("3.9.1", "2.13"), ("2.6.0", "2.12"))
    }
    assert len(recipes) == 3
