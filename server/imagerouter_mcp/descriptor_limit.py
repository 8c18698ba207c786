"""How many files and connections this process may have open."""

import sys

WANTED = 4096
"""Descriptors for the busiest server. The usual soft limits are 1,024 on Linux and 256 on macOS."""


def raise_descriptor_limit() -> None:
    """Raise the soft limit as far as the hard limit allows. Windows has no such limit."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def descriptor_limit() -> int:
    """Return how many descriptors the process may have, at most `WANTED`."""
    if sys.platform == "win32":
        return WANTED
    import resource  # noqa: PLC0415 - not on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED if soft == resource.RLIM_INFINITY else min(soft, WANTED)
