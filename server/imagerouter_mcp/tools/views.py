"""Bind the view, which shows pictures inside the chat, to the tools whose results it draws (MCP Apps).

The view uses only what the tools answer anyway, so hosts that draw nothing miss nothing. The SDK's `Apps`
does the same as `ViewExtension`; importing it would take longer than all else here.
"""

import os
import re
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mcp.server.extension import Extension, ResourceBinding
from mcp.server.mcpserver.resources import FunctionResource
from mcp.server.mcpserver.tools import Tool

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
MEDIA_TYPE = "text/html;profile=mcp-app"
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
_ANY_VERSION = r"ui://imagerouter/viewer-[0-9a-f]{1,64}\.html"


_FOLDER = Path(__file__).parents[1] / "views"
_PARTS = (".html", ".css", ".js")


@cache
def address() -> str:
    """Return the view's address; it changes with its files, because hosts cache what they fetch.

    Names, sizes and times tell of a change: reading the files would hold up every start.
    """
    with os.scandir(_FOLDER) as entries:
        files = sorted((each.name, each.stat()) for each in entries if each.name.endswith(_PARTS))
    state = repr([(name, status.st_size, status.st_mtime_ns) for name, status in files])
    return f"ui://imagerouter/viewer-{zlib.crc32(state.encode()) & 0xFFFF:04x}.html"


class ViewExtension(Extension):
    """Announces that tools have a view, and offers it as a resource."""

    identifier = "io.modelcontextprotocol/ui"

    def resources(self) -> Sequence[ResourceBinding]:
        """Return the view's document, which is joined when it is first read."""
        view = FunctionResource(
            uri=address(),
            name="view",
            title="Picture view",
            description="Shows pictures inside the chat.",
            mime_type=MEDIA_TYPE,
            meta=_META,
            fn=_document,
        )
        return [ResourceBinding(view)]


def _document() -> str:
    from imagerouter_mcp.views.document import document

    return document()


def with_view(tools: Iterable[Tool]) -> list[Tool]:
    """Return the tools; those whose results the view draws name it."""
    meta = {"ui": {"resourceUri": address()}}
    return [tool.model_copy(update={"meta": meta}) if tool.name in SHOWN else tool for tool in tools]


def present_address(uri: str) -> str:
    """Return the address of the present view for that of an earlier version, which hosts keep."""
    return address() if re.fullmatch(_ANY_VERSION, uri) else uri
