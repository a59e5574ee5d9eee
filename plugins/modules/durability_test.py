#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: durability_test
short_description: Show that what a cluster acknowledges is kept
version_added: 0.1.0
description:
  - Sends records while other tasks do something to the cluster, keeps account of every acknowledgement, reads
    everything back, and judges.
  - C(state=started) makes a topic, starts producer processes that go on by themselves, and returns once every
    partition has acknowledged a record. They end with the playbook run, when I(limit_s) is over, and when
    they are stopped.
  - C(state=marked) notes an event, for the page and for the judging.
  - C(state=stopped) ends the sending, waits until every record is reported on and every replica is in sync,
    reads back, judges, and writes C(<name>.json) and C(<name>.html). Topic and ledger are removed on C(PASS),
    and kept otherwise. The ledger of a test that was killed is judged in the same way.
  - This is an action. It works on the controller.
options:
  state:
    description: Begin a test, note an event in it, or end and judge it.
    type: str
    choices: [started, marked, stopped]
    required: true
  bootstrap_servers:
    description: Addresses (C(host:port)) through which the cluster is found. Needed to start.
    type: list
    elements: str
    default: []
  client_properties:
    description:
      - librdkafka properties of all clients, such as C(security.protocol). They win over the test's own,
        whose values in effect are in the result.
      - What the verdict goes by has options of its own (I(acks), I(idempotence), I(delivery_timeout_s)), and
        is refused here.
      - The ledger does not hold them, since they may be secrets; give them again to stop.
    type: dict
    default: {}
  reports_dir:
    description:
      - The folder on the controller for the result, and for the ledger below C(ledgers). Needed to start.
      - When stopping, empty is the folder that was given at the start.
    type: path
    default: ""
  name:
    description: What the result's files are called.
    type: str
    default: durability
  topic:
    description:
      - The topic to write to. Empty makes one of the test's own. One that does not exist is made.
      - One that holds records, or has held some, is refused.
    type: str
    default: ""
  partitions:
    description: Partitions of a topic that is made.
    type: int
    default: 12
  replication_factor:
    description: Replicas of each partition of a topic that is made.
    type: int
    default: 3
  min_insync_replicas:
    description: Its C(min.insync.replicas).
    type: int
    default: 2
  producers:
    description: Producer processes. Each writes to partitions of its own.
    type: int
    default: 1
  record_size:
    description: Bytes of a record's value, 100 to 1,000,000. The first 32 say which record it is.
    type: int
    default: 1024
  payload_file:
    description:
      - A file on the controller with records to send instead, each picked at random, behind 32 bytes that say
        which record it is.
    type: path
    default: ""
  payload_delimiter:
    description: What separates the records of I(payload_file). Empty records are left out.
    type: str
    default: "\n"
  acks:
    description: Which replicas must have a record before it is acknowledged. Less than C(all) cannot pass.
    type: str
    choices: [all, "1", "0"]
    default: all
  idempotence:
    description:
      - Whether brokers drop records that a retry sent twice. Needs C(acks=all); a PASS needs it.
    type: bool
    default: true
  compression:
    description: The codec of batches.
    type: str
    choices: [none, gzip, snappy, lz4, zstd]
    default: none
  records_per_s:
    description: Send so many records/s, all producers together. 0 is as many as it goes.
    type: float
    default: 1000.0
  linger_ms:
    description: How long a batch waits to be filled, in milliseconds.
    type: float
    default: 5.0
  batch_size:
    description:
      - Bytes of a batch at most.
      - More than perf_test's, since an idempotent producer has one batch of a partition under way.
    type: int
    default: 524288
  delivery_timeout_s:
    description:
      - After how many seconds without acknowledgement a record is given up, and its fate unknown. More than
        the longest outage that is planned.
    type: float
    default: 120.0
  records:
    description: End the sending after this many records. 0 goes on until the test is stopped.
    type: int
    default: 0
  duration_s:
    description: End the sending after this many seconds. 0 goes on until the test is stopped.
    type: float
    default: 0.0
  limit_s:
    description: End the sending after this many seconds, whatever happens.
    type: float
    default: 3600.0
  reader:
    description: Whether a consumer reads alongside, for end-to-end latencies.
    type: bool
    default: false
  group_members:
    description: Members of a consumer group that reads alongside and commits.
    type: int
    default: 0
  group_commit_s:
    description: After how many seconds each member commits what it has handled since its last commit.
    type: float
    default: 1.0
  group_bounce_every_s:
    description: Kill a member (SIGKILL) so often, and start another one 5 s later. 0 kills none.
    type: float
    default: 0.0
  probe:
    description:
      - Whether a second producer, which tries once, sends two records/s to a topic C(<topic>-probe), so that
        refusals are seen.
    type: bool
    default: false
  zookeeper_connect:
    description: The ensemble with the cluster's chroot. Empty observes nothing of the cluster.
    type: str
    default: ""
  zookeeper_servers:
    description: The ensemble's servers, in the shape of C(preflight_cluster.zookeeper.servers).
    type: list
    elements: dict
    default: []
  brokers:
    description: The brokers, in the shape of C(preflight_cluster.kafka.brokers).
    type: list
    elements: dict
    default: []
  ledger:
    description: The folder that the start returned. Needed to mark and to stop.
    type: path
    default: ""
  kind:
    description:
      - What is marked. A fault lies between C(strike) and C(healed). A C(proof) has I(data) with C(name) and
        C(holds).
    type: str
    choices: [note, task, strike, healed, proof]
    default: note
  what:
    description: The event in a few words. Needed to mark.
    type: str
    default: ""
  host:
    description: The host that it happened to.
    type: str
    default: ""
  data:
    description: What else belongs to the event.
    type: dict
    default: {}
  title:
    description: The title of the page.
    type: str
    default: ""
  expect:
    description: What the result is held to beside the rules (C(unknown), C(at_most), C(proofs), ...).
    type: dict
    default: {}
  hold_s:
    description: Let the test go on for so many seconds before it is stopped, and print figures every five.
    type: float
    default: 0.0
  full_isr_timeout_s:
    description: How long to wait, before reading back, for all replicas to be in sync.
    type: float
    default: 120.0
  read_timeout_s:
    description: How long the reading back may take.
    type: float
    default: 3600.0
  keep:
    description: Whether topic and ledger are kept on C(PASS) too.
    type: bool
    default: false
  fail_unless_pass:
    description: Whether the task fails unless the result is C(PASS).
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Makes no topic, sends nothing, marks and judges nothing, and says what it would do.
notes:
  - Run it once, delegated to localhost.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Begin a durability test
  barevm.kafka.durability_test:
    state: started
    bootstrap_servers: [192.168.20.20:9092, 192.168.20.21:9092]
    records_per_s: 5000
    reports_dir: reports/lab
  run_once: true
  delegate_to: localhost
  become: false
  register: __durability

- name: Note what is done now
  barevm.kafka.durability_test:
    state: marked
    ledger: "{{ __durability.ledger }}"
    what: The firewall was reloaded
  run_once: true
  delegate_to: localhost
  become: false

- name: Judge what was acknowledged
  barevm.kafka.durability_test:
    state: stopped
    ledger: "{{ __durability.ledger }}"
  run_once: true
  delegate_to: localhost
  become: false
"""

RETURN = r"""
ledger:
  description: The test's folder on the controller; empty once it is removed.
  returned: always, but under check mode
  type: str
topic:
  description: The test's topic; empty once it is removed.
  returned: when started or stopped
  type: str
run_id:
  description: What every record of the test carries.
  returned: when started
  type: str
started_ns:
  description: When it began, in nanoseconds of the controller's monotonic clock.
  returned: when started
  type: int
at_ns:
  description: When the event was noted, on the same clock.
  returned: when marked
  type: int
result:
  description: C(PASS), C(FAIL) or C(INCONCLUSIVE).
  returned: when judged
  type: str
reasons:
  description: A sentence for each thing that kept the result from C(PASS).
  returned: when judged
  type: list
  elements: str
figures:
  description: What C(<name>.json) holds, less the columns for plots.
  returned: when judged
  type: dict
json_path:
  description: Where C(<name>.json) was written.
  returned: when judged
  type: str
html_path:
  description: Where C(<name>.html) was written.
  returned: when judged
  type: str
"""
