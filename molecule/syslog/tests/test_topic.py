"""The broker has the topic that the ingest asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import lines
from ansible_collections.barevm.kafka.plugins.module_utils import syslog_topic
from testinfra.host import Host

testinfra_hosts = ["ansible://syslog1"]


def test_the_topic_is_as_asked(host: Host) -> None:
    shown = host.check_output(
        "kafka-topics.sh --bootstrap-server %s --describe --topic %s", lines.BROKER, lines.TOPIC
    )
    assert "PartitionCount: 6" in shown
    assert "min.insync.replicas=1" in shown
    assert "message.timestamp.type=LogAppendTime" in shown, "a sender's clock would say what Kafka deletes"


def test_two_hosts_may_make_the_topic_at_once(host: Host) -> None:
    asked = {
        **{"bootstrap_servers": [lines.BROKER], "client_properties": {}, "timeout_s": 30.0},
        **{"topic": "made-twice", "partitions": 1, "replication_factor": 1, "min_insync_replicas": 1},
    }
    with ThreadPoolExecutor(2) as hosts:
        made = [hosts.submit(syslog_topic.make, asked, False) for _ in range(2)]
        assert [one.result()[1] for one in made] == [[], []]
    host.check_output("kafka-topics.sh --bootstrap-server %s --delete --topic made-twice", lines.BROKER)
