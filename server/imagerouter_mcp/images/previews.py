"""A small picture of a picture, for the answer that a model or a person sees.

Previews are JPEG: every host takes it, it encodes in a few milliseconds, and it has no transparency that a
host could turn black. What is transparent shows a light checkerboard instead, as in picture editors.

Nothing here loads Pillow before the first preview.
"""

import io
from pathlib import Path

from imagerouter_mcp.images import svg_drawing
from imagerouter_mcp.images.budgets import BUDGETS, Preview, PreviewSize
from imagerouter_mcp.images.formats import HEAD_BYTES, sniff
from imagerouter_mcp.images.svg import drawable_text

__all__ = ["Preview", "PreviewSize", "make_preview"]

_MAX_SVG_BYTES = 4 << 20


def make_preview(path: Path, size: PreviewSize) -> Preview | None:
    """Make a preview of a file that `formats.inspect` found whole.

    EXIF rotation is applied, of an animation the first frame is taken, and nothing is enlarged save SVG,
    which has no size of its own.

    Args:
        path: The file.
        size: Which of `BUDGETS` to keep to.

    Returns:
        The preview, or None where there can be none: videos, HEIC, pictures that would take more than
        `rendering.MAX_DECODED_BYTES`, SVG without the `svg` extra or with references to the outside, and
        files that do not decode.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        found = sniff(file.read(HEAD_BYTES))
        if found is None or found.kind == "video":
            return None
        from imagerouter_mcp.images import rendering  # noqa: PLC0415 - loads Pillow, which start-up does without

        if found.kind == "image":
            return rendering.render(file, found.name, BUDGETS[size])
    drawn = _draw_svg(path, BUDGETS[size].longest)
    return rendering.render(io.BytesIO(drawn), "png", BUDGETS[size]) if drawn else None


def _draw_svg(path: Path, longest: int) -> bytes | None:
    if path.stat().st_size > _MAX_SVG_BYTES:
        return None
    text = drawable_text(path)
    return svg_drawing.draw(text, longest) if text else None
