#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: verify_report
short_description: Judge what the verify role saw, and write verify.json
version_added: 0.1.0
description:
  - Takes what the modules of the verify role answered, failed or not, and the state of each host's services.
  - Compares what the inventory asks of each host with what its kernel and its running processes say, and
    prints what differs as a table, with C(-v) all of it.
  - Writes C(verify.json), and fails with every finding in one message unless there is none.
  - This is an action. There is no module to run on a host.
options:
  started:
    description: When the proof began, ISO 8601 with a time zone.
    type: str
    required: true
  reports_dir:
    description: The folder on the controller for C(verify.json).
    type: path
    required: true
  states:
    description: What M(barevm.kafka.host_state) answered, by host.
    type: dict
    required: true
  journals:
    description: By host, the registered result of journalctl, looped over the units that do not run.
    type: dict
    default: {}
  outcomes:
    description:
      - The registered results of M(barevm.kafka.zookeeper_ensemble) as ensemble, of
        M(barevm.kafka.broker_registration) as registration, of M(barevm.kafka.record_roundtrip) as records,
        and of M(barevm.kafka.topic_health) as topics.
    type: dict
    required: true
  cluster:
    description: What M(barevm.kafka.preflight_inventory) answered, to compare overrides with it.
    type: dict
    required: true
  overrides:
    description: The registered result of M(barevm.kafka.live_settings) in mode C(read).
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: Writes nothing, and warns of what it finds instead of failing.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Judge everything that was seen
  barevm.kafka.verify_report:
    started: "{{ __verify_started }}"
    reports_dir: "{{ preflight_cluster.reports_dir }}"
    states: "{{ _verify_states }}"
    outcomes: {ensemble: "{{ __verify_ensemble }}", registration: "{{ __verify_registration }}"}
    cluster: "{{ preflight_cluster }}"
  run_once: true
"""

RETURN = r"""
result:
  description: C(PASS) or C(FAIL).
  returned: always
  type: str
reasons:
  description: One sentence for each finding.
  returned: always
  type: list
  elements: str
notes:
  description: What is worth knowing and no reason to fail, such as a pending restart.
  returned: always
  type: list
  elements: str
drift:
  description: One sentence for each override that outranks the files, set by somebody else.
  returned: always
  type: list
  elements: str
path:
  description: The file that was written, empty under check mode.
  returned: always
  type: str
"""
