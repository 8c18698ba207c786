"""A server whose one tool takes its time: with it, how long a host lets a call last is measured."""

import sys

import anyio
from mcp.server import MCPServer

WAITED = "The wait is over."

server = MCPServer("imagerouter", log_level="ERROR")


@server.tool()
async def generate_image(prompt: str, model: str) -> str:
    """Make a picture, slowly; in truth, none."""
    del prompt, model
    await anyio.sleep(float(sys.argv[1]))
    return WAITED


if __name__ == "__main__":
    server.run()
