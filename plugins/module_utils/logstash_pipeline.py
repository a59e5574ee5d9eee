"""The syslog ingest as a pipeline of Logstash, from the same variables.

Sources: Logstash's reference, pages of the plugins udp, tcp and kafka (output), and "JVM settings".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Variables = Mapping[str, Any]

# librdkafka's names of what Kafka's Java client, which Logstash uses, calls otherwise; the rest of the client
# properties have no counterpart in the plugin and are left out, named in the file.
OPTIONS = {
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.mechanisms": "sasl_mechanism",
    "compression.type": "compression_type",
    "compression.codec": "compression_type",
    "client.id": "client_id",
}
LEAST_HEAP_MB = 256


def pipeline(variables: Variables, brokers: Sequence[str]) -> str:
    """The pipeline's text: inputs, and an output that waits for all in-sync replicas."""
    parts = ["input {"]
    if variables["syslog_ingest_udp_port"]:
        settings: dict[str, Any] = {
            "port": variables["syslog_ingest_udp_port"],
            "workers": variables["syslog_ingest_udp_threads"],
            # Datagrams that wait for a worker, in the heap.
            "queue_size": variables["syslog_ingest_queue_messages"],
            "buffer_size": variables["syslog_ingest_max_message_bytes"],
        }
        if variables["syslog_ingest_receive_buffer_bytes"]:
            settings["receive_buffer_bytes"] = variables["syslog_ingest_receive_buffer_bytes"]
        parts += _plugin("udp", settings)
    if variables["syslog_ingest_tcp_port"]:
        parts += _plugin("tcp", {"port": variables["syslog_ingest_tcp_port"]})
    parts += ["}", "output {"]
    given = variables["syslog_ingest_client_properties"]
    settings = {
        "bootstrap_servers": ",".join(brokers),
        "topic_id": variables["syslog_ingest_topic"],
        "acks": "all",
        "linger_ms": 5,
        **{OPTIONS[name]: value for name, value in given.items() if name in OPTIONS},
    }
    if variables["syslog_ingest_key"] != "none":
        settings["message_key"] = "%{[host][ip]}"
    # The line alone, as rsyslog sends it by default.
    body = [*_plugin("kafka", settings)]
    body.insert(-1, '    codec => plain { format => "%{message}" }')
    left = sorted(name for name in given if name not in OPTIONS)
    if left:
        body.insert(1, f"    # Not carried over, give the plugin's own options for: {', '.join(left)}")
    return "\n".join([*parts, *body, "}"]) + "\n"


def settings(variables: Variables) -> dict[str, Any]:
    """logstash.yml's settings: a queue on the disk, which outlasts outages of Kafka and restarts."""
    return {
        "pipeline.id": "syslog-ingest",
        "pipeline.workers": variables["syslog_ingest_worker_threads"],
        "queue.type": "persisted",
        "queue.max_bytes": f"{variables['syslog_ingest_queue_max_disk_mb']}mb",
    }


def heap_mb(memory_total_mb: int) -> int:
    """MiB of heap on a host of ``memory_total_mb``: half of it."""
    return max(LEAST_HEAP_MB, int(memory_total_mb) // 2)


def problems(text: str) -> list[str]:
    """What is wrong with a pipeline's syntax, as far as that is known without Logstash: a sentence each.

    Strings must end, brackets must match, and a section holds plugins that hold ``name => value``.
    """
    bare = re.sub(r"(?m)#.*$", "", re.sub(r'"[^"\n]*"', '""', text))
    found = ["a string does not end"] if '"' in bare.replace('""', "") else []
    open_: list[str] = []
    for char in bare:
        if char in "{[":
            open_.append(char)
        elif char in "}]" and (not open_ or open_.pop() != {"}": "{", "]": "["}[char]):
            found.append(f"{char} closes nothing")
    if open_:
        found.append(f"{open_[-1]} is not closed")
    return found or list(_odd_lines(bare))


def _odd_lines(bare: str) -> Iterator[str]:
    value = r'("")|-?\d+|true|false|\[("")?(, (""))*\]'
    allowed = (
        r"(input|filter|output) \{",
        r"\w+ \{",
        r"\}",
        rf"\w+ => ({value})",
        rf"\w+ => \w+ \{{ \w+ => ({value}) \}}",
    )
    for number, line in enumerate(bare.splitlines(), 1):
        words = " ".join(line.split())
        if words and not any(re.fullmatch(one, words) for one in allowed):
            yield f"line {number} is neither a section, a plugin nor an option: {words}"


def _plugin(name: str, options: Mapping[str, Any]) -> list[str]:
    return [f"  {name} {{", *(f"    {key} => {_value(value)}" for key, value in options.items()), "  }"]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    # Logstash reads no escapes unless config.support_escapes is set.
    return '"' + str(value).replace('"', "'") + '"'
