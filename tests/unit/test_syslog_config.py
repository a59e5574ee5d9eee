"""rsyslog's configuration says what the variables ask, and keeps what was measured to lose nothing."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.barevm.kafka.plugins.module_utils import syslog_config

ROLE = Path(__file__).parents[2] / "roles/syslog_ingest"
BROKERS = ["192.0.2.1:9092", "192.0.2.2:9092"]


def variables(**given: Any) -> dict[str, Any]:
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8"))
    return {**defaults, **{f"syslog_ingest_{name}": value for name, value in given.items()}}


def config(**given: Any) -> str:
    return syslog_config.config(variables(**given), BROKERS)


def action(text: str) -> str:
    found = re.search(r'type="omkafka".*?\n  \)', text, re.DOTALL)
    assert found
    return found[0]


def test_inputs_have_their_ports_threads_and_buffer() -> None:
    text = config(udp_port=5514, tcp_port=6514, udp_threads=4, receive_buffer_bytes=1048576)
    assert 'module(load="imudp" threads="4"' in text
    assert 'type="imudp"\n  port="5514"\n  ruleset="syslog_ingest"\n  rcvbufSize="1048576"' in text
    assert 'input(type="imtcp" port="6514" ruleset="syslog_ingest")' in text


def test_a_port_of_0_is_no_input() -> None:
    assert "imudp" not in config(udp_port=0)
    assert "imtcp" not in config(tcp_port=0)


def test_a_buffer_of_0_is_the_kernels_own() -> None:
    assert "rcvbufSize" not in config(receive_buffer_bytes=0)


def test_counters_are_moved_by_a_command_that_rsyslog_calls_with_one_argument(tmp_path: Path) -> None:
    """All after the first blank is one argument: mv would take it for options, and counting would end."""
    stats = tmp_path / "stats.json"
    stats.write_text("{}\n")
    found = re.search(r'rotation.sizeLimitCommand="([^"]+)"', config(stats_file=str(stats)))
    assert found
    subprocess.run(found[1].split(" ", 1), check=True, timeout=60)
    assert not stats.exists()
    assert (tmp_path / "stats.json.1").read_text() == "{}\n"


def test_no_line_waits_for_the_name_of_its_sender() -> None:
    """With a name server that does not answer, 25,146 of 55,969 lines found the queue full."""
    assert 'net.enableDNS="off"' in config().split("module(")[0]


def test_what_the_disk_is_too_slow_for_waits_in_memory_above_the_mark() -> None:
    assert 'queue.size="2500"' in action(config(queue_memory_messages=500, queue_messages=2000))


def test_every_record_ends_with_a_line_end() -> None:
    """omkafka writes failed messages one after the other, and reads them back by lines."""
    assert 'template(name="record" type="string" string="%rawmsg%\\n")' in config()


def test_the_action_has_a_queue_of_its_own_and_the_ruleset_none_on_disk() -> None:
    """A queue before the ruleset loses the line that a worker retries when rsyslog stops."""
    text = config(queue_dir="/srv/queue", queue_memory_messages=500, queue_max_disk_mb=64)
    body = action(text)
    for wanted in (
        'queue.type="LinkedList"',
        'queue.filename="kafka"',
        'queue.spoolDirectory="/srv/queue"',
        'queue.highWatermark="500"',
        'queue.maxDiskSpace="64m"',
        'queue.saveOnShutdown="on"',
        'resubmitOnFailure="on"',
        'keepFailedMessages="on"',
        'failedMsgFile="/srv/queue/failed-messages"',
        'action.resumeRetryCount="-1"',
    ):
        assert wanted in body
    assert text.count("queue.filename") == 1


def test_a_full_queue_drops_at_once_and_counts_it_whatever_a_lines_severity() -> None:
    """An input that waits for room loses datagrams in the socket instead, or none can tell where."""
    text = config()
    assert text.count('queue.timeoutEnqueue="0"') == 2
    assert 'queue.discardSeverity="8"' in action(text)


def test_workers_have_the_time_to_end_by_themselves() -> None:
    """One that is cancelled within librdkafka keeps its lock, and the stop hangs until systemd kills it."""
    asks_ms, both = 1000, 2
    least = both * (asks_ms + 1000 * syslog_config.RESUME_INTERVAL_S)
    assert 2 * least < syslog_config.ACTION_COMPLETION_MS
    assert f'queue.timeoutActionCompletion="{syslog_config.ACTION_COMPLETION_MS}"' in action(config())


def test_the_client_waits_for_all_replicas_and_holds_as_little_as_asked() -> None:
    body = action(config(message_timeout_ms=5000, client_queue_messages=2000))
    assert '"acks=all"' in body
    assert '"message.timeout.ms=5000"' in body
    assert '"queue.buffering.max.messages=2000"' in body
    assert 'broker=["192.0.2.1:9092", "192.0.2.2:9092"]' in body


def test_no_secret_stands_in_the_configuration() -> None:
    given = {"sasl.password": 'a "$b', "security.protocol": "SASL_SSL", "enable.idempotence": True}
    text = config(client_properties=given)
    assert "$b" not in text
    assert "`echo sasl.password=$KAFKA_SASL_PASSWORD`" in text
    assert syslog_config.environment(variables(client_properties=given)) == {
        "KAFKA_SASL_PASSWORD": 'a "$b',
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_ENABLE_IDEMPOTENCE": "true",
    }


def test_a_property_of_the_inventory_is_given_once() -> None:
    text = config(client_properties={"queue.buffering.max.ms": 50})
    assert text.count("queue.buffering.max.ms") == 1


def test_a_key_is_a_property_of_the_line() -> None:
    assert "dynaKey" not in config()
    keyed = config(key="fromhost-ip")
    assert 'template(name="key" type="string" string="%fromhost-ip%")' in keyed
    assert 'key="key"\n    dynaKey="on"' in keyed


def test_quotes_and_dollars_of_a_template_are_escaped() -> None:
    text = config(template='{"cost":"$5","msg":"%msg:::json%"}')
    assert 'string="{\\"cost\\":\\"\\$5\\",\\"msg\\":\\"%msg:::json%\\"}\\n"' in text


def test_counters_are_json_lines_of_a_bounded_file() -> None:
    text = config(stats_file="/var/log/x/s.json", stats_interval_s=3, stats_max_mb=2)
    assert 'interval="3"' in text
    assert 'resetCounters="off"' in text
    assert 'rotation.sizeLimit="2097152"' in text
    assert "mv -f /var/log/x/s.json /var/log/x/s.json.1" in text
