"""The topic that syslog lines go to: made where it is missing, otherwise compared with what is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import connection

REQUEST_S = 10.0
SPEC: dict[str, dict[str, Any]] = {
    "bootstrap_servers": {"type": "list", "elements": "str", "required": True},
    "client_properties": {"type": "dict", "default": {}, "no_log": True},
    "topic": {"type": "str", "required": True},
    "timeout_s": {"type": "float", "default": 30.0},
}
"""The options that say which topic, and how it is reached."""

# omkafka gives each record the time that the sender wrote into its line. Kafka would delete by it: a line of
# a sender whose clock is a month behind would be gone with the next segment.
TIMESTAMPS = ("message.timestamp.type", "LogAppendTime")


class TopicError(Exception):
    """The topic could not be looked at or made, as one sentence with its remedy."""


def client_config(options: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a client of the topic; ``options`` are those of `SPEC`."""
    addresses = dict(enumerate(options["bootstrap_servers"]))
    return connection.client_config(addresses, options["client_properties"], REQUEST_S)


def make(options: Mapping[str, Any], check_mode: bool) -> tuple[bool, list[str]]:
    """Make the topic where it is missing.

    Returns:
        Whether it was, or would be, made, and what an existing one has otherwise than asked.

    Raises:
        TopicError: no broker answered, or the topic was refused.
    """
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import ConfigResource, NewTopic, ResourceType

    name = options["topic"]
    least = str(options["min_insync_replicas"])
    try:
        admin, metadata = connection.admin_client(client_config(options), options["timeout_s"])
        if name not in metadata.topics:
            new = NewTopic(
                name,
                options["partitions"],
                options["replication_factor"],
                config=dict([("min.insync.replicas", least), TIMESTAMPS]),
            )
            if not check_mode:
                admin.create_topics([new], request_timeout=REQUEST_S)[name].result()
            return True, []
        resource = ConfigResource(ResourceType.TOPIC, name)
        config = admin.describe_configs([resource], request_timeout=REQUEST_S)[resource].result()
    except KafkaException as error:
        # Another ingest host's task made it in between.
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False, []
        raise TopicError(
            f"topic {name} could not be looked at or made through {', '.join(options['bootstrap_servers'])}: "
            f"{error.args[0].str()}. Lines wait in the queue; see that brokers run and are reached, and run "
            "this again"
        ) from None
    partitions = metadata.topics[name].partitions
    has = {
        "partitions": len(partitions),
        "replication_factor": min(len(one.replicas) for one in partitions.values()),
        "min_insync_replicas": int(config["min.insync.replicas"].value),
    }
    differs = [
        f"topic {name} has {option} {value}, the inventory asks for {options[option]}: it is left as it is"
        for option, value in has.items()
        if value != options[option]
    ]
    setting, wanted = TIMESTAMPS
    if config[setting].value != wanted:
        differs.append(
            f"topic {name} has {setting} {config[setting].value}, so Kafka keeps each line by its sender's "
            f"clock, and deletes at once what an old one wrote: set it to {wanted}"
        )
    return False, differs
