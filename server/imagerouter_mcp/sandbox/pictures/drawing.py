"""Pictures from text: a landscape that the prompt alone decides, with the prompt written on it."""

import math
from collections.abc import Iterator
from colorsys import hsv_to_rgb
from hashlib import sha256
from html import escape
from textwrap import shorten
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from imagerouter_mcp.sandbox.pictures.encoding import resized
from imagerouter_mcp.sandbox.pictures.media import Size

Colour = tuple[int, int, int]

MARK: Final = "sandbox"
"""Written on every picture that the sandbox makes."""

_LAYERS: Final = {"low": 2, "medium": 4, "auto": 4, "high": 7}
_STARS: Final = {"low": 0, "medium": 40, "auto": 40, "high": 160}
_SKY_STEPS: Final = 256
_SMOOTH_PIXELS: Final = 1_200_000
"""Up to this many pixels a picture is drawn at twice its size and shrunk, which smooths its edges."""
_CAPTION_LINES: Final = 4
_LONGEST_CAPTION: Final = 150
_SMALLEST_LEGIBLE: Final = 8


class _Dice:
    """Numbers that a text decides, the same on every machine and in every version of Python."""

    def __init__(self, text: str) -> None:
        self._stream = self._bytes(text)

    @staticmethod
    def _bytes(text: str) -> Iterator[int]:
        block = sha256(text.encode()).digest()
        while True:
            yield from block
            block = sha256(block).digest()

    def between(self, low: float, high: float) -> float:
        fraction = (next(self._stream) * 256 + next(self._stream)) / 65_535
        return low + (high - low) * fraction


def draw(prompt: str, model_id: str, size: Size, quality: str = "auto") -> Image.Image:
    """Draw a picture of a prompt: the same prompt at the same size and quality gives the same pixels.

    Args:
        prompt: Decides the landscape and stands on it.
        model_id: Stands on it.
        size: The size of the result.
        quality: `low`, `medium`, `high` or `auto`: how much there is to see.
    """
    picture = landscape(prompt, size, quality)
    write_caption(picture, prompt, f"{model_id} · {size[0]}x{size[1]} · {quality}")
    return picture


def landscape(prompt: str, size: Size, quality: str) -> Image.Image:
    """Draw the picture alone, without words."""
    factor = 2 if size[0] * size[1] <= _SMOOTH_PIXELS else 1
    scene = _scene(prompt, (size[0] * factor, size[1] * factor), quality)
    return scene.reduce(factor) if factor > 1 else scene


def _scene(prompt: str, size: Size, quality: str) -> Image.Image:

    dice, (width, height) = _Dice(prompt), size
    hue = dice.between(0, 1)
    top, horizon = _colour(hue, 0.62, 0.42), _colour(hue + dice.between(0.05, 0.18), 0.55, 0.98)
    shades = (_mix(top, horizon, min(1.0, y / (_SKY_STEPS * 0.75))) for y in range(_SKY_STEPS))
    column = Image.frombytes("RGB", (1, _SKY_STEPS), b"".join(map(bytes, shades)))
    scene = resized(column, size, Image.Resampling.BILINEAR)
    brush = ImageDraw.Draw(scene)
    _stars(brush, _Dice(f"{prompt} by night"), size, _STARS.get(quality, _STARS["auto"]))
    _sun(brush, dice, size, horizon)
    layers = _LAYERS.get(quality, _LAYERS["auto"])
    dark = _colour(hue + dice.between(0.45, 0.6), 0.6, 0.2)
    for layer in range(layers):
        depth = (layer + 1) / layers
        level = height * (0.52 + 0.38 * depth)
        points = _ridge(dice, width, level, height * 0.07 * (1.4 - depth))
        brush.polygon([(0, height), *points, (width, height)], fill=_mix(horizon, dark, 0.25 + 0.75 * depth))
    return scene


def _stars(brush: ImageDraw.ImageDraw, dice: _Dice, size: Size, count: int) -> None:
    reach = max(1.0, min(size) / 300)
    for _ in range(count):
        x, y, r = dice.between(0, size[0]), dice.between(0, size[1] * 0.5), dice.between(0.4, 1) * reach
        brush.ellipse((x - r, y - r, x + r, y + r), fill=(255, 250, 235))


def _sun(brush: ImageDraw.ImageDraw, dice: _Dice, size: Size, sky: Colour) -> None:
    x, y = dice.between(0.2, 0.8) * size[0], dice.between(0.2, 0.5) * size[1]
    radius = min(size) * dice.between(0.08, 0.14)
    for ring in range(6, -1, -1):
        r = radius * (1 + ring * 0.22)
        colour = _mix((255, 246, 214), sky, 0 if ring == 0 else 0.45 + ring * 0.08)
        brush.ellipse((x - r, y - r, x + r, y + r), fill=colour)


def _ridge(dice: _Dice, width: int, level: float, swing: float) -> list[tuple[float, float]]:
    waves = [(dice.between(0.6, 1.4) * 2**n, dice.between(0, math.tau), 0.62**n) for n in range(4)]
    step = max(1, width // 256)
    return [
        (x, level + swing * sum(a * math.sin(math.tau * f * x / width + p) for f, p, a in waves))
        for x in range(0, width + step, step)
    ]


def write_caption(picture: Image.Image, prompt: str, detail: str) -> None:
    """Write a prompt, a line of details and the sandbox's mark on a picture, in place."""
    width, height = picture.size
    points = max(_SMALLEST_LEGIBLE, min(width, height) // 32)
    font = ImageFont.load_default(points)
    small = ImageFont.load_default(max(_SMALLEST_LEGIBLE, points * 2 // 3))
    lines = _wrap(prompt, font, width - 4 * points)
    panel = int(points * (1.35 * len(lines) + 2.2))
    box = (points, max(0, height - panel - points), max(points + 1, width - points), max(1, height - points))
    shade = Image.new("RGB", (box[2] - box[0], box[3] - box[1]), (16, 18, 28))
    picture.paste(shade, box[:2], Image.new("L", shade.size, 150))
    brush = ImageDraw.Draw(picture)
    left, y = box[0] + points, box[1] + points * 0.5
    for line in lines:
        brush.text((left, y), line, (255, 255, 255), font)
        y += points * 1.35
    brush.text((left, y + points * 0.1), shorten(detail, 90), (200, 206, 226), small)
    brush.text((width - points, points), MARK, (255, 255, 255), small, anchor="rt")


def _wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    lines: list[str] = []
    for word in shorten(text or "(no prompt)", _LONGEST_CAPTION, placeholder=" …").split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines[:_CAPTION_LINES]


def draw_svg(prompt: str, model_id: str, size: Size) -> bytes:
    """Draw a picture of a prompt as SVG."""
    dice, (width, height) = _Dice(prompt), size
    hue, words = dice.between(0, 1), escape(shorten(prompt or "(no prompt)", 70))
    discs = "\n".join(
        f'  <circle cx="{dice.between(0, width):.0f}" cy="{dice.between(0, height):.0f}" '
        f'r="{dice.between(0.03, 0.18) * min(size):.0f}" fill="{_hex(_colour(hue + n * 0.03, 0.5, 0.9))}" '
        'fill-opacity="0.55"/>'
        for n in range(14)
    )
    view = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {view}>
  <defs>
    <linearGradient id="sky" x1="0" y1="0" x2="0" y2="1">
      <stop offset="0" stop-color="{_hex(_colour(hue, 0.6, 0.4))}"/>
      <stop offset="1" stop-color="{_hex(_colour(hue + 0.12, 0.5, 0.95))}"/>
    </linearGradient>
  </defs>
  <rect width="{width}" height="{height}" fill="url(#sky)"/>
{discs}
  <g font-family="sans-serif" fill="#fff">
    <text x="5%" y="90%" font-size="{min(size) / 28:.0f}">{words}</text>
    <text x="5%" y="95%" font-size="{min(size) / 40:.0f}">{escape(model_id)} · {width}×{height}</text>
    <text x="95%" y="5%" font-size="{min(size) / 40:.0f}" text-anchor="end">{MARK}</text>
  </g>
</svg>
""".encode()


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
