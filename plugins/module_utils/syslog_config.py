"""rsyslog's configuration of the ingest: inputs, queue and Kafka's client, from the role's variables.

The choices that are not variables were measured with rsyslog 8.2302 and librdkafka 2.0.2
(docs/syslog_ingest.md has the figures); the reason for each stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Variables = Mapping[str, Any]

ACTION = "kafka"
"""The action's name, and that of its counters: `kafka`, `kafka queue`, `kafka queue[DA]`."""
RULESET = "syslog_ingest"
RESUME_INTERVAL_S = 1
# Enough for what a living Kafka has in flight; what is left goes to the file of failed messages. Where Kafka
# is away, all of it is time in which nobody listens.
CLOSE_TIMEOUT_MS = 200
# A worker that tries to resume asks Kafka for up to 1 s, sleeps, and waits for the other of the two (memory,
# disk), up to 9 s on a busy machine. One that is not done by then is cancelled inside librdkafka, whose lock
# it keeps: the stop then hangs until systemd kills it, and the queue's last lines are lost.
ACTION_COMPLETION_MS = 60_000
FAILED_FILE = "failed-messages"

OWNED = {
    "acks": "",
    "bootstrap.servers": "syslog_ingest_listener",
    "metadata.broker.list": "syslog_ingest_listener",
    "message.timeout.ms": "syslog_ingest_message_timeout_ms",
    "delivery.timeout.ms": "syslog_ingest_message_timeout_ms",
    "queue.buffering.max.messages": "syslog_ingest_client_queue_messages",
    "request.required.acks": "",
    "topic.metadata.refresh.interval.ms": "",
    # omkafka begins no transaction, so no record would ever be taken.
    "transactional.id": "",
}
"""Client properties that are the role's, with the variable that sets them, where there is one."""


def client_properties(variables: Variables) -> dict[str, str]:
    """The librdkafka properties of rsyslog's client, without the brokers."""
    return {**own_properties(variables), **given_properties(variables)}


def own_properties(variables: Variables) -> dict[str, str]:
    """Those of them that are the role's, none of which is a secret."""
    return {
        "acks": "all",
        "message.timeout.ms": str(variables["syslog_ingest_message_timeout_ms"]),
        "queue.buffering.max.messages": str(variables["syslog_ingest_client_queue_messages"]),
        # A linger of some milliseconds makes batches.
        "queue.buffering.max.ms": "5",
    }


def given_properties(variables: Variables) -> dict[str, str]:
    """Those that the inventory gives."""
    return {str(name): text(value) for name, value in variables["syslog_ingest_client_properties"].items()}


def environment(variables: Variables) -> dict[str, str]:
    """The inventory's client properties as environment variables: the configuration holds no secret."""
    return {_environment_name(name): value for name, value in given_properties(variables).items()}


def config(variables: Variables, brokers: Sequence[str]) -> str:
    """rsyslog's whole configuration; ``brokers`` as host:port."""
    spool = variables["syslog_ingest_queue_dir"]
    stats = variables["syslog_ingest_stats_file"]
    given = variables["syslog_ingest_client_properties"]
    properties = [
        # The value comes from the environment.
        f"`echo {name}=${_environment_name(name)}`" if name in given else _quoted(f"{name}={value}")
        for name, value in client_properties(variables).items()
    ]
    parts = [
        _call(
            "global",
            workDirectory=spool,
            maxMessageSize=variables["syslog_ingest_max_message_bytes"],
            # Else the first line of each sender that goes to the disk waits for the sender's name: 10 s where
            # no name server answers, while what comes in fills the memory and is dropped.
            **{"net.enableDNS": "off"},
        ),
        _call(
            "module",
            load="impstats",
            interval=variables["syslog_ingest_stats_interval_s"],
            format="json",
            resetCounters="off",
            ruleset="stats",
        ),
        *_inputs(variables),
        _call("module", load="omkafka"),
        _call(
            "template", name="record", type="string", string=_template(variables["syslog_ingest_template"])
        ),
        _call(
            "template",
            name="stats",
            type="string",
            string='{"at":"%timegenerated:::date-rfc3339%","stats":%msg%}\\n',
        ),
    ]
    if variables["syslog_ingest_key"] != "none":
        key = f"%{variables['syslog_ingest_key']}%"
        parts.append(_call("template", name="key", type="string", string=key))
    parts += [
        _ruleset(
            "stats",
            {"queue.type": "LinkedList", "queue.size": 2000},
            _call(
                "action",
                type="omfile",
                name="stats",
                file=stats,
                template="stats",
                fileCreateMode="0644",
                **{
                    "rotation.sizeLimit": variables["syslog_ingest_stats_max_mb"] * 2**20,
                    # rsyslog hands over all after the first blank as one argument, which env -S takes apart.
                    "rotation.sizeLimitCommand": f"/usr/bin/env -Smv -f {stats} {stats}.1",
                },
            ),
        ),
        _ruleset(RULESET, _parse_queue(variables), _action(variables, brokers, properties)),
        *_listening(variables),
    ]
    return "\n".join(parts) + "\n"


def _inputs(variables: Variables) -> list[str]:
    found = []
    if variables["syslog_ingest_udp_port"]:
        found.append(
            _call("module", load="imudp", threads=variables["syslog_ingest_udp_threads"], batchSize=128)
        )
    if variables["syslog_ingest_tcp_port"]:
        found.append(_call("module", load="imtcp", maxSessions=1000))
    return found


def _listening(variables: Variables) -> list[str]:
    found = []
    if variables["syslog_ingest_udp_port"]:
        buffer = variables["syslog_ingest_receive_buffer_bytes"]
        found.append(
            _call(
                "input",
                type="imudp",
                port=variables["syslog_ingest_udp_port"],
                ruleset=RULESET,
                **({"rcvbufSize": buffer} if buffer else {}),
            )
        )
    if variables["syslog_ingest_tcp_port"]:
        found.append(_call("input", type="imtcp", port=variables["syslog_ingest_tcp_port"], ruleset=RULESET))
    return found


def _parse_queue(variables: Variables) -> dict[str, Any]:
    """The queue before the ruleset, in memory alone: what takes datagrams must not wait for a disk."""
    return {
        "queue.type": "LinkedList",
        "queue.size": variables["syslog_ingest_queue_messages"],
        "queue.workerThreads": variables["syslog_ingest_worker_threads"],
        "queue.workerThreadMinimumMessages": 1000,
        "queue.timeoutShutdown": 5000,
        # What does not fit is dropped at once and counted: an input that waits would drop it uncounted.
        "queue.timeoutEnqueue": 0,
    }


def _action(variables: Variables, brokers: Sequence[str], properties: Iterable[str]) -> str:
    memory = variables["syslog_ingest_queue_memory_messages"]
    key = {} if variables["syslog_ingest_key"] == "none" else {"key": "key", "dynaKey": "on"}
    return _call(
        "action",
        type="omkafka",
        name=ACTION,
        statsName=ACTION,
        template="record",
        topic=variables["syslog_ingest_topic"],
        **key,
        broker=[_quoted(one) for one in brokers],
        **{"partitions.auto": "on"},
        confParam=list(properties),
        resubmitOnFailure="on",
        keepFailedMessages="on",
        failedMsgFile=f"{variables['syslog_ingest_queue_dir']}/{FAILED_FILE}",
        closeTimeout=CLOSE_TIMEOUT_MS,
        **{
            "action.resumeRetryCount": -1,
            "action.resumeInterval": RESUME_INTERVAL_S,
            "action.reportSuspension": "on",
            # A queue of the action's own: one before the ruleset loses the line that a worker is retrying
            # when rsyslog stops, since the ruleset takes it for done.
            "queue.type": "LinkedList",
            "queue.filename": ACTION,
            "queue.spoolDirectory": variables["syslog_ingest_queue_dir"],
            # What comes faster than the disk takes it waits here, and a stop writes it. With timeoutEnqueue
            # it would wait before the ruleset, where a stop may lose it uncounted.
            "queue.size": memory + variables["syslog_ingest_queue_messages"],
            "queue.highWatermark": memory,
            "queue.lowWatermark": max(1, memory // 5),
            # Never by severity.
            "queue.discardSeverity": 8,
            "queue.maxFileSize": "16m",
            "queue.maxDiskSpace": f"{variables['syslog_ingest_queue_max_disk_mb']}m",
            "queue.checkpointInterval": 100,
            "queue.saveOnShutdown": "on",
            # omkafka works behind one lock, so a second worker only adds duplicates.
            "queue.workerThreads": 1,
            "queue.dequeueBatchSize": 1024,
            "queue.timeoutEnqueue": 0,
            "queue.timeoutActionCompletion": ACTION_COMPLETION_MS,
        },
    )


def _ruleset(name: str, queue: Mapping[str, Any], body: str) -> str:
    lines = "\n".join(f"  {line}" for line in body.splitlines())
    return f"{_call('ruleset', name=name, **queue)} {{\n{lines}\n}}"


def _call(what: str, **arguments: Any) -> str:
    """One RainerScript object, an argument a line where there are many."""
    pairs = [f"{name}={_value(value)}" for name, value in arguments.items()]
    if len(pairs) <= 3:
        return f"{what}({' '.join(pairs)})"
    return f"{what}(\n  " + "\n  ".join(pairs) + "\n)"


def _value(value: Any) -> str:
    return f"[{', '.join(value)}]" if isinstance(value, list) else _quoted(text(value))


def _quoted(string: str) -> str:
    r"""A string constant: a quote and a dollar sign are escaped, \n is left for a template to read."""
    return '"' + string.replace('"', '\\"').replace("$", "\\$") + '"'


def _template(string: str) -> str:
    return string.replace("\\", "\\\\") + "\\n"


def text(value: Any) -> str:
    """A value as librdkafka and rsyslog read it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _environment_name(name: str) -> str:
    return "KAFKA_" + "".join(char if char.isalnum() else "_" for char in str(name)).upper()
