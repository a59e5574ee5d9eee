"""The command line: `python3 -m lab VERB`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from typing import Any, NoReturn

from lab import machine, verbs
from lab.errors import LabError
from lab.plan import MAX_HOSTS, RELEASES, Plan
from lab.shell import fail, say


def parser() -> argparse.ArgumentParser:
    """The verbs and their options."""
    default = Plan()
    top = argparse.ArgumentParser(prog="python3 -m lab", description="Make and remove the lab's hosts.")
    commands = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, text in (
        ("up", "make the hosts, or bring those that are there up again"),
        ("down", "remove hosts, network and state; nothing is left but the image cache"),
        ("status", "say which hosts there are, and which of them run"),
    ):
        command = commands.add_parser(verb, help=text, description=text)
        command.add_argument("--name", default=default.name, help=f"the lab's name ({default.name})")
        if verb == "up":
            add_plan_options(command)
        if verb == "status":
            command.add_argument("--json", action="store_true", help="for programs: addresses, login, key")
        if verb == "down":
            command.add_argument("--all", action="store_true", help="every lab of this checkout")
    return top


def add_plan_options(command: argparse.ArgumentParser) -> None:
    """The options that say what a lab is. What is not given stays as it is, or is the default."""
    default = Plan()
    add = command.add_argument
    add("--hosts", type=int, help=f"how many, 1 to {MAX_HOSTS} ({default.hosts})")
    add("--release", choices=RELEASES, help=f"their Debian release ({default.release})")
    add("--subnet", help=f"their address range ({default.subnet})")
    add("--first", type=int, help=f"the first host's number in that range ({default.first})")
    add("--prefix", help=f"what their names start with ({default.prefix})")
    add("--user", help="who logs in: root, or an account with sudo while root's login is off (root)")
    add(
        "--packages",
        type=lambda text: tuple(sorted({word for word in text.split(",") if word})),
        help="Debian packages that the hosts shall have from the start, with commas between (none)",
    )


def wishes(arguments: argparse.Namespace) -> dict[str, Any]:
    """The plan's fields that the command line gives."""
    fields = ("hosts", "release", "subnet", "first", "prefix", "user", "packages")
    return {field: getattr(arguments, field) for field in fields if getattr(arguments, field) is not None}


def interrupted(number: int, _frame: object) -> NoReturn:
    """End as after Ctrl-C, so that what was begun is undone."""
    raise KeyboardInterrupt(signal.Signals(number).name)


def main() -> int:
    """Run the command line.

    Returns:
        0; 1 where it could not be done; 130 where it was interrupted.
    """
    arguments = parser().parse_args()
    try:
        machine.require_linux()
        machine.become_root(sys.argv[1:])
        # Hosts' files get exact modes; nothing else here may be private by the caller's umask.
        os.umask(0o022)
        os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, interrupted)
        if arguments.verb == "up":
            verbs.timed_up(arguments.name, wishes(arguments))
        elif arguments.verb == "down":
            for name in verbs.names() if arguments.all else [arguments.name]:
                say(f"lab {name}: {'removed' if verbs.down(name) else 'not there'}")
        elif arguments.json:
            say(json.dumps(verbs.facts(arguments.name), indent=2))
        else:
            for line in verbs.status(arguments.name):
                say(line)
    except LabError as error:
        return fail(error)
    except KeyboardInterrupt:
        fail(LabError("interrupted; what was begun is undone"))
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
