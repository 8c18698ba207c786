"""`python -m imagerouter_mcp.sandbox --port N [--heartbeat-seconds X]`: a sandbox in the foreground."""

import argparse
import asyncio
import sys
from contextlib import suppress

from imagerouter_mcp.sandbox.service.serve import serve
from imagerouter_mcp.sandbox.service.state import HEARTBEAT_SECONDS


def _announce(url: str) -> None:
    sys.stderr.write(f"sandbox listening on {url}\n")
    sys.stderr.flush()


def main() -> None:
    """Serve on loopback until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m imagerouter_mcp.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--heartbeat-seconds", type=float, default=HEARTBEAT_SECONDS)
    asked = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(asked.host, asked.port, ready=_announce, heartbeat_seconds=asked.heartbeat_seconds))


if __name__ == "__main__":
    main()
