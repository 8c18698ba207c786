"""Colours, and what is done with them."""

from collections.abc import Callable
from typing import Final

from PIL import Image

from imagerouter_mcp.sandbox.pictures.words import Colour

INK: Final = (40, 36, 48)
CREAM: Final = (250, 240, 224)
WHITE: Final = (255, 255, 255)
GLASS = (168, 208, 226)
LAMP = (255, 222, 140)
WOOD = (134, 92, 66)


def darker(colour: Colour, share: float = 0.22) -> Colour:
    """A shade of a colour."""
    return mix(colour, (30, 20, 50), share)


def lighter(colour: Colour, share: float = 0.3) -> Colour:
    """A tint of a colour."""
    return mix(colour, (255, 250, 240), share)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Go from one colour towards another; `share` 1 arrives."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def lit(colour: Colour, light: Colour) -> Colour:
    """A colour as it looks under a light."""
    red, green, blue = (a * b // 255 for a, b in zip(colour, light, strict=True))
    return red, green, blue


def levels(picture: Image.Image, rule: Callable[[int], float]) -> Image.Image:
    """Change each value of a picture by a rule, kept within 0 to 255."""
    table = [min(255, max(0, round(rule(value)))) for value in range(256)]
    return picture.point(table)  # pyright: ignore[reportUnknownMemberType] - its stub names numpy
