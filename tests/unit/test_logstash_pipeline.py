"""The pipeline of Logstash says what rsyslog's configuration says, and its syntax is looked at."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import logstash_pipeline
from test_syslog_config import BROKERS, variables


def pipeline(**given: Any) -> str:
    return logstash_pipeline.pipeline(variables(**given), BROKERS)


def test_the_variables_are_in_the_pipeline() -> None:
    text = pipeline(
        udp_port=5514, udp_threads=3, topic="lines", queue_messages=5000, receive_buffer_bytes=1048576
    )
    for line in (
        "port => 5514",
        "workers => 3",
        "queue_size => 5000",
        "receive_buffer_bytes => 1048576",
        'topic_id => "lines"',
        'acks => "all"',
        'bootstrap_servers => "192.0.2.1:9092,192.0.2.2:9092"',
        'codec => plain { format => "%{message}" }',
    ):
        assert f"    {line}\n" in text


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"udp_port": 0},
        {"tcp_port": 0, "key": "hostname"},
        {"client_properties": {"security.protocol": "SSL", "ssl.ca.location": "/x"}},
    ],
)
def test_what_is_rendered_has_no_problem(given: dict[str, Any]) -> None:
    assert logstash_pipeline.problems(pipeline(**given)) == []


def test_properties_without_a_counterpart_are_named() -> None:
    text = pipeline(client_properties={"security.protocol": "SSL", "ssl.ca.location": "/x"})
    assert 'security_protocol => "SSL"' in text
    assert "# Not carried over, give the plugin's own options for: ssl.ca.location" in text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("input {\n  udp {\n  }\n", "{ is not closed"),
        ("input {\n}\n}\n", "} closes nothing"),
        ('input {\n  udp {\n    a => "x\n  }\n}\n', "a string does not end"),
        ("input {\n  udp {\n    port 514\n  }\n}\n", "line 3 is neither"),
        ("inputs {\n}\n", None),
    ],
)
def test_broken_syntax_is_told(text: str, problem: str | None) -> None:
    found = logstash_pipeline.problems(text)
    # An unknown section reads like a plugin: that is beyond what is looked at.
    assert (problem is None and not found) or (problem or "") in "; ".join(found)


def test_the_heap_is_half_of_the_memory() -> None:
    assert logstash_pipeline.heap_mb(8000) == 4000
    assert logstash_pipeline.heap_mb(300) == logstash_pipeline.LEAST_HEAP_MB


def test_the_queue_is_on_the_disk() -> None:
    found = logstash_pipeline.settings(variables(queue_max_disk_mb=2048))
    assert found["queue.type"] == "persisted"
    assert found["queue.max_bytes"] == "2048mb"
