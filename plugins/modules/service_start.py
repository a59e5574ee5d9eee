#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: service_start
short_description: Start a service and watch it come up
version_added: 0.1.0
description:
  - Starts a service, with its failed attempts forgotten and its unit read anew where it changed, and waits
    until it listens on its ports.
  - A broker that recovers its logs listens only afterwards. How many logs it has loaded is told every five
    seconds, and it may take as long as it makes progress.
  - Fails with the last lines of the journal when the service dies.
options:
  name:
    description: The unit, with its suffix.
    type: str
    required: true
  ports:
    description: The TCP ports on which it listens once it is up.
    type: list
    elements: int
    default: []
  log:
    description: The broker's own log, read for its progress. Empty for a service without any.
    type: path
    default: ""
  stall_timeout_s:
    description: How long, in seconds, it may come no further.
    type: float
    default: 300
  wait_s:
    description: How long, in seconds, one execution watches; the action sets it.
    type: float
    default: 5
  watch_since:
    description: Watch only, the log from this byte on; the action sets it once the service is started.
    type: int
attributes:
  check_mode:
    support: full
    description: Starts nothing, and says whether it would.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Start the broker, and see it listen
  barevm.kafka.service_start:
    name: kafka.service
    ports: [9092]
    log: /var/log/kafka/server.log
"""

RETURN = r"""
main_pid:
  description: The service's main process.
  returned: success
  type: int
recovery:
  description: How many logs a broker has loaded, as completed, and of how many, as total; or null.
  returned: always
  type: dict
waited_s:
  description: How long it took to come up, in seconds.
  returned: success
  type: float
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.barevm.kafka.plugins.module_utils import host_reading, service_starting


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "ports": {"type": "list", "elements": "int", "default": []},
            "log": {"type": "str", "default": ""},
            "stall_timeout_s": {"type": "float", "default": 300},
            "wait_s": {"type": "float", "default": 5},
            "watch_since": {"type": "int"},
        },
        supports_check_mode=True,
    )
    asked = module.params
    unit, since, changed = asked["name"], asked["watch_since"], False
    try:
        if module.check_mode:
            module.exit_json(
                changed=host_reading.units([unit])[unit]["active_state"] != "active", recovery=None
            )
        if since is None:
            since = service_starting.log_size(asked["log"])
            changed = service_starting.begin(unit)
        seen = service_starting.watch(unit, asked["ports"], asked["log"], since, asked["wait_s"])
    except OSError as error:
        module.fail_json(msg=str(error), journal=service_starting.journal(unit))
    module.exit_json(changed=changed, watch_since=since, **seen)


if __name__ == "__main__":
    main()
