"""How long the static preflight takes: a whole ansible-playbook over an inventory of 300 brokers."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests import playbooks
from tests.bench.table import Row

BROKERS = 300
SERVERS = 5
RUNS = 3
LIMIT_S = 10.0
PLAY = [
    {
        "name": "Judge the inventory",
        "hosts": "zookeeper:kafka",
        "gather_facts": False,
        "tasks": [{"name": "Judge", "barevm.kafka.preflight_inventory": None, "run_once": True}],
    }
]


def inventory() -> dict[str, Any]:
    """Brokers as a large site has them: racks, two listeners, several disks, settings of their own."""
    brokers = {
        f"kafka{number}": {
            "ansible_host": f"198.18.{number // 250}.{number % 250 + 1}",
            "kafka_broker_id": number,
            "kafka_rack": f"rack{number % 12}",
        }
        for number in range(1, BROKERS + 1)
    }
    servers = {
        f"zookeeper{number}": {"ansible_host": f"198.19.0.{number}", "zookeeper_id": number}
        for number in range(1, SERVERS + 1)
    }
    of_brokers = {
        "kafka_listeners": [
            {"name": "INTERNAL", "protocol": "PLAINTEXT", "port": 9091},
            {
                "name": "CLIENT",
                "protocol": "PLAINTEXT",
                "port": 9092,
                "advertised_address": "{{ inventory_hostname }}.example.com",
            },
        ],
        "kafka_log_dirs": [f"/data/disk{number}/kafka" for number in range(1, 9)],
        "kafka_message_max_bytes": 10485760,
        "kafka_properties": {
            "log.cleaner.threads": 4,
            "log.cleaner.dedupe.buffer.size": 536870912,
            "log.message.timestamp.type": "CreateTime",
            "replica.fetch.response.max.bytes": 20971520,
            "offsets.retention.minutes": 20160,
            "max.connections.per.ip": "{{ 100 * 10 }}",
        },
    }
    return {
        "all": {
            "children": {
                "zookeeper": {"hosts": servers},
                "kafka": {"hosts": brokers, "vars": of_brokers},
            }
        }
    }


def measure() -> list[Row]:
    """Median of whole runs, Ansible's own start included."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(RUNS):
            began = time.monotonic()
            run = playbooks.run(Path(folder), PLAY, inventory())
            times.append(time.monotonic() - began)
            if run.status or len(run.outcomes[0]["hosts"]) != BROKERS + SERVERS:
                raise SystemExit(f"the inventory was refused:\n{run.printed[-2000:]}")
    took_s = statistics.median(times)
    return [Row(f"static preflight of {BROKERS} brokers", took_s, "s", "limit", LIMIT_S, at_most=1)]
