"""Ways to render a finished picture: as a watercolour, in other colours, in pixels."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import shake_256
from typing import Final

from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps

from imagerouter_mcp.sandbox.pictures.canvas import SOFT
from imagerouter_mcp.sandbox.pictures.colours import levels, mix
from imagerouter_mcp.sandbox.pictures.encoding import resized
from imagerouter_mcp.sandbox.pictures.words import Colour

PAPER: Final = (252, 248, 238)
_CELLS: Final = 112
"""Pixels along the shorter side of pixel art."""


def toned(picture: Image.Image, colours: Sequence[Colour]) -> Image.Image:
    """Render a picture in one colour, or from a dark one to a light one."""
    dark = mix(colours[0], (14, 12, 26), 0.66)
    light = mix(colours[-1], (255, 253, 246), 0.72)
    middle = mix(colours[0], colours[-1], 0.5 if len(colours) > 1 else 0)
    grey = ImageOps.autocontrast(picture.convert("L"), cutoff=1)
    return ImageOps.colorize(grey, dark, light, mid=middle)


def tinted(picture: Image.Image, colours: Sequence[Colour]) -> Image.Image:
    """Lean a picture's palette towards colours, and keep some of its own."""
    return Image.blend(picture, toned(picture, colours), 0.72)


def watercolour(picture: Image.Image) -> Image.Image:
    """Render a picture as a watercolour: soft pigment on grainy paper, with a torn white edge."""
    unit = min(picture.size)
    washed = picture.filter(ImageFilter.GaussianBlur(unit / 800))
    rims = washed.convert("L").filter(ImageFilter.FIND_EDGES).filter(ImageFilter.BoxBlur(unit / 400))
    pigment = Image.blend(washed, Image.new("RGB", picture.size, PAPER), 0.24)
    pigment = ImageChops.multiply(pigment, Image.merge("RGB", [levels(rims, lambda v: 255 - v)] * 3))
    pigment.paste(PAPER, mask=levels(_grain(picture.size, max(4, unit // 5)), lambda v: (v - 110) * 0.55))
    inset = max(1, round(unit * 0.03))
    border = Image.new("L", picture.size, 0)
    border.paste(255, (inset, inset, picture.width - inset, picture.height - inset))
    frayed = ImageChops.add(
        border.filter(ImageFilter.BoxBlur(inset)), _grain(picture.size, max(2, unit // 28)), 1, -128
    )
    sheet = Image.new("RGB", picture.size, PAPER)
    sheet.paste(pigment, mask=levels(frayed, lambda v: (v - 70) * 5))
    return grained(sheet, max(1, unit // 360), 20)


def grained(picture: Image.Image, cell: int = 1, depth: int = 9) -> Image.Image:
    """Show the grain of the paper: lumps of `cell` pixels, up to `depth` of 255 darker."""
    paper = levels(_grain(picture.size, cell), lambda v: 255 - depth + v * depth / 255)
    return ImageChops.multiply(picture, Image.merge("RGB", [paper] * 3))


def _grain(size: tuple[int, int], cell: int) -> Image.Image:
    """Noise with lumps of `cell` pixels, the same every time."""
    across, down = size[0] // cell + 2, size[1] // cell + 2
    noise = Image.frombytes("L", (across, down), shake_256(b"grain").digest(across * down))
    return resized(noise, size, Image.Resampling.BICUBIC)


def lines(picture: Image.Image) -> Image.Image:
    """Render a picture as an ink drawing with a light wash."""
    unit = min(picture.size)
    grey = picture.filter(ImageFilter.GaussianBlur(unit / 900))
    edge = Image.new("L", picture.size, 0)
    for channel in grey.split():
        edge = ImageChops.lighter(edge, channel.filter(ImageFilter.FIND_EDGES))
    edge.paste(0, (0, 0, edge.width, 2))
    edge = edge.filter(ImageFilter.MaxFilter(3)) if unit > 600 else edge
    wash = Image.blend(picture.convert("L").convert("RGB"), Image.new("RGB", picture.size, PAPER), 0.86)
    wash.paste((44, 42, 54), mask=levels(edge, lambda v: (v - 10) * 7))
    return wash


def pixels(picture: Image.Image) -> Image.Image:
    """Render a picture as pixel art of 24 colours."""
    unit = min(picture.size)
    small = tuple(max(1, side * min(_CELLS, unit) // unit) for side in picture.size)
    art = resized(ImageEnhance.Color(picture).enhance(1.2), (small[0], small[1]), Image.Resampling.BOX)
    return resized(
        art.quantize(32, Image.Quantize.MAXCOVERAGE).convert("RGB"), picture.size, Image.Resampling.NEAREST
    )


def poster(picture: Image.Image) -> Image.Image:
    """Render a picture with seven flat colours."""
    flat = ImageEnhance.Contrast(ImageEnhance.Color(picture).enhance(1.25)).enhance(1.1)
    return (
        flat.filter(ImageFilter.GaussianBlur(min(flat.size) / 600))
        .quantize(7, dither=Image.Dither.NONE)
        .convert("RGB")
    )


def monochrome(picture: Image.Image) -> Image.Image:
    """Render a picture in black and white."""
    return ImageOps.autocontrast(picture.convert("L"), cutoff=1).convert("RGB")


def pastel(picture: Image.Image) -> Image.Image:
    """Render a picture in pale colours."""
    return Image.blend(
        ImageEnhance.Color(picture).enhance(1.15), Image.new("RGB", picture.size, (255, 246, 244)), 0.44
    )


def sepia(picture: Image.Image) -> Image.Image:
    """Render a picture like an old photograph."""
    aged = ImageOps.colorize(picture.convert("L"), (44, 28, 18), (252, 240, 214), mid=(156, 118, 80))
    corner = levels(Image.radial_gradient("L"), lambda v: v - 130)
    aged.paste((40, 26, 18), mask=resized(corner, picture.size, SOFT))
    return aged


STYLES: Final[Mapping[str, Callable[[Image.Image], Image.Image]]] = {
    "watercolour": watercolour,
    "lines": lines,
    "pixels": pixels,
    "poster": poster,
    "monochrome": monochrome,
    "pastel": pastel,
    "sepia": sepia,
}
"""By the names of `words.STYLES`."""
