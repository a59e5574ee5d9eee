"""The command line: `python3 -m lab VERB`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from lab import box, machine, make_lab, summary, vagrant, venv, verbs
from lab.errors import LabError
from lab.plan import BACKENDS, CPUS, MAX_HOSTS, MEMORY_MB, RELEASES, Plan
from lab.shell import fail, say

VERBS = {
    "up": "make the hosts, or bring those that are there up again",
    "down": "remove hosts, network and state; nothing is left but the image cache",
    "kill": "kill one host as a power cut does; `up` brings it back, with its data and a new boot id",
    "make": "all of `make lab`: packages, environment, hosts, cluster, proof, measurement, summary",
    "status": "say which hosts there are, and which of them run",
    "summary": "say the lab's addresses, the last figures, and what to type next",
    "inventory": "print the path of the lab's inventory",
    "vagrant-ready": "make this machine ready for `vagrant up`: packages, libvirt's daemon, the box",
    "vagrant-done": "stop the daemon that vagrant-ready started, and remove volumes that no machine uses",
    "deps": "install the Debian packages that are missing here",
    "venv": "make .venv, or bring it to the pinned requirements",
    "clean": "remove every lab of this checkout, images, environments and caches",
}

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AFTER_INTERRUPT = {
    "up": "what was begun is undone",
    "make": "what is there stays, and the same command goes on from it",
}


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the usage is what --help is for."""

    def error(self, message: str) -> NoReturn:
        """End with it."""
        self.exit(2, f"lab: {message} (`{self.prog} --help`)\n")


def parser() -> argparse.ArgumentParser:
    """The verbs and their options."""
    default = Plan()
    top = Parser(prog="python3 -m lab", description="Make and remove the lab's hosts.")
    commands = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, text in VERBS.items():
        command = commands.add_parser(verb, help=text, description=text)
        add = command.add_argument
        if verb == "venv":
            add("--oldest", action="store_true", help="the one with the older supported ansible-core line")
        elif verb == "deps":
            add("--tests", action="store_true", help="those that only the tests need too")
        elif verb == "vagrant-ready":
            add("--release", default=default.release, help=f"the box's Debian release: {', '.join(RELEASES)}")
            add(
                "--packages",
                type=package_names,
                default=(),
                help="more Debian packages in the box, with commas",
            )
        elif verb not in ("clean", "vagrant-done"):
            add("--name", default=default.name, help=f"the lab's name ({default.name})")
        if verb in ("up", "make"):
            add_plan_options(command)
        if verb == "kill":
            add("--host", required=True, help="which")
        if verb == "up":
            add("--quiet", action="store_true", help="no word on what to type next")
        if verb == "status":
            add("--json", action="store_true", help="for programs: addresses, login, key")
    return top


def package_names(text: str) -> tuple[str, ...]:
    """Names with commas between."""
    return tuple(sorted({word for word in text.split(",") if word}))


def whole_number(variable: str, least: int = 0) -> Callable[[str], int]:
    """What reads an option that is a number.

    Args:
        variable: what `make` calls it.
        least: the smallest one that makes sense.
    """

    def read(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]+", text) or int(text) < least:
            raise argparse.ArgumentTypeError(f"{variable}={text}: give a whole number from {least} on")
        return int(text)

    return read


def add_plan_options(command: argparse.ArgumentParser) -> None:
    """The options that say what a lab is. What is not given stays as it is, or is the default."""
    default = Plan()
    add = command.add_argument
    add("--hosts", type=whole_number("LAB_HOSTS", 1), help=f"how many, 1 to {MAX_HOSTS} ({default.hosts})")
    add("--backend", help=f"what makes them: {', '.join(BACKENDS)} ({default.backend})")
    add(
        "--memory-mb",
        type=whole_number("LAB_MEMORY_MB", 1),
        help=f"memory of each virtual machine ({MEMORY_MB})",
    )
    add("--cpus", type=whole_number("LAB_CPUS", 1), help=f"processors of each virtual machine ({CPUS})")
    add("--release", help=f"their Debian release: {', '.join(RELEASES)} ({default.release})")
    add("--subnet", help=f"their address range ({default.subnet})")
    add(
        "--first",
        type=whole_number("LAB_FIRST", 2),
        help=f"the first host's number in that range ({default.first})",
    )
    add("--prefix", help=f"what their names start with ({default.prefix})")
    add(
        "--log-file-systems",
        type=whole_number("--log-file-systems"),
        help="small file systems of its own that each host shall have for Kafka's logs "
        f"({default.log_file_systems})",
    )
    add("--user", help="who logs in: root, or an account with sudo while root's login is off (root)")
    add(
        "--packages",
        type=package_names,
        help="Debian packages that the hosts shall have from the start, with commas between (none)",
    )


def wishes(arguments: argparse.Namespace) -> dict[str, Any]:
    """The plan's fields that the command line gives."""
    fields = (field.name for field in dataclasses.fields(Plan) if field.name != "name")
    return {field: getattr(arguments, field) for field in fields if getattr(arguments, field) is not None}


def interrupted(number: int, _frame: object) -> NoReturn:
    """End, so that what was begun is undone; what asks again meanwhile is told nothing new."""
    for each in SIGNALS:
        signal.signal(each, lambda *_: None)
    raise KeyboardInterrupt(signal.Signals(number).name)


def perform(arguments: argparse.Namespace) -> None:
    """Do what the command line says.

    Raises:
        LabError: it cannot be done.
    """
    verb = arguments.verb
    if verb == "up":
        verbs.timed_up(arguments.name, wishes(arguments), arguments.quiet)
    elif verb == "down":
        say(f"lab {arguments.name}: {'removed' if verbs.down(arguments.name) else 'not there'}")
    elif verb == "kill":
        verbs.kill(arguments.name, arguments.host)
        say(f"{arguments.host} is killed; `python3 -m lab up --name {arguments.name}` starts it again")
    elif verb == "make":
        make_lab.make(arguments.name, sys.argv[2:], wishes(arguments))
    elif verb == "status" and arguments.json:
        say(json.dumps(verbs.facts(arguments.name), indent=2))
    elif verb == "status":
        for line in verbs.status(arguments.name):
            say(line)
    elif verb == "summary":
        for line in summary.summary(verbs.existing(arguments.name), []):
            say(line)
    elif verb == "inventory":
        say(verbs.facts(arguments.name)["inventory"])
    elif verb == "deps":
        machine.install(machine.all_packages(arguments.tests))
    elif verb == "vagrant-ready":
        name = vagrant.ready(Plan(backend="vagrant", release=arguments.release, packages=arguments.packages))
        say(f"ready; `vagrant up` takes box {name}" + ("" if name == box.NAME else f" by LAB_BOX={name}"))
    elif verb == "vagrant-done":
        user = vagrant.done()
        say(
            f"libvirt's daemon stays: {user} needs it"
            if user
            else "no libvirt daemon runs any more that was started here"
        )
    elif verb == "clean":
        verbs.clean()
    elif verb == "venv":
        venv.ensure(arguments.oldest)


def needs_root(arguments: argparse.Namespace) -> bool:
    """Whether it changes the machine; `deps` does where something is missing."""
    if arguments.verb == "deps":
        return bool(machine.all_packages(arguments.tests))
    return arguments.verb in ("up", "down", "kill", "clean", "vagrant-ready", "vagrant-done")


def main() -> int:
    """Run the command line.

    Returns:
        0; 1 where it could not be done; 130 where it was interrupted.
    """
    arguments = parser().parse_args()
    os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for number in SIGNALS:
        signal.signal(number, interrupted)
    try:
        machine.require_linux()
        if needs_root(arguments):
            machine.become_root(sys.argv[1:])
            # Hosts' files get exact modes; nothing else here may be private by the caller's umask.
            os.umask(0o022)
        perform(arguments)
    except LabError as error:
        return fail(error)
    except KeyboardInterrupt:
        fail(LabError(f"interrupted; {AFTER_INTERRUPT.get(arguments.verb, 'give the same command again')}"))
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
