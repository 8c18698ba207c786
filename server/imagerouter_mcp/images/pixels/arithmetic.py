"""Calculate with sizes, boxes and whole pictures.

Pillow annotates some methods with a NumPy type, and NumPy is not installed; the ignored type errors come from
that.
"""

from collections.abc import Sequence

from PIL import Image, ImageChops

Size = tuple[int, int]
Box = tuple[int, int, int, int]
Shares = tuple[float, float, float, float]
"""A box given as fractions of a picture's sides, from 0 to 1."""

_GREY = (128, 128, 128)
LEVELS = range(256)


def mapped(picture: Image.Image, table: Sequence[int]) -> Image.Image:
    """Map the levels of each channel through a table of 256 entries."""
    return picture.point([*table] * len(picture.getbands()))  # pyright: ignore[reportUnknownMemberType] - see above


def part_in_size(
    picture: Image.Image,
    box: tuple[float, float, float, float],
    size: Size,
    by: Image.Resampling = Image.Resampling.BICUBIC,
) -> Image.Image:
    """Return a part of a picture scaled to a size; its edges may lie between pixels."""
    return picture.resize(size, by, box)  # pyright: ignore[reportUnknownMemberType] - see above


def averaged(picture: Image.Image, size: Size) -> Image.Image:
    """Shrink a picture by averaging."""
    return picture.resize(size, Image.Resampling.BOX, reducing_gap=2.0)  # pyright: ignore[reportUnknownMemberType] - see above


def fitted(size: Size, longest: float) -> Size:
    """Return the size at which a picture fits into a square, keeping its shape; it is never enlarged.

    Args:
        size: Width and height of the picture.
        longest: The square's side.
    """
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def shares(box: Box, size: Size) -> Shares:
    """Return a box as fractions of a size."""
    return box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1]


def most_apart(one: Image.Image, other: Image.Image) -> Image.Image:
    """Return the largest difference of the three channels, for two pictures of mode RGB."""
    red, green, blue = ImageChops.difference(one, other).split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def opaque(picture: Image.Image, backdrop: tuple[int, int, int] = _GREY) -> Image.Image:
    """Return a picture in mode RGB, with a colour where it is transparent."""
    if picture.mode == "RGB":
        return picture
    layer = picture.convert("RGBA")
    result = Image.new("RGB", layer.size, backdrop)
    result.paste(layer, mask=layer.getchannel("A"))
    return result
