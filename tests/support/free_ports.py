"""Ports for processes that must be told where to listen before they start."""

import secrets
import socket
from contextlib import ExitStack, suppress

_LOWEST, _BEYOND = 20_000, 32_768
"""Below the ports that Linux and macOS give to connections: none is taken before the process listens."""


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, all different."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            port = _LOWEST + secrets.randbelow(_BEYOND - _LOWEST)
            with suppress(OSError):
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
                found.append(port)
    return found


def free_port() -> int:
    """Return one such port."""
    return free_ports(1)[0]
