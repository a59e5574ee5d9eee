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
    description: Files to render and write, in the order given. An item may also be a list of such.
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
      optional:
        description: Leave the file out where its folder does not exist.
        type: bool
        default: false
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
    values:
      description: Each of these settings, or of a unit's, with its values before and after, secrets hidden.
      type: dict
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
pending_values:
  description: The settings among I(pending), each with its values before and after, secrets hidden.
  returned: always
  type: dict
"""

import base64
import grp
import os
import pwd
import re
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.barevm.kafka.plugins.module_utils import file_changes

OWNED = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
}


def ids(entry, may_be_missing):
    """The numeric owner and group; None for a name that a run under check mode may still create."""
    found = []
    for kind, lookup in (
        ("owner", lambda name: pwd.getpwnam(name)[2]),
        ("group", lambda name: grp.getgrnam(name)[2]),
    ):
        try:
            found.append(lookup(entry[kind]))
        except KeyError:
            if not may_be_missing:
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


def text_of(path):
    """What the file says; None where there is none."""
    if not os.path.lexists(path):
        return None
    if not os.path.isfile(path):
        raise LookupError(f"{path} should be a file and is something else; move it away")
    with open(path, "rb") as stream:
        return stream.read()


def check_entry(entry):
    """Refuse what could not be written, before anything is."""
    path, mode = entry["path"], entry.get("mode")
    if not os.path.isabs(path):
        raise LookupError(f"{path} is no absolute path")
    if mode is not None and not re.fullmatch("0[0-7]{3,4}", mode):
        # Unquoted, YAML reads 0644 as the number 420.
        raise LookupError(
            f"{path}: mode {mode} is not octal; write it in quotes with a leading 0, like '0644'"
        )
    above = os.path.dirname(path)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        raise LookupError(f"{path} cannot be made: {above} should be a folder and is something else")


def directory(entry, write, may_be_missing):
    path = entry["path"]
    uid, gid = ids(entry, may_be_missing)
    if not os.path.lexists(path):
        if write:
            os.makedirs(path)
            apply_attributes(path, entry, uid, gid)
        return ["created"]
    if not os.path.isdir(path):
        raise LookupError(f"{path} should be a folder and is something else; move it away")
    what = attribute_changes(path, entry, uid, gid)
    if what and write:
        apply_attributes(path, entry, uid, gid)
    return what


def rendered_file(entry, write, may_be_missing):
    path, wanted = entry["path"], base64.b64decode(entry["content"])
    if entry["optional"] and not os.path.isdir(os.path.dirname(path)):
        return []
    uid, gid = ids(entry, may_be_missing)
    present = text_of(path)
    if present is None:
        what = ["created"]
    else:
        what = (["content"] if present != wanted else []) + attribute_changes(path, entry, uid, gid)
    if what and write:
        if present == wanted:
            apply_attributes(path, entry, uid, gid)
        else:
            replace(path, wanted, entry, uid, gid)
    return what


def replace(path, content, entry, uid, gid):
    """Write the file beside its place, then rename it: a reader meets the old text or the new one."""
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


def link(entry, write, _may_be_missing):
    path, target = entry["path"], entry["target"]
    if os.path.islink(path) and os.readlink(path) == target:
        return []
    what = ["target"] if os.path.lexists(path) else ["created"]
    if what == ["target"] and not os.path.islink(path):
        raise LookupError(f"{path} should be a link to {target} and is something else; move it away")
    if write:
        beside = f"{path}.{os.getpid()}"
        os.symlink(target, beside)
        os.replace(beside, path)
    return what


KINDS = (("directories", directory), ("files", rendered_file), ("links", link))


def bring(params, write, may_be_missing):
    """What differs from what is asked, made so when ``write``: each entry with what of it."""
    return [
        (entry, what)
        for kind, bring_one in KINDS
        for entry in params[kind]
        for what in [bring_one(entry, write, may_be_missing)]
        if what
    ]


def described(entry, what):
    """The change as it is returned, its diff, both told without secrets."""
    path, change = entry["path"], {"path": entry["path"], "what": what}
    if "content" not in entry or not {"created", "content"} & set(what):
        return change, file_changes.attribute_diff(path, what)
    template = entry["template"]
    before = (text_of(path) or b"").decode(errors="replace")
    after = base64.b64decode(entry["content"]).decode()
    settings = file_changes.settings(template, before, after)
    if settings is not None:
        change["settings"] = settings
    change["values"] = file_changes.values(template, before, after)
    return change, file_changes.text_diff(path, template, before, after)


def pending(entries):
    """What running services have not taken up of their files, and the values of what are settings."""
    items, values = [], {}
    for entry in entries:
        started = text_of(entry["started"]) if entry["started"] else None
        if started is not None:
            wanted = base64.b64decode(entry["content"]).decode()
            compared = (entry["path"], entry["template"], started.decode(errors="replace"), wanted)
            items += file_changes.pending(*compared)
            values.update(file_changes.pending_values(*compared))
    return items, values


def main():
    module = AnsibleModule(
        argument_spec={
            "directories": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {**OWNED, "mode": {"type": "str", "default": "0755"}},
            },
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    **OWNED,
                    "mode": {"type": "str", "default": "0644"},
                    "template": {"type": "str"},
                    "data": {"type": "dict", "default": {}},
                    # base64 of the rendered text: the action renders, a host sees no template
                    "content": {"type": "str", "no_log": True},
                    "started": {"type": "path"},
                    "optional": {"type": "bool", "default": False},
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
    try:
        for kind, _bring_one in KINDS:
            for entry in module.params[kind]:
                check_entry(entry)
        # All of it is decided before the first byte is written, so that a refusal leaves nothing behind.
        found = [
            described(entry, what)
            for entry, what in bring(module.params, write=False, may_be_missing=module.check_mode)
        ]
        if not module.check_mode:
            bring(module.params, write=True, may_be_missing=False)
        waiting, waiting_values = pending(module.params["files"])
    except (LookupError, OSError) as error:
        module.fail_json(msg=str(error))
    result = {
        "changed": bool(found),
        "changes": [change for change, _diff in found],
        "changed_paths": [change["path"] for change, _diff in found],
        "pending": waiting,
        "pending_values": waiting_values,
    }
    if module._diff:
        result["diff"] = [diff for _change, diff in found]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
