"""The refusal probe of a durability test: shows that the cluster refuses what it could not keep.

An idempotent producer tries again for as long as it may, so that a refusal is never seen in its reports.
This one tries once (docs/durability.md).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import durability_files as files
from confluent_kafka import KafkaError, KafkaException, Message, Producer

PERIOD_S = 0.5
PROPERTIES: dict[str, Any] = {
    "acks": "all",
    "enable.idempotence": False,
    "retries": 0,
    "linger.ms": 0,
    "message.timeout.ms": 5_000,
    "request.timeout.ms": 4_000,
}


def topic_of(topic: str) -> str:
    """The probe's topic beside a test's."""
    return f"{topic}-probe"


def probe(
    client: Mapping[str, Any], topic: str, partitions: int, folder: Path, stopping: threading.Event
) -> None:
    """Send two records a second until ``stopping``, and note what came of each; a full disk ends it.

    To each partition in its turn: a fault may concern the leader of some alone.
    """
    producer = Producer({**client, **PROPERTIES})
    note = partial(_note, folder)
    turns = cycle(range(partitions))
    try:
        while not stopping.wait(PERIOD_S):
            # What is refused here never went to a broker.
            with suppress(BufferError, KafkaException):
                producer.produce(topic, b"probe", partition=next(turns), on_delivery=note)
            producer.poll(0)
        producer.flush(PROPERTIES["message.timeout.ms"] / 1000 + 1)
    except OSError:
        return


def _note(folder: Path, error: KafkaError | None, message: Message) -> None:
    what = "" if error is None else error.name()
    files.append(folder / files.PROBE, error=what, partition=message.partition())
