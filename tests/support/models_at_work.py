"""What models do to a picture beside what was asked: shift, scale and tint it, or return it unchanged."""

from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw

RED = (214, 40, 52)
"""What these models paint."""


@dataclass(frozen=True)
class Habit:
    """How a model answers.

    Attributes:
        shift: By how many pixels, to the right and down.
        scale: About the middle.
        tint: Levels added to each channel.
        size: Of the answer; None keeps that of what it gets.
        echo: Whether it paints nothing.
    """

    shift: tuple[float, float] = (0, 0)
    scale: float = 1
    tint: tuple[int, int, int] = (0, 0, 0)
    size: tuple[int, int] | None = None
    echo: bool = False


def answered(sent: Image.Image, habit: Habit, spot: tuple[float, float, float, float]) -> Image.Image:
    """Return what a model with a habit makes of a picture: a red disc in a box, given in shares."""
    made = sent.convert("RGB")
    width, height = made.size
    if not habit.echo:
        ImageDraw.Draw(made).ellipse(
            (spot[0] * width, spot[1] * height, spot[2] * width, spot[3] * height), fill=RED
        )
    (right, down), by = habit.shift, 1 / habit.scale
    coefficients = (by, 0, (width / 2) * (1 - by) - right * by, 0, by, (height / 2) * (1 - by) - down * by)
    moved = _moved(made, coefficients)
    for sign, add in ((1, ImageChops.add), (-1, ImageChops.subtract)):
        tint = tuple(max(0, sign * level) for level in habit.tint)
        moved = add(moved, Image.new("RGB", moved.size, tint))
    return moved.resize(habit.size) if habit.size else moved  # pyright: ignore[reportUnknownMemberType] - Pillow's annotation names NumPy


def _moved(picture: Image.Image, coefficients: tuple[float, ...]) -> Image.Image:
    """Move a picture, and repeat its edges where nothing is known, as models do."""
    margin = 64
    wide = picture.resize(  # pyright: ignore[reportUnknownMemberType] - as above
        (picture.width + 2 * margin, picture.height + 2 * margin), Image.Resampling.NEAREST
    )
    wide.paste(picture, (margin, margin))
    across, down = coefficients[0], coefficients[4]
    return wide.transform(
        picture.size,
        Image.Transform.AFFINE,
        (across, 0, coefficients[2] + margin, 0, down, coefficients[5] + margin),
        Image.Resampling.BICUBIC,
    )
