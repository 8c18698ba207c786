"""Read a clock that is not affected by setting the time, to tell how long ago something ended."""

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
    """Return an id of this clock: the machine's boot id, else one of this process.

    Only Linux gives processes a boot id.
    """
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return f"process {secrets.token_hex(8)}"
