"""What librdkafka and rsyslog take, as far as the controller can tell without a host.

Neither refuses what a host may take: its librdkafka or rsyslog may be another version, was built with other
features, and reads files that are on the host alone. What is left is judged there, by `rsyslog_check`.
"""

from __future__ import annotations

import difflib
import logging
import re
from functools import cache

# What librdkafka says of one property by itself. The rest ("Failed to create producer: …", "not supported in
# this build") depends on other properties, on files, or on how it was built.
REFUSES = re.compile(r"No such configuration property|Invalid value|outside allowed range")
# The constructor would load the library into this process.
LOADED = "plugin.library.paths"
# Those that people set; librdkafka does not list its names to Python.
USUAL = (
    "batch.num.messages",
    "batch.size",
    "client.id",
    "compression.codec",
    "compression.level",
    "compression.type",
    "enable.idempotence",
    "linger.ms",
    "message.max.bytes",
    "partitioner",
    "retry.backoff.ms",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "socket.timeout.ms",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.keystore.location",
    "ssl.keystore.password",
)
# rsyslog 8.2302's, and the two that later versions brought: source of 8.2302, "rsyslog Properties" of its
# documentation. Those that begin with another sign than a letter are open, or judged on the host.
PROPERTIES = (
    *("msg", "rawmsg", "rawmsg-after-pri", "syslogtag", "hostname", "source", "inputname", "uuid", "iut"),
    *("fromhost", "fromhost-ip", "fromhost-port", "pri", "pri-text", "jsonmesg", "parsesuccess"),
    *("syslogfacility", "syslogfacility-text", "syslogseverity", "syslogseverity-text"),
    *("syslogpriority", "syslogpriority-text", "timegenerated", "timereceived", "timereported", "timestamp"),
    *("programname", "protocol-version", "structured-data", "app-name", "procid", "msgid"),
)

PROPERTY = re.compile(r"%([^:%]*)([:%]?)(.*)", re.DOTALL)


@cache
def client_property(name: str, value: str) -> tuple[str, str]:
    """What librdkafka has against a property, and the usual name that is nearest; both may be empty.

    Asks the library of this process, and connects to nobody: a client without brokers has none to ask. Says
    nothing where the library is not installed, as on a controller whose probes run elsewhere.
    """
    try:
        from confluent_kafka import KafkaException, Producer
    except ImportError:
        return "", ""
    if name == LOADED:
        return "", ""
    quiet = logging.Logger("librdkafka", logging.CRITICAL + 1)
    try:
        Producer({name: value}, logger=quiet)
    except KafkaException as error:
        said = error.args[0].str().strip()
        if not REFUSES.search(said):
            return "", ""
        near = difflib.get_close_matches(name, USUAL, n=1, cutoff=0.8) if "No such" in said else []
        return said, near[0] if near else ""
    except (AttributeError, TypeError, ValueError):
        # The Python client keeps this name for a function of its own.
        return "", ""
    return "", ""


def template(text: str) -> str:
    """What rsyslog has against a template string; empty where nothing is known.

    A percent sign begins a property, ``%name:from:to:options%``, and the next one ends it (do_Parameter in
    rsyslog's template.c). Only names are judged, and whether they end: not a regular expression, which may
    hold a percent sign.
    """
    rest = text
    while (begun := PROPERTY.search(rest)) is not None:
        name, sign, rest = begun.groups()
        if sign == ":" and rest.startswith(("R", "r")):
            return ""
        if sign == ":":
            _options, sign, rest = rest.partition("%")
        if not sign:
            return f"the property that %{name} begins has no percent sign at its end"
        if not re.match(r"[$!./]", name) and name.lower() not in PROPERTIES:
            near = difflib.get_close_matches(name.lower(), PROPERTIES, n=1, cutoff=0.6)
            return f"rsyslog has no property {name!r}" + (f", the nearest is {near[0]}" if near else "")
    return ""
