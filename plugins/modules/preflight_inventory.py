#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_inventory
short_description: Judge the whole inventory before any host is touched
version_added: 0.1.0
description:
  - Resolves the variables of every host of the groups C(zookeeper), C(kafka) and C(syslog_ingest), role
    defaults included, whatever C(--limit) says, and checks them one by one and against each other.
    Opens no connection.
  - Fails with every finding in one message, each with host, variable, value, rule and remedy.
  - Its result describes the cluster to every later task. Variables belong into the inventory or on the
    command line, since a play's own variables are not seen by it.
  - This is an action. There is no module to run on a host.
options: {}
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Judge the inventory
  barevm.kafka.preflight_inventory:
  run_once: true
  register: preflight_cluster
"""

RETURN = r"""
name:
  description: The cluster's name.
  returned: success
  type: str
reports_dir:
  description: The absolute folder for results on the controller.
  returned: success
  type: str
zookeeper:
  description: C(servers) sorted by id, the C(connect) string with its chroot, C(hosts) without it, C(chroot).
  returned: success
  type: dict
kafka:
  description: C(version), C(brokers) sorted by id with their listeners, and C(inter_broker_listener).
  returned: success
  type: dict
releases:
  description: The distinct releases that the hosts are to have.
  returned: success
  type: list
  elements: dict
hosts:
  description: Every variable of every host, resolved.
  returned: success
  type: dict
reads:
  description: For each host what module host_state has to read.
  returned: success
  type: dict
findings:
  description: Errors and warnings with host, variable, value, rule, remedy and severity.
  returned: always
  type: list
  elements: dict
"""
