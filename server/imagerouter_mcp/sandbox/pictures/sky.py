"""The sky: its light at each time of day, and the weather."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from PIL import Image, ImageDraw

from imagerouter_mcp.sandbox.pictures.canvas import SOFT, Canvas, Pen
from imagerouter_mcp.sandbox.pictures.colours import WHITE, lit, mix
from imagerouter_mcp.sandbox.pictures.encoding import resized
from imagerouter_mcp.sandbox.pictures.words import Colour

MOON: Final = (246, 240, 214)


@dataclass(frozen=True, slots=True)
class Light:
    """A time of day.

    Attributes:
        sky: Colours from the zenith to the horizon.
        shine: What falls on things, multiplied into their colour.
        disc: The colour of the sun or moon.
        height: Where that stands, as a share of the way from the horizon to the upper edge.
    """

    sky: tuple[Colour, ...]
    shine: Colour
    disc: Colour
    height: tuple[float, float]


LIGHTS: Final[Mapping[str, Light]] = {
    "dawn": Light(
        ((104, 128, 186), (186, 168, 200), (246, 190, 178), (255, 226, 184)),
        (250, 222, 214),
        (255, 246, 220),
        (0.22, 0.45),
    ),
    "day": Light(((62, 138, 204), (122, 186, 226), (204, 230, 238)), WHITE, (255, 248, 218), (0.55, 0.8)),
    "dusk": Light(
        ((52, 44, 100), (128, 66, 118), (222, 102, 98), (255, 178, 104)),
        (206, 154, 158),
        (255, 224, 160),
        (0.22, 0.42),
    ),
    "night": Light(((8, 12, 34), (18, 28, 68), (44, 62, 112)), (84, 98, 148), MOON, (0.55, 0.8)),
}
DULL: Final[Mapping[str, tuple[Colour, float]]] = {
    "storm": ((70, 78, 98), 0.74),
    "rain": ((128, 140, 154), 0.66),
    "snow": ((214, 224, 238), 0.5),
    "fog": ((208, 214, 216), 0.7),
    "clouds": ((176, 188, 202), 0.3),
}
"""What weather mixes into the sky, and how much."""


def under(weather: str | None, light: Light) -> Light:
    """A time of day in some weather."""
    if weather is None:
        return light
    grey, share = DULL[weather]
    veil = lit(grey, mix(light.shine, WHITE, 0.25))
    shine = mix(light.shine, lit(light.shine, mix(grey, WHITE, 0.6)), share * 0.8)
    return Light(
        tuple(mix(colour, veil, share) for colour in light.sky),
        shine,
        mix(light.disc, veil, share),
        light.height,
    )


def heavens(canvas: Canvas, time: str, light: Light, weather: str | None, horizon: float) -> None:
    """Paint sun or moon, stars and clouds above the horizon (a share of the height)."""
    dice = canvas.dice
    side = dice.choice((0.13, 0.7))
    x, y = side + dice.uniform(0, 0.17), horizon * (1 - dice.uniform(*light.height))
    if time == "night" and weather not in {"storm", "rain", "fog"}:
        stars(canvas.image, dice, round(90 * canvas.detail), horizon, canvas.unit)
    if weather not in {"storm", "rain", "fog"}:
        radius = dice.uniform(0.055, 0.085) * (1.35 if time in {"dawn", "dusk"} else 1)
        canvas.glow(x, y, radius * 4.5, light.disc, 0.55)
        disc(canvas.pen(x, y, radius, bright=True), time, light, light.sky[0])
    if weather or (time != "night" and dice.random() < 0.75):
        tone = {"storm": (56, 62, 80), "rain": (120, 130, 146)}.get(weather or "")
        _clouds(
            canvas,
            lit(tone or WHITE, mix(light.shine, WHITE, 0.35)),
            light,
            horizon,
            crowd=1 if weather in {None, "snow"} else 3,
        )
    if weather == "storm":
        _lightning(canvas, horizon)


def disc(pen: Pen, time: str, light: Light, behind: Colour) -> None:
    """Paint the sun, or by night the moon; the pen's unit is its radius."""
    pen.dot(0, 0, 1, light.disc)
    if time == "night":
        for x, y, r in ((-0.35, 0.25, 0.2), (0.3, -0.35, 0.26), (0.4, 0.4, 0.13), (-0.3, -0.5, 0.11)):
            pen.dot(x, y, r, mix(light.disc, behind, 0.14))


def stars(image: Image.Image, dice: Random, count: int, bottom: float, unit: int) -> None:
    """Sprinkle stars down to `bottom`, a share of the height; `unit` is the shorter side in pixels."""
    brush = ImageDraw.Draw(image)
    for _ in range(count):
        x, y = dice.random() * image.width, dice.random() ** 1.3 * bottom * image.height
        r = dice.uniform(0.4, 1) ** 2 * max(unit / 420, 0.6)
        brush.ellipse(
            (x - r, y - r, x + r, y + r),
            fill=dice.choice(((255, 255, 255), (255, 240, 214), (206, 220, 255))),
        )


def _clouds(canvas: Canvas, colour: Colour, light: Light, horizon: float, *, crowd: int) -> None:
    dice = canvas.dice
    for _ in range(dice.randint(2, 3) * crowd):
        share = dice.uniform(0.05, 0.72)
        sky = light.sky[min(int(share * len(light.sky)), len(light.sky) - 1)]
        pen = canvas.pen(
            dice.uniform(-0.05, 1.05), horizon * share, dice.uniform(0.1, 0.2), flip=dice.random() < 0.5
        )
        cloud(pen, mix(sky, colour, 0.62), mix(sky, colour, 0.8))


def cloud(pen: Pen, lower: Colour, upper: Colour) -> None:
    """Paint a cloud, twice as long as the pen's unit."""
    for tone, lift in ((lower, 0), (upper, 0.07)):
        for x, y, r in ((-0.5, 0.14, 0.2), (-0.12, 0.26, 0.31), (0.3, 0.2, 0.25), (0.62, 0.12, 0.16)):
            pen.dot(x, y + lift, r - lift * 0.4, tone)
        pen.box(0.06, -0.05 + lift, 1.62 - lift * 3, 0.2, tone, 0.1)


def _lightning(canvas: Canvas, horizon: float) -> None:
    x = canvas.dice.uniform(0.2, 0.8)
    canvas.glow(x, horizon * 0.5, 0.5, (214, 220, 255), 0.5)
    pen = canvas.pen(x, horizon, 1, bright=True)
    top = horizon * canvas.height / canvas.unit
    bolt = ((0.03, 1), (-0.05, 0.56), (0, 0.58), (-0.06, 0.3), (-0.01, 0.33), (-0.04, 0), (0.02, 0.38))
    back = ((-0.02, 0.37), (0.04, 0.64), (0, 0.63), (0.05, 1))
    pen.shape([(px * 0.8, py * top) for px, py in (*bolt, *back)], (255, 250, 226))


def fall(image: Image.Image, dice: Random, weather: str | None, detail: float = 1) -> None:
    """Let rain, snow or fog fall over a finished picture, in place."""
    if weather == "snow":
        _flakes(image, dice, detail)
    elif weather in {"rain", "storm"}:
        _drops(image, dice, detail)
    elif weather == "fog":
        _mist(image, dice)


def _flakes(image: Image.Image, dice: Random, detail: float) -> None:
    brush, unit = ImageDraw.Draw(image), min(image.size)
    for n in range(round(170 * detail)):
        x, y = dice.random() * image.width, dice.random() * image.height
        r = max(0.7, unit * (0.0022 + 0.0052 * dice.random() ** 3))
        brush.ellipse((x - r, y - r, x + r, y + r), fill=(255, 255, 255) if n % 3 else (226, 234, 246))


def _drops(image: Image.Image, dice: Random, detail: float) -> None:
    unit = min(image.size)
    veil = Image.new("L", image.size, 0)
    brush = ImageDraw.Draw(veil)
    for _ in range(round(240 * detail)):
        x, y, long = (
            dice.random() * image.width * 1.1,
            dice.random() * image.height,
            dice.uniform(0.03, 0.075) * unit,
        )
        brush.line((x, y, x - long * 0.25, y + long), fill=dice.randint(50, 130), width=max(1, unit // 400))
    image.paste((222, 232, 244), mask=veil)


def _mist(image: Image.Image, dice: Random) -> None:
    rows, columns = 24, 6
    thick = bytes(
        min(
            255,
            max(0, round(150 * math.exp(-((((y / rows) - 0.62) / 0.2) ** 2)) + dice.uniform(-26, 26) + 46)),
        )
        for y in range(rows)
        for _ in range(columns)
    )
    small = resized(Image.frombytes("L", (columns, rows), thick), (64, 64), Image.Resampling.BICUBIC)
    tone = resized(image, (1, 1), Image.Resampling.BOX).getpixel((0, 0))
    veil = mix(tone if isinstance(tone, tuple) and len(tone) == 3 else WHITE, (226, 230, 232), 0.7)
    image.paste(veil, mask=resized(small, image.size, SOFT))
