"""Where a lab keeps what it knows: `.lab/<name>/` in the checkout, and who may touch it when."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.plan import Host, Plan, bridge_name
from lab.shell import run, say

CHECKOUT = Path(__file__).resolve().parent.parent
LABS = CHECKOUT / ".lab"
IMAGES = LABS / "images"
INVENTORIES = CHECKOUT / "inventories"
# Of hosts that see the whole machine's memory, and of hosts on emulated processors.
LAB_VARIABLES = INVENTORIES / "lab" / "group_vars" / "all.yml"
SLOW_VARIABLES = INVENTORIES / "backends" / "qemu.yml"
REMOVE_TRIES = 10
REMOVE_PAUSE_S = 0.5


@dataclass(frozen=True)
class State:
    """The folder of one lab."""

    name: str

    @property
    def folder(self) -> Path:
        """`.lab/<name>`, absolute."""
        return LABS / self.name

    @property
    def bridge(self) -> str:
        """The lab's bridge."""
        return bridge_name(self.name, str(self.folder))

    @property
    def key(self) -> Path:
        """The private key that opens the lab's hosts, and nothing else."""
        return self.folder / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The hosts' public keys, as ssh reads them."""
        return self.folder / "known_hosts"

    @property
    def inventory(self) -> Path:
        """The inventory of a lab that differs from the default one."""
        return self.folder / "inventory"

    def host_folder(self, name: str) -> Path:
        """What one host is made of."""
        return self.folder / "hosts" / name

    @contextmanager
    def new_host(self, name: str) -> Iterator[Path]:
        """A folder to make a host in, with its host key in it: the host's own once all went well."""
        folder = self.host_folder(name)
        part = folder.with_name(f".{name}.part")
        remove_tree(part)
        part.mkdir(parents=True)
        try:
            make_key_pair(part / "host_key", f"root@{name}")
            yield part
        except BaseException:
            # A disk that has become full is left as it was.
            remove_tree(part)
            raise
        part.rename(folder)

    def console(self, name: str) -> str:
        """The last lines of a host's console, and what the process said that it runs in."""
        log = self.host_folder(name) / "console.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""

    def host_key(self, host: Host) -> str:
        """The public key with which a host shows that it is itself, "ssh-ed25519 AAAA…"."""
        text = (self.host_folder(host.name) / "host_key.pub").read_text()
        return " ".join(text.split()[:2])

    def plan(self) -> Plan | None:
        """What the lab was made as; None where there is none, or none that got that far."""
        try:
            return Plan.from_json(json.loads((self.folder / "lab.json").read_text()))
        except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
            return None

    def save(self, plan: Plan, variables: Mapping[str, Path]) -> None:
        """Keep the plan, and the inventory where the committed one does not fit.

        Args:
            plan: the lab's plan.
            variables: group variables that its kind of hosts needs: file names that sort before
                this_lab.yml, and what they are links to.
        """
        write_whole(self.folder / "lab.json", json.dumps(plan.as_json(), indent=2) + "\n")
        shutil.rmtree(self.inventory, ignore_errors=True)
        if not plan.uses_committed_inventory:
            values = self.inventory / "group_vars" / "all"
            values.mkdir(parents=True)
            write_whole(self.inventory / "hosts.yml", plan.inventory(".."))
            for name, source in variables.items():
                (values / name).symlink_to(os.path.relpath(source, values))
            # Read after the others, by its name.
            write_whole(values / "this_lab.yml", plan.values())

    def make_key(self) -> None:
        """Make the lab's own key where there is none."""
        if not self.key.exists() or not self.public_key.exists():
            self.key.unlink(missing_ok=True)
            make_key_pair(self.key, f"kafka lab {self.name}")

    @property
    def public_key(self) -> Path:
        """The half of the key that the hosts carry."""
        return self.key.with_suffix(".pub")

    def save_known_hosts(self, keys: dict[Host, str]) -> None:
        """Write known_hosts.

        Args:
            keys: each host's public host key, "ssh-ed25519 AAAA…".
        """
        write_whole(self.known_hosts, "".join(f"{host.address} {key}\n" for host, key in keys.items()))


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old text or the new one, never half of it."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text)
    beside.chmod(mode)
    beside.replace(path)


def make_key_pair(path: Path, comment: str) -> None:
    """Make a private key at `path`, without a passphrase, and its public one beside it as `.pub`."""
    run(*("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)))


def remove_tree(folder: Path) -> None:
    """Remove a folder with hosts' files in it, never crossing into a file system that is mounted there.

    What a killed host had begun to write may still appear while its files go, so there is a second look.

    Raises:
        LabError: something cannot be removed.
    """
    for _ in range(REMOVE_TRIES - 1):
        run("rm", "-rf", "--one-file-system", "--", str(folder), may_fail=True)
        if not folder.exists():
            return
        time.sleep(REMOVE_PAUSE_S)
    run("rm", "-rf", "--one-file-system", "--", str(folder))


@contextmanager
def locked(folder: Path, waiting_for: str) -> Iterator[None]:
    """Have a folder for oneself, making it where it is not there.

    Args:
        folder: what to lock; the holder may remove it.
        waiting_for: said once where somebody else has it, since that can take minutes.
    """
    said = False
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not said:
                    say(f"  waiting for {waiting_for}")
                    said = True
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            # The last holder may have removed the very folder that was waited for.
            if folder.exists() and os.stat(folder).st_ino == os.fstat(descriptor).st_ino:
                yield
                return
        finally:
            os.close(descriptor)


def give_to_caller(state: State) -> None:
    """Under sudo, hand key and inventory to who called, so that ssh and Ansible run without it.

    The hosts' own files keep their owners: they are theirs, not the caller's.
    """
    uid, gid = int(os.environ.get("SUDO_UID", -1)), int(os.environ.get("SUDO_GID", -1))
    if uid < 0 or not state.folder.is_dir():
        return
    owned = [LABS, state.folder, *state.folder.glob("*"), *state.inventory.rglob("*")]
    for path in owned:
        os.chown(path, uid, gid, follow_symlinks=False)
