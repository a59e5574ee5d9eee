#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: chaos_plan
short_description: Work out what a chaos run will do, or refuse it, before anything is struck
version_added: 0.1.0
description:
  - Reads the scenarios asked for and makes of each a list of steps with figures for this cluster.
  - Refuses a cluster whose inventory does not say C(chaos_allowed=true) of every host, scenarios that there
    are not (naming the nearest), and a scenario that the cluster cannot have. Among all scenarios, those are
    left out and named.
  - This is an action. There is no module to run on a host. Nothing is changed.
options:
  scenarios:
    description: Their names, as a list or with commas between; C(all) is every one there is.
    type: list
    elements: str
    required: true
  cluster:
    description:
      - What M(barevm.kafka.preflight_inventory) answered. Left out, only names and permission are looked at.
    type: dict
    default: {}
  states:
    description: What M(barevm.kafka.host_state) answered, by host.
    type: dict
    default: {}
  power_off:
    description: Whether there are commands that end a whole machine and bring it back.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Says what it would do as without it, for the run ends there.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Work out what will be done
  barevm.kafka.chaos_plan:
    scenarios: [kill_leader, cut_leader]
    cluster: "{{ preflight_cluster }}"
    states: "{{ _chaos_states }}"
  run_once: true
"""

RETURN = r"""
plans:
  description:
    - For each scenario its name, title, steps, and what it expects; C(missing) names what the cluster lacks.
  returned: success
  type: list
  elements: dict
bounds:
  description: The cluster's time-outs that bounds are made of, in seconds.
  returned: success
  type: dict
"""
