#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: durability_await
short_description: Wait until a durability test sees something happen to the cluster
version_added: 0.1.0
description:
  - Waits until what a running durability test observes is as asked for, with a line of progress every five
    seconds. A failure says what is observed instead, and for how long.
  - This is an action. It reads the test's ledger on the controller and asks the cluster nothing.
options:
  ledger:
    description: The ledger's folder, as the test returned it.
    type: path
    required: true
  condition:
    description:
      - V(deregistered), none of I(brokers) is registered in ZooKeeper; with I(since) also if that held at
        any time since then.
      - V(registered), each of I(brokers) is, with I(since) under another session than the one before that.
      - V(led_elsewhere), every partition of the topic has a leader, which is none of I(brokers).
      - V(isr_without), none of I(brokers) is in any partition's ISR.
      - V(isr_only), in some partition that I(brokers) lead nobody else is in the ISR.
      - V(full_isr), every partition has a leader and all its replicas in sync.
      - V(refused), the test's probe was answered NOT_ENOUGH_REPLICAS since I(since).
      - V(acknowledged), records were acknowledged since I(since).
      - V(silent), none was for I(for_s).
      - V(controller_moved), another broker is the controller than at I(since).
      - V(zookeeper_leader_moved), another ZooKeeper server leads than at I(since), with a quorum.
      - V(quorum_lost), ZooKeeper's servers have no quorum; with I(since) also if that held at any time
        since then.
      - V(quorum_back), they have one, and ZooKeeper answers.
    type: str
    required: true
    choices:
      - deregistered
      - registered
      - led_elsewhere
      - isr_without
      - isr_only
      - full_isr
      - controller_moved
      - zookeeper_leader_moved
      - quorum_lost
      - quorum_back
      - refused
      - acknowledged
      - silent
  brokers:
    description: The brokers' ids, for the conditions that are about brokers.
    type: list
    elements: int
    default: []
    aliases: [broker]
  since:
    description: The I(at_ns) of a mark in the test's events. V(0) is the begin of the test.
    type: int
    default: 0
  for_s:
    description: How long no record must have been acknowledged for V(silent), in seconds.
    type: float
    default: 5.0
  partitions:
    description: Whether V(acknowledged) is about any partition or each of all.
    type: str
    choices: [any, all]
    default: any
  timeout_s:
    description: How long to wait, in seconds.
    type: float
    default: 60.0
attributes:
  check_mode:
    support: full
    description: Waits for nothing.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Wait until the broker's session has ended
  barevm.kafka.durability_await:
    ledger: "{{ test.ledger }}"
    condition: deregistered
    brokers: [2]
    since: "{{ strike.at_ns }}"
    timeout_s: 30
"""

RETURN = r"""
timed_out:
  description: Whether the time limit passed, and the test still ran.
  returned: always
  type: bool
waited_s:
  description: How long this task waited, in seconds.
  returned: always
  type: float
at_ns:
  description: When what holds was observed first, on the clock of the ledger's events.
  returned: always
  type: int
what:
  description: What is observed.
  returned: always
  type: str
  sample: broker 2 (zkkafka2) is not registered
"""
