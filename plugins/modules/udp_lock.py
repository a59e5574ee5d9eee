#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: udp_lock
short_description: Let one UDP test at a time use a host
version_added: 0.1.0
description:
  - Holds a file below C(/run) of the host that names the run, from when it is taken until it is released.
  - A lock whose run has ended without releasing it is taken over. That is seen from the controller that the
    run was started on, and after I(lasts_s) from everywhere.
  - This is an action, which adds who takes the lock and executes the module of this name on the host.
options:
  state:
    description:
      - V(taken) takes the lock, or fails and says who has it.
      - V(released) gives back the lock of I(run); without I(run), whoever has it.
    type: str
    choices: [taken, released]
    required: true
  run:
    description: The run's own id. Needed with V(taken).
    type: str
    default: ""
  lasts_s:
    description: After how many seconds the lock is void, because the run cannot take longer.
    type: int
    default: 3600
  holder:
    description: Who takes it. The action fills it.
    type: dict
    default: {}
  instead_of:
    description: The run that has it and has ended. The action fills it.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Fails where another run has the lock, and takes and releases nothing.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Take the host for this run
  barevm.kafka.udp_lock:
    state: taken
    run: "{{ __udp_test_plan.run }}"
    lasts_s: "{{ __udp_test_plan.longest_s }}"
  become: true

- name: Give it back, whoever has it
  barevm.kafka.udp_lock:
    state: released
  become: true
"""

RETURN = r"""
held:
  description: >-
    With V(taken) who has it instead of this run, empty where it was taken. With V(released) who had it.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.barevm.kafka.plugins.module_utils import udp_lock


def taken(lock, asked, dry):
    """Take it; what the module answers."""
    if dry:
        held = lock.holder()
        return {"changed": False, "held": {} if held.get("run") == asked["instead_of"] else held}
    held = lock.take(asked["holder"], asked["lasts_s"], asked["instead_of"])
    return {"changed": not held, "held": held}


def released(lock, asked, dry):
    """Give it back; what the module answers."""
    held = lock.holder() if dry else lock.release(asked["run"])
    return {"changed": bool(held), "held": held}


def main():
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["taken", "released"], "required": True},
            "run": {"type": "str", "default": ""},
            "lasts_s": {"type": "int", "default": 3600},
            "holder": {"type": "dict", "default": {}},
            "instead_of": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    act = taken if module.params["state"] == "taken" else released
    try:
        module.exit_json(**act(udp_lock.Lock(), module.params, module.check_mode))
    except OSError as error:
        module.fail_json(msg=f"The lock {udp_lock.PATH} could not be {module.params['state']}: {error}")


if __name__ == "__main__":
    main()
