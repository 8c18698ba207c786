"""Draw the small picture inside an answer."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from mcp.types import ImageContent

if TYPE_CHECKING:
    from imagerouter_mcp.images.pixels.contact_sheet import Tile
    from imagerouter_mcp.images.pixels.preview import Preview, PreviewSize

PreviewChoice = Literal["auto", "none", "large"]

_DRAWN_AT_ONCE = 2
_DRAWING: RunVar[CapacityLimiter] = RunVar("previews being drawn")


async def draw_preview(tiles: "Sequence[Tile]", size: "PreviewSize") -> ImageContent | None:
    """Draw one picture for one, one numbered sheet for several; None if they cannot be shown."""
    from imagerouter_mcp.images.pixels.contact_sheet import make_sheet
    from imagerouter_mcp.images.pixels.preview import make_preview

    if not any(tile.path for tile in tiles):
        return None
    try:
        if len(tiles) == 1 and (path := tiles[0].path):
            drawn = await to_thread.run_sync(make_preview, path, size, limiter=_limiter())
        else:
            drawn = await to_thread.run_sync(make_sheet, tiles, size, limiter=_limiter())
    except OSError:  # the file is gone: answer without a preview
        return None
    return image_block(drawn) if drawn else None


def image_block(preview: "Preview") -> ImageContent:
    """Return a preview as a block of a result."""
    data = base64.b64encode(preview.data).decode("ascii")
    return ImageContent(type="image", data=data, mime_type=preview.media_type)


def _limiter() -> CapacityLimiter:
    """Return the limiter of simultaneous drawings: each holds a whole picture's pixels in memory."""
    try:
        return _DRAWING.get()
    except LookupError:
        limiter = CapacityLimiter(_DRAWN_AT_ONCE)
        _DRAWING.set(limiter)
        return limiter
