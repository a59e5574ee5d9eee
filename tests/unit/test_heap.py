"""How much heap a service gets of its host's memory."""

from __future__ import annotations

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import heap


@pytest.mark.parametrize(
    ("product", "memory_mb", "size"),
    [
        ("kafka", 900, "512m"),
        ("kafka", 2048, "512m"),
        ("kafka", 7982, "1995m"),
        ("kafka", 16384, "4096m"),
        ("kafka", 24576, "6144m"),
        ("kafka", 262144, "6144m"),
        ("zookeeper", 900, "256m"),
        ("zookeeper", 8192, "1024m"),
        ("zookeeper", 65536, "2048m"),
    ],
)
def test_the_rule_has_a_share_a_floor_and_a_ceiling(product: str, memory_mb: int, size: str) -> None:
    assert heap.size(product, memory_mb) == size


def test_what_is_asked_for_stands() -> None:
    assert heap.size("kafka", 900, "31g") == "31g"


@pytest.mark.parametrize(("size", "megabytes"), [("512m", 512), ("6g", 6144), ("6G", 6144), ("524288k", 512)])
def test_sizes_in_megabytes(size: str, megabytes: int) -> None:
    assert heap.megabytes(size) == megabytes


@pytest.mark.parametrize("size", ["", "6", "6gb", "1.5g", "-1g", " 6g", "6t"])
def test_what_is_no_size_is_refused(size: str) -> None:
    with pytest.raises(ValueError, match="is not a JVM size such as 512m or 6g"):
        heap.megabytes(size)
