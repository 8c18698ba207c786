"""Build the MCP server: what it is called and what it offers."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from mcp.server import MCPServer
from mcp.server.caching import CacheHint
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context
from mcp.server.request_state import RequestStateSecurity
from mcp.types import InputRequiredResult
from pydantic import AnyUrl

from imagerouter_mcp import __version__
from imagerouter_mcp.apps import Apps
from imagerouter_mcp.tools import all_tools
from imagerouter_mcp.tools.boundary import SpeakingServer
from imagerouter_mcp.tools.prompts import add_prompts
from imagerouter_mcp.tools.resources import add_resources
from imagerouter_mcp.tools.views import ViewExtension, present_address, with_view

NAME = "imagerouter"
INSTRUCTIONS = (
    "Makes and edits pictures through ImageRouter, one service in front of some 200 image models. Each "
    "generation costs the person's credits; every answer says how much. Leave `model` out and one that fits "
    "is chosen; only to remove a background, upscale or vectorize, name the special model that search_models "
    'finds. Tell the person the file\'s path or link. To change a picture just made, give "last" or its '
    "handle to edit_image. Cropping, resizing, converting, icons and collages are free, with finish_image."
)
REMOTE_INSTRUCTIONS = (
    " This server is on another machine: it names files by download links that last a day, and takes local "
    "pictures through upload_link; paths mean nothing to it."
)
_DAY_MS = 86_400_000


class ImageServer(SpeakingServer):
    """A server that types resources by their bytes, and has the present view at earlier views' addresses."""

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Apps, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Read a resource.

        Raises:
            ResourceError: It cannot be read; the sentence says why and what to do.
        """
        contents = await super().read_resource(present_address(str(uri)), context)
        return contents if isinstance(contents, InputRequiredResult) else map(_with_actual_type, contents)


def _with_actual_type(item: ReadResourceContents) -> ReadResourceContents:
    from imagerouter_mcp.images.inspect.formats import HEAD_BYTES, sniff

    found = sniff(item.content[:HEAD_BYTES]) if isinstance(item.content, bytes) else None
    return replace(item, mime_type=found.media_type) if found else item


def build_server(apps: Apps) -> MCPServer[Apps]:
    """Build a server.

    Args:
        apps: What its tools work with; whoever opened it closes it, after the server has ended.
    """

    @asynccontextmanager
    async def lifespan(_: MCPServer[Apps]) -> AsyncGenerator[Apps]:
        yield apps

    def for_callers(text: str) -> str:
        return apps.present().settings.for_callers(text)

    server = ImageServer(
        NAME,
        title="ImageRouter",
        instructions=INSTRUCTIONS + REMOTE_INSTRUCTIONS if apps.links else INSTRUCTIONS,
        version=__version__,
        tools=with_view(all_tools(remote=apps.links is not None)),
        extensions=[ViewExtension()],
        for_callers=for_callers if apps.links else str,
        lifespan=lifespan,
        log_level="WARNING",
        request_state_security=_question_security(apps),
        cache_hints={"tools/list": CacheHint(ttl_ms=_DAY_MS, scope="public")},
    )
    add_resources(server, apps)
    add_prompts(server)
    return server


def _question_security(apps: Apps) -> RequestStateSecurity | None:
    """Seal a question's state with a key that other servers derive too, so that any can take the answer."""
    return RequestStateSecurity(keys=[apps.links.derive("request state")]) if apps.links else None
