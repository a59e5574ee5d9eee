#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: udp_test_report
short_description: Make the books of a UDP test, and write udp_test.json and udp_test.html
version_added: 0.1.0
description:
  - Tells for each step at which place how many datagrams were lost, as differences of two counters, and what
    no counter explains as such.
  - Fails unless the result is C(PASS). That is where nothing that Kafka acknowledged was lost and the books
    of every step balance; datagrams that UDP lost are what is measured, and no reason.
  - This is an action. There is no module to run on a host.
options:
  started:
    description: When the test began, in ISO 8601 with an offset from UTC.
    type: str
    required: true
  reports_dir:
    description: The folder on the controller for both files.
    type: path
    required: true
  parameters:
    description: What the test was told to do, for the page.
    type: dict
    required: true
  steps:
    description:
      - For each step C(step) as it was planned, and what its parts answered, C(before), C(burst), C(after)
        and C(read). A part that failed is left out, and C(failed) says why.
    type: list
    elements: dict
    required: true
  profiles:
    description: By profile, what M(barevm.kafka.udp_profile) answered.
    type: dict
    default: {}
  failed:
    description: What kept the test from its end.
    type: list
    elements: str
    default: []
  warnings_of_test:
    description: What to know before the figures are believed.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Is skipped, since nothing was measured.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Say what came of it
  barevm.kafka.udp_test_report:
    started: "2026-01-01T12:00:00+00:00"
    reports_dir: reports/lab
    parameters: {size: 512}
    steps: "{{ measured }}"
  delegate_to: localhost
  become: false
"""

RETURN = r"""
result:
  description: C(PASS), C(FAIL) or C(INCONCLUSIVE).
  returned: always
  type: str
reasons:
  description: A sentence for each thing that kept the result from C(PASS).
  returned: always
  type: list
  elements: str
profiles:
  description: Each profile's figures, C(none_up_to_per_s) and C(loss_from_per_s) among them.
  returned: always
  type: dict
json_path:
  description: Where C(udp_test.json) was written.
  returned: always
  type: str
html_path:
  description: Where C(udp_test.html) was written.
  returned: always
  type: str
"""
