#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: roll_lock
short_description: Let one run at a time restart a cluster's services
version_added: 0.1.0
description:
  - Holds an ephemeral znode, C(barevm.kafka/roll) below the cluster's chroot, from when it is taken until it
    is released or the run ends, however it ends.
  - This is an action. It works on the controller.
options:
  state:
    description: Take the lock, see that this run still has it, or give it back.
    type: str
    choices: [taken, checked, released]
    required: true
  zookeeper_connect:
    description: The ensemble with the cluster's chroot.
    type: str
    required: true
  keeper:
    description: What I(keeper) was when the lock was taken.
    type: int
    default: 0
  optional:
    description: Whether to go on with a warning where the controller has no route to ZooKeeper.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Takes nothing.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Take the cluster's lock
  barevm.kafka.roll_lock:
    state: taken
    zookeeper_connect: "{{ preflight_cluster.zookeeper.connect }}"
  run_once: true
  register: __roll_lock
"""

RETURN = r"""
keeper:
  description: The process on the controller that holds the lock; 0 where there is none.
  returned: always
  type: int
"""
