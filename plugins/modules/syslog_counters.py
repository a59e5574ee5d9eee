#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: syslog_counters
short_description: Read what waits in a syslog ingest, and what it had to drop
version_added: 0.1.0
description:
  - Reads the last of the counters that rsyslog writes to its file. rsyslog itself says nothing of a queue
    that is full.
  - Changes nothing.
options:
  stats_file:
    description: The file of counters.
    type: path
    required: true
attributes:
  check_mode:
    support: full
    description: Reads only.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Read what waits
  barevm.kafka.syslog_counters:
    stats_file: /var/log/rsyslog-kafka/stats.json
"""

RETURN = r"""
at:
  description: When the counters were written, empty where there are none yet.
  returned: success
  type: str
waiting:
  description: Lines in the queues.
  returned: success
  type: int
dropped:
  description: Lines that found a queue full since the service started.
  returned: success
  type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.barevm.kafka.plugins.module_utils import syslog_counters


def main() -> None:
    module = AnsibleModule(
        argument_spec={"stats_file": {"type": "path", "required": True}}, supports_check_mode=True
    )
    try:
        found = syslog_counters.read(module.params["stats_file"])
    except OSError as error:
        module.fail_json(msg=f"the counters could not be read: {error}; see syslog_ingest_stats_file")
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
