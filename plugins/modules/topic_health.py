#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: topic_health
short_description: See that partitions are led and in sync, and that internal topics are as safe as asked
version_added: 0.1.0
description:
  - Finds partitions without a leader or with replicas out of sync, brokers that name different controllers,
    and internal topics whose replication factor or min.insync.replicas is below what is asked.
  - Waits while replicas catch up, and fails unless nothing is found.
  - Runs on the controller, or on a probe host, and needs the Python library confluent-kafka there.
options:
  internal_topics:
    description:
      - For each internal topic the replication_factor and min_insync_replicas that it should have at least.
      - A topic that does not exist yet is fine, since it will be created with the brokers' settings.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: Reads only.
author:
  - barevm.kafka contributors (@barevm)
extends_documentation_fragment:
  - barevm.kafka.connection
  - barevm.kafka.connection.brokers
  - barevm.kafka.connection.listener_config
  - barevm.kafka.connection.wait
"""

EXAMPLES = r"""
- name: See that every partition is in sync and the internal topics are safe
  barevm.kafka.topic_health:
    brokers: "{{ preflight_cluster.kafka.brokers }}"
    internal_topics:
      __consumer_offsets: {replication_factor: 3, min_insync_replicas: 2}
    timeout_s: 60
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
topics:
  description: How many topics there are.
  returned: always
  type: int
partitions:
  description: How many partitions there are.
  returned: always
  type: int
offline:
  description: Partitions without a leader.
  returned: always
  type: list
  elements: str
under_replicated:
  description: Partitions with fewer in-sync replicas than replicas.
  returned: always
  type: list
  elements: str
internal_topics:
  description: For each internal topic its partitions, replication_factor and min_insync_replicas, or null.
  returned: always
  type: dict
controllers:
  description: For each broker id the controller that this broker names, or null where it gave no answer.
  returned: always
  type: dict
elapsed_ms:
  description: How long the last look took, in milliseconds.
  returned: always
  type: float
waiting_for:
  description: What is not right yet and may come right by itself.
  returned: always
  type: list
  elements: str
findings:
  description: What is wrong, each with what, where and remedy.
  returned: always
  type: list
  elements: dict
"""

import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.barevm.kafka.plugins.module_utils import topic_health

try:
    import confluent_kafka  # noqa: F401  the logic imports it where it is used
except ImportError:
    MISSING = traceback.format_exc()
else:
    MISSING = ""


def main():
    module = AnsibleModule(argument_spec=topic_health.SPEC, supports_check_mode=True)
    if MISSING:
        module.fail_json(msg=missing_required_lib("confluent-kafka"), exception=MISSING)
    answer = topic_health.ask(module.params, module.check_mode)
    if answer.get("failed"):
        module.fail_json(**answer)
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()
