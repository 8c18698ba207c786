"""Draw the small picture inside an answer."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from anyio import CancelScope, current_time
from mcp.types import ImageContent

if TYPE_CHECKING:
    from imagerouter_mcp.images.pixels.preview import Preview, PreviewSize

PreviewChoice = Literal["auto", "none", "large"]

_SECONDS = 10.0
"""Seconds that an answer waits for previews to start; one that has started is finished or stopped."""


async def draw_preview(
    shown: Sequence[tuple[Path | None, str]],
    size: "PreviewSize",
    ready: "Mapping[Path, Preview] | None" = None,
) -> tuple[ImageContent | None, str]:
    """Draw one picture for one, one numbered sheet for several.

    Args:
        shown: The files, and labels for the sheet.
        size: How large.
        ready: Previews of some of the files in size "auto".

    Returns:
        The picture, None if there is nothing to see, and a sentence if one could not be made in time.
    """
    from imagerouter_mcp.images.pixels.contact_sheet import make_sheet
    from imagerouter_mcp.images.workers import decode

    if not any(path for path, _ in shown):
        return None, ""
    end = current_time() + _SECONDS
    known: Mapping[Path, Preview] = ready if ready and size == "auto" else {}
    drawn = [await _drawn(path, size, end, known) for path, _ in shown]
    previews = [preview for preview, _ in drawn]
    note = _given_up([reason for _, reason in drawn if reason])
    preview = previews[0]
    if len(shown) > 1:
        labels = [label for _, label in shown]
        preview = await decode("previews", None, make_sheet, previews, labels, size)
    return (image_block(preview) if preview else None), note


async def _drawn(
    path: Path | None, size: "PreviewSize", end: float, known: "Mapping[Path, Preview]"
) -> "tuple[Preview | None, str]":
    """Return a file's preview, and why it was given up, as the end of a sentence."""
    from imagerouter_mcp.images.confined import StoppedError
    from imagerouter_mcp.images.pixels.preview import make_preview
    from imagerouter_mcp.images.workers import decode

    if path is None:
        return None, ""
    if path in known:
        return known[path], ""
    with CancelScope(deadline=end):
        try:
            return await decode("previews", path, make_preview, path, size), ""
        except OSError:  # the file is gone: answer without a preview
            return None, ""
        except StoppedError as error:
            return None, str(error)
    return None, f"its turn did not come within {_SECONDS:.0f} s"


def _given_up(reasons: Sequence[str]) -> str:
    if not reasons:
        return ""
    which = "The preview" if len(reasons) == 1 else f"{len(reasons)} previews"
    return (
        f"{which} could not be made: {' and '.join(dict.fromkeys(reasons))}. The file itself is whole, and "
        "nothing more was paid."
    )


def image_block(preview: "Preview") -> ImageContent:
    """Return a preview as a block of a result."""
    data = base64.b64encode(preview.data).decode("ascii")
    return ImageContent(type="image", data=data, mime_type=preview.media_type)
