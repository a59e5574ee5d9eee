#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: syslog_topic
short_description: Make the topic that syslog lines go to, where it is missing
version_added: 0.1.0
description:
  - A topic that is there is left as it is, and the result says in what it differs from what is asked.
  - One that is made has C(message.timestamp.type=LogAppendTime), since the time of a record is otherwise what
    the sender wrote into its line, and Kafka deletes by it.
  - Runs on the controller, or on a probe host, and needs the Python library confluent-kafka there.
extends_documentation_fragment:
  - barevm.kafka.connection.topic
options:
  partitions:
    description: Partitions of a topic that is made.
    type: int
    default: 6
  replication_factor:
    description: Replicas of each of them.
    type: int
    default: 3
  min_insync_replicas:
    description: Its C(min.insync.replicas).
    type: int
    default: 2
attributes:
  check_mode:
    support: full
    description: Says whether the topic would be made.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Make the topic
  barevm.kafka.syslog_topic:
    bootstrap_servers: ["192.0.2.21:9092"]
    topic: syslog
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
differs:
  description: What a topic that was there has otherwise than asked, a sentence each.
  returned: success
  type: list
  elements: str
"""

import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.barevm.kafka.plugins.module_utils import syslog_topic

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
            "partitions": {"type": "int", "default": 6},
            "replication_factor": {"type": "int", "default": 3},
            "min_insync_replicas": {"type": "int", "default": 2},
        },
        supports_check_mode=True,
    )
    if MISSING:
        module.fail_json(msg=missing_required_lib("confluent-kafka"), exception=MISSING)
    try:
        changed, differs = syslog_topic.make(module.params, module.check_mode)
    except syslog_topic.TopicError as error:
        module.fail_json(msg=f"{error}.")
    module.exit_json(changed=changed, differs=differs)


if __name__ == "__main__":
    main()
