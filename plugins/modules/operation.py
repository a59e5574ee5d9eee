#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: operation
short_description: Run a verb or a playbook as a child of this run
version_added: 0.1.0
description:
  - Runs C(ansible-playbook) with the inventory, the variables, the connection, privilege and vault options,
    the C(--limit) and the tags of the run that it is part of, and shows its output as it comes.
  - So that what comes afterwards can judge or heal, a playbook that fails does not fail the task; I(rc) says
    so.
  - Passwords that were asked for when this run began are handed on through a pipe.
  - However this run ends, the child is interrupted, as with Ctrl-C, and is gone a few seconds later.
  - This is an action. It works on the controller.
options:
  verb:
    description: A verb of this collection, such as C(rolling_restart). Give this or I(playbook).
    type: str
    default: ""
  playbook:
    description: The path of a playbook, from where the command was given, or the full name of a collection's.
    type: str
    default: ""
  extra_vars:
    description: Variables on top of those of this run.
    type: dict
    default: {}
  ledger:
    description:
      - The folder of a durability test's ledger. Each task that changes something or fails is noted there.
    type: str
    default: ""
  prefix:
    description: What each line of the output begins with; empty for the name of the verb or playbook.
    type: str
    default: ""
  timeout_s:
    description: Seconds after which it is ended.
    type: float
    default: 3600
attributes:
  check_mode:
    support: full
    description: Runs nothing, and says what it would run.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Restart every broker, whatever comes of it
  barevm.kafka.operation:
    verb: rolling_restart
    extra_vars:
      roll_services: [kafka]
  delegate_to: localhost
  become: false
  run_once: true
  register: __roll

- name: Run a playbook of ours, and have its steps on the page of a durability test
  barevm.kafka.operation:
    playbook: playbooks/rotate_disks.yml
    ledger: "{{ __durability.ledger }}"
    timeout_s: 900
  delegate_to: localhost
  become: false
  run_once: true
  register: __rotation
"""

RETURN = r"""
name:
  description: The verb, or the playbook's name without its folder and extension.
  returned: always
  type: str
rc:
  description: Its exit status; the negative number of a signal that ended it.
  returned: when it ran
  type: int
timed_out:
  description: Whether it was ended because I(timeout_s) were over.
  returned: when it ran
  type: bool
seconds:
  description: How long it ran.
  returned: when it ran
  type: float
began_ns:
  description: When it began, by the controller's monotonic clock.
  returned: when it ran
  type: int
ended_ns:
  description: When it ended, by the same clock.
  returned: when it ran
  type: int
last_words:
  description: What it says of its failure; its last line where it did not fail.
  returned: when it ran
  type: str
"""
