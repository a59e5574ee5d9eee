"""Whether this machine's KVM boots a kernel.

Its device node does not say: it may be there and end, or hang, every virtual machine a moment into the boot.
So a kernel is booted, up to its first process, within a time limit.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

DEVICE = Path("/dev/kvm")
KVM, EMULATION = "kvm", "tcg"
LIMIT_S = 20.0
POLL_S = 0.05
# Its end is the proof: the kernel panics when its first process ends, which is a program of the initrd.
BOOTED = "Attempted to kill init"
HUNG = "KVM internal error"
# Lines that say why it did not boot.
REASONS = (HUNG, "error:", "Kernel panic")


def boots(accelerator: str, kernel: Path, initrd: Path, limit_s: float = LIMIT_S) -> tuple[bool, str]:
    """Boot a kernel up to its first process, which ends at once.

    Returns:
        Whether it got there, and what it said last where it did not.
    """
    command = [
        # It ends with this process, however that ends.
        *("setpriv", "--pdeathsig=KILL", "qemu-system-x86_64", "-accel", accelerator, "-cpu", "max"),
        *("-m", "256", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-kernel", str(kernel), "-initrd", str(initrd), "-serial", "stdio"),
        *("-append", "console=ttyS0 panic=-1 rdinit=/bin/true"),
    ]
    with tempfile.TemporaryFile() as output:

        def said() -> str:
            output.seek(0)
            return output.read().decode(errors="replace")

        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        end = time.monotonic() + limit_s
        try:
            # KVM stops a machine that it cannot run, and leaves it there.
            while child.poll() is None and time.monotonic() < end and HUNG not in said():
                time.sleep(POLL_S)
        finally:
            child.kill()
            child.wait()
        text = said()
    if BOOTED in text:
        return True, ""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [
        f"nothing within {limit_s:.0f} s"
    ]
    return False, next((line for line in lines if any(why in line for why in REASONS)), lines[-1])


def find(kernel: Path, initrd: Path) -> tuple[str, str]:
    """What virtual machines run on here.

    Returns:
        KVM or EMULATION, and why it is not KVM.
    """
    if not DEVICE.exists():
        return EMULATION, f"there is no {DEVICE}"
    works, words = boots(KVM, kernel, initrd)
    return (KVM, "") if works else (EMULATION, f"{DEVICE} is there and boots no kernel: {words}")
