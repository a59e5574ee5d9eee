#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plan_report
short_description: Say what a run would do, and write plan.json
version_added: 0.1.0
description:
  - Takes what the hosts have, what the roles would write, and what the gate says, and tells what a run of
    C(site.yml) would do, in which order, host by host.
  - Writes C(plan.json), and fails unless the run could be carried out as things stand.
  - This is an action. There is no module to run on a host.
options:
  started:
    description: When the plan began, ISO 8601 with a time zone.
    type: str
    required: true
  cluster:
    description: What M(barevm.kafka.preflight_inventory) returned.
    type: dict
    required: true
  states:
    description: What M(barevm.kafka.host_state) answered, by host.
    type: dict
    required: true
  files:
    description:
      - What M(barevm.kafka.rendered_files) answered under check mode, by role (host_tuning, zookeeper or
        kafka) and then by host. A role that did not run on a host has none.
    type: dict
    required: true
  candidates:
    description: By service (zookeeper or kafka) who waits for a restart, with host, id, running and pending.
    type: dict
    required: true
  decisions:
    description: For brokers where only settings wait, whether they take effect live, as role roll decides it.
    type: list
    elements: dict
    default: []
  validated:
    description: What M(barevm.kafka.live_settings) answered at mode validate, empty where nothing is live.
    type: dict
    default: {}
  gates:
    description: What restart_gate answered at stage state, by service, empty where nothing would restart.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: Writes nothing, and does not fail.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Say what would happen
  barevm.kafka.plan_report:
    started: "{{ __roll_plan_started }}"
    cluster: "{{ preflight_cluster }}"
    states: "{{ _roll_plan_states }}"
    files: {kafka: "{{ _roll_plan_files_kafka }}"}
    candidates: {kafka: [], zookeeper: []}
  run_once: true
"""

RETURN = r"""
result:
  description:
    - C(PASS) where it could be carried out now, C(INCONCLUSIVE) where the gate holds it back, C(FAIL) where a
      broker refuses what would be set on it live.
  returned: always
  type: str
reasons:
  description: What holds it back, one sentence each.
  returned: always
  type: list
  elements: str
path:
  description: The file that was written, empty under check mode.
  returned: always
  type: str
"""
