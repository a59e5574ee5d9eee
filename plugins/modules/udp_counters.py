#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: udp_counters
short_description: Read every counter that a datagram to rsyslog passes on its host
version_added: 0.1.0
description:
  - Reads the interface's counters, C(/proc/net/softnet_stat), C(/proc/net/snmp) and C(snmp6), the port's
    sockets in C(/proc/net/udp) and C(udp6), their receive buffer (C(ss -m)), and rsyslog's own counters from
    the file that its impstats writes, from lines that are newer than the call.
  - With I(since) it waits until the counters stand still and nothing waits on the host, and tells how many
    records Kafka is to have of what came since.
  - Counters of interface and kernel are of the whole host, whoever else it speaks to. Changes nothing.
options:
  port:
    description: The UDP port of rsyslog's input.
    type: int
    required: true
  address:
    description: >-
      The address that datagrams are sent to, which tells the interface. Empty counts all but loopback.
    type: str
    default: ""
  stats_file:
    description: The file that impstats writes, with JSON objects.
    type: path
    required: true
  queues:
    description: Names of the queues on the way in that file, the one before Kafka last.
    type: list
    elements: str
    required: true
  action:
    description: >-
      The name of the Kafka action's counters in that file. Where it has none, those of all actions are taken.
    type: str
    default: omkafka
  unit:
    description: The service, whose process tells whether its counters began anew.
    type: str
    default: rsyslog.service
  fresh_limit_s:
    description: How long the file may have no new lines. It must be more than the interval of impstats.
    type: float
    default: 30.0
  since:
    description: Counters that this module answered before. With them it waits.
    type: dict
    default: {}
  settle_s:
    description: How long to wait at most, in seconds.
    type: float
    default: 60.0
attributes:
  check_mode:
    support: full
    description: Does the same, for it only reads.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Read the counters
  barevm.kafka.udp_counters:
    port: 514
    stats_file: /var/log/rsyslog-kafka/stats.json
    queues: [ingest]
  become: true
  register: before

- name: Read them again when everything has gone through
  barevm.kafka.udp_counters:
    port: 514
    stats_file: /var/log/rsyslog-kafka/stats.json
    queues: [ingest]
    since: "{{ before.counters }}"
  become: true
"""

RETURN = r"""
counters:
  description: Every counter by its name. Null is "not seen".
  returned: success
  type: dict
settled:
  description: Whether the counters stood still, and nothing waited in the port's buffer or in the queue.
  returned: success
  type: bool
expected:
  description: >-
    How many records Kafka is to have of what entered the queue since. Null where that cannot be told, as
    after a restart of rsyslog.
  returned: with I(since)
  type: int
receive_buffer_bytes:
  description: >-
    The port's receive buffer as the kernel accounts it, which is twice what a program asks for. Null without
    a socket.
  returned: success
  type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.barevm.kafka.plugins.module_utils import udp_counters


def main():
    module = AnsibleModule(
        argument_spec={
            "port": {"type": "int", "required": True},
            "address": {"type": "str", "default": ""},
            "stats_file": {"type": "path", "required": True},
            "queues": {"type": "list", "elements": "str", "required": True},
            "action": {"type": "str", "default": "omkafka"},
            "unit": {"type": "str", "default": "rsyslog.service"},
            "fresh_limit_s": {"type": "float", "default": 30.0},
            "since": {"type": "dict", "default": {}},
            "settle_s": {"type": "float", "default": 60.0},
        },
        supports_check_mode=True,
    )
    asked = module.params
    since = asked["since"]
    try:
        watch = udp_counters.Watch(asked)
        seen, settled = watch.settled(asked["settle_s"]) if since else (watch.now(), True)
        buffer = udp_counters.receive_buffer_bytes(asked["port"])
    except (OSError, KeyError, ValueError) as error:
        module.fail_json(msg=f"The counters of UDP port {asked['port']} could not be read: {error}")
    module.exit_json(
        changed=False,
        counters=seen,
        settled=settled,
        expected=udp_counters.expected(since, seen) if since else None,
        receive_buffer_bytes=buffer,
    )


if __name__ == "__main__":
    main()
