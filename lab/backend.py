"""What makes hosts: the one shape in which the lab's verbs see systemd-nspawn, qemu and Vagrant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from lab.nspawn import Nspawn
from lab.plan import Host, Plan
from lab.qemu import Qemu
from lab.state import State
from lab.vagrant import Vagrant


class Backend(Protocol):
    """The hosts of one lab. Every method may be called again after it was interrupted."""

    @property
    def bridge(self) -> str:
        """The interface of this machine that has the lab's gateway address, or will have it."""

    @property
    def ssh_limit_s(self) -> float:
        """Seconds after which a host that was booted has let us in, or never will."""

    def require_room(self, new: Sequence[Host]) -> None:
        """Raise LabError where disk or memory is too small to make `new` and to boot what does not run."""

    def prepare(self) -> None:
        """Get what all hosts share.

        Raises:
            LabError: it cannot make hosts here.
        """

    def network_up(self) -> None:
        """Make the network that hosts hang on, or mend it."""

    def network_down(self) -> None:
        """Remove it; nothing to do where it is not there."""

    def network_present(self) -> bool:
        """Whether it is there."""

    def create(self, host: Host, part: Path) -> None:
        """Make a host's own files.

        Args:
            host: which.
            part: the folder that becomes the host's when all is made; its host key is there.
        """

    def start(self, hosts: Sequence[Host]) -> None:
        """Boot hosts that do not run, in one go. They answer SSH later."""

    def stop(self, names: Sequence[str]) -> None:
        """End hosts that are to be removed, or that were booted a moment ago."""

    def kill(self, names: Sequence[str]) -> None:
        """End what is left of hosts as a power cut does; `start` brings them back with their files."""

    def remove(self, name: str) -> None:
        """Remove the files of a host that does not run."""

    def names(self) -> list[str]:
        """The hosts there are: those with files, half-made or whole, and those that run without any."""

    def pid(self, name: str) -> int | None:
        """The process of a host; None where it does not run."""

    def interface(self, name: str) -> str:
        """A running host's interface on this machine: what it receives passes there."""

    def variables(self) -> dict[str, Path]:
        """The group variables that such hosts need: names that sort before this_lab.yml, and the files."""

    def facts(self) -> dict[str, Any]:
        """What programs and people may want to know beside the plan."""


BACKEND_CLASSES: dict[str, Callable[[State, Plan], Backend]] = {
    "nspawn": Nspawn,
    "qemu": Qemu,
    "vagrant": Vagrant,
}


def backend_of(state: State, plan: Plan) -> Backend:
    """What makes the hosts of a lab."""
    return BACKEND_CLASSES[plan.backend](state, plan)


def backends_of_leftovers(state: State) -> list[Backend]:
    """What may have made what is left of a lab: where no run got to its end, any of them."""
    plan = state.plan()
    if plan:
        return [backend_of(state, plan)]
    return [backend_of(state, Plan(name=state.name, backend=name)) for name in BACKEND_CLASSES]
