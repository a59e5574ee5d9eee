#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: applied_settings
short_description: Keep on the host what its running broker was given live
version_added: 0.1.0
description:
  - Notes the overrides that are about to be set, before they are, so that they are known as this collection's
    even if the run is interrupted.
  - Once the broker runs with them, brings the copy of the file with which it was started up to date, so that
    nothing waits for a restart any more.
  - Forgets overrides that have been deleted.
options:
  state:
    description:
      - V(read) answers what is noted, and which start of the broker runs.
      - V(noted) adds I(settings) to the note. Refused where the file says something else, or nothing runs.
      - V(applied) takes I(names) as done. It is refused where the file has other changes, too.
      - V(forgotten) drops I(names) from the note.
    type: str
    choices: [read, noted, applied, forgotten]
    default: read
  settings:
    description: The overrides that are about to be set, by name.
    type: dict
    default: {}
  names:
    description: Names of settings.
    type: list
    elements: str
    default: []
  note:
    description: The file that keeps the note.
    type: path
    required: true
  file:
    description: The broker's file.
    type: path
    required: true
  copy:
    description: The copy of it with which the broker was started.
    type: path
    required: true
  unit:
    description: The broker's unit.
    type: str
    default: kafka.service
attributes:
  check_mode:
    support: full
    description: Says what would change.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Note what is about to be set
  barevm.kafka.applied_settings:
    state: noted
    settings: {num.io.threads: "12"}
    note: /etc/kafka/overrides.json
    file: /etc/kafka/server.properties
    copy: /run/kafka/server.properties
  become: true
"""

RETURN = r"""
overrides:
  description: What is noted now, settings by name and the start at which they were set, or nothing.
  returned: always
  type: dict
started:
  description: What tells the present start of the broker from every other, empty where it does not run.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.barevm.kafka.plugins.module_utils import applied_settings, host_files, host_reading


def refusal(asked, started):
    """Why what is asked cannot be done, or nothing."""
    file = asked["file"]
    if asked["state"] == "noted":
        if not started:
            return f"{asked['unit']} does not run, so that nothing can be set live; run again"
        wrong = applied_settings.unlike(file, asked["settings"])
        if wrong:
            return f"{file} has another value than is to be set for {', '.join(wrong)}; run again"
    if asked["state"] == "applied":
        wrong = applied_settings.others(file, asked["copy"], asked["names"])
        if wrong:
            return f"{file} has changed meanwhile, in {', '.join(wrong)}; run again"
    return ""


def main():
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "choices": ["read", "noted", "applied", "forgotten"],
                "default": "read",
            },
            "settings": {"type": "dict", "default": {}},
            "names": {"type": "list", "elements": "str", "default": []},
            "note": {"type": "path", "required": True},
            "file": {"type": "path", "required": True},
            "copy": {"type": "path", "required": True},
            "unit": {"type": "str", "default": "kafka.service"},
        },
        supports_check_mode=True,
    )
    asked = module.params
    state = asked["state"]
    try:
        started = host_reading.start_token(host_reading.units([asked["unit"]])[asked["unit"]]["main_pid"])
        refused = refusal(asked, started)
        if refused:
            module.fail_json(msg=refused)
        before = host_reading.overrides(asked["note"])
        after = before
        if state == "noted":
            settings = {name: str(value) for name, value in asked["settings"].items()}
            after = applied_settings.noted(before, settings, started)
        elif state == "applied":
            after = applied_settings.applied(before)
        elif state == "forgotten":
            after = applied_settings.forgotten(before, asked["names"])
        stale = state == "applied" and host_files.text(asked["copy"]) != host_files.text(asked["file"])
        if not module.check_mode:
            # The copy last: once nothing waits for a restart, no run comes back to finish the note.
            if after != before:
                applied_settings.keep(asked["note"], after)
            if stale:
                applied_settings.take_over(asked["file"], asked["copy"])
    except OSError as error:
        module.fail_json(msg=f"what is applied could not be kept: {error}")
    module.exit_json(changed=after != before or stale, overrides=after, started=started)


if __name__ == "__main__":
    main()
