"""Records that brokers must read and write again: each codec, under the unit's sandbox."""

from __future__ import annotations

import cluster_client
import pytest
from testinfra.host import Host

testinfra_hosts = ["cluster1"]
BOOTSTRAP = "192.168.21.20:19092,192.168.21.21:19092,192.168.21.22:19092"
FOLDERS = ("/var/lib/kafka/a", "/var/lib/kafka/b")


@pytest.mark.parametrize(
    ("sent", "kept"), [("gzip", "snappy"), ("snappy", "lz4"), ("lz4", "zstd"), ("zstd", "gzip")]
)
def test_broker_recompresses(host: Host, sent: str, kept: str) -> None:
    # Decompressing and compressing load native libraries, which the broker unpacks and maps executable.
    records = [b"record %d " % number * 20 for number in range(50)]
    with cluster_client.topic(BOOTSTRAP, 3, 3, {"compression.type": kept}) as name:
        for partition in range(3):
            cluster_client.produce(BOOTSTRAP, name, partition, records, compression=sent)
            assert cluster_client.consume(BOOTSTRAP, name, partition, len(records)) == records
        found = host.check_output("find %s %s -path '*/%s-0/*.log'", *FOLDERS, name)
        dumped = host.check_output("kafka-dump-log.sh --files %s", found)
        assert f"compresscodec: {kept}" in dumped
        assert f"compresscodec: {sent}" not in dumped
