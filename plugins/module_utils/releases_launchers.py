"""The command-line tools of a release that was assembled from jars, which carry none.

The launchers' text is in ``roles/dist/files/launchers``; here is which tool runs which class.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import NamedTuple

from ansible_collections.barevm.kafka.plugins.module_utils.releases import Release

LAUNCHERS = Path(__file__).absolute().parents[2] / "roles/dist/files/launchers"


class Tool(NamedTuple):
    """A launcher: the classes that may be behind it, newest first; heap and logging unless the user sets
    them; and an argument that comes before the user's."""

    classes: tuple[str, ...]
    heap: str = "-Xmx256M"
    logging: str = "tools-log4j.properties"
    argument: str = ""


def _kafka(scala_class: str, java_class: str = "", heap: str = "-Xmx256M") -> Tool:
    """A tool that moved from Scala to Java at some version; whichever class the release has is run."""
    java_class = java_class or scala_class.rpartition(".")[2]
    return Tool((f"org.apache.kafka.tools.{java_class}", f"kafka.{scala_class}"), heap)


SERVER_LOGGING = "log4j.properties"

KAFKA_TOOLS = {
    "connect-distributed": Tool(
        ("org.apache.kafka.connect.cli.ConnectDistributed",), "-Xms256M -Xmx2G", SERVER_LOGGING
    ),
    "connect-mirror-maker": Tool(
        ("org.apache.kafka.connect.mirror.MirrorMaker",), "-Xms256M -Xmx2G", SERVER_LOGGING
    ),
    "connect-plugin-path": Tool(("org.apache.kafka.tools.ConnectPluginPath",)),
    "connect-standalone": Tool(
        ("org.apache.kafka.connect.cli.ConnectStandalone",), "-Xms256M -Xmx2G", SERVER_LOGGING
    ),
    "kafka-acls": _kafka("admin.AclCommand"),
    "kafka-broker-api-versions": _kafka("admin.BrokerApiVersionsCommand"),
    "kafka-client-metrics": Tool(("org.apache.kafka.tools.ClientMetricsCommand",)),
    "kafka-cluster": _kafka("tools.ClusterTool"),
    "kafka-configs": _kafka("admin.ConfigCommand"),
    "kafka-console-consumer": _kafka("tools.ConsoleConsumer", "consumer.ConsoleConsumer", "-Xmx512M"),
    "kafka-console-producer": _kafka("tools.ConsoleProducer", heap="-Xmx512M"),
    "kafka-consumer-groups": _kafka("admin.ConsumerGroupCommand", "consumer.group.ConsumerGroupCommand"),
    "kafka-consumer-perf-test": _kafka("tools.ConsumerPerformance", heap="-Xmx512M"),
    "kafka-delegation-tokens": _kafka("admin.DelegationTokenCommand"),
    "kafka-delete-records": _kafka("admin.DeleteRecordsCommand"),
    "kafka-dump-log": _kafka("tools.DumpLogSegments"),
    "kafka-e2e-latency": _kafka("tools.EndToEndLatency"),
    "kafka-features": _kafka("admin.FeatureCommand"),
    "kafka-get-offsets": _kafka("tools.GetOffsetShell"),
    "kafka-jmx": _kafka("tools.JmxTool"),
    "kafka-leader-election": _kafka("admin.LeaderElectionCommand"),
    "kafka-log-dirs": _kafka("admin.LogDirsCommand"),
    "kafka-metadata-quorum": _kafka("admin.MetadataQuorumCommand"),
    "kafka-metadata-shell": Tool(("org.apache.kafka.shell.MetadataShell",)),
    "kafka-mirror-maker": _kafka("tools.MirrorMaker"),
    "kafka-preferred-replica-election": _kafka("admin.PreferredReplicaLeaderElectionCommand"),
    "kafka-producer-perf-test": Tool(("org.apache.kafka.tools.ProducerPerformance",), "-Xmx512M"),
    "kafka-reassign-partitions": _kafka(
        "admin.ReassignPartitionsCommand", "reassign.ReassignPartitionsCommand"
    ),
    "kafka-replica-verification": _kafka("tools.ReplicaVerificationTool"),
    "kafka-server-start": Tool(("kafka.Kafka",), "-Xms1G -Xmx1G", SERVER_LOGGING),
    "kafka-storage": _kafka("tools.StorageTool"),
    "kafka-streams-application-reset": _kafka("tools.StreamsResetter", heap="-Xmx512M"),
    "kafka-topics": _kafka("admin.TopicCommand"),
    "kafka-transactions": Tool(("org.apache.kafka.tools.TransactionsCommand",)),
    "kafka-verifiable-consumer": Tool(("org.apache.kafka.tools.VerifiableConsumer",), "-Xmx512M"),
    "kafka-verifiable-producer": Tool(("org.apache.kafka.tools.VerifiableProducer",), "-Xmx512M"),
    "zookeeper-security-migration": Tool(("kafka.admin.ZkSecurityMigrator",)),
    "zookeeper-server-start": Tool(
        ("org.apache.zookeeper.server.quorum.QuorumPeerMain",), "-Xms512M -Xmx512M", SERVER_LOGGING
    ),
    "zookeeper-shell": Tool(
        ("org.apache.zookeeper.ZooKeeperMainWithTlsSupportForKafka",), argument=" -server"
    ),
}

ZOOKEEPER_TOOLS = {
    "zkCleanup": Tool(("org.apache.zookeeper.server.PurgeTxnLog",)),
    "zkCli": Tool(("org.apache.zookeeper.ZooKeeperMain",)),
    "zkSnapShotToolkit": Tool(("org.apache.zookeeper.server.SnapshotFormatter",)),
    "zkTxnLogToolkit": Tool(("org.apache.zookeeper.server.persistence.TxnLogToolkit",)),
}


def texts(product: str) -> str:
    """All text that goes into a product's launchers and samples, for telling whether it has changed."""
    files = sorted(path for path in (LAUNCHERS / product).rglob("*") if path.is_file())
    tools = KAFKA_TOOLS if product == "kafka" else ZOOKEEPER_TOOLS
    return "".join(path.read_text(encoding="utf-8") for path in files) + repr(tools)


def main_classes(jars: Iterable[Path]) -> set[str]:
    """The names of all classes in ``jars``, dotted; raises zipfile.BadZipFile and OSError."""
    names: set[str] = set()
    for jar in jars:
        with zipfile.ZipFile(jar) as content:
            names.update(
                entry[: -len(".class")].replace("/", ".")
                for entry in content.namelist()
                if entry.endswith(".class")
            )
    return names


def add_launchers(release: Release, tree: Path) -> list[str]:
    """Add ``bin`` and the configuration samples to the jars in ``tree``; returns the launchers' names.

    A tool whose class this version does not have gets no launcher.
    """
    shutil.copytree(
        LAUNCHERS / release.product, tree, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.in")
    )
    if release.product == "zookeeper":
        # ZooKeeper logs through logback from 3.8 on (ZOOKEEPER-4427), through log4j before.
        unused = "log4j.properties" if release.version_key() >= (3, 8) else "logback.xml"
        (tree / release.configuration / unused).unlink()
    template = Template((LAUNCHERS / release.product / "tool.sh.in").read_text(encoding="utf-8"))
    classes = main_classes((tree / release.library).glob("*.jar"))
    for name, tool in (KAFKA_TOOLS if release.product == "kafka" else ZOOKEEPER_TOOLS).items():
        class_name = next((one for one in tool.classes if one in classes), None)
        if class_name is None:
            continue
        launcher = tree / "bin" / f"{name}.sh"
        text = template.substitute(
            name=launcher.name,
            class_name=class_name + tool.argument,
            heap=tool.heap,
            logging=tool.logging,
        )
        launcher.write_text(text, encoding="utf-8")
    for launcher in (tree / "bin").iterdir():
        launcher.chmod(0o755)
    return sorted(path.name for path in (tree / "bin").iterdir())
