"""The tool `upload_link`, where the server is on another machine: how a picture to edit comes to it."""

import shlex
from typing import Any

from mcp.types import CallToolResult

from imagerouter_mcp.gallery.signed_links import UPLOAD_SECONDS
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.results import text_block

UPLOAD_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"upload_url": {"type": "string"}, "handle": {"type": "string"}},
}
"""Of the structured content: {upload_url, handle, command, max_bytes, seconds}."""


async def upload_link(*, ctx: AppContext) -> CallToolResult:
    """Get a link that takes a local picture or photo for editing, by curl or in a browser. Free of charge."""
    from imagerouter_mcp.errors import ConfigurationError
    from imagerouter_mcp.gallery.uploads import MAX_UPLOAD_BYTES

    app = ctx.request_context.lifespan_context
    if app.links is None:
        raise ConfigurationError(
            "This server is on your own machine and takes no uploads.", "Give the picture's path."
        )
    handle = app.uploads.new_name()
    url = app.links.upload(handle)
    command = f"curl --fail-with-body -T PICTURE {shlex.quote(url)}"
    limits = f"one picture of up to {MAX_UPLOAD_BYTES // 2**20} MiB, within {UPLOAD_SECONDS // 60} minutes"
    lines = [
        f"Send {limits}, to this link, which works once: {url}",
        f"With curl: {command}",
        "Or the person opens the link in a browser and chooses the picture there.",
        f"Then give {handle} as the source image.",
    ]
    fields = {
        "upload_url": url,
        "handle": handle,
        "command": command,
        "max_bytes": MAX_UPLOAD_BYTES,
        "seconds": UPLOAD_SECONDS,
    }
    return CallToolResult(content=[text_block(lines)], structured_content=fields)
