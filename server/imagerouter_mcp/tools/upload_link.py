"""The tool `upload_link`: take a picture to edit from a caller on another machine."""

import shlex
from typing import Annotated, TypedDict

from mcp.types import CallToolResult

from imagerouter_mcp.gallery.signed_links import UPLOAD_SECONDS
from imagerouter_mcp.tools.declare import OPENS, tool
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.structured import tool_result


class UploadContent(TypedDict):
    """A link that takes one picture, and the handle that the picture will have."""

    upload_url: str
    handle: str
    command: str
    max_bytes: int
    seconds: int
    next_step: str


@tool("Upload link", OPENS)
async def upload_link(*, ctx: AppContext) -> Annotated[CallToolResult, UploadContent]:
    """Get a link to send a local picture or photo to, for editing, by curl or browser. Free."""
    from imagerouter_mcp.errors import ConfigurationError
    from imagerouter_mcp.gallery.uploads import MAX_UPLOAD_BYTES

    app = ctx.request_context.lifespan_context.present()
    if app.links is None:
        raise ConfigurationError(
            "This server is on your own machine and takes no uploads.", "Give the picture's path."
        )
    handle = app.uploads.new_name()
    url = app.links.upload(handle)
    command = f"curl --fail-with-body -T PICTURE {shlex.quote(url)}"
    limits = f"one picture of up to {MAX_UPLOAD_BYTES // 2**20} MiB, within {UPLOAD_SECONDS // 60} minutes"
    content = UploadContent(
        upload_url=url,
        handle=handle,
        command=command,
        max_bytes=MAX_UPLOAD_BYTES,
        seconds=UPLOAD_SECONDS,
        next_step="Run the command, or let the person open the link in a browser and choose the picture "
        f"there. Then give {handle} as the source image.",
    )
    lines = [
        f"Send {limits}, to this link, which works once: {url}",
        f"With curl: {command}",
        content["next_step"],
    ]
    return tool_result(lines, content)
