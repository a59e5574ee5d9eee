#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: udp_profile
short_description: Change a host's receiving side for the time of a UDP test, and put it back
version_added: 0.1.0
description:
  - Keeps kernel settings and files as they are, lets a timer of systemd on the host put them back after
    I(undo_after_s) whatever became of the controller, and then gives the kernel the values asked for, lower
    ones too.
  - Put back are the kernel's settings first, then each file that differs, and the unit is restarted where one
    did.
options:
  state:
    description:
      - V(kept) keeps what the host has, arms the timer, and sets I(sysctl). Where an earlier keeping stands,
        that is left as it is, for it knows what was there first; the timer begins anew.
      - V(restored) puts back what was kept. A second time it changes nothing.
    type: str
    choices: [kept, restored]
    required: true
  sysctl:
    description: Kernel settings by their dotted names, with the very values they are to have.
    type: dict
    default: {}
  keep_sysctls:
    description: Names of more kernel settings to keep.
    type: list
    elements: str
    default: []
  files:
    description: Files to keep. Each must be there.
    type: list
    elements: path
    default: []
  unit:
    description: The service that reads the files.
    type: str
    default: rsyslog.service
  undo_after_s:
    description: Seconds after which the host puts everything back by itself.
    type: int
    default: 900
attributes:
  check_mode:
    support: full
    description: Says whether it would change anything, and changes nothing.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Give the kernel the values that it comes with, for ten minutes at most
  barevm.kafka.udp_profile:
    state: kept
    sysctl:
      net.core.rmem_max: 212992
    files: [/etc/rsyslog.d/10-ingest.conf]
    undo_after_s: 600
  become: true

- name: Put everything back
  barevm.kafka.udp_profile:
    state: restored
  become: true
"""

RETURN = r"""
settings:
  description: What the kernel has now of the settings named, null where it shows none.
  returned: always
  type: dict
refused:
  description: What the kernel refused, by C(name), C(wanted) and C(reason).
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.barevm.kafka.plugins.module_utils import udp_profile


def kept(profile, asked, dry):
    """Keep, arm and set; what the module answers."""
    names = sorted({*asked["sysctl"], *asked["keep_sysctls"]})
    if dry:
        now = profile.values(asked["sysctl"])
        differs = any(now[name] != str(value) for name, value in asked["sysctl"].items())
        return {"changed": differs or not profile.stands, "refused": [], "settings": profile.values(names)}
    new = profile.keep(names, asked["files"], asked["unit"])
    udp_profile.arm(profile.script, asked["undo_after_s"])
    changed, refused = profile.set(asked["sysctl"])
    return {"changed": new or bool(changed), "refused": refused, "settings": profile.values(names)}


def restored(profile, asked, dry):
    """Put back and disarm; what the module answers."""
    stood = profile.stands if dry else profile.put_back()
    if not dry:
        udp_profile.disarm()
    return {
        "changed": stood,
        "refused": [],
        "settings": profile.values(sorted({*asked["sysctl"], *asked["keep_sysctls"]})),
    }


def main():
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["kept", "restored"], "required": True},
            "sysctl": {"type": "dict", "default": {}},
            "keep_sysctls": {"type": "list", "elements": "str", "default": []},
            "files": {"type": "list", "elements": "path", "default": []},
            "unit": {"type": "str", "default": "rsyslog.service"},
            "undo_after_s": {"type": "int", "default": 900},
        },
        supports_check_mode=True,
    )
    act = kept if module.params["state"] == "kept" else restored
    try:
        module.exit_json(**act(udp_profile.Profile(), module.params, module.check_mode))
    except OSError as error:
        module.fail_json(
            msg=f"The receiving side was not {module.params['state']}: {error}. It takes root and systemd; "
            "state: restored puts back what was kept"
        )


if __name__ == "__main__":
    main()
