"""Bind the view, which shows pictures inside the chat, to the tools whose results it draws (MCP Apps).

The view lives on what the tools answer anyway, so hosts that draw nothing miss nothing.
"""

import re
from collections.abc import Iterable
from typing import Any

from mcp.server import MCPServer
from mcp.server.apps import APP_MIME_TYPE, Apps
from mcp.server.mcpserver.resources import FunctionResource
from mcp.server.mcpserver.tools import Tool

from imagerouter_mcp.errors import NotFoundError
from imagerouter_mcp.views.document import address, document
from imagerouter_mcp.wiring import App

SHOWN = (
    "generate_image",
    "edit_image",
    "compare_models",
    "generate_video",
    "get_generation",
    "show_image",
    "list_images",
)
"""The tools whose results the view draws."""
_STORAGE = "https://storage.imagerouter.io"
"""Where ImageRouter keeps results."""
_META: dict[str, Any] = {
    "ui": {
        "csp": {"resourceDomains": ["data:", "blob:", _STORAGE]},
        "permissions": {"clipboardWrite": {}},
        "prefersBorder": False,
    }
}
"""What the view asks of hosts; an origin of its own (`domain`) is left out, because with a wrong one Claude
draws nothing."""
_TITLE = "Picture view"
_DESCRIPTION = "Shows pictures inside the chat."
_PAGE = re.compile(r"viewer-[0-9a-f]{1,64}\.html")


def with_view(tools: Iterable[Tool]) -> list[Tool]:
    """Return the tools; those whose results the view draws name it."""
    meta = {"ui": {"resourceUri": address()}}
    return [tool.model_copy(update={"meta": meta}) if tool.name in SHOWN else tool for tool in tools]


def view_extension() -> Apps:
    """Return the extension that announces views, with ours."""
    apps = Apps()
    apps.add_resource(
        FunctionResource(
            uri=address(),
            name="view",
            title=_TITLE,
            description=_DESCRIPTION,
            mime_type=APP_MIME_TYPE,
            meta=_META,
            fn=document,
        )
    )
    return apps


def add_earlier_views(server: MCPServer[App]) -> None:
    """Answer the addresses of earlier versions too, which hosts keep, with the present view."""

    @server.resource(
        "ui://imagerouter/{page}",
        name="view_of_any_version",
        title=_TITLE,
        description=_DESCRIPTION,
        mime_type=APP_MIME_TYPE,
        meta=_META,
    )
    def view(page: str) -> str:  # pyright: ignore[reportUnusedFunction] - the server holds it
        if not _PAGE.fullmatch(page):
            raise NotFoundError("There is no such view.", f"Read {address()}.")
        return document()
