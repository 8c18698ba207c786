"""A clock that setting the time does not move, to tell how long ago something ended."""

import secrets
import time
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def uptime() -> float:
    """Return seconds of a clock that only goes forward while `clock_name` stays the same."""
    if hasattr(time, "CLOCK_BOOTTIME"):  # Linux: it counts the time in which the machine sleeps, too
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


@cache
def clock_name() -> str:
    """Return what distinguishes this clock from others: the start of the machine, else this process.

    Only Linux tells processes which start of the machine they belong to.
    """
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return f"process {secrets.token_hex(8)}"
