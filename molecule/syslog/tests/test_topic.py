"""The broker has the topic that the ingest asked for."""

from __future__ import annotations

import lines
from testinfra.host import Host

testinfra_hosts = ["ansible://syslog1"]


def test_the_topic_is_as_asked(host: Host) -> None:
    shown = host.check_output(
        "kafka-topics.sh --bootstrap-server %s --describe --topic %s", lines.BROKER, lines.TOPIC
    )
    assert "PartitionCount: 6" in shown
    assert "min.insync.replicas=1" in shown
    assert "message.timestamp.type=LogAppendTime" in shown, "a sender's clock would say what Kafka deletes"
