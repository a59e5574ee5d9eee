#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: walk_report
short_description: Bring the halves of a resiliency walk to one result and one page
version_added: 0.1.0
description:
  - Reads the results of durability tests that differ in C(acks), writes C(resiliency.json) and
    C(resiliency.html), and fails unless the one with C(acks=all) is C(PASS) and each of them has a result.
  - This is an action. It works on the controller.
options:
  walks:
    description: The durability tests, in the order in which they are shown.
    type: list
    elements: dict
    required: true
    suboptions:
      acks:
        description: What the test's producers asked for.
        type: str
        required: true
      path:
        description: Its result, a file on the controller.
        type: path
        required: true
      began:
        description: When it began (ISO 8601 with its zone). A result of before is an earlier run's.
        type: str
        required: true
      words:
        description: What is known of its run, told where it has no result.
        type: str
        default: ""
  started:
    description: When the first one began (ISO 8601 with its zone).
    type: str
    required: true
  reports_dir:
    description: Where result and page are written.
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
- name: Bring both walks to one page
  barevm.kafka.walk_report:
    walks:
      - acks: all
        path: reports/lab/resiliency-acks-all.json
        began: "2026-01-01T00:00:00+00:00"
      - acks: "1"
        path: reports/lab/resiliency-acks-1.json
        began: "2026-01-01T00:04:00+00:00"
    started: "2026-01-01T00:00:00+00:00"
    reports_dir: reports/lab
  delegate_to: localhost
  become: false
"""

RETURN = r"""
result:
  description: C(PASS), C(FAIL) or C(INCONCLUSIVE).
  returned: always, but under check mode
  type: str
reasons:
  description: A sentence for each thing that kept the result from C(PASS).
  returned: always, but under check mode
  type: list
  elements: str
json_path:
  description: Where C(resiliency.json) was written.
  returned: always, but under check mode
  type: str
html_path:
  description: Where C(resiliency.html) was written.
  returned: always, but under check mode
  type: str
"""
