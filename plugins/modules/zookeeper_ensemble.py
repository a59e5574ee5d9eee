#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: zookeeper_ensemble
short_description: See that ZooKeeper's servers form one ensemble with one leader
version_added: 0.1.0
description:
  - Asks every server with the four-letter words srvr and mntr, all at once.
  - Waits while servers start or elect a leader, and fails unless every server answers and follows one leader.
  - Runs on the controller, or on a probe host.
options:
  servers:
    description: The ensemble's servers, in the shape of C(preflight_cluster.zookeeper.servers).
    type: list
    elements: dict
    required: true
    suboptions:
      id:
        description: The server's id, not looked at.
        type: int
      host:
        description: The inventory's name of its host, for messages.
        type: str
        default: ""
      address:
        description: Its address.
        type: str
        required: true
      client_port:
        description: Its client port.
        type: int
        required: true
      peer_port:
        description: Its peer port, not looked at.
        type: int
      election_port:
        description: Its election port, not looked at.
        type: int
attributes:
  check_mode:
    support: full
    description: Reads only.
author:
  - barevm.kafka contributors (@barevm)
extends_documentation_fragment:
  - barevm.kafka.connection.wait
"""

EXAMPLES = r"""
- name: See that ZooKeeper has a leader and a quorum to spare
  barevm.kafka.zookeeper_ensemble:
    servers: "{{ preflight_cluster.zookeeper.servers }}"
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
servers:
  description: >-
    For each server its role, version, latency_min_ms, latency_avg_ms, latency_max_ms, outstanding_requests,
    znodes and synced_followers (leader only), or the error.
  returned: always
  type: list
  elements: dict
leader:
  description: The leader's C(address:port), or that of the one server there is, or empty.
  returned: always
  type: str
serving:
  description: How many servers serve.
  returned: always
  type: int
quorum_margin:
  description: How many more servers may fail before the ensemble stops serving. Negative once it has.
  returned: always
  type: int
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

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.barevm.kafka.plugins.module_utils import ensemble


def main():
    module = AnsibleModule(argument_spec=ensemble.SPEC, supports_check_mode=True)
    answer = ensemble.ask(module.params, module.check_mode)
    if answer.get("failed"):
        module.fail_json(**answer)
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()
