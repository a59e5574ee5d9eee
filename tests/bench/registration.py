"""How long the registration check takes: three real brokers, and a thousand registrations."""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import registration
from ansible_collections.barevm.kafka.plugins.module_utils.zookeeper import connected, parse_connect

from tests.bench.table import Row
from tests.integration.cluster import Kafka, ZooKeeper
from tests.integration.conftest import release_in_cache

RUNS = 15
THREE_BROKERS_LIMIT_MS = 50.0
THOUSAND_LIMIT_MS = 1000.0


def milliseconds(connect: str, expected: list[dict[str, Any]]) -> float:
    """Median of what it takes to read and compare everything once connected."""
    times = []
    for _ in range(RUNS):
        report = registration.observe(parse_connect(connect), expected, 0, 10)
        if report.findings or report.elapsed_ms is None:
            raise SystemExit(f"{connect}: {report.findings[:3]}")
        times.append(report.elapsed_ms)
    return statistics.median(times)


def thousand(zookeeper: ZooKeeper) -> list[dict[str, Any]]:
    """Write a thousand registrations under /many, as brokers do; returns what to expect."""
    expected = []
    with connected(zookeeper.servers, 10) as client:
        client.ensure_path("/many/brokers/ids")
        client.create("/many/controller", json.dumps({"version": 2, "brokerid": 0}).encode())
        pending = []
        for broker_id in range(1000):
            address = f"broker{broker_id}.example"
            document = {
                "version": 5,
                "endpoints": [f"PLAINTEXT://{address}:9092", f"CLIENT://{address}:9093"],
                "listener_security_protocol_map": {"PLAINTEXT": "PLAINTEXT", "CLIENT": "SASL_SSL"},
                "rack": f"rack{broker_id % 3}",
                "host": address,
                "port": 9092,
                "jmx_port": -1,
                "features": {},
                "timestamp": "0",
            }
            path = f"/many/brokers/ids/{broker_id}"
            pending.append(client.create_async(path, json.dumps(document).encode()))
            listeners = [("PLAINTEXT", "PLAINTEXT", 9092), ("CLIENT", "SASL_SSL", 9093)]
            expected.append(
                {
                    "id": broker_id,
                    "host": address,
                    "rack": document["rack"],
                    "listeners": [
                        {"name": n, "protocol": p, "advertised_address": address, "advertised_port": port}
                        for n, p, port in listeners
                    ],
                }
            )
        for each in pending:
            each.get()
    return expected


def measure() -> list[Row]:
    """Both figures beside their limits."""
    with tempfile.TemporaryDirectory() as scratch:
        zookeeper = ZooKeeper.create(release_in_cache("zookeeper", "3.9.5"), Path(scratch), 3)
        kafka = Kafka(release_in_cache("kafka", "3.9.2"), Path(scratch), zookeeper, "/kafka")
        try:
            kafka.start(1, 2, 3)
            three_ms = milliseconds(kafka.connect, kafka.expected())
            thousand_ms = milliseconds(f"{zookeeper.hosts}/many", thousand(zookeeper))
        finally:
            kafka.stop(hard=True)
            zookeeper.stop()
    module = "broker_registration"
    return [
        Row(f"{module}, three brokers", three_ms, "ms", "limit", THREE_BROKERS_LIMIT_MS, at_most=1),
        Row(f"{module}, 1,000 registered", thousand_ms, "ms", "limit", THOUSAND_LIMIT_MS, at_most=1),
    ]
