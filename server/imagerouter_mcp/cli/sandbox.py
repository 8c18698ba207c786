"""Run the ImageRouter stand-in as a process of its own."""

import anyio

from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.serve import serve


def run_sandbox(port: int) -> int:
    """Serve on loopback until a signal arrives.

    Args:
        port: The port to bind to, 0 for a free one.
    """

    def ready(address: str) -> None:
        print(f"Sandbox at {address}", flush=True)
        print(f"Try it: IMAGEROUTER_BASE_URL={address} IMAGEROUTER_API_KEY={KEY}", flush=True)

    anyio.run(lambda: serve("127.0.0.1", port, ready=ready))
    return 0
