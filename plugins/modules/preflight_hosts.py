#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_hosts
short_description: Judge what was read of the hosts before any of them is changed
version_added: 0.1.0
description:
  - Compares each host's state with what the inventory wants of it, ids on disk, ports, space, memory, names
    and Java, and with what the running cluster knows.
  - Fails with every finding of all hosts in one message, together with findings it is handed.
  - This is an action. There is no module to run on a host.
options:
  cluster:
    description: What M(barevm.kafka.preflight_inventory) returned.
    type: dict
    required: true
  states:
    description: What M(barevm.kafka.host_state) returned, by host.
    type: dict
    required: true
  unread:
    description: Why the hosts that could not be read could not, by host.
    type: dict
    default: {}
  refuse_unread:
    description: Whether those hosts are errors, not warnings.
    type: bool
    default: true
  identity:
    description: What M(barevm.kafka.cluster_identity) answered, where it was asked.
    type: dict
    default: {}
  findings:
    description: Findings of others, such as releases that cannot be fetched, to be told in the same message.
    type: list
    elements: dict
    default: []
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Judge the hosts
  barevm.kafka.preflight_hosts:
    cluster: "{{ preflight_cluster }}"
    states: "{{ _preflight_states }}"
  run_once: true
"""

RETURN = r"""
findings:
  description: Errors and warnings with host, variable, value, rule, remedy and severity.
  returned: always
  type: list
  elements: dict
markers:
  description: Of each host, under C(zookeeper) and C(kafka), the files that let a service fill empty folders.
  returned: success
  type: dict
"""
