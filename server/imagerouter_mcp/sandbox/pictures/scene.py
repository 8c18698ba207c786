"""Pictures from text: a scene that follows the words of a prompt."""

import math
from colorsys import hsv_to_rgb
from random import Random
from typing import Final

from PIL import Image, ImageDraw, ImageFont, ImageStat

from imagerouter_mcp.sandbox.pictures import sky, words
from imagerouter_mcp.sandbox.pictures.canvas import Canvas, dice_for, gradient
from imagerouter_mcp.sandbox.pictures.colours import mix
from imagerouter_mcp.sandbox.pictures.encoding import resized
from imagerouter_mcp.sandbox.pictures.land import hills, ridge
from imagerouter_mcp.sandbox.pictures.media import Size
from imagerouter_mcp.sandbox.pictures.places import HORIZONS, PLACES
from imagerouter_mcp.sandbox.pictures.styles import STYLES, grained, tinted
from imagerouter_mcp.sandbox.pictures.subjects import FIGURES
from imagerouter_mcp.sandbox.pictures.things import ring
from imagerouter_mcp.sandbox.pictures.words import Colour, Wish

MARK: Final = "sandbox"
"""Written in a corner of every picture, so that nobody takes it for a model's."""

_DETAIL: Final = {"low": 0.4, "high": 2.2}
_PAINTED_PIXELS: Final = 1_600_000
"""Larger pictures are painted at this size and enlarged."""
_LEGIBLE: Final = 160
"""The shortest side, in pixels, that gets the mark."""
_BRIGHT: Final = 150
"""A corner brighter than this, of 255, gets a dark mark."""
_INDOORS: Final = frozenset({"room", "plain", "underwater", "space"})
_LAND: Final = ("meadow", "mountains", "lake")
_GROUND: Final = {
    "room": 0.85,
    "plain": 0.8,
    "city": 0.95,
    "sea": 0.86,
    "lake": 0.95,
    "space": 0.74,
    "underwater": 0.93,
}
_GROUPS: Final = {1: ((0.5,), 0.44), 2: ((0.32, 0.69), 0.36), 3: ((0.22, 0.5, 0.79), 0.3)}
"""Where one, two or three subjects stand, as shares of the width, and how tall they are."""


def draw(prompt: str, size: Size, quality: str = "auto", take: int = 0) -> Image.Image:
    """Paint what a prompt says.

    Args:
        prompt: Its known words are followed; a prompt without any gives an abstract picture of its own.
        size: Of the result, in pixels.
        quality: `low`, `medium`, `high` or `auto`: how much detail there is.
        take: Another number gives another picture of the same prompt; the same gives the same pixels.

    Returns:
        An RGB picture.
    """
    dice = dice_for(prompt, take)
    wish = words.read(prompt)
    shrink = min(1.0, math.sqrt(_PAINTED_PIXELS / (size[0] * size[1])))
    small = max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))
    detail = _DETAIL.get(quality, 1)
    paint = _scene if wish.says_something else _abstract
    picture = paint(wish, dice, (small[0] * 2, small[1] * 2), detail).reduce(2)
    if wish.says_something and wish.weather:
        sky.fall(picture, dice, wish.weather, detail)
    if quality == "high":
        picture = grained(picture)
    if wish.colours and wish.says_something:
        picture = tinted(picture, wish.colours[:2])
    if wish.style:
        picture = STYLES[wish.style](picture)
    return marked(resized(picture, size))


def _scene(wish: Wish, dice: Random, size: Size, detail: float) -> Image.Image:
    place = words.place_of(wish) or ("meadow" if wish.subjects else dice.choice(_LAND))
    time = wish.time or (
        "night"
        if place == "space"
        else "day"
        if place in _INDOORS
        else "day"
        if wish.weather
        else dice.choice(("day", "day", "dawn", "dusk"))
    )
    light = sky.under(wish.weather, sky.LIGHTS[time])
    horizon = HORIZONS[place]
    image = Image.new("RGB", size, light.sky[-1])
    image.paste(gradient((size[0], max(1, round(size[1] * horizon))), light.sky))
    shine = mix(light.shine, (255, 255, 255), 0.75) if place == "space" else light.shine
    canvas = Canvas(image, dice, shine, light.sky[-1], detail, wish.weather == "snow")
    if place == "space":
        sky.stars(image, dice, round(150 * detail), 1, canvas.unit)
    elif place not in _INDOORS:
        sky.heavens(canvas, time, light, wish.weather, horizon)
    PLACES[place](canvas)
    _stage(canvas, wish, place)
    return image


def _stage(canvas: Canvas, wish: Wish, place: str) -> None:
    """Put the subjects into their place; a hat goes on the first one's head, a logo around it."""
    badge = "logo" in wish.subjects and len(wish.subjects) > 1
    worn = "hat" in wish.subjects and len(wish.subjects) > 1
    names = [name for name in wish.subjects if not ((worn and name == "hat") or (badge and name == "logo"))][
        :3
    ]
    if not names:
        return
    if place == "sea" and any(FIGURES[name].belongs == "ground" and name != "lighthouse" for name in names):
        hills(canvas, ridge(canvas, 0.82, 0.02), canvas.ground((120, 112, 118)))
    colours = {name: wish.own.get(name, FIGURES[name].colour) for name in wish.subjects}
    spots, tall = _GROUPS[len(names)]
    if badge:
        spots, tall, names = (0.5,), 0.34, names[:1]
        ring(canvas.pen(0.5, 0.5 + 0.36 * canvas.unit / canvas.height, 0.72), colours["logo"])
    room = min(1.25, canvas.width / canvas.height) if len(names) > 1 else 1
    sway = canvas.dice.uniform(-0.13, 0.13) if len(names) == 1 and place != "plain" else 0
    for number, (name, spot) in enumerate(zip(names, spots, strict=True)):
        height = tall * room * FIGURES[name].height * canvas.dice.uniform(0.92, 1.1)
        x, y = spot + sway, _foot(canvas, name, place, height)
        if FIGURES[name].belongs == "ground" and place not in {"space", "underwater"}:
            canvas.shadow(x, y, height * 0.5)
        FIGURES[name].paint(canvas.pen(x, y, height, flip=canvas.dice.random() < 0.5), colours[name])
        if worn and number == 0:
            crown = y - 0.93 * height * canvas.unit / canvas.height
            FIGURES["hat"].paint(canvas.pen(x, crown, height * 0.4), colours["hat"])


def _foot(canvas: Canvas, name: str, place: str, height: float) -> float:
    """Where a subject stands or floats in a place, as a share of the picture's height."""
    belongs, tall = FIGURES[name].belongs, height * canvas.unit / canvas.height
    if place == "plain":
        return 0.5 + tall / 2
    if belongs == "air" or place in {"space", "underwater"}:
        return min(0.46 + tall / 2, max(tall * 1.05, canvas.dice.uniform(0.34, 0.44) + tall / 2))
    if place in {"sea", "lake"} and (belongs == "water" or name == "lighthouse"):
        return max(HORIZONS[place] + 0.12, 0.72) + canvas.dice.uniform(-0.02, 0.04)
    return _GROUND.get(place, 0.9)


def _abstract(wish: Wish, dice: Random, size: Size, detail: float) -> Image.Image:
    """Paint layered waves and discs in a harmony of colours."""
    hue = dice.random()
    turn = dice.choice((0.08, 0.12, 0.42, 0.5)) * dice.choice((-1, 1))
    top, low = _hue(hue, 0.55, 0.5), _hue(hue + turn * 0.5, 0.3, 0.98)
    if wish.colours:
        top, low = mix(wish.colours[0], (20, 20, 40), 0.35), mix(wish.colours[-1], (255, 250, 240), 0.5)
    last = (
        _hue(hue + turn, 0.68, 0.34) if len(wish.colours) == 0 else mix(wish.colours[0], (16, 14, 34), 0.62)
    )
    image = gradient(size, [top, low])
    canvas = Canvas(image, dice, (255, 255, 255), low, detail, snow=False)
    x, y, radius = dice.uniform(0.25, 0.75), dice.uniform(0.22, 0.4), dice.uniform(0.13, 0.22)
    canvas.glow(x, y, radius * 3, mix(low, (255, 255, 255), 0.6), 0.7)
    canvas.pen(x, y, radius, bright=True).dot(0, 0, 1, mix(low, (255, 255, 255), 0.55))
    layers = max(3, round(6 * math.sqrt(detail)))
    for layer in range(layers):
        depth = (layer + 1) / layers
        line = ridge(canvas, 0.34 + 0.56 * depth, 0.1, rough=0.35, waves=dice.uniform(0.5, 1.1))
        hills(canvas, line, mix(mix(low, _hue(hue + turn * depth, 0.6, 0.8), 0.5), last, depth**1.2))
        for _ in range(round(3 * detail)):
            bx, by = line[dice.randrange(len(line))]
            canvas.pen(bx / size[0], by / size[1] - 0.05, dice.uniform(0.006, 0.022), bright=True).dot(
                0, 0, 1, mix(low, (255, 255, 255), 0.4)
            )
    return image


def _hue(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def marked(picture: Image.Image) -> Image.Image:
    """Write the sandbox's mark into the lower right corner, in place."""
    unit = min(picture.size)
    if unit >= _LEGIBLE:
        font = ImageFont.load_default(max(10, unit // 48))
        right, bottom = picture.width - unit // 50, picture.height - unit // 50
        long, tall = (round(side) for side in font.getbbox(MARK)[2:])
        box = right - long, bottom - tall, right, bottom
        bright = ImageStat.Stat(picture.crop(box).convert("L")).mean[0] > _BRIGHT
        veil = Image.new("L", (long, tall), 0)
        ImageDraw.Draw(veil).text((0, 0), MARK, 165, font)
        picture.paste((30, 30, 44) if bright else (255, 255, 255), box, veil)
    return picture
