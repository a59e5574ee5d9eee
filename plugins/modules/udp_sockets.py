#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: udp_sockets
short_description: Read the effective receive buffer of a UDP port's sockets
version_added: 0.1.0
description:
  - Asks the kernel by C(ss -u -a -m -n), since a program that asks for more than C(net.core.rmem_max) gets
    less without a word, and one with C(CAP_NET_ADMIN) gets more than that.
  - Changes nothing.
options:
  port:
    description: The UDP port.
    type: int
    required: true
attributes:
  check_mode:
    support: full
    description: Reads only.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Read the receive buffer
  barevm.kafka.udp_sockets:
    port: 514
  register: sockets
"""

RETURN = r"""
sockets:
  description: Each socket that is bound to the port.
  returned: success
  type: list
  elements: dict
  contains:
    local:
      description: Its address and port.
      type: str
    buffer_bytes:
      description: Its receive buffer as a program asks for it, half of what the kernel keeps.
      type: int
    waiting_bytes:
      description: What waits in it.
      type: int
    dropped:
      description: Datagrams that found it full since it was opened.
      type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.barevm.kafka.plugins.module_utils import udp_sockets


def main() -> None:
    module = AnsibleModule(
        argument_spec={"port": {"type": "int", "required": True}}, supports_check_mode=True
    )
    try:
        found = udp_sockets.of_port(module.params["port"])
    except OSError as error:
        module.fail_json(msg=f"the sockets could not be read: {error}; install iproute2 on the host")
    module.exit_json(changed=False, sockets=found)


if __name__ == "__main__":
    main()
