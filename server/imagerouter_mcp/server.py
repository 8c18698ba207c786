"""Build the MCP server: what it is called and what it offers."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from mcp.server import MCPServer
from mcp.server.caching import CacheHint

from imagerouter_mcp import __version__
from imagerouter_mcp.generation.studio import Studio
from imagerouter_mcp.tools import all_tools

NAME = "imagerouter"
INSTRUCTIONS = (
    "Makes and edits pictures through ImageRouter, one service in front of some 200 image models. Each "
    "generation costs the person's credits; every answer says how much. Find a model with search_models or "
    "popular_models when the person has named none. Tell the person the file's path or link. To change a "
    'picture just made, give "last" or its handle to edit_image.'
)
_DAY_MS = 86_400_000


def build_server(studio: Studio) -> MCPServer[Studio]:
    """Build a server.

    Args:
        studio: What its tools work with; whoever opened it closes it, after the server has ended.
    """

    @asynccontextmanager
    async def lifespan(_: MCPServer[Studio]) -> AsyncGenerator[Studio]:
        yield studio

    return MCPServer(
        NAME,
        title="ImageRouter",
        instructions=INSTRUCTIONS,
        version=__version__,
        tools=all_tools(),
        lifespan=lifespan,
        log_level="WARNING",
        cache_hints={"tools/list": CacheHint(ttl_ms=_DAY_MS, scope="public")},
    )
