#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: rendered_files
short_description: Bring a role's folders, files and links to a host in one execution
version_added: 0.1.0
description:
  - Renders every template on the controller and compares and writes all of them in one module execution,
    where the builtin modules take two executions a file.
  - A file is written beside its place and renamed, so a reader never meets half of it.
  - The diff is one entry a file. Values of settings whose names look secret are hidden one by one.
options:
  directories:
    description: Folders, made before the files in the order given, with missing parents owned by root.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Where the folder is.
        type: path
        required: true
      owner:
        description: Name of the owning user.
        type: str
        default: root
      group:
        description: Name of the owning group.
        type: str
        default: root
      mode:
        description: Permissions, octal in quotes.
        type: str
        default: "0755"
  files:
    description: Files to render and write.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Where the file is.
        type: path
        required: true
      template:
        description: Name of a template in the collection's C(templates/). Give this or I(content).
        type: str
      data:
        description: What the template prints. A template sees this and nothing else.
        type: dict
        default: {}
      content:
        description: The text itself. Give this or I(template).
        type: str
      owner:
        description: Name of the owning user.
        type: str
        default: root
      group:
        description: Name of the owning group.
        type: str
        default: root
      mode:
        description: Permissions, octal in quotes.
        type: str
        default: "0644"
      started:
        description: What a running service was started with, a copy of this file, or a unit's digest.
        type: path
  links:
    description: Symbolic links.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Where the link is.
        type: path
        required: true
      target:
        description: What it points to.
        type: path
        required: true
attributes:
  check_mode:
    support: full
    description: Says what would change, also where an owner does not exist yet.
  diff_mode:
    support: full
    description: One entry a file, with secret values hidden.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Write the broker's configuration
  barevm.kafka.rendered_files:
    directories:
      - {path: /etc/kafka, owner: root, group: kafka, mode: "0750"}
    files:
      - path: /etc/kafka/server.properties
        template: properties.j2
        data:
          settings: {broker.id: 1}
        owner: kafka
        group: kafka
        mode: "0600"
"""

RETURN = r"""
changes:
  description: What was changed, or would be under check mode.
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: The file, folder or link.
      type: str
    what:
      description: Which of C(created), C(content), C(owner), C(group), C(mode), C(target).
      type: list
      elements: str
    settings:
      description: For a properties or environment file, the names of the settings that differ.
      type: list
      elements: str
changed_paths:
  description: The paths of I(changes).
  returned: always
  type: list
  elements: str
pending:
  description: What a running service would take up at a restart, each as file and setting.
  returned: always
  type: list
  elements: str
"""

import base64
import grp
import os
import pwd
import tempfile

from ansible.module_utils.basic import AnsibleModule

OWNED = {
    "path": {"type": "path", "required": True},
    "owner": {"default": "root"},
    "group": {"default": "root"},
}


def ids(entry, check_mode):
    """The numeric owner and group; None for a name that a run under check mode may still create."""
    found = []
    for kind, lookup in (
        ("owner", lambda name: pwd.getpwnam(name)[2]),
        ("group", lambda name: grp.getgrnam(name)[2]),
    ):
        try:
            found.append(lookup(entry[kind]))
        except KeyError:
            if not check_mode:
                raise LookupError(
                    f"{entry['path']}: {kind} {entry[kind]} does not exist on this host; create it first"
                ) from None
            found.append(None)
    return found


def attribute_changes(path, entry, uid, gid):
    state = os.stat(path)
    differing = []
    if state.st_uid != uid:
        differing.append("owner")
    if state.st_gid != gid:
        differing.append("group")
    if state.st_mode & 0o7777 != int(entry["mode"], 8):
        differing.append("mode")
    return differing


def apply_attributes(path, entry, uid, gid):
    os.chown(path, uid, gid)
    # chown clears set-id bits, so the mode comes after it
    os.chmod(path, int(entry["mode"], 8))


def directory(entry, check_mode):
    path = entry["path"]
    uid, gid = ids(entry, check_mode)
    if not os.path.lexists(path):
        if not check_mode:
            os.makedirs(path)
            apply_attributes(path, entry, uid, gid)
        return ["created"]
    if not os.path.isdir(path):
        raise LookupError(f"{path} should be a folder and is something else; move it away")
    what = attribute_changes(path, entry, uid, gid)
    if what and not check_mode:
        apply_attributes(path, entry, uid, gid)
    return what


def read(path):
    if not os.path.lexists(path):
        return None
    if not os.path.isfile(path):
        raise LookupError(f"{path} should be a file and is something else; move it away")
    with open(path, "rb") as stream:
        return stream.read()


def replace(path, content, entry, uid, gid):
    handle, beside = tempfile.mkstemp(dir=os.path.dirname(path), prefix=f".{os.path.basename(path)}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        apply_attributes(beside, entry, uid, gid)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def rendered_file(entry, check_mode):
    path, wanted = entry["path"], base64.b64decode(entry["content"])
    uid, gid = ids(entry, check_mode)
    present = read(path)
    if present is None:
        what = ["created"]
    else:
        what = (["content"] if present != wanted else []) + attribute_changes(path, entry, uid, gid)
    if check_mode or not what:
        return what, present
    if present == wanted:
        apply_attributes(path, entry, uid, gid)
    else:
        replace(path, wanted, entry, uid, gid)
    return what, present


def link(entry, check_mode):
    path, target = entry["path"], entry["target"]
    if os.path.islink(path) and os.readlink(path) == target:
        return []
    what = ["target"] if os.path.lexists(path) else ["created"]
    if what == ["target"] and not os.path.islink(path):
        raise LookupError(f"{path} should be a link to {target} and is something else; move it away")
    if not check_mode:
        beside = f"{path}.{os.getpid()}"
        os.symlink(target, beside)
        os.replace(beside, path)
    return what


def main():
    module = AnsibleModule(
        argument_spec={
            "directories": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {**OWNED, "mode": {"default": "0755"}},
            },
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    **OWNED,
                    "mode": {"default": "0644"},
                    "template": {"type": "str"},
                    "data": {"type": "dict", "default": {}},
                    # base64 of the rendered text: the action renders, a host sees no template
                    "content": {"type": "str"},
                    "started": {"type": "path"},
                },
            },
            "links": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"path": OWNED["path"], "target": {"type": "path", "required": True}},
            },
        },
        supports_check_mode=True,
        # The files may hold passwords; without this they would stand in the host's journal.
        no_log=True,
    )
    changes, before, started = [], {}, {}
    try:
        for entry in module.params["directories"]:
            changes.append({"path": entry["path"], "what": directory(entry, module.check_mode)})
        for entry in module.params["files"]:
            what, present = rendered_file(entry, module.check_mode)
            changes.append({"path": entry["path"], "what": what})
            if what and present is not None:
                before[entry["path"]] = base64.b64encode(present).decode()
            if entry["started"] and os.path.lexists(entry["started"]):
                started[entry["path"]] = base64.b64encode(read(entry["started"])).decode()
        for entry in module.params["links"]:
            changes.append({"path": entry["path"], "what": link(entry, module.check_mode)})
    except (LookupError, OSError) as error:
        module.fail_json(msg=str(error))
    changes = [change for change in changes if change["what"]]
    module.exit_json(changed=bool(changes), changes=changes, before=before, started=started)


if __name__ == "__main__":
    main()
