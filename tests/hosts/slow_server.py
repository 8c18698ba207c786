"""A server whose one tool takes its time: with it, how long a host lets a call last is measured.

It is started with the seconds, and with a folder in which it notes when each client has called.
"""

import sys
import time
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

WAITED = "The wait is over."

server = MCPServer("imagerouter", log_level="ERROR")


@server.tool()
async def generate_image(prompt: str, model: str, ctx: Context[Any]) -> str:
    """Make a picture, slowly; in truth, none."""
    del prompt, model
    client = ctx.session.client_params
    name = client.client_info.name if client else "unknown"
    await anyio.Path(sys.argv[2], name).write_text(str(time.time()))
    await anyio.sleep(float(sys.argv[1]))
    return WAITED


if __name__ == "__main__":
    server.run()
