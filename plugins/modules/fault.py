#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: fault
short_description: Strike a fault on a host that undoes itself, or heal every fault that was struck
version_added: 0.1.0
description:
  - Breaks one thing of a broker's host on purpose, and shows that it is broken.
  - Before it strikes, it arms a timer of systemd on the host that heals all of the host's faults after
    I(undo_after_s), whatever became of the connection and the controller. Several faults on one host are
    undone together, at the latest of their times.
  - Healing takes back everything that this module could ever have left, also where its notes are gone. A
    second healing changes nothing.
  - A strike that fails heals the host at once.
options:
  state:
    description:
      - V(struck) strikes a fault of I(kind).
      - V(healed) heals the faults of I(kind) on I(unit), or without I(kind) all of the host's.
      - V(read) only answers what a fault would change.
    type: str
    choices: [struck, healed, read]
    required: true
  kind:
    description:
      - V(kill) ends the unit's main process by SIGKILL. Healing starts the unit.
      - V(stop) stops the unit. Healing starts it.
      - V(pause) stops the unit's main process by SIGSTOP. Healing continues it.
      - V(cut) drops all packets between this host and I(peers), and between I(user)'s processes and
        I(local_ports) of this host itself, of new and of established connections.
      - V(loss) drops I(percent) of the packets of I(ports), in and out.
      - V(fill) fills the file system of I(folder) with a file. Healing removes it, starts a unit that has
        failed, and restarts a broker that runs without I(folder).
      - C(kill) and C(stop) mark the unit by a drop-in below C(/run), which healing removes.
    type: str
    choices: [kill, stop, pause, cut, loss, fill]
  unit:
    description: The service. Of C(cut), C(loss) and C(fill) it is the one whose facts are returned.
    type: str
    choices: [kafka, zookeeper]
    default: kafka
  undo_after_s:
    description:
      - Seconds after which the host heals itself.
      - Struck again, the longer of the times stands.
    type: int
    default: 300
  hold:
    description:
      - With C(kill), keep the unit down until it is healed. Otherwise systemd restarts it as the unit says.
    type: bool
    default: true
  peers:
    description: With C(cut), the hosts to cut this one off from.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: An address, or a name that this host knows.
        type: str
        required: true
      ports:
        description: Ports, on either end of a connection. Never SSH's.
        type: list
        elements: int
        required: true
      connections:
        description:
          - V(both) are those that either host opens, V(outgoing) only those that this one opens. With
            ZooKeeper's client port, V(outgoing) leaves this host's own ZooKeeper server to the peer.
        type: str
        choices: [both, outgoing]
        default: both
  local_ports:
    description:
      - With C(cut), ports of this host itself from which I(user)'s processes are cut off, by whichever of its
        addresses they connect. Others still reach them.
    type: list
    elements: int
    default: []
  user:
    description: The account of the processes that are cut off from I(local_ports).
    type: str
    default: kafka
  ports:
    description: With C(loss), the ports whose packets are lost, on either end of a connection. Never SSH's.
    type: list
    elements: int
    default: []
  percent:
    description: With C(loss), how many of a hundred packets are lost, in each direction.
    type: int
    default: 0
  folder:
    description:
      - With C(fill), a folder whose file system is filled until nothing is left. Refused where that is shared
        with a folder of the system or of this connection, is btrfs or zfs, or would take most of the memory.
      - Otherwise, the folder whose free bytes are returned.
    type: path
    default: ""
attributes:
  check_mode:
    support: full
    description: Says what it would do, or why it would refuse.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Kill the broker, and keep it down for two minutes at most
  barevm.kafka.fault:
    state: struck
    kind: kill
    undo_after_s: 120
  become: true

- name: Cut the broker off from the others and from every ZooKeeper server, but not the server on its host
  barevm.kafka.fault:
    state: struck
    kind: cut
    peers:
      - {address: 192.168.20.21, ports: [9092]}
      - {address: 192.168.20.22, ports: [9092]}
      - {address: 192.168.20.21, ports: [2181], connections: outgoing}
      - {address: 192.168.20.22, ports: [2181], connections: outgoing}
    local_ports: [2181]
    user: kafka
  become: true

- name: Heal whatever was struck
  barevm.kafka.fault:
    state: healed
  become: true
"""

RETURN = r"""
before:
  description: What a fault changes, as it was before.
  returned: always
  type: dict
  contains:
    main_pid:
      description: The unit's main process, 0 where there is none.
      type: int
    process_state:
      description: Its state as proc_pid_status(5) has it, C(T) where it is stopped, or empty.
      type: str
    boot_id:
      description: What tells this boot of the host from every other.
      type: str
    active_state:
      description: The unit's state.
      type: str
    sub_state:
      description: The unit's state, more exactly.
      type: str
    n_restarts:
      description: How often systemd has restarted it by itself.
      type: int
    dropped_packets:
      description: What our rules have dropped, null where there are none.
      type: int
    free_bytes:
      description: Bytes free in the file system of I(folder), null where none was given.
      type: int
after:
  description: The same, afterwards.
  returned: always
  type: dict
proofs:
  description:
    - What shows that the fault happened.
    - Struck, C(killed), C(stopped), C(process_stopped), C(dropped_packets), C(disk_full).
    - Healed, C(new_pid), C(same_pid), C(dropped_packets), C(halted), C(kept_running), C(log_dir_offline).
    - C(holds) is null where it cannot be known yet.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: What it is called.
      type: str
    holds:
      description: Whether it is shown.
      type: bool
    what:
      description: What was seen, with both values.
      type: str
healed:
  description: What was healed, or would be.
  returned: always
  type: list
  elements: str
would:
  description: What would be struck.
  returned: when struck under check mode
  type: str
faults:
  description: The faults that stand, by C(kind) and C(unit).
  returned: always
  type: list
  elements: dict
struck_s_ago:
  description: Seconds between the begin of the fault itself and the end of this module.
  returned: when struck, but for check mode
  type: float
undo_in_s:
  description: Seconds until the host heals itself, null where nothing is to be healed.
  returned: always
  type: float
"""

import os
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.barevm.kafka.plugins.module_utils import faults, faults_heal, faults_look
from ansible_collections.barevm.kafka.plugins.module_utils.faults_rules import RefusedError

PORTS = {"type": "list", "elements": "int", "default": []}


def changed(module, asked):
    """Strike or heal; the result's own part."""
    if asked["state"] == "read":
        return {"changed": False, "proofs": [], "healed": []}
    if asked["state"] == "struck":
        strike = faults.Strike(asked, [module.tmpdir, os.getcwd(), os.path.expanduser("~")])
        if module.check_mode:
            return {"changed": True, "proofs": [], "healed": [], "would": strike.would()}
        proofs = strike.strike()
        return {"changed": True, "proofs": proofs, "healed": [], "struck_at": strike.began}
    unit = asked["unit"] + ".service" if asked["kind"] else ""
    if module.check_mode:
        done = faults_heal.Healing(asked["kind"], unit, dry=True).everything()
    else:
        done = faults_heal.heal(asked["kind"], unit)
    if done.errors:
        raise OSError("; ".join(done.errors) + ". Healed: " + ("; ".join(done.healed) or "nothing"))
    return {"changed": bool(done.healed), "proofs": done.proofs, "healed": done.healed}


def main():
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["struck", "healed", "read"], "required": True},
            "kind": {"type": "str", "choices": ["kill", "stop", "pause", "cut", "loss", "fill"]},
            "unit": {"type": "str", "choices": ["kafka", "zookeeper"], "default": "kafka"},
            "undo_after_s": {"type": "int", "default": 300},
            "hold": {"type": "bool", "default": True},
            "peers": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "address": {"type": "str", "required": True},
                    "ports": {"type": "list", "elements": "int", "required": True},
                    "connections": {"type": "str", "choices": ["both", "outgoing"], "default": "both"},
                },
            },
            "local_ports": PORTS,
            "user": {"type": "str", "default": "kafka"},
            "ports": PORTS,
            "percent": {"type": "int", "default": 0},
            "folder": {"type": "path", "default": ""},
        },
        required_if=[("state", "struck", ["kind"])],
        supports_check_mode=True,
    )
    asked = {**module.params, "kind": module.params["kind"] or ""}
    unit = asked["unit"] + ".service"
    host = os.uname().nodename
    try:
        before = faults_look.facts(unit, asked["folder"])
        result = changed(module, asked)
        standing = faults_look.notes()
        after = faults_look.facts(unit, asked["folder"])
        struck_at = result.pop("struck_at", None)
        if struck_at is not None:
            result["struck_s_ago"] = round(time.monotonic() - struck_at, 3)
        module.exit_json(
            **result,
            before=before,
            after=after,
            faults=[{"kind": one["kind"], "unit": one["unit"]} for one in standing["faults"]],
            undo_in_s=faults_look.undo_in_s(standing),
        )
    except RefusedError as refused:
        module.fail_json(msg=f"{host}: {refused}")
    except OSError as error:
        module.fail_json(
            msg=f"{host}: {asked['kind'] or 'all faults'} not {asked['state']}: {error}. It takes root and "
            "systemd; heal the host by state: healed"
        )


if __name__ == "__main__":
    main()
