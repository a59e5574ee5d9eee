#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: syslog_proof
short_description: Prove a syslog ingest by lines that come back out of Kafka
version_added: 0.1.0
description:
  - Sends one numbered line over UDP and one over TCP, as any sender would, and reads the topic from its end
    until both are there. A line that does not come back is sent again, three times in all.
  - A probe is no change, so this never reports one.
  - Runs on the controller, or on a probe host, and needs the Python library confluent-kafka there.
extends_documentation_fragment:
  - barevm.kafka.connection.topic
options:
  address:
    description: Where to send the lines.
    type: str
    required: true
  udp_port:
    description: The UDP port. 0 for none.
    type: int
    default: 514
  tcp_port:
    description: The TCP port. 0 for none.
    type: int
    default: 514
attributes:
  check_mode:
    support: full
    description: Sends nothing.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Prove that a line comes back out of Kafka
  barevm.kafka.syslog_proof:
    bootstrap_servers: ["192.0.2.21:9092"]
    topic: syslog
    address: 192.0.2.31
  delegate_to: localhost
  become: false
"""

RETURN = r"""
lines:
  description: Each line that came back.
  returned: success
  type: list
  elements: dict
  contains:
    protocol:
      description: C(udp) or C(tcp).
      type: str
    partition:
      description: Where it was read.
      type: int
    offset:
      description: Its offset.
      type: int
    tries:
      description: How often it was sent.
      type: int
    elapsed_ms:
      description: From the first sending to reading, in milliseconds.
      type: int
"""

import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.barevm.kafka.plugins.module_utils import syslog_proof, syslog_topic

try:
    import confluent_kafka  # noqa: F401  the logic imports it where it is used
except ImportError:
    MISSING = traceback.format_exc()
else:
    MISSING = ""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **syslog_topic.SPEC,
            "address": {"type": "str", "required": True},
            "udp_port": {"type": "int", "default": 514},
            "tcp_port": {"type": "int", "default": 514},
        },
        supports_check_mode=True,
    )
    if MISSING:
        module.fail_json(msg=missing_required_lib("confluent-kafka"), exception=MISSING)
    if module.check_mode:
        module.exit_json(changed=False, lines=[])
    try:
        lines = syslog_proof.prove(module.params)
    except syslog_proof.Unproven as error:
        module.fail_json(msg=f"Not proven: {error}.")
    module.exit_json(changed=False, lines=lines)


if __name__ == "__main__":
    main()
