#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: udp_burst
short_description: Send numbered syslog datagrams at a steady rate, and read them back from Kafka by number
version_added: 0.1.0
description:
  - One step of a UDP test, from the controller, in three parts between which the host's counters are read.
  - A datagram is a syslog line (RFC 5424) with run, step and number. They are sent one by one in their places
    of a schedule; what the machine delays by more than 20 ms moves the schedule, and is not made up for by a
    burst.
  - This is an action. A child process sends and reads; it prints a line every five seconds, and ends with its
    supervisor.
options:
  state:
    description:
      - V(begun) asks Kafka where the topic ends, and so whether it answers at all.
      - V(sent) sends, and counts what the kernel took.
      - V(read_back) reads from where the topic ended at V(begun) to where it ends now, and goes on until
        I(expected) records were read or I(read_limit_s) is over.
    type: str
    choices: [begun, sent, read_back]
    required: true
  name:
    description: What the step is called in progress lines.
    type: str
    required: true
  bootstrap_servers:
    description: Addresses (C(host:port)) through which the cluster is found.
    type: list
    elements: str
    required: true
  topic:
    description: The topic that the lines go to.
    type: str
    required: true
  client_properties:
    description: librdkafka properties of the reader, such as C(security.protocol). They win over all others.
    type: dict
    default: {}
  address:
    description: The IPv4 address that datagrams are sent to.
    type: str
    required: true
  port:
    description: The UDP port that they are sent to.
    type: int
    required: true
  run:
    description: Eight hexadecimal digits that tell this test's lines from all others.
    type: str
    required: true
  step:
    description: The step's number, which its lines carry.
    type: int
    required: true
  size:
    description: Bytes of a datagram, less the headers of UDP and IP.
    type: int
    required: true
  rate_per_s:
    description: Datagrams/s to send.
    type: float
    required: true
  duration_s:
    description: For how long, in seconds. At most 60.
    type: float
    required: true
  sent:
    description: With V(read_back), how many were sent.
    type: int
    default: 0
  offsets:
    description: With V(read_back), where each partition ended before, as V(begun) answered it.
    type: dict
    default: {}
  expected:
    description: With V(read_back), how many records there will be, copies left out.
    type: int
    default: 0
  read_limit_s:
    description: How long V(read_back) may take, in seconds.
    type: float
    default: 60.0
attributes:
  check_mode:
    support: full
    description: Is skipped, since nothing is sent.
notes:
  - Refuses nothing that it is told to send to. C(barevm.kafka.udp_test_plan) does, and stands before it in
    the role.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Send for five seconds
  barevm.kafka.udp_burst:
    state: sent
    name: 1,000/s
    bootstrap_servers: [192.168.20.20:9092]
    topic: syslog
    address: 192.168.20.20
    port: 514
    run: 0badcafe
    step: 1
    size: 512
    rate_per_s: 1000
    duration_s: 5
  register: burst
"""

RETURN = r"""
offsets:
  description: Where each partition ends.
  returned: when begun
  type: dict
sent:
  description: How many datagrams the kernel took.
  returned: when sent
  type: int
rate_per_s:
  description: The rate that was reached.
  returned: when sent
  type: float
duration_s:
  description: Seconds from the first datagram to the end of the schedule.
  returned: when sent
  type: float
held_up_s:
  description: By how much the machine delayed the sender in all, in seconds.
  returned: when sent
  type: float
errors:
  description: What the kernel refused, by the error's name.
  returned: when sent
  type: dict
way:
  description: >-
    How datagrams left the controller, C(device), C(mtu), C(port), C(kind) and C(why) there is no port.
  returned: when sent
  type: dict
controller:
  description: By how much the controller's own counters rose. Null is "not seen".
  returned: when sent
  type: dict
distinct:
  description: How many numbers were read back.
  returned: when read back
  type: int
duplicates:
  description: How many more records bore a number that had been read.
  returned: when read back
  type: int
cut_short:
  description: How many lines lack their end.
  returned: when read back
  type: int
late:
  description: Lines of an earlier step.
  returned: when read back
  type: int
foreign:
  description: Other records in the topic.
  returned: when read back
  type: int
first_missing:
  description: The lowest number that was not read back.
  returned: when read back
  type: int
complete:
  description: Whether all that was in the topic could be read within I(read_limit_s).
  returned: when read back
  type: bool
why:
  description: Why it could not.
  returned: when read back
  type: str
awaited:
  description: How many of I(expected) records the topic did not have yet.
  returned: when read back
  type: int
"""
