"""A host where all that the inventory asks for is in effect: its variables, and what host_state reads."""

from __future__ import annotations

from typing import Any

VARIABLES: dict[str, Any] = {
    "host_tuning_sysctl": {"net.core.rmem_max": 16777216, "vm.swappiness": 1},
    "host_tuning_transparent_hugepages": "madvise",
    "host_tuning_swap_off": True,
    "host_tuning_enforce": False,
    "zookeeper_limit_nofile": 65536,
    "zookeeper_oom_score_adjust": -500,
    "zookeeper_heap_size": "",
    "kafka_limit_nofile": 100000,
    "kafka_oom_score_adjust": -500,
    "kafka_heap_size": "",
}
KAFKA = {"open_files": 100000, "oom_score_adj": -500, "heap_mb": 750}
ZOOKEEPER = {"open_files": 65536, "oom_score_adj": -500, "heap_mb": 375}
STATE: dict[str, Any] = {
    "sysctls": {"net.core.rmem_max": "16777216", "vm.swappiness": "1"},
    "fixed_settings": [],
    "container": "",
    "transparent_hugepages": "madvise",
    "swaps": [],
    "fstab_swaps": [],
    "swap_units": [],
    "memory_total_mb": 3000,
    "disks": {
        "/var/lib/kafka": {"mount_point": "/", "options": ["rw", "noatime", "lowerdir=/a:/b"]},
        "/var/lib/zookeeper": {"mount_point": "/", "options": ["rw", "noatime", "lowerdir=/a:/b"]},
    },
    "receive_buffers": {},
    "units": {name: {"drop_in_paths": []} for name in ("kafka.service", "zookeeper.service")},
    "files": {"/var/lib/barevm-udp-test/restore": []},
    "processes": {"kafka.service": KAFKA, "zookeeper.service": ZOOKEEPER},
    "pending": {"kafka.service": [], "zookeeper.service": None},
    "time": {"synchronised": True, "max_error_ms": 12.4, "services": {"chrony.service": "active"}},
}
