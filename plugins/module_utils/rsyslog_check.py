"""Asks rsyslog and librdkafka of a host whether they take what is about to be written.

Runs on managed hosts, on Python 3.9 and its library.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping

from ansible_collections.barevm.kafka.plugins.module_utils import syslog_config

RSYSLOGD = "/usr/sbin/rsyslogd"
LIBRDKAFKA = "librdkafka.so.1"
CLIENT = "syslog_ingest_client_properties"
# What rsyslog says of any configuration.
NOISE = ("config validation run", "End of config validation")
# Of what it says of a template, which is the inventory's, one of these is in every line.
OF_TEMPLATE = re.compile(r"\b(template|property)\b")
TIME_LIMIT_S = 60
PRODUCER = 0


def config(text: str, state_dir: str, environment: Mapping[str, str]) -> list[str]:
    """What rsyslog finds wrong with a configuration; empty where nothing is.

    ``state_dir``, where the text names it, is replaced by an empty folder: omkafka reads its file of failed
    messages when it is configured, and removes it, also for a run that only validates.

    Raises OSError where rsyslog cannot be run.
    """
    with tempfile.TemporaryDirectory(prefix="rsyslog-check-") as folder:
        path = os.path.join(folder, "rsyslog.conf")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text.replace(state_dir, folder))
        done = subprocess.run(
            [RSYSLOGD, "-N1", "-f", path],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            timeout=TIME_LIMIT_S,
            check=False,
        )
        said = [
            _with_variable(line.replace(path, "rsyslog.conf").replace(folder, state_dir))
            for line in (done.stderr + done.stdout).splitlines()
            if line.strip() and not any(noise in line for noise in NOISE)
        ]
    if not done.returncode:
        return []
    return said or [f"rsyslogd -N1 ended with {done.returncode}"]


def _with_variable(line: str) -> str:
    return f"syslog_ingest_template: {line}" if OF_TEMPLATE.search(line) else line


def client(properties: Mapping[str, str]) -> list[str]:
    """What librdkafka finds wrong with a producer's properties; empty where nothing is. Connects to nobody.

    Raises OSError where the library is not there.
    """
    library = ctypes.CDLL(LIBRDKAFKA)
    library.rd_kafka_conf_new.restype = ctypes.c_void_p
    library.rd_kafka_conf_set.argtypes = [
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_size_t,
    ]
    library.rd_kafka_new.restype = ctypes.c_void_p
    library.rd_kafka_new.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    library.rd_kafka_conf_destroy.argtypes = [ctypes.c_void_p]
    library.rd_kafka_destroy.argtypes = [ctypes.c_void_p]
    reason = ctypes.create_string_buffer(512)
    wanted = library.rd_kafka_conf_new()
    found = []
    for name, value in sorted(properties.items()):
        if library.rd_kafka_conf_set(wanted, name.encode(), value.encode(), reason, len(reason)):
            variable = syslog_config.OWNED.get(name) or f"{CLIENT}[{name}]"
            found.append(f"{variable}: {reason.value.decode(errors='replace')}")
    # A client that was not made leaves the properties to whoever made them.
    made = None if found else library.rd_kafka_new(PRODUCER, wanted, reason, len(reason))
    if made:
        library.rd_kafka_destroy(made)
        return []
    library.rd_kafka_conf_destroy(wanted)
    return found or [f"{CLIENT}: {reason.value.decode(errors='replace')}"]
