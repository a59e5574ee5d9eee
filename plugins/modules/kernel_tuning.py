#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: kernel_tuning
short_description: Bring a running kernel to the settings of a broker's host, and read them back
version_added: 0.1.0
description:
  - Sets kernel settings, the mode of transparent huge pages, and swap, where the running kernel differs.
  - Reads each back afterwards. Where the kernel refuses, as in a container, the setting is reported as not
    effective; that is neither an error of this module nor a change.
  - Settings that are capacities, such as C(net.core.rmem_max), are never lowered.
  - What a reboot brings back is not its business, except for swap in C(/etc/fstab), which it comments out.
options:
  sysctl:
    description: Kernel settings by their dotted names.
    type: dict
    default: {}
  transparent_hugepages:
    description: The mode of transparent huge pages.
    type: str
    choices: [always, madvise, never]
    default: madvise
  swap_off:
    description: Stop using swap, now and after a reboot.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Writes nothing. Predicts as not effective what may not be written.
  diff_mode:
    support: full
    description: One entry for each setting, and one for C(/etc/fstab).
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Tune the running kernel
  barevm.kafka.kernel_tuning:
    sysctl:
      vm.swappiness: 1
      net.core.rmem_max: 16777216
  become: true
"""

RETURN = r"""
settings:
  description: What came of each setting, read back from the kernel.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The setting, or C(transparent_hugepage) or C(swap).
      type: str
    wanted:
      description: What was asked for.
      type: str
    before:
      description: What the kernel had, null where it has no such setting.
      type: str
    after:
      description: What the kernel has now.
      type: str
    effective:
      description: Whether that satisfies what was asked for.
      type: bool
    reason:
      description: Why it does not.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.barevm.kafka.plugins.module_utils.kernel_tuning import Kernel, tune


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "sysctl": {"type": "dict", "default": {}},
            "transparent_hugepages": {
                "type": "str",
                "choices": ["always", "madvise", "never"],
                "default": "madvise",
            },
            "swap_off": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    kernel = Kernel(dry=module.check_mode)
    try:
        result = tune(kernel, given["sysctl"], given["transparent_hugepages"], given["swap_off"])
    except OSError as problem:
        module.fail_json(msg=f"The kernel's settings could not be written: {problem}.")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
