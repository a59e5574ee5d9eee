#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: live_settings
short_description: Read, validate or set brokers' settings while they run
version_added: 0.1.0
description:
  - Sets overrides of single brokers, never those of the cluster's default, and deletes overrides.
  - All brokers are asked to validate theirs before the first one is changed. Afterwards they are read back
    until each runs with what it was told.
  - Judges nothing. What may be changed live is decided before, by the filter C(live_decisions).
  - Runs on the controller, or on a probe host, and needs the Python library confluent-kafka there.
options:
  mode:
    description:
      - V(read) answers what the brokers run with.
      - V(validate) asks them to judge I(changes) and I(removals), and changes nothing.
      - V(apply) validates, changes, and reads back.
    type: str
    choices: [read, validate, apply]
    default: read
  names:
    description:
      - By broker id the settings to read. Without any, every broker is asked.
      - Overrides are always answered.
    type: dict
    default: {}
  changes:
    description: By broker id the overrides to set, by name.
    type: dict
    default: {}
  removals:
    description:
      - By broker id the overrides to delete, by name a list of the values that they may have.
      - An override with another value is left alone.
    type: dict
    default: {}
  timeout_s:
    description: How long to wait until the brokers show what they have confirmed, in seconds.
    type: float
    default: 30.0
attributes:
  check_mode:
    support: full
    description: Validates instead of setting.
author:
  - barevm.kafka contributors (@barevm)
extends_documentation_fragment:
  - barevm.kafka.connection
  - barevm.kafka.connection.brokers
  - barevm.kafka.connection.listener_config
"""

EXAMPLES = r"""
- name: Give broker 1 more threads while it runs
  barevm.kafka.live_settings:
    brokers: "{{ preflight_cluster.kafka.brokers }}"
    mode: apply
    changes: {"1": {num.io.threads: "12"}}
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
settings:
  description: By broker id and name the value, null where there is none, and its source.
  returned: always
  type: dict
unanswered:
  description: By broker id why it gave no answer.
  returned: always
  type: dict
altered:
  description: By broker id and name what was changed, or would be, from and to. A null deletes the override.
  returned: always
  type: dict
waiting_for:
  description: What has been confirmed and does not show yet.
  returned: always
  type: list
  elements: str
findings:
  description: What is wrong, each with what, where and remedy.
  returned: always
  type: list
  elements: dict
"""

import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.barevm.kafka.plugins.module_utils import live_settings

try:
    import confluent_kafka  # noqa: F401  the logic imports it where it is used
except ImportError:
    MISSING = traceback.format_exc()
else:
    MISSING = ""


def main():
    module = AnsibleModule(argument_spec=live_settings.SPEC, supports_check_mode=True)
    if MISSING:
        module.fail_json(msg=missing_required_lib("confluent-kafka"), exception=MISSING)
    answer = live_settings.ask(module.params, module.check_mode)
    if answer.get("failed"):
        module.fail_json(**answer)
    module.exit_json(**{"changed": False, **answer})


if __name__ == "__main__":
    main()
