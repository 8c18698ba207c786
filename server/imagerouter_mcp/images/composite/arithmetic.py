"""Steps of arithmetic with pictures, and what Pillow's annotations need for them.

Those annotations name a NumPy type, and NumPy is not installed.
"""

from collections.abc import Sequence

from PIL import Image, ImageChops

Size = tuple[int, int]
Box = tuple[int, int, int, int]
Shares = tuple[float, float, float, float]
"""A box in shares of a picture's sides."""

_BACKDROP = (128, 128, 128)
LEVELS = range(256)


def mapped(picture: Image.Image, table: Sequence[int]) -> Image.Image:
    """Replace each level by what a table of 256 says, in each channel."""
    return picture.point([*table] * len(picture.getbands()))  # pyright: ignore[reportUnknownMemberType] - see above


def part_in_size(
    picture: Image.Image,
    box: tuple[float, float, float, float],
    size: Size,
    by: Image.Resampling = Image.Resampling.BICUBIC,
) -> Image.Image:
    """Return a part of a picture, between pixels if need be, in another size."""
    return picture.resize(size, by, box)  # pyright: ignore[reportUnknownMemberType] - see above


def averaged(picture: Image.Image, size: Size) -> Image.Image:
    """Return a picture in a smaller size, each pixel the average of those that it stands for."""
    return picture.resize(size, Image.Resampling.BOX, reducing_gap=2.0)  # pyright: ignore[reportUnknownMemberType] - see above


def fitting(size: Size, longest: float) -> Size:
    """Return the size at which a picture fits into a square; nothing is enlarged."""
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def shares(box: Box, size: Size) -> Shares:
    """Return a box in shares of the sides of a size."""
    return box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1]


def most_apart(one: Image.Image, other: Image.Image) -> Image.Image:
    """Return by how much the channel that differs most differs, of two pictures of mode RGB."""
    red, green, blue = ImageChops.difference(one, other).split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def opaque(picture: Image.Image) -> Image.Image:
    """Return a picture of mode RGB, on grey where it is transparent."""
    if picture.mode == "RGB":
        return picture
    layer = picture.convert("RGBA")
    result = Image.new("RGB", layer.size, _BACKDROP)
    result.paste(layer, mask=layer.getchannel("A"))
    return result
