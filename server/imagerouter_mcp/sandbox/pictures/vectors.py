"""Pictures as SVG: mosaics of flat tiles."""

from html import escape
from textwrap import shorten
from typing import Final

from PIL import Image

from imagerouter_mcp.sandbox.pictures.encoding import resized
from imagerouter_mcp.sandbox.pictures.media import Size
from imagerouter_mcp.sandbox.pictures.scene import MARK, draw

_TILES: Final = 64
"""Tiles along the longer side."""
_COLOURS: Final = 40


def draw_svg(prompt: str, size: Size, take: int = 0) -> bytes:
    """Paint what a prompt says, as SVG; see `scene.draw`."""
    share = 512 / max(size)
    small = max(1, round(size[0] * share)), max(1, round(size[1] * share))
    return mosaic(draw(prompt, small, "low", take), size, prompt or "No prompt")


def mosaic(picture: Image.Image, size: Size, title: str) -> bytes:
    """Write a picture as an SVG mosaic.

    Args:
        picture: RGB.
        size: At which the SVG is shown, in pixels.
        title: What a viewer says the picture is.
    """
    across, down = (max(1, round(side * _TILES / max(size))) for side in size)
    tiles = (
        resized(picture, (across, down), Image.Resampling.BOX)
        .quantize(_COLOURS, dither=Image.Dither.NONE)
        .convert("RGB")
        .tobytes()
    )
    rows = "".join(_row(tiles[y * across * 3 : (y + 1) * across * 3], y) for y in range(down))
    head = f'width="{size[0]}" height="{size[1]}" viewBox="0 0 {across} {down}" preserveAspectRatio="none"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {head} shape-rendering="crispEdges">
<title>{escape(shorten(title, 200))}</title>
{rows}
<g font-family="sans-serif" font-size="1.4" fill="#fff" fill-opacity="0.7" text-anchor="end">
<text x="{across * 0.98:.2f}" y="{down * 0.98:.2f}">{MARK}</text>
</g>
</svg>
""".encode(errors="replace")


def _row(tiles: bytes, y: int) -> str:
    """One row, in which neighbours of the same colour are one tile."""
    colours = [tiles[at : at + 3].hex() for at in range(0, len(tiles), 3)]
    starts = [x for x, colour in enumerate(colours) if x == 0 or colour != colours[x - 1]]
    ends = [*starts[1:], len(colours)]
    return "".join(
        f'<rect x="{x}" y="{y}" width="{end - x}" height="1" fill="#{colours[x]}"/>'
        for x, end in zip(starts, ends, strict=True)
    )
