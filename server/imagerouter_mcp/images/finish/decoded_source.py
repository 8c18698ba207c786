"""Decode a picture for finishing: upright, in a plain mode, with no metadata but its colours."""

from typing import BinaryIO

from PIL import Image

from imagerouter_mcp.images.composite.colour_space import ColourSpace
from imagerouter_mcp.images.confined import TooLargeError
from imagerouter_mcp.images.finish.measure import DRAWN_LONGEST, decoded_size, is_halved
from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.formats import Format
from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.images.inspect.opening import block
from imagerouter_mcp.images.pixels.decode import (
    is_deep,
    loaded,
    orientation,
    plain,
    upright,
    without_palette,
)
from imagerouter_mcp.images.pixels.encode import colours_for
from imagerouter_mcp.images.prepare import drawn


def decoded(file: BinaryIO, name: str, *, in_srgb: bool) -> tuple[Image.Image, Format, bytes, list[str]]:
    """Decode a picture.

    Args:
        file: The picture, open for reading.
        name: What messages call it.
        in_srgb: Whether to convert its colours to sRGB and drop its profile.

    Returns:
        The picture, in mode L, LA, RGB or RGBA; its original format; its colour profile or nothing; and notes
        on anything a caller may not expect.

    Raises:
        NotAPictureError: It does not decode.
        TooLargeError: It has too many pixels.
        InvalidSourceError: It is an SVG that cannot be drawn.
    """
    seen = inspect(file)
    kind, longest = seen.format, max(seen.size)
    notes: list[str] = []
    if seen.format.kind == "vector":
        file, kind = drawn(file, name, DRAWN_LONGEST), formats.PNG
        notes.append(f"{name} was drawn from SVG.")
    if seen.animated:
        notes.append(f"{name} is animated or has several pages; only the first one was used.")
    opened = loaded(file, kind.name, longest // 2 if is_halved(seen) else longest)
    if kind is formats.JPEG and max(opened.size) < max(decoded_size(seen)):
        raise TooLargeError
    profile, turns = block(opened, "icc_profile"), orientation(opened)
    deep, inks = is_deep(opened, file), opened.mode == "CMYK"
    picture = upright(without_palette(plain(opened, deep=deep)), turns)
    if is_halved(seen):
        notes.append(
            f"{name} was used at half its size, {picture.width}×{picture.height} pixels, to save memory."
        )
    if deep:
        notes.append(f"{name} was reduced from 16 to 8 bits per channel.")
    if inks:
        notes.append(f"{name} was converted from CMYK to RGB.")
    profile = colours_for(profile, picture.mode)
    if in_srgb and profile and picture.mode in ("RGB", "RGBA"):
        picture, profile = ColourSpace(profile, picture.mode).to_screen(picture), b""
    return picture, kind, profile, notes
