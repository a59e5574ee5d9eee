#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: durability_target
short_description: Tell who is what in a cluster under a durability test
version_added: 0.1.0
description:
  - Tells from what a running durability test last observed which broker leads most partitions of its topic,
    which is the controller, and which ZooKeeper server leads.
  - This is an action. It reads the test's ledger on the controller and asks the cluster nothing.
options:
  ledger:
    description: The ledger's folder, as the test returned it.
    type: path
    required: true
  timeout_s:
    description: How long to wait until all of it is known, in seconds.
    type: float
    default: 15.0
attributes:
  check_mode:
    support: full
    description: Is skipped, since no test runs.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: See whom to strike
  barevm.kafka.durability_target:
    ledger: "{{ test.ledger }}"
  register: target
"""

RETURN = r"""
leader:
  description: The registered broker that leads most partitions of the topic.
  returned: success
  type: dict
  sample: {id: 2, host: zkkafka2}
follower:
  description: The one that leads fewest, and is not the controller where there is such a one.
  returned: success
  type: dict
  sample: {id: 3, host: zkkafka3}
controller:
  description: The controller.
  returned: success
  type: dict
  sample: {id: 1, host: zkkafka1}
zookeeper_leader:
  description: The host whose ZooKeeper server leads.
  returned: success
  type: str
zookeeper_followers:
  description: The hosts whose ZooKeeper servers follow.
  returned: success
  type: list
  elements: str
brokers:
  description: All registered brokers, those that lead most partitions first.
  returned: success
  type: list
  elements: dict
  sample: [{id: 2, host: zkkafka2, leads: 5}]
"""
