#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: release_push
short_description: Put a fetched release on a host
version_added: 0.1.0
description:
  - Sends the one archive that M(barevm.kafka.release_fetch) packed, and unpacks it beside its place. The
    folder appears under its name only when it is whole and its sha512 was right, with C(.release.json) in it.
  - Nothing is sent where the folder's manifest says that it is already this release.
  - A folder that was not put there by this collection is not replaced, nor is one that a process runs from.
  - What an interrupted push left is removed by the next one.
options:
  path:
    description: The release's folder on the host.
    type: path
    required: true
  archive:
    description: The archive, as M(barevm.kafka.release_fetch) returns it. Not needed under check mode.
    type: path
  manifest:
    description:
      - The manifest, as M(barevm.kafka.release_fetch) returns it.
      - Under check mode product, version, scala_version and source are enough.
    type: dict
    required: true
attributes:
  check_mode:
    support: full
    description: Sends nothing. Tells whether the release would be sent.
  diff_mode:
    support: full
    description: Product, version, Scala version and source before and after.
notes:
  - Needs root on the host, since the folder belongs to root.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Put Kafka on the host (usually 2 to 10 s)
  barevm.kafka.release_push:
    path: "{{ item.path }}"
    archive: "{{ item.archive }}"
    manifest: "{{ item.manifest }}"
  become: true
  loop: "{{ dist_fetched.releases }}"
"""

RETURN = r"""
path:
  description: The release's folder.
  returned: success
  type: str
before:
  description: The manifest that was there, or null.
  returned: success
  type: dict
removed:
  description: What interrupted pushes had left and was removed.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.barevm.kafka.plugins.module_utils import release_folder


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "archive": {"type": "path"},
            "manifest": {"type": "dict", "required": True},
            # The action's own: it asks what is there before it sends an archive of this size.
            "_archive_bytes": {"type": "int"},
        },
        supports_check_mode=True,
    )
    folder = Path(module.params["path"])
    wanted = module.params["manifest"]
    before = release_folder.manifest(folder)
    asking = module.params["_archive_bytes"]
    left = [str(path) for path in release_folder.leftovers(folder)]
    result = {
        "path": str(folder),
        "before": before,
        "changed": not release_folder.holds(before, wanted),
        "removed": left,
    }
    try:
        if result["changed"] and asking is not None:
            release_folder.check(folder, wanted, asking)
        elif result["changed"] and not module.check_mode:
            release_folder.install(folder, Path(module.params["archive"]), wanted)
    except (release_folder.PushRefused, OSError) as problem:
        module.fail_json(msg=f"{problem}.", **result | {"changed": False})
    module.exit_json(**result)


if __name__ == "__main__":
    main()
