"""The command line of a playbook that is to run as the run does that starts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What ansible-playbook takes (its --help), by the name under which the command line is kept. Left out is what
# concerns the one run alone: --list-*, --step, --start-at-task.
VALUES = {
    "subset": "--limit",
    "remote_user": "--user",
    "private_key_file": "--private-key",
    "connection": "--connection",
    "timeout": "--timeout",
    "ssh_common_args": "--ssh-common-args",
    "sftp_extra_args": "--sftp-extra-args",
    "scp_extra_args": "--scp-extra-args",
    "ssh_extra_args": "--ssh-extra-args",
    "become_method": "--become-method",
    "become_user": "--become-user",
    "forks": "--forks",
    "task_timeout": "--task-timeout",
    "connection_password_file": "--connection-password-file",
    "become_password_file": "--become-password-file",
}
FLAGS = {
    "become": "--become",
    "diff": "--diff",
    "flush_cache": "--flush-cache",
    "force_handlers": "--force-handlers",
    "ask_pass": "--ask-pass",
    "become_ask_pass": "--ask-become-pass",
    "ask_vault_pass": "--ask-vault-pass",
}
LISTS = {
    "inventory": "--inventory",
    "extra_vars": "--extra-vars",
    "vault_ids": "--vault-id",
    "vault_password_files": "--vault-password-file",
    "skip_tags": "--skip-tags",
}
FROM_INPUT = {"connection_password_file": "ask_pass", "become_password_file": "become_ask_pass"}
"""A password that came from standard input ("-") is there no more: it is given as if it were typed."""
PROMPTED = ("prompt", "prompt_ask_vault_pass")


def arguments(given: Mapping[str, Any]) -> list[str]:
    """The options of a run, ``context.CLIARGS``, as arguments of another one."""
    given = as_typed(given)
    found: list[str] = []
    # With "=": a value that begins with a dash, such as ssh's options, is no option.
    for name, option in LISTS.items():
        found += [f"{option}={value}" for value in given.get(name) or ()]
    # Every run has the tag "all" where it has no other; given, it would be another choice in some.
    found += [f"--tags={tag}" for tag in given.get("tags") or () if tag != "all"]
    found += [f"{option}={given[name]}" for name, option in VALUES.items() if given.get(name)]
    found += [option for name, option in FLAGS.items() if given.get(name)]
    return found + ["-v"] * int(given.get("verbosity") or 0)


def typed(
    given: Mapping[str, Any], connection: str | None, become: str | None, vault: Mapping[str, str]
) -> str:
    """What a person would type at the prompts of those arguments, in the order in which they come.

    ``vault`` has the secret of each vault id. Without a terminal they are read from standard input.
    """
    given = as_typed(given)
    answers = [connection or ""] if given.get("ask_pass") else []
    answers += [become or ""] if given.get("become_ask_pass") else []
    for slug in given.get("vault_ids") or ():
        vault_id, _, source = slug.rpartition("@")
        if source in PROMPTED:
            answers.append(vault.get(vault_id or "default", ""))
    if given.get("ask_vault_pass"):
        answers.append(vault.get("default", ""))
    return "".join(f"{answer}\n" for answer in answers)


def as_typed(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options with what came from standard input as what is asked for."""
    found = dict(given)
    for name, asked in FROM_INPUT.items():
        if found.get(name) == "-":
            found |= {name: None, asked: True}
    return found
