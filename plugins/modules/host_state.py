#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_state
short_description: Read all that the roles need to know of a host, in one execution
version_added: 0.1.0
description:
  - Reads accounts, units, Java, releases, kernel settings, disks, ports and identities, and changes nothing.
  - What is not there is answered with null, so a bare host under check mode gets an answer, not an error.
options:
  users:
    description: Accounts to look up.
    type: list
    elements: str
    default: []
  units:
    description: Units to ask systemd about, with their suffix.
    type: list
    elements: str
    default: []
  java_homes:
    description: JAVA_HOMEs to look at. An empty string asks for C(/usr/bin/java).
    type: list
    elements: str
    default: []
  releases:
    description: Release folders whose manifest to read.
    type: list
    elements: str
    default: []
  sysctls:
    description: Kernel settings to read, by their dotted names.
    type: list
    elements: str
    default: []
  disks:
    description: Paths whose file system to describe.
    type: list
    elements: str
    default: []
  ports:
    description: TCP ports to look for a listener on.
    type: list
    elements: int
    default: []
  udp_ports:
    description: UDP ports to look for a socket on.
    type: list
    elements: int
    default: []
  receive_buffers:
    description: UDP ports whose sockets' receive buffers to read.
    type: list
    elements: int
    default: []
  files:
    description: Patterns of file names to look for, such as C(/usr/lib*/x.so).
    type: list
    elements: str
    default: []
  resolve:
    description: Host names to resolve on the host.
    type: list
    elements: str
    default: []
  zookeeper_dirs:
    description: ZooKeeper's folders of data, that with C(myid) first. None on a host without ZooKeeper.
    type: list
    elements: str
    default: []
  kafka_log_dirs:
    description: Kafka's log directories, for their C(meta.properties).
    type: list
    elements: str
    default: []
  services:
    description: Services whose started copies to compare with their files.
    type: list
    elements: dict
    default: []
    suboptions:
      unit:
        description: The unit's name, with its suffix.
        type: str
        required: true
      unit_path:
        description: The unit's file.
        type: str
        required: true
      started_dir:
        description: The folder into which the unit copies its files when it starts.
        type: str
        required: true
      files:
        description: The files that it copies.
        type: list
        elements: str
        required: true
  overrides:
    description: Where M(barevm.kafka.applied_settings) noted what was set live. Empty for nowhere.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Reads only.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Read the host's state
  barevm.kafka.host_state:
    users: [kafka]
    units: [kafka.service]
    java_homes: [""]
  register: preflight_host
"""

RETURN = r"""
users:
  description: Each account's uid, group, home and shell, or null.
  returned: always
  type: dict
units:
  description: For each unit its load, active, sub and file state, main pid, result, exit status and restarts.
  returned: always
  type: dict
java:
  description: Version and major of each home, or null.
  returned: always
  type: dict
releases:
  description: Each folder's manifest, or null.
  returned: always
  type: dict
sysctls:
  description: Each kernel setting's value, or null.
  returned: always
  type: dict
fixed_settings:
  description: Those of the asked sysctls, and transparent_hugepage, that cannot be written on this host.
  returned: always
  type: list
  elements: str
swaps:
  description: Swap devices in use.
  returned: always
  type: list
fstab_swaps:
  description: Swap devices that a reboot would bring back.
  returned: always
  type: list
swap_units:
  description: Units, none of them made of fstab, that would bring swap with a reboot.
  returned: always
  type: list
  elements: str
container:
  description: The manager of the container that this host is, empty for a host with a kernel of its own.
  returned: always
  type: str
transparent_hugepages:
  description: C(always), C(madvise), C(never), or null where the kernel has none.
  returned: always
  type: str
memory_total_mb:
  description: RAM in MiB.
  returned: always
  type: int
os:
  description: id, version_id and version_codename of os-release.
  returned: always
  type: dict
disks:
  description: >-
    For each path whether it exists, its mount point, file system, options and free bytes, and
    C(files_bytes), what the files right in it take.
  returned: always
  type: dict
ports:
  description: For each port, as text, the listener's pid and process, or null.
  returned: always
  type: dict
udp_ports:
  description: For each UDP port, as text, the pid and process that have it, or null.
  returned: always
  type: dict
files:
  description: For each pattern the files that match it.
  returned: always
  type: dict
resolved:
  description: Each name's addresses on this host.
  returned: always
  type: dict
identities:
  description: >-
    C(myid); C(meta_properties) of each log directory, or null; C(zookeeper_data), which of ZooKeeper's
    folders hold a database; C(marked), the folders that may be empty; C(recorded), those that the
    services' files name; C(foreign), folders within log directories that are none of Kafka's;
    C(linked), where a path with a symbolic link in it leads.
  returned: always
  type: dict
processes:
  description: >-
    For each unit what its main process runs with, or null: C(open_files), -1 for any number,
    C(oom_score_adj), C(heap_mb), the largest heap of a JVM in MiB, and C(stopped), whether a signal holds it.
  returned: always
  type: dict
receive_buffers:
  description: For each port asked for, as text, the bytes of each socket's receive buffer, as asked for.
  returned: always
  type: dict
time:
  description: >-
    C(synchronised), null where the kernel does not tell it, C(max_error_ms), and C(services), the time
    services that are installed, with their active state. Null where neither units nor sysctls were asked for.
  returned: always
  type: dict
pending:
  description:
    - For each service what a restart would pick up, or null where it does not run.
    - >-
      As C(PATH: SETTING), C(PATH: content), C(unit: definition), C(unit: drop-ins), C(release: OLD -> NEW),
      C(java: OLD -> NEW).
  returned: always
  type: dict
started:
  description: For each unit what tells its present start from every other, empty where it does not run.
  returned: always
  type: dict
overrides:
  description: The settings that were set live on the broker, and the start at which, or nothing.
  returned: always
  type: dict
applied:
  description:
    - For each service the settings it was started with that one roll cannot change (listeners, chroot,
      servers, folders), or those of its file where it does not run, and what its folders hold. Null where it
      has no file.
    - C(offline) are the log directories that a running broker has given up, C(release) is the name of the
      folder that the service runs from.
  returned: always
  type: dict
"""

import glob

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.barevm.kafka.plugins.module_utils import (
    disk_reading,
    effect_reading,
    host_reading,
    started_settings,
)

STRINGS = {"type": "list", "elements": "str", "default": []}


def main():
    module = AnsibleModule(
        argument_spec={
            "users": STRINGS,
            "units": STRINGS,
            "java_homes": STRINGS,
            "releases": STRINGS,
            "sysctls": STRINGS,
            "disks": STRINGS,
            "ports": {"type": "list", "elements": "int", "default": []},
            "udp_ports": {"type": "list", "elements": "int", "default": []},
            "receive_buffers": {"type": "list", "elements": "int", "default": []},
            "files": STRINGS,
            "resolve": STRINGS,
            "zookeeper_dirs": STRINGS,
            "kafka_log_dirs": STRINGS,
            "services": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "unit": {"type": "str", "required": True},
                    "unit_path": {"type": "str", "required": True},
                    "started_dir": {"type": "str", "required": True},
                    "files": {"type": "list", "elements": "str", "required": True},
                },
            },
            "overrides": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        # systemd is asked once: its answer takes longer than all files of /proc.
        watched = effect_reading.TIME_SERVICES if asked["units"] or asked["sysctls"] else ()
        shown = host_reading.units([*asked["units"], *watched])
        units = {name: shown[name] for name in asked["units"]}
        module.exit_json(
            changed=False,
            users=host_reading.users(asked["users"]),
            units=units,
            java=host_reading.java(asked["java_homes"]),
            releases=host_reading.releases(asked["releases"]),
            sysctls=host_reading.sysctls(asked["sysctls"]),
            fixed_settings=host_reading.fixed_settings(asked["sysctls"]),
            swaps=host_reading.swaps(),
            fstab_swaps=host_reading.fstab_swaps(),
            swap_units=effect_reading.swap_units(),
            container=effect_reading.container(),
            transparent_hugepages=host_reading.transparent_hugepages(),
            memory_total_mb=host_reading.memory_total_mb(),
            os=host_reading.operating_system(),
            disks=host_reading.disks(asked["disks"]),
            ports=host_reading.ports(asked["ports"]),
            udp_ports=host_reading.ports(asked["udp_ports"], "udp"),
            receive_buffers=effect_reading.receive_buffers(asked["receive_buffers"]),
            files={pattern: sorted(glob.glob(pattern)) for pattern in asked["files"]},
            resolved=host_reading.resolved(asked["resolve"]),
            identities=disk_reading.identities(
                asked["zookeeper_dirs"], asked["kafka_log_dirs"], asked["services"]
            ),
            processes=effect_reading.processes(units),
            time=effect_reading.time_state({name: shown[name] for name in watched}) if watched else None,
            pending=host_reading.pending(asked["services"], units),
            started=host_reading.started(units),
            overrides=host_reading.overrides(asked["overrides"]),
            applied=started_settings.read(asked["services"], asked["disks"], units),
        )
    except OSError as error:
        module.fail_json(
            msg=f"the host's state could not be read: {error}; it needs systemd and a mounted /proc"
        )


if __name__ == "__main__":
    main()
