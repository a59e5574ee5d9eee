#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: perf_test
short_description: Measure what a cluster takes and how fast
version_added: 0.1.0
description:
  - Makes a topic of its own, lets producer processes write to it and consumer processes read it, and removes
    the topic, also when the test fails or is interrupted.
  - Every acknowledgement is counted and every latency recorded in an HdrHistogram; nothing is sampled.
  - A latency counts from the time at which the record was meant to be sent. With a limit that is its place in
    the schedule, so that falling behind shows in the latencies. Without a limit it is the time at which the
    client library took the record, so that latencies are those of a full send buffer (32 MiB a producer).
  - Prints a line of figures every five seconds, and writes C(perf.json) and a self-contained C(perf.html).
  - Fails unless every record was acknowledged and, with consumers, read back.
options:
  bootstrap_servers:
    description: Addresses (C(host:port)) through which the cluster is found.
    type: list
    elements: str
    required: true
  client_properties:
    description: librdkafka properties of all clients, such as C(security.protocol). They win over all others.
    type: dict
    default: {}
  partitions:
    description: Partitions of the topic.
    type: int
    default: 5
  replication_factor:
    description: Replicas of each partition.
    type: int
    default: 3
  min_insync_replicas:
    description: How many replicas must have a record before it is acknowledged under C(acks=all).
    type: int
    default: 2
  record_size:
    description:
      - Bytes of a record's value. Records of 8 bytes or more carry their intended send time (nanoseconds) in
        the first 8; the rest are random capital letters.
      - Smaller records carry that time as Kafka's timestamp, so that end-to-end latencies are to the
        millisecond.
    type: int
    default: 1024
  payload_file:
    description:
      - A file on the controller with records to send instead, each picked at random and sent as it is.
      - The intended send time travels as Kafka's timestamp, so that end-to-end latencies are to the
        millisecond.
    type: path
    default: ""
  payload_delimiter:
    description: What separates the records of I(payload_file). Empty records are left out.
    type: str
    default: "\n"
  records:
    description:
      - End after this many records. Exactly one of I(records) and I(duration_s) is set.
      - A test that takes more than an hour for them is stopped; for longer ones set I(duration_s).
    type: int
    default: 0
  duration_s:
    description: End after this many seconds.
    type: float
    default: 0.0
  warmup_s:
    description:
      - Send for this many seconds before, and wait until all of that is acknowledged. It counts for nothing.
      - The first run after brokers have started is slower by half or more.
    type: float
    default: 0.0
  limit_records_per_s:
    description: Send at most this many records/s, all producers together. 0 is no limit.
    type: float
    default: 0.0
  limit_mb_per_s:
    description: Send at most this many MB/s (1 MB is 1,000,000 bytes), all producers together. 0 is no limit.
    type: float
    default: 0.0
  acks:
    description: Which replicas must have a record before it counts as acknowledged.
    type: str
    choices: [all, "1", "0"]
    default: all
  linger_ms:
    description: How long a batch waits to be filled, in milliseconds.
    type: float
    default: 5.0
  batch_size:
    description: Bytes of a batch at most.
    type: int
    default: 131072
  compression:
    description: The codec of batches.
    type: str
    choices: [none, gzip, snappy, lz4, zstd]
    default: none
  idempotence:
    description:
      - Whether brokers drop records that a retry sent twice. Needs C(acks=all).
      - Off by default, since librdkafka 2.16 spends twice the CPU a record with it.
    type: bool
    default: false
  producers:
    description: Producer processes.
    type: int
    default: 1
  consumers:
    description: Consumer processes, which share the partitions and read everything from the start. 0 is none.
    type: int
    default: 0
  delivery_timeout_s:
    description: After how many seconds without acknowledgement a record has failed.
    type: float
    default: 30.0
  reports_dir:
    description: The folder on the controller for C(perf.json) and C(perf.html).
    type: path
    required: true
  baseline:
    description:
      - The C(perf.json) of an earlier run to compare with. The test fails where records/s, or a p99 latency,
        is worse by more than I(baseline_max_regression).
      - Refused when that run was of another workload, naming what differs.
    type: path
    default: ""
  baseline_max_regression:
    description: The share that a figure may be worse than the baseline's. 0.2 is 20 %.
    type: float
    default: 0.2
attributes:
  check_mode:
    support: full
    description: Makes no topic, sends nothing, writes nothing, and says what it would do.
notes:
  - An action plugin on the controller. Run it once, delegated to localhost.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Measure the cluster for half a minute
  barevm.kafka.perf_test:
    bootstrap_servers: [192.168.20.20:9092, 192.168.20.21:9092]
    duration_s: 30
    warmup_s: 5
    consumers: 1
    reports_dir: reports/lab
  run_once: true
  delegate_to: localhost
  become: false

- name: Fail when the cluster became slower than it was in June
  barevm.kafka.perf_test:
    bootstrap_servers: [192.168.20.20:9092]
    records: 1000000
    limit_records_per_s: 20000
    baseline: perf-june.json
    reports_dir: reports/lab
  run_once: true
  delegate_to: localhost
  become: false
"""

RETURN = r"""
result:
  description: C(PASS) or C(FAIL).
  returned: when something was measured
  type: str
reasons:
  description: A sentence for each thing that kept the result from C(PASS).
  returned: when something was measured
  type: list
  elements: str
figures:
  description: What C(perf.json) holds, less the columns for plots.
  returned: when something was measured
  type: dict
json_path:
  description: Where C(perf.json) was written.
  returned: when something was measured
  type: str
html_path:
  description: Where C(perf.html) was written.
  returned: when something was measured
  type: str
"""
