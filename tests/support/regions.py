"""Measure what an edit of a part of a picture left alone, and what it did."""

from typing import cast

from PIL import Image, ImageChops, ImageStat

Box = tuple[int, int, int, int]

SMOOTH, STEP = 2, 8
"""Levels of 255: by how much neighbours differ where a picture is smooth, and at a seam there at most."""
_ANY = [0] + [255] * 255


def selected(picture: Image.Image) -> Image.Image:
    """Return white where a picture of mode L is not black."""
    return picture.point(_ANY)  # pyright: ignore[reportUnknownMemberType] - Pillow's annotation names NumPy


def outside(before: Image.Image, after: Image.Image, mask: Image.Image) -> int:
    """Count the pixels outside a mask that differ."""
    where = ImageChops.invert(selected(mask))
    apart = ImageChops.difference(before, after).split()
    return max(selected(channel).histogram(where)[255] for channel in apart)


def seam(before: Image.Image, after: Image.Image, region: Box) -> int:
    """Return the largest step across a region's edge where its source is smooth."""
    left, upper, right, lower = region
    width, height = before.size
    pairs = [((x, y), (x, y + 1)) for x in range(left, right) for y in (upper - 1, lower - 1)]
    pairs += [((x, y), (x + 1, y)) for y in range(upper, lower) for x in (left - 1, right - 1)]
    pairs = [pair for pair in pairs if min(pair[0]) >= 0 and pair[1][0] < width and pair[1][1] < height]

    def step(picture: Image.Image, pair: tuple[tuple[int, int], tuple[int, int]]) -> int:
        return apart(colour_at(picture, pair[0]), colour_at(picture, pair[1]))

    return max((step(after, pair) for pair in pairs if step(before, pair) <= SMOOTH), default=0)


def colour_at(picture: Image.Image, at: tuple[int, int]) -> tuple[int, ...]:
    """Return the colour of a pixel of a picture in colour."""
    return cast("tuple[int, ...]", picture.getpixel(at))


def apart(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """Return by how much the channel that differs most differs."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def mean_inside(picture: Image.Image, mask: Image.Image) -> tuple[float, ...]:
    """Return the average colour in a mask."""
    return tuple(ImageStat.Stat(picture, mask).mean)
