#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: record_roundtrip
short_description: Write a record to a partition led by each broker, through each listener, and read it back
version_added: 0.1.0
description:
  - Uses one topic, C(barevm-verify), with a replication factor of 3 or the number of brokers, and a
    partition that each broker leads. Creates it, extends it and elects its preferred leaders as needed.
  - Records are acknowledged by all in-sync replicas, compared byte by byte, and expire within the hour.
  - A probe is no change, so this never reports one. Reading makes Kafka create C(__consumer_offsets),
    as the first consumer of any cluster does.
  - Runs on the controller, or on a probe host, and needs the Python library confluent-kafka there.
options:
  timeout_s:
    description:
      - How long each of three steps may take, in seconds, before it counts as failed. They are the leaders of
        the topic's partitions, writing, and reading.
    type: float
    default: 10.0
  down:
    description: Hosts whose broker is known not to run. It is not waited for.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Creates and writes nothing, and says only whether a broker answers.
author:
  - barevm.kafka contributors (@barevm)
extends_documentation_fragment:
  - barevm.kafka.connection.brokers
  - barevm.kafka.connection.listener_config
"""

EXAMPLES = r"""
- name: Write and read a record through every listener of every broker
  barevm.kafka.record_roundtrip:
    brokers: "{{ preflight_cluster.kafka.brokers }}"
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
topic:
  description: The topic's name.
  returned: always
  type: str
probes:
  description: >-
    For each broker and listener the address, partition and offset, and the milliseconds that writing and
    reading took, connection set-up included.
  returned: always
  type: list
  elements: dict
skipped_listeners:
  description: Listeners that were not tried, with the reason.
  returned: always
  type: list
  elements: dict
elapsed_ms:
  description: How long everything took, in milliseconds.
  returned: always
  type: float
findings:
  description: What is wrong, each with what, where and remedy.
  returned: always
  type: list
  elements: dict
"""

import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.barevm.kafka.plugins.module_utils import roundtrip

try:
    import confluent_kafka  # noqa: F401  the logic imports it where it is used
except ImportError:
    MISSING = traceback.format_exc()
else:
    MISSING = ""


def main():
    module = AnsibleModule(argument_spec=roundtrip.SPEC, supports_check_mode=True)
    if MISSING:
        module.fail_json(msg=missing_required_lib("confluent-kafka"), exception=MISSING)
    answer = roundtrip.ask(module.params, module.check_mode)
    if answer.get("failed"):
        module.fail_json(**answer)
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()
