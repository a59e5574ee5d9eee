#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: rsyslog_check
short_description: Let a host's rsyslog and librdkafka judge a configuration before it is written
version_added: 0.1.0
description:
  - Runs C(rsyslogd -N1) on the text, with its folder of state replaced by an empty one, since omkafka reads
    and removes its file of failed messages also when it only validates.
  - Makes a producer of the client's properties with the host's own librdkafka, which connects to nobody.
    rsyslog itself would find a wrong property at its first message, and then drop every line.
  - What it says names the variable of role C(syslog_ingest), C(syslog_ingest_template) or
    C(syslog_ingest_client_properties).
  - Changes nothing.
options:
  content:
    description: The configuration.
    type: str
    required: true
  state_dir:
    description: The folder of rsyslog's state, as the configuration names it.
    type: path
    required: true
  environment:
    description: Environment variables that the configuration reads.
    type: dict
    default: {}
  own_properties:
    description: librdkafka properties of its client that are the role's own, and no secrets.
    type: dict
    default: {}
  client_properties:
    description: Those that the inventory gives, and which win. Their values are in no output.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: Reads only. Where rsyslog is not installed yet it says so and judges nothing.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Let the host's rsyslog judge its configuration
  barevm.kafka.rsyslog_check:
    content: 'module(load="imudp")'
    state_dir: /var/spool/syslog-ingest
"""

RETURN = r"""
judged:
  description: Whether rsyslog and librdkafka were there to judge.
  returned: success
  type: bool
"""

import os
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.barevm.kafka.plugins.module_utils import rsyslog_check


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "content": {"type": "str", "required": True},
            "state_dir": {"type": "path", "required": True},
            "environment": {"type": "dict", "default": {}, "no_log": True},
            # With the others among them, every 5 in what rsyslog says would be masked.
            "own_properties": {"type": "dict", "default": {}},
            "client_properties": {"type": "dict", "default": {}, "no_log": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    if module.check_mode and not os.path.exists(rsyslog_check.RSYSLOGD):
        module.exit_json(changed=False, judged=False)
    try:
        wrong = rsyslog_check.config(given["content"], given["state_dir"], given["environment"])
        wrong += rsyslog_check.client({**given["own_properties"], **given["client_properties"]})
    except (OSError, subprocess.TimeoutExpired) as error:
        module.fail_json(
            msg=f"rsyslog could not be asked: {error}; see that rsyslog and rsyslog-kafka are installed"
        )
    if wrong:
        module.fail_json(
            msg="Nothing was written, since rsyslog or librdkafka of the host refuses it: "
            f"{'; '.join(wrong)}. See syslog_ingest_template and syslog_ingest_client_properties"
        )
    module.exit_json(changed=False, judged=True)


if __name__ == "__main__":
    main()
