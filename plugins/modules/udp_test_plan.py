#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: udp_test_plan
short_description: Work out what a UDP test will send, or refuse it, before a datagram is sent
version_added: 0.1.0
description:
  - Refuses a host of which the inventory does not say C(udp_test_allowed=true), also where the command line
    does; an empty group C(syslog_ingest); rates, sizes and times out of bounds; and more datagrams than
    allowed.
  - This is an action. There is no module to run on a host. Nothing is changed.
options:
  host:
    description: The host that receives, by its name in the inventory.
    type: str
    required: true
  address:
    description: The address, or a name for it, that datagrams are sent to.
    type: str
    required: true
  port:
    description: The UDP port, left out where it is not known yet. 0 is none, and refused.
    type: int
  rates:
    description: Datagrams/s of the steps.
    type: list
    elements: float
    required: true
  duration_s:
    description: Seconds of each step. At most 60.
    type: float
    required: true
  size:
    description: Bytes of a datagram, less the headers of UDP and IP.
    type: int
    required: true
  max_message_bytes:
    description: What rsyslog takes of a line, in bytes, left out where it is not known yet.
    type: int
  max_datagrams:
    description: How many datagrams may be sent in all.
    type: int
    required: true
  profiles:
    description: How the host receives, one after the other, V(untuned) and V(tuned).
    type: list
    elements: str
    required: true
  settle_s:
    description: How long each step may wait until everything has gone through, in seconds.
    type: float
    required: true
  read_limit_s:
    description: How long reading each step back may take, in seconds.
    type: float
    required: true
attributes:
  check_mode:
    support: full
    description: Says what it would do as without it, for the run ends there.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Work out what will be sent
  barevm.kafka.udp_test_plan:
    host: zkkafka1
    address: 192.168.20.20
    port: 514
    rates: [1000, 10000]
    duration_s: 5
    size: 512
    max_datagrams: 200000
    profiles: [untuned, tuned]
    settle_s: 60
    read_limit_s: 60
  run_once: true
"""

RETURN = r"""
run:
  description: Eight hexadecimal digits that tell this test's lines from all others.
  returned: success
  type: str
address:
  description: The address that datagrams are sent to.
  returned: success
  type: str
steps:
  description: >-
    Every step in order, with C(number), C(name), C(profile), C(rate_per_s), C(duration_s), C(warm_up).
  returned: success
  type: list
  elements: dict
undo_after_s:
  description: Seconds after which the host puts back by itself what one profile changed.
  returned: success
  type: int
longest_s:
  description: Seconds that the whole test takes at most.
  returned: success
  type: int
warnings_of_test:
  description: What to know before the figures are believed.
  returned: success
  type: list
  elements: str
"""
