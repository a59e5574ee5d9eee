"""How much heap a service gets when the inventory does not say.

Kafka wants little heap and much page cache (Kafka documentation, "Hardware and OS"): a quarter of
the RAM between 512 MiB and 6 GiB. ZooKeeper keeps its tree in memory and must never swap
(ZooKeeper administrator's guide, "Things to Avoid"): an eighth between 256 MiB and 2 GiB.
"""

from __future__ import annotations

import re

_RULES = {"kafka": (4, 512, 6144), "zookeeper": (8, 256, 2048)}
_UNITS = {"k": 1 / 1024, "m": 1, "g": 1024}
PATTERN = re.compile(r"(\d+)([kmg])", re.IGNORECASE)


def size(product: str, memory_mb: int, asked: str = "") -> str:
    """The heap as the JVM's -Xms and -Xmx want it (``512m``); ``memory_mb`` is the host's RAM in MiB."""
    if asked:
        return asked
    share, least, most = _RULES[product]
    return f"{max(least, min(most, memory_mb // share))}m"


def megabytes(heap: str) -> int:
    """MiB of a JVM size such as ``6g``; raises ValueError for anything else."""
    match = PATTERN.fullmatch(heap)
    if match is None:
        raise ValueError(f"{heap!r} is not a JVM size such as 512m or 6g")
    return int(int(match.group(1)) * _UNITS[match.group(2).lower()])
