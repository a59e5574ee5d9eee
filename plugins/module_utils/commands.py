"""What a program of the host prints. Runs on managed hosts and on the controller."""

from __future__ import annotations

import os
import subprocess


def said(*command: str, limit_s: float) -> str:
    """What a command prints; raises OSError where it fails, there is none, or it takes over ``limit_s`` s."""
    words = " ".join(command)
    # In English whatever the login's language; and Debian's `bridge` is where no user's PATH leads to.
    environment = {**os.environ, "LC_ALL": "C", "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=limit_s,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    except FileNotFoundError:
        raise OSError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise OSError(f"{words} was not done after {limit_s:g} s") from None
    if done.returncode:
        raise OSError(f"{words}: {(done.stderr or done.stdout).strip() or f'status {done.returncode}'}")
    return done.stdout
