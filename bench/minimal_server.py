"""The smallest server that the SDK allows: what start-up is compared with."""

from mcp.server import MCPServer

server = MCPServer("minimal")


@server.tool()
async def echo(text: str) -> str:
    """Answer with the text."""
    return text


if __name__ == "__main__":
    server.run()
