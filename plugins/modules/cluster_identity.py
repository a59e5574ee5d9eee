#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_identity
short_description: Ask a running cluster which one it is
version_added: 0.1.0
description:
  - Reads C(/cluster/id) and C(/brokers/ids) in ZooKeeper, and of the brokers that are named how many
    partitions they are to hold.
  - An ensemble that does not answer is an answer. It may be new, or stopped.
  - Runs on the controller, or on a probe host, and needs the Python library kazoo there.
options:
  replicas_of:
    description: Ids of brokers whose partitions to count, which takes a read for each topic.
    type: list
    elements: int
    default: []
attributes:
  check_mode:
    support: full
    description: Reads only.
author:
  - barevm.kafka contributors (@barevm)
extends_documentation_fragment:
  - barevm.kafka.connection
  - barevm.kafka.connection.zookeeper
"""

EXAMPLES = r"""
- name: Ask which cluster this is
  barevm.kafka.cluster_identity:
    zookeeper_connect: "{{ preflight_cluster.zookeeper.connect }}"
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
reachable:
  description: Whether the ensemble answers.
  returned: always
  type: bool
reason:
  description: Why it does not, or nothing.
  returned: always
  type: str
cluster_id:
  description: The cluster's id, empty where there is none.
  returned: always
  type: str
registered:
  description: For each registered broker its C(id) and C(endpoints).
  returned: always
  type: list
  elements: dict
replicas:
  description: C(id), number of C(partitions) and C(examples) of each broker of I(replicas_of) that holds any.
  returned: always
  type: list
  elements: dict
"""

import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.barevm.kafka.plugins.module_utils import cluster_identity

try:
    import kazoo  # noqa: F401  the logic imports it where it is used
except ImportError:
    MISSING = traceback.format_exc()
else:
    MISSING = ""


def main():
    module = AnsibleModule(argument_spec=cluster_identity.SPEC, supports_check_mode=True)
    if MISSING:
        module.fail_json(msg=missing_required_lib("kazoo"), exception=MISSING)
    answer = cluster_identity.ask(module.params, module.check_mode)
    if answer.get("failed"):
        module.fail_json(**answer)
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()
