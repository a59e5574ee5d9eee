"""Action operation and callback durability_events with real ansible-playbook processes."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.barevm.kafka.plugins.module_utils import durability_files
from ansible_collections.barevm.kafka.plugins.module_utils.operation import changed, last_words
from ansible_collections.barevm.kafka.plugins.plugin_utils import command_line

from tests import playbooks

ROOT = Path(__file__).parents[2]
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
INVENTORY = {"all": {"hosts": {"one": None, "two": None}, "vars": LOCAL}}
CTRL_C = b"\x03"


def outer(**arguments: Any) -> list[dict[str, Any]]:
    """A play that runs an operation, and goes on."""
    task = {"delegate_to": "localhost", "become": False, "run_once": True}
    return [
        {
            "name": "Outer",
            "hosts": "all",
            "gather_facts": False,
            "tags": "always",
            "tasks": [
                {"name": "Operate", "barevm.kafka.operation": arguments, **task},
                {"name": "Go on", "ansible.builtin.debug": {"msg": "went on"}, **task},
            ],
        }
    ]


def inner(folder: Path, tasks: list[dict[str, Any]]) -> str:
    """A playbook of the user's; its name from the folder of the run."""
    play = [{"name": "Inner", "hosts": "all", "gather_facts": False, "tasks": tasks}]
    (folder / "inner.yml").write_text(yaml.safe_dump(play, sort_keys=False))
    return "inner.yml"


def operated(run: playbooks.Run) -> dict[str, Any]:
    """What the operation returned; the task after it has run. The child's own tasks are recorded as well."""
    assert [one["task"] for one in run.results][-2:] == ["Operate", "Go on"], run.printed
    return next(one["result"] for one in run.results if one["task"] == "Operate")


def test_a_failure_is_told_and_fails_nothing(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    ledger.mkdir()
    playbook = inner(
        tmp_path,
        [
            {"name": "Leave it", "ansible.builtin.command": "true", "changed_when": False},
            {
                "name": "Change {{ what }} (seconds)",
                "ansible.builtin.command": "true",
                "vars": {"what": "a thing"},
                "when": "inventory_hostname == 'two'",
            },
            {
                "name": "Change the other host",
                "ansible.builtin.command": "true",
                "delegate_to": "one",
                "when": "inventory_hostname == 'two'",
            },
            {
                "name": "Break",
                "ansible.builtin.fail": {"msg": "it cannot be"},
                "when": "inventory_hostname == 'one'",
            },
        ],
    )
    run = playbooks.run(tmp_path, outer(playbook=playbook, ledger=str(ledger)), INVENTORY)
    answer = operated(run)
    assert run.status == 0
    assert (answer["rc"], answer["timed_out"], answer["changed"]) == (2, False, True)
    assert answer["last_words"] == "one: failed: Break: it cannot be"
    assert answer["msg"].startswith("inner ended with 2 after ")
    events = list(durability_files.lines(ledger / durability_files.EVENTS))
    assert [(event["kind"], event["host"], event["what"]) for event in events] == [
        ("task", "two", "Change a thing"),
        ("task", "one", "Change the other host"),
        ("task", "one", "failed: Break: it cannot be"),
    ]
    assert [event.get("failed") for event in events] == [None, None, True]
    for event in events:
        assert answer["began_ns"] < event["at_ns"] < event["ended_ns"] < answer["ended_ns"]


def test_it_runs_as_the_run_does_that_starts_it(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("from_file: 1\n")
    show = "{{ inventory_hostname }} {{ from_file }} {{ given }} {{ on_top }} {{ ansible_skip_tags }}"
    playbook = inner(
        tmp_path,
        [
            {"name": "Show", "ansible.builtin.debug": {"msg": show}, "tags": "wanted"},
            {"name": "Not this", "ansible.builtin.fail": None, "tags": "others"},
            {"name": "Nor this", "ansible.builtin.fail": None, "tags": ["wanted", "skipped"]},
        ],
    )
    options = ("-e", "@more.yml", "-e", "given='a b'", "--limit", "two", "--tags", "wanted")
    more = ("--skip-tags", "skipped", "--ssh-extra-args=-o ConnectTimeout=3")
    play = outer(playbook=playbook, extra_vars={"on_top": "it's"}, prefix="» ")
    run = playbooks.run(tmp_path, play, INVENTORY, *options, *more)
    answer = operated(run)
    assert (answer["rc"], answer["changed"]) == (0, False), run.printed
    assert "» " in run.printed
    assert "two 1 a b it's ['skipped']" in run.printed
    assert "one 1" not in run.printed, "--limit was not handed on"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"verb": "roling_restart"}, "roling_restart is no verb, did you mean rolling_restart"),
        ({"verb": "quench"}, "There are "),
        ({"playbook": "missing.yml"}, "there is no playbook "),
        ({}, "give either a verb or a playbook"),
        ({"verb": "site", "playbook": "inner.yml"}, "give either a verb or a playbook"),
    ],
)
def test_what_cannot_be_started_fails(tmp_path: Path, arguments: dict[str, str], said: str) -> None:
    run = playbooks.run(tmp_path, outer(**arguments), INVENTORY)
    assert run.status != 0
    assert said in run.outcomes[0]["msg"]


def test_under_check_mode_it_says_what_it_would_run(tmp_path: Path) -> None:
    playbook = inner(tmp_path, [{"name": "Mark", "ansible.builtin.command": f"touch {tmp_path}/ran"}])
    answer = operated(playbooks.run(tmp_path, outer(playbook=playbook), INVENTORY, "--check"))
    assert answer["msg"].startswith(f"Would run {tmp_path / playbook} ")
    assert not (tmp_path / "ran").exists()


def test_it_ends_when_its_time_is_over(tmp_path: Path) -> None:
    playbook = inner(
        tmp_path, [{"name": "Sleep", "ansible.builtin.command": f"sleep {600 + os.getpid() / 1e7}"}]
    )
    run = playbooks.run(tmp_path, outer(playbook=playbook, timeout_s=4), INVENTORY)
    answer = operated(run)
    assert answer["timed_out"]
    assert answer["rc"] != 0
    assert "inner was not done after 4 s" in answer["msg"]
    until(lambda: not processes(f"sleep\0{600 + os.getpid() / 1e7}"))


def processes(words: str) -> list[str]:
    """The command lines that contain the words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_text(errors="replace")
        except OSError:
            continue
        if words in line and path.parent.name != str(os.getpid()):
            found.append(line.replace("\0", " "))
    return found


def until(condition: Any, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def on_a_terminal(folder: Path, *options: str) -> tuple[subprocess.Popen[bytes], int]:
    """The outer play with a terminal of its own, as a person would run it."""
    master, slave = pty.openpty()

    def take_it() -> None:
        os.setsid()
        import fcntl
        import termios

        # Tests that run in a shell's background have it ignored, and hand that on.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "hosts.yml", *options, "play.yml"],
        cwd=folder,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=take_it,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "ANSIBLE_NOCOLOR": "1"},
    )
    os.close(slave)
    (folder / "hosts.yml").write_text(yaml.safe_dump(INVENTORY))
    return process, master


def said(master: int, wanted: bytes, seconds: float = 180) -> bytes:
    """What the terminal shows until it shows what is wanted."""
    shown, deadline = b"", time.monotonic() + seconds
    while wanted not in shown:
        assert time.monotonic() < deadline, shown.decode()
        if select.select([master], [], [], 0.2)[0]:
            try:
                shown += os.read(master, 1 << 16)
            except OSError:
                break
    return shown


def test_ctrl_c_ends_it_and_all_of_it(tmp_path: Path) -> None:
    nap = f"sleep {700 + os.getpid() / 1e7}"
    playbook = inner(tmp_path, [{"name": "Sleep", "ansible.builtin.command": nap}])
    (tmp_path / "play.yml").write_text(yaml.safe_dump(outer(playbook=playbook), sort_keys=False))
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(INVENTORY))
    process, terminal = on_a_terminal(tmp_path)
    try:
        until(lambda: len(processes(nap.replace(" ", "\0"))) >= 2)
        assert processes(str(tmp_path / playbook)), "the child is known by its playbook"
        os.write(terminal, CTRL_C)
        until(lambda: process.poll() is not None)
        assert process.returncode != 0
        until(lambda: not processes(nap.replace(" ", "\0")) and not processes(str(tmp_path / playbook)))
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def test_a_password_that_was_typed_is_handed_on(tmp_path: Path) -> None:
    encrypted = VaultLib([("default", VaultSecret(b"hunter 2"))]).encrypt("it is known").decode()
    text = "".join(f"      {line}\n" for line in encrypted.splitlines())
    (tmp_path / "secret.yml").write_text(f"known: !vault |\n{text}")
    playbook = inner(tmp_path, [{"name": "Show", "ansible.builtin.debug": {"msg": "{{ known }}"}}])
    (tmp_path / "play.yml").write_text(yaml.safe_dump(outer(playbook=playbook), sort_keys=False))
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(INVENTORY))
    process, terminal = on_a_terminal(tmp_path, "-e", "@secret.yml", "--ask-vault-pass", "-K")
    try:
        said(terminal, b"BECOME password")
        os.write(terminal, b"become 1\n")
        said(terminal, b"Vault password")
        os.write(terminal, b"hunter 2\n")
        shown = said(terminal, b"it is known")
        assert b"hunter" not in shown
        said(terminal, b"PLAY RECAP")
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def test_passwords_are_typed_in_the_order_of_their_prompts() -> None:
    given = {
        "become_ask_pass": True,
        "connection_password_file": "-",
        "vault_ids": ["prod@prompt", "lab@file"],
        "ask_vault_pass": True,
    }
    assert command_line.typed(given, "c", "b", {"prod": "p", "default": "d"}) == "c\nb\np\nd\n"
    assert "--ask-pass" in command_line.arguments(given)
    assert command_line.typed({}, "c", "b", {}) == ""


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("", "it said nothing"),
        (
            "PLAY [x]\nfatal: [kafka2]: FAILED! =>\n  changed: false\n  msg: no disk\nPLAY RECAP",
            "kafka2: no disk",
        ),
        ("ERROR! no such file", "ERROR! no such file"),
        ("one\ntwo\n\n", "two"),
    ],
)
def test_last_words(output: str, words: str) -> None:
    assert last_words(output) == words


def test_a_recap_tells_of_changes() -> None:
    assert not changed("a : ok=3    changed=0    unreachable=0\nb : ok=3    changed=0    failed=0")
    assert changed("a : ok=3    changed=0    unreachable=0\nb : ok=3    changed=1    failed=0")
    assert changed("no recap")
