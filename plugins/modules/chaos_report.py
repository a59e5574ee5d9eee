#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: chaos_report
short_description: Put the results of chaos scenarios together as a matrix
version_added: 0.1.0
description:
  - Writes C(chaos.json) and C(chaos.html) with a row a scenario, and fails unless every row is C(PASS).
  - This is an action. There is no module to run on a host.
options:
  started:
    description: When the run began, ISO 8601 with a time zone.
    type: str
    required: true
  cluster:
    description: The cluster's name.
    type: str
    required: true
  bounds:
    description: The figures that bounds were made of, as M(barevm.kafka.chaos_plan) returned them.
    type: dict
    default: {}
  outcomes:
    description:
      - For each scenario that came to its turn its C(plan), C(seconds), and C(tested), what the durability
        test answered.
    type: list
    elements: dict
    required: true
  final:
    description:
      - Whether the run is over. Before, the files are written all the same, and a row that is no C(PASS)
        fails nothing.
    type: bool
    default: true
  reports_dir:
    description: The folder on the controller for both files.
    type: path
    required: true
attributes:
  check_mode:
    support: full
    description: Writes nothing.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Judge the whole run
  barevm.kafka.chaos_report:
    started: "{{ __chaos_started }}"
    cluster: "{{ preflight_cluster.name }}"
    outcomes: "{{ __chaos_outcomes }}"
    reports_dir: "{{ preflight_cluster.reports_dir }}"
  run_once: true
"""

RETURN = r"""
result:
  description: C(PASS), C(FAIL) or C(INCONCLUSIVE).
  returned: always
  type: str
reasons:
  description: Each row's reasons, with its name.
  returned: always
  type: list
  elements: str
rows:
  description: The matrix.
  returned: always
  type: list
  elements: dict
json_path:
  description: Where C(chaos.json) was written.
  returned: not under check mode
  type: str
html_path:
  description: Where C(chaos.html) was written.
  returned: not under check mode
  type: str
"""
