#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: broker_registration
short_description: Compare the brokers registered in ZooKeeper with those there should be
version_added: 0.1.0
description:
  - Reads C(/brokers/ids), C(/controller), C(/controller_epoch) and C(/cluster/id), and compares every
    broker's listeners and rack with the given ones.
  - Waits while brokers are missing, and fails unless exactly the given brokers are registered as given.
  - Runs on the controller, or on a probe host, and needs the Python library kazoo there.
options: {}
attributes:
  check_mode:
    support: full
    description: Reads only.
author:
  - barevm.kafka contributors (@barevm)
extends_documentation_fragment:
  - barevm.kafka.connection
  - barevm.kafka.connection.zookeeper
  - barevm.kafka.connection.brokers
  - barevm.kafka.connection.wait
"""

EXAMPLES = r"""
- name: Wait until every broker is registered as the inventory says
  barevm.kafka.broker_registration:
    zookeeper_connect: "{{ preflight_cluster.zookeeper.connect }}"
    brokers: "{{ preflight_cluster.kafka.brokers }}"
    timeout_s: 120
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
registered:
  description: Every registration with its id, endpoints, rack, session and registered_since.
  returned: always
  type: list
  elements: dict
missing:
  description: Ids that should be registered and are not.
  returned: always
  type: list
  elements: int
unexpected:
  description: Registrations that should not be there. C(host) is the host that has their address, if any.
  returned: always
  type: list
  elements: dict
mismatched:
  description: For each broker that differs, its endpoints and rack, expected and found.
  returned: always
  type: list
  elements: dict
controller:
  description: The controller's id, its epoch, and since when it is the controller, or null.
  returned: always
  type: dict
cluster_id:
  description: The cluster's id, empty where there is none yet.
  returned: always
  type: str
elapsed_ms:
  description: How long it took to read and compare everything once connected, in milliseconds.
  returned: always
  type: float
connect_ms:
  description: How long it took to connect, in milliseconds.
  returned: always
  type: float
waiting_for:
  description: What is missing and may still come.
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
from ansible_collections.barevm.kafka.plugins.module_utils import registration

try:
    import kazoo  # noqa: F401  the logic imports it where it is used
except ImportError:
    MISSING = traceback.format_exc()
else:
    MISSING = ""


def main():
    module = AnsibleModule(argument_spec=registration.SPEC, supports_check_mode=True)
    if MISSING:
        module.fail_json(msg=missing_required_lib("kazoo"), exception=MISSING)
    answer = registration.ask(module.params, module.check_mode)
    if answer.get("failed"):
        module.fail_json(**answer)
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()
