"""Heals every fault of module ``fault``: what the module calls, and what a timer on the host runs by itself.

While a fault is struck, a copy of this file and of faults_look lies on the host as a zip that Python runs,
and a timer of systemd runs it. So both need nothing but Python 3.9 and its library. What there is to heal is
told by what lies on the host: the notes of the strikes, and where those are gone, the traces of each fault.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.faults_look import (
    CHAINS,
    DROP_IN,
    FOLDER,
    NOTES,
    OWN,
    SCRIPT,
    TABLE,
    UNDO,
    UNITS,
    Note,
    await_that,
    chains,
    drop_ins,
    dropped_packets,
    fillers,
    has_table,
    locked,
    locked_log_dirs,
    notes,
    process_state,
    run,
    timers,
    unit_state,
    write_notes,
)

LOCK_LIMIT_S = 60
START_LIMIT_S = 60


class Healing:
    """Takes back the faults of a kind on a unit, or of every kind, and says what it did.

    With ``dry`` it only says what it would do. ``errors`` are what could not be healed; all else is, and the
    notes stay, so that it can be tried again.
    """

    def __init__(self, kind: str = "", unit: str = "", dry: bool = False, by_timer: bool = False) -> None:
        self.kind = kind
        self.unit = unit
        self.dry = dry
        self.by_timer = by_timer
        self.healed: list[str] = []
        self.proofs: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self.offline: set[str] = set()
        self.noted = notes()["faults"]

    def everything(self) -> Healing:
        """Heal all that was asked for. Services last: they start on a host that is whole again."""
        marked = {unit: note for unit, note in drop_ins().items() if self._meant(note.get("kind"), unit)}
        self._rules()
        filled = self._fillers()
        self._drop_ins(marked)
        self._stopped_processes()
        self._services(marked, filled)
        self._undo()
        return self

    def _step(self, words: str, action: Callable[[], object]) -> bool:
        if not self.dry:
            try:
                action()
            except OSError as error:
                self.errors.append(f"{words}: not done: {error}")
                return False
        self.healed.append(words)
        return True

    def _prove(self, name: str, holds: bool | None, what: str) -> None:
        if not self.dry:
            self.proofs.append({"name": name, "holds": holds, "what": what})

    def _meant(self, kind: object, unit: str) -> bool:
        """Whether a fault is to be healed; rules are the host's, whatever unit they were struck for."""
        return not self.kind or (kind == self.kind and (unit == self.unit or kind in CHAINS))

    def _notes_of(self, *kinds: str) -> list[Note]:
        """The notes of such faults that are to be healed."""
        return [one for one in self.noted if one["kind"] in kinds and self._meant(one["kind"], one["unit"])]

    def _rules(self) -> None:
        if not has_table():
            return
        there = chains()
        mine = [kind for kind in there if self.kind in ("", kind)]
        for kind in mine:
            dropped = dropped_packets(kind) or 0
            self._prove("dropped_packets", dropped > 0, f"the rules of {kind} dropped {dropped} packets")
        if not self.kind or (mine and len(mine) == len(there)):
            self._step(
                f"nft table inet {TABLE} deleted", lambda: run("nft", "delete", "table", "inet", TABLE)
            )
        elif mine:
            lines = [f"delete chain inet {TABLE} {name}\n" for kind in mine for name in there[kind]]
            lines += [f"delete set inet {TABLE} {OWN}\n"] if self.kind == "cut" else []
            lines.append(f"delete counter inet {TABLE} dropped_{self.kind}\n")
            text = "".join(lines)
            self._step(f"rules of {self.kind} deleted", lambda: run("nft", "--file", "-", text=text))

    def _fillers(self) -> bool:
        """Whether a filler was there, and is not any more."""
        found = fillers() if self.kind in ("", "fill") else []
        folders: dict[str, Note] = {os.path.dirname(path): {"unit": "kafka.service"} for path in found}
        for one in self._notes_of("fill"):
            folders[one["folder"]] = one
            self._outlasted(one)
        for folder, note in folders.items():
            self._log_dir(os.path.realpath(folder), note)
        done = [self._step(f"filler {path} removed", partial(os.unlink, path)) for path in found]
        return any(done)

    def _log_dir(self, folder: str, note: Note) -> None:
        """Look whether the unit must be restarted to work in a folder again."""
        unit, pid = note["unit"], unit_state(note["unit"])["main_pid"]
        locked_ones = locked_log_dirs(pid)
        if not pid or folder in locked_ones or not os.path.exists(os.path.join(folder, "meta.properties")):
            return
        if locked_ones:
            self.offline.add(unit)
            self._prove("log_dir_offline", True, f"{unit}, process {pid}, runs without {folder}")
        elif pid != note.get("main_pid", pid):
            self.offline.add(unit)  # it started on a full file system, and is about to end

    def _outlasted(self, note: Note) -> None:
        unit, before, now = note["unit"], note["main_pid"], unit_state(note["unit"])
        if now["main_pid"] == before:
            self._prove("kept_running", True, f"{unit} has gone on as process {before}")
            return
        is_now = f"{now['active_state']} ({now['sub_state']}), process {now['main_pid'] or 'none'}"
        self._prove("halted", True, f"{unit} was process {before}, and is {is_now}")

    def _drop_ins(self, marked: dict[str, Note]) -> None:
        for unit in marked:
            self._step(f"drop-in of {unit} removed", partial(remove_drop_in, unit))

    def _stopped_processes(self) -> None:
        if self.kind not in ("", "pause"):
            return
        wanted = [self.unit] if self.kind else UNITS
        before = {one["unit"]: one["main_pid"] for one in self._notes_of("pause")}
        for unit in wanted:
            pid = unit_state(unit)["main_pid"]
            if process_state(pid) == "T" and self._step(
                f"process {pid} of {unit} continued", partial(os.kill, pid, signal.SIGCONT)
            ):
                self._continued(unit, pid, before.get(unit, pid))

    def _continued(self, unit: str, pid: int, before: int) -> None:
        if self.dry:
            return
        await_that(lambda: process_state(pid) != "T", 5)
        state = process_state(pid)
        self._prove(
            "same_pid",
            pid == before and state not in ("", "T", "Z"),
            f"{unit} was process {before}, and is process {pid} in state {state or 'none'}",
        )

    def _services(self, marked: dict[str, Note], filled: bool) -> None:
        struck = {one["unit"]: one for one in self._notes_of("kill", "stop", "fill")}
        units = UNITS if not self.kind else tuple({*marked, *struck})
        for unit in sorted(units, key=lambda name: UNITS.index(name) if name in UNITS else len(UNITS)):
            note = struck.get(unit) or marked.get(unit) or {}
            now = unit_state(unit)
            if unit in self.offline and now["main_pid"]:
                self._step(f"{unit} restarted: it ran without a log directory", partial(restart, unit))
            elif must_start(now, note if unit in marked or unit in struck else None, filled):
                self._step(f"{unit} started ({now['active_state']} before)", partial(start, unit))
            if note.get("kind") in ("kill", "stop"):
                self._new_pid(unit, note)

    def _new_pid(self, unit: str, note: Note) -> None:
        now = unit_state(unit)
        waits = now["sub_state"] == "auto-restart"
        self._prove(
            "new_pid",
            None if waits else now["main_pid"] not in (0, note.get("main_pid")),
            f"{unit} was process {note.get('main_pid')}, and is process {now['main_pid'] or 'none'}",
        )

    def _undo(self) -> None:
        """Forget what is healed; when nothing is left, its timers, notes and script go too."""
        if self.errors:
            return
        left = [one for one in self.noted if not self._meant(one["kind"], one["unit"])]
        if left:
            if len(left) < len(self.noted) and not self.dry:
                write_notes({**notes(), "faults": left})
            return
        if self.kind and (chains() or drop_ins() or fillers()):
            return  # its notes are gone, and it still needs its undo
        if waiting := timers():
            self._step("undo timer stopped", lambda: run("systemctl", "stop", *waiting))
        if self.dry:
            return
        if not self.by_timer:
            # One that failed would try again.
            run("systemctl", "stop", UNDO + "*.service", may_fail=True)
        for path in (NOTES, NOTES + ".new", SCRIPT):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        for folder in (FOLDER, os.path.dirname(FOLDER)):
            with contextlib.suppress(OSError):  # not ours alone
                os.rmdir(folder)


def must_start(unit: dict[str, Any], note: Note | None, filled: bool) -> bool:
    """Whether healing starts a unit.

    One that a fault of ours took down, unless an operator has disabled it since; and one that has failed and
    is enabled. Never one that an operator has stopped. What systemd is about to start again it may do itself,
    but where a file system was full: its next attempt may be half a minute away.
    """
    enabled = unit["unit_file_state"].startswith("enabled")
    if unit["load_state"] != "loaded" or unit["unit_file_state"].startswith("masked"):
        return False
    if unit["sub_state"] == "auto-restart":
        return filled and enabled
    if unit["active_state"] == "failed" and enabled:
        return True
    if unit["active_state"] not in ("inactive", "failed", "deactivating") or note is None:
        return False
    return note.get("kind") in ("kill", "stop") and (
        enabled or note.get("unit_file_state") == unit["unit_file_state"]
    )


def remove_drop_in(unit: str) -> None:
    """Let systemd restart a unit again as its own file says."""
    path = DROP_IN.format(unit)
    os.unlink(path)
    with contextlib.suppress(OSError):  # there may be other drop-ins
        os.rmdir(os.path.dirname(path))
    run("systemctl", "daemon-reload")


def start(unit: str) -> None:
    """Start a unit that may have failed. Raises OSError where it cannot be."""
    if unit_state(unit)["sub_state"] == "auto-restart":
        run("systemctl", "stop", unit)
    run("systemctl", "reset-failed", unit, may_fail=True)
    # Without what the unit wants: that may be a ZooKeeper server that is to stay down.
    run("systemctl", "start", "--job-mode=ignore-requirements", unit)
    await_that(lambda: unit_state(unit)["active_state"] == "active", START_LIMIT_S)


def restart(unit: str) -> None:
    """Restart a broker: only so it takes a log directory back that it has given up. Raises OSError."""
    run("systemctl", "restart", "--job-mode=ignore-requirements", unit)
    await_that(lambda: unit_state(unit)["active_state"] == "active", START_LIMIT_S)


def heal(kind: str = "", unit: str = "", by_timer: bool = False) -> Healing:
    """Heal what was asked for, alone on the host unless somebody has it for longer than a minute."""
    with locked(LOCK_LIMIT_S):
        return Healing(kind, unit, by_timer=by_timer).everything()


def main() -> int:
    """What the timer runs: heal everything. What it did goes to the journal; 1 where it must try again."""
    done = heal(by_timer=True)
    for words in [*done.healed, *done.errors]:
        print(words, flush=True)
    return 1 if done.errors else 0


if __name__ == "__main__":
    sys.exit(main())
