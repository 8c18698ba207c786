"""Something to paint on, and a pen that draws figures smoothly in coordinates of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from PIL import Image, ImageDraw

from imagerouter_mcp.sandbox.pictures.colours import levels, lit, mix
from imagerouter_mcp.sandbox.pictures.encoding import resized
from imagerouter_mcp.sandbox.pictures.words import Colour

Point = tuple[float, float]
_CURVE_STEPS: Final = 7
"""Straight pieces between two points of a curve."""
SOFT: Final = Image.Resampling.BILINEAR


def curve(points: Sequence[Point], *, closed: bool) -> list[Point]:
    """A smooth line through points: a Catmull-Rom spline."""
    count = len(points)
    ends = range(count if closed else count - 1)
    around = [
        points[n % count] if closed else points[min(max(n, 0), count - 1)] for n in range(-1, count + 2)
    ]
    smooth: list[Point] = []
    for n in ends:
        a, b, c, d = around[n : n + 4]
        for step in range(_CURVE_STEPS):
            t = step / _CURVE_STEPS
            smooth.append((_between(t, a[0], b[0], c[0], d[0]), _between(t, a[1], b[1], c[1], d[1])))
    return smooth if closed else [*smooth, points[-1]]


def _between(t: float, a: float, b: float, c: float, d: float) -> float:
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


class Pen:
    """Draws one figure: x to the right of its foot, y upwards, both in units of the figure's height.

    Args:
        image: What to draw on.
        foot: Where the figure stands, in pixels.
        height: The unit, in pixels.
        light: What shines on the figure.
        flip: Whether it looks the other way.
    """

    def __init__(
        self,
        image: Image.Image,
        foot: Point,
        height: float,
        light: Colour = (255, 255, 255),
        *,
        flip: bool = False,
    ) -> None:
        self._image, self._brush = image, ImageDraw.Draw(image)
        self._foot, self._unit, self._light, self._side = foot, height, light, -1 if flip else 1

    def shining(self) -> "Pen":
        """A pen at the same place for what shines by itself, or whose colour has been lit already."""
        return Pen(self._image, self._foot, self._unit, flip=self._side < 0)

    def at(self, point: Point) -> Point:
        """Where a point of the figure lies in the picture, in pixels."""
        return self._foot[0] + self._side * point[0] * self._unit, self._foot[1] - point[1] * self._unit

    def shape(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a polygon."""
        self._brush.polygon([self.at(point) for point in points], fill=lit(colour, self._light))

    def blob(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a smooth outline through points."""
        self.shape(curve(points, closed=True), colour)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """Fill an ellipse around a point."""
        (a, b), (c, d) = self.at((x - rx, y + ry)), self.at((x + rx, y - ry))
        self._brush.ellipse((min(a, c), b, max(a, c), max(b, d)), fill=lit(colour, self._light))

    def dot(self, x: float, y: float, r: float, colour: Colour) -> None:
        """Fill a circle."""
        self.oval(x, y, r, r, colour)

    def box(  # noqa: PLR0917 - as in a drawing program
        self, x: float, y: float, width: float, height: float, colour: Colour, radius: float = 0
    ) -> None:
        """Fill a rectangle by the middle of its lower edge, with rounded corners."""
        (a, b), (c, d) = self.at((x - width / 2, y + height)), self.at((x + width / 2, y))
        self._brush.rounded_rectangle(
            (min(a, c), b, max(a, c), max(b, d)), radius * self._unit, fill=lit(colour, self._light)
        )

    def stroke(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """Draw a smooth line with round ends."""
        line = [self.at(point) for point in curve(points, closed=False)]
        thick, ink = max(1, round(width * self._unit)), lit(colour, self._light)
        self._brush.line(line, fill=ink, width=thick, joint="curve")
        for x, y in (line[0], line[-1]):
            r = thick / 2 - 0.5
            self._brush.ellipse((x - r, y - r, x + r, y + r), fill=ink)


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture being painted.

    Attributes:
        image: RGB.
        dice: Decides what the prompt leaves open.
        light: What shines on things.
        haze: What things far away fade into.
        detail: 1 is the usual amount of detail.
        snow: Whether the ground is white.
    """

    image: Image.Image
    dice: Random
    light: Colour
    haze: Colour
    detail: float
    snow: bool

    @property
    def width(self) -> int:
        """In pixels."""
        return self.image.width

    @property
    def height(self) -> int:
        """In pixels."""
        return self.image.height

    @property
    def unit(self) -> int:
        """The shorter side, in pixels."""
        return min(self.image.size)

    def pen(self, x: float, y: float, height: float, *, flip: bool = False, bright: bool = False) -> Pen:
        """A pen for a figure.

        Args:
            x: Where its foot is, as a share of the width.
            y: As a share of the height.
            height: As a share of the shorter side.
            flip: Whether it looks the other way.
            bright: Whether it shines by itself.
        """
        light = (255, 255, 255) if bright else mix(self.light, (255, 255, 255), 0.3)
        return Pen(self.image, (x * self.width, y * self.height), height * self.unit, light, flip=flip)

    def ground(self, colour: Colour, distance: float = 0) -> Colour:
        """A colour of the ground: under snow, in this light, and faded by distance (0 to 1)."""
        if not self.snow:
            return mix(lit(colour, self.light), self.haze, distance)
        level = max(self.light)
        cool = mix(self.light, (level, level, level), 0.7)
        return mix(lit(mix(colour, (244, 248, 255), 0.86), cool), self.haze, distance)

    def fill(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a polygon, in pixels, exactly in this colour."""
        ImageDraw.Draw(self.image).polygon(points, fill=colour)

    def band(self, top: float, bottom: float, upper: Colour, lower: Colour) -> None:
        """Fill from one height to another with a gradient; both are shares of the height."""
        first, last = round(top * self.height), round(bottom * self.height)
        if last > first:
            self.image.paste(gradient((self.width, last - first), [upper, lower]), (0, first))

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """Let something shine softly; `radius` is a share of the shorter side, `strength` 0 to 1."""
        side = max(2, round(2 * radius * self.unit))
        veil = levels(Image.radial_gradient("L"), lambda n: max(0, 1 - n / 180) ** 1.8 * 255 * strength)
        corner = round(x * self.width - side / 2), round(y * self.height - side / 2)
        self.image.paste(
            colour, (*corner, corner[0] + side, corner[1] + side), resized(veil, (side, side), SOFT)
        )

    def shadow(self, x: float, y: float, width: float) -> None:
        """Darken the ground where something stands; `width` is a share of the shorter side."""
        wide, tall = max(2, round(width * self.unit)), max(2, round(width * self.unit * 0.14))
        veil = levels(Image.radial_gradient("L"), lambda n: 110 - n * 110 // 180)
        corner = round(x * self.width - wide), round(y * self.height - tall)
        veil = resized(veil, (wide * 2, tall * 2), SOFT)
        self.image.paste((24, 22, 48), (*corner, corner[0] + wide * 2, corner[1] + tall * 2), veil)


def dice_for(prompt: str, take: int) -> Random:
    """Return dice for what a prompt leaves open: the same each time, and different for each take."""
    return Random(f"{take} {prompt}".encode(errors="replace"))


def gradient(size: tuple[int, int], colours: Sequence[Colour]) -> Image.Image:
    """A gradient from top to bottom through colours."""
    steps = 256
    pieces = len(colours) - 1
    column = bytearray()
    for n in range(steps):
        place = n / (steps - 1) * pieces
        piece = min(int(place), pieces - 1)
        column += bytes(mix(colours[piece], colours[piece + 1], place - piece))
    tall = resized(Image.frombytes("RGB", (1, steps), bytes(column)), (1, size[1]), SOFT)
    return resized(tall, size, Image.Resampling.NEAREST)
