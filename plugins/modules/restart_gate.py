#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: restart_gate
short_description: Restart a broker or a ZooKeeper server only when the cluster can spare it
version_added: 0.1.0
description:
  - Chooses which service is restarted next, and waits until its stop takes no partition below
    min.insync.replicas, or no ZooKeeper server from an ensemble that is not whole (O(stage=next)).
  - Waits until the stopped one is gone (O(stage=gone)), and until the started one is back (O(stage=back)).
  - Partitions are read from ZooKeeper after a sync, and every broker is asked by itself, since the metadata
    of one can be stale. One client serves a whole wait.
  - Fails with every reason at the time limit, and at once where no waiting helps.
  - Runs on the controller, or on a probe host, and needs the Python libraries kazoo and confluent-kafka
    there.
options:
  stage:
    description:
      - V(state) looks once and neither waits nor fails.
      - V(next) says who is next, once its stop is safe.
      - V(gone) waits until the broker's znode has gone, or until the ZooKeeper server no longer answers.
      - V(back) waits until the broker is registered anew and in sync, or the ZooKeeper server serves, and
        gives a broker back what it led.
    type: str
    required: true
    choices: [state, next, gone, back]
  service:
    description: What is restarted.
    type: str
    default: kafka
    choices: [kafka, zookeeper]
  zookeeper_servers:
    description: The ensemble's servers, in the shape of C(preflight_cluster.zookeeper.servers).
    type: list
    elements: dict
    required: true
    suboptions:
      id:
        description: The server's id, not looked at.
        type: int
      host:
        description: The inventory's name of its host.
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
  candidates:
    description: The services that wait for a restart, for V(state) and V(next).
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: The inventory's name of its host.
        type: str
        required: true
      id:
        description: The broker's or the server's id.
        type: int
        required: true
      running:
        description: Whether its unit is active. What does not run needs no gate.
        type: bool
        required: true
  host:
    description: The host that V(gone) and V(back) are about.
    type: str
    default: ""
  id:
    description: The id that V(gone) and V(back) are about.
    type: int
  session:
    description:
      - The ZooKeeper session of the broker before its stop, as V(next) returned it.
      - Empty where it had none.
    type: str
    default: ""
  leaders:
    description: The partitions that the broker led before its stop, as V(next) returned them.
    type: list
    elements: str
    default: []
  allow_unavailable:
    description:
      - Topics that may have no leader, or fewer replicas than min.insync.replicas, while a broker restarts.
    type: list
    elements: str
    default: []
  allow_outage:
    description: Whether an ensemble of one or two servers may be restarted, which it cannot survive serving.
    type: bool
    default: false
  servers_down:
    description: Hosts whose ZooKeeper server is known not to run and not to be started, so not waited for.
    type: list
    elements: str
    default: []
  force:
    description:
      - The one host whose broker's stop is not held up. What speaks against it is returned all the same.
      - A ZooKeeper server on that host keeps its gate.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Gives no leadership back.
author:
  - barevm.kafka contributors (@barevm)
extends_documentation_fragment:
  - barevm.kafka.connection
  - barevm.kafka.connection.zookeeper
  - barevm.kafka.connection.brokers
  - barevm.kafka.connection.listener_config
  - barevm.kafka.connection.wait
"""

EXAMPLES = r"""
- name: Choose the broker that is restarted next, and wait until the cluster can spare it
  barevm.kafka.restart_gate:
    stage: next
    zookeeper_connect: "{{ preflight_cluster.zookeeper.connect }}"
    zookeeper_servers: "{{ preflight_cluster.zookeeper.servers }}"
    brokers: "{{ preflight_cluster.kafka.brokers }}"
    candidates:
      - {host: zkkafka1, id: 1, running: true}
      - {host: zkkafka2, id: 2, running: true}
    timeout_s: 600
  delegate_to: localhost
  become: false
  run_once: true
  register: gate

- name: Wait until it is back and leads what it led before
  barevm.kafka.restart_gate:
    stage: back
    zookeeper_connect: "{{ preflight_cluster.zookeeper.connect }}"
    zookeeper_servers: "{{ preflight_cluster.zookeeper.servers }}"
    brokers: "{{ preflight_cluster.kafka.brokers }}"
    host: "{{ gate.next.host }}"
    id: "{{ gate.next.id }}"
    session: "{{ gate.next.session }}"
    leaders: "{{ gate.next.leaders }}"
    timeout_s: 600
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
next:
  description:
    - The service to restart, with host, id, and the reason why it is first.
    - Of a broker also the session that owns its znode, empty where there is none, and the leaders, which
      are the partitions that it leads, or prefer it as their leader where it does not run.
    - Empty where there are no candidates.
  returned: stage next
  type: dict
order:
  description: The candidates in the order of their restart, each with host, id and reason.
  returned: stage state
  type: list
  elements: dict
gate:
  description: For each candidate's host whether its gate passes, and what is blocked by which reasons.
  returned: stage state
  type: dict
blocked:
  description: What speaks against it, as sentences. With RV(forced) true it was overridden.
  returned: always
  type: list
  elements: str
forced:
  description: Whether O(force) overrode what is in RV(blocked).
  returned: always
  type: bool
leaders_back:
  description: The partitions of O(leaders) that the broker leads again.
  returned: stage back of a broker that is back
  type: list
  elements: str
leaders_elsewhere:
  description: The others of O(leaders), each with the reason why an election would not give it back.
  returned: stage back of a broker that is back
  type: dict
waiting_for:
  description: What blocks and may still come right by itself.
  returned: always
  type: list
  elements: str
waited_s:
  description: How long the stage took, in seconds.
  returned: always
  type: float
looks:
  description: How many times the cluster was asked.
  returned: always
  type: int
slowest_look_ms:
  description: How long the slowest of these took, in milliseconds.
  returned: always
  type: float
"""

import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.barevm.kafka.plugins.module_utils import restart_gate

try:
    import confluent_kafka  # noqa: F401  the logic imports it where it is used
    import kazoo  # noqa: F401
except ImportError:
    MISSING = traceback.format_exc()
else:
    MISSING = ""


def main():
    module = AnsibleModule(argument_spec=restart_gate.SPEC, supports_check_mode=True)
    if MISSING:
        module.fail_json(msg=missing_required_lib("kazoo and confluent-kafka"), exception=MISSING)
    answer = restart_gate.ask(module.params, module.check_mode)
    if answer.get("failed"):
        module.fail_json(**answer)
    module.exit_json(**{"changed": False, **answer})


if __name__ == "__main__":
    main()
