"""The virtual environments: made from the pinned requirements, brought up to them when those change."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from lab.errors import LabError
from lab.shell import run, say
from lab.state import CHECKOUT, locked, write_whole

PINS = ("requirements.txt", "requirements-dev.txt")
OLDEST = "requirements-oldest.txt"


def requirements(oldest: bool) -> str:
    """The pins of an environment as one list, without the lines that only include another file.

    Args:
        oldest: with the older supported ansible-core line in place of the newer one.
    """
    pins: dict[str, str] = {}
    for name in (*PINS, *([OLDEST] if oldest else [])):
        for line in (CHECKOUT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r ")):
                pins[line.split("==")[0]] = line
    return "".join(f"{line}\n" for line in pins.values())


def ensure(oldest: bool = False) -> Path:
    """Make an environment, or bring it to the pins; quick where it has them.

    Returns:
        Its folder.

    Raises:
        LabError: Python cannot make one, or pip failed.
    """
    folder = CHECKOUT / (".venv-oldest" if oldest else ".venv")
    wanted = requirements(oldest)
    stamp = f"{sys.version}\n{hashlib.sha256(wanted.encode()).hexdigest()}\n"
    noted = folder / ".pins"
    if noted.is_file() and noted.read_text() == stamp:
        return folder
    with locked(folder, f"another run that fills {folder.name}"):
        if noted.is_file() and noted.read_text() == stamp:
            return folder
        say(f"  filling {folder.name} from the pinned requirements (usually 20 to 60 s)")
        # Filled in place, so that what runs from it now goes on; emptied only for another Python.
        other = noted.is_file() and noted.read_text().splitlines()[:-1] != stamp.splitlines()[:-1]
        run(sys.executable, "-m", "venv", *(["--clear"] if other else []), str(folder))
        listed = folder / "requirements.txt"
        write_whole(listed, wanted)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "-r", str(listed)]
        done = subprocess.run(pip, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            words = "\n  ".join(done.stderr.strip().splitlines()[-6:])
            raise LabError(f"{folder.name} could not be filled; run it again once this is mended:\n  {words}")
        write_whole(noted, stamp)
    return folder
