"""Places: what lies under the sky. Each painter fills the canvas below its horizon, far things first."""

from collections.abc import Callable, Mapping
from typing import Final

from PIL import Image

from imagerouter_mcp.sandbox.pictures.canvas import Canvas
from imagerouter_mcp.sandbox.pictures.colours import LAMP, lit, mix
from imagerouter_mcp.sandbox.pictures.land import (
    PINE,
    SAND,
    desert,
    forest,
    hills,
    meadow,
    mountains,
    palm,
    peaks,
    ridge,
    row_of_pines,
)
from imagerouter_mcp.sandbox.pictures.words import Colour

HORIZONS: Final[Mapping[str, float]] = {
    "mountains": 0.66,
    "sea": 0.58,
    "beach": 0.5,
    "lake": 0.54,
    "forest": 0.66,
    "desert": 0.6,
    "city": 0.74,
    "meadow": 0.6,
    "space": 1.0,
    "underwater": 1.0,
    "room": 0.7,
    "plain": 1.0,
}
"""Where each place's horizon lies, as a share of the height."""


def _sea(canvas: Canvas) -> None:
    _water(canvas, HORIZONS["sea"], 1)


def _water(canvas: Canvas, top: float, bottom: float) -> None:
    near = mix(lit((24, 92, 132), canvas.light), canvas.haze, 0.1)
    canvas.band(top, bottom, mix(lit((96, 164, 190), canvas.light), canvas.haze, 0.62), near)
    _mirror(canvas, top, bottom)
    shine = mix(near, canvas.haze, 0.55)
    for _ in range(round(46 * canvas.detail)):
        depth = canvas.dice.random() ** 1.4
        pen = canvas.pen(
            canvas.dice.random(),
            top + (bottom - top) * (0.02 + 0.96 * depth),
            0.03 + 0.12 * depth,
            bright=True,
        )
        pen.oval(0, 0, 0.5, 0.03, mix(shine, near, depth * 0.75))


def _mirror(canvas: Canvas, top: float, bottom: float) -> None:
    """Let what is above the water's upper edge shine faintly in it."""
    edge = round(top * canvas.height)
    tall = min(edge, round(bottom * canvas.height) - edge)
    if tall > 0:
        above = canvas.image.crop((0, edge - tall, canvas.width, edge))
        box = (0, edge, canvas.width, edge + tall)
        water = canvas.image.crop(box)
        canvas.image.paste(Image.blend(water, above.transpose(Image.Transpose.FLIP_TOP_BOTTOM), 0.3), box)


def _beach(canvas: Canvas) -> None:
    _water(canvas, 0.5, 0.8)
    foam = ridge(canvas, 0.75, 0.02, rough=0.3)
    hills(
        canvas,
        [(x, y - 0.014 * canvas.unit) for x, y in foam],
        mix(lit((250, 250, 246), canvas.light), canvas.haze, 0.1),
    )
    hills(canvas, foam, canvas.ground(mix(SAND, (150, 120, 90), 0.3)))
    hills(canvas, [(x, y + 0.03 * canvas.unit) for x, y in foam], canvas.ground(SAND))
    side = canvas.dice.choice((0.1, 0.9))
    palm(canvas.pen(side, 0.93, 0.62, flip=side > 0.5))


def _lake(canvas: Canvas) -> None:
    peaks(canvas, 0.42, 0.24, 0.5)
    hills(canvas, ridge(canvas, 0.52, 0.02), canvas.ground(PINE, 0.35))
    row_of_pines(canvas, 0.55, 0.06, 0.3)
    _water(canvas, 0.545, 1)
    hills(canvas, ridge(canvas, 0.92, 0.02), canvas.ground((76, 128, 82)))


def _city(canvas: Canvas) -> None:
    dark = sum(canvas.light) < 600
    for distance, tall in ((0.62, 0.56), (0.36, 0.44), (0.12, 0.3)):
        x = -0.02
        while x < 1.02:
            wide = canvas.dice.uniform(0.07, 0.15)
            base = canvas.ground(
                canvas.dice.choice(((92, 104, 132), (112, 108, 130), (128, 112, 116))), distance
            )
            _building(canvas, x, wide, tall * canvas.dice.uniform(0.5, 1), base, lights=dark)
            x += wide * canvas.unit / canvas.width * canvas.dice.uniform(0.85, 1.15)
    canvas.band(0.86, 1, canvas.ground((84, 88, 102)), canvas.ground((64, 66, 80)))
    canvas.band(0.86, 0.872, canvas.ground((150, 150, 158)), canvas.ground((150, 150, 158)))
    for n in range(-1, 8):
        x = (n + 0.3) * canvas.width / 7
        y, thick = canvas.height * 0.94, canvas.unit * 0.006
        canvas.fill(
            [(x, y), (x + canvas.width / 14, y), (x + canvas.width / 14, y + thick), (x, y + thick)],
            canvas.ground((214, 206, 178)),
        )


def _building(canvas: Canvas, x: float, wide: float, tall: float, colour: Colour, *, lights: bool) -> None:
    pen = canvas.pen(x, 0.87, 1, bright=True)
    tall *= canvas.height / canvas.unit
    pen.box(0, 0, wide, tall, colour)
    pen.box(wide * 0.36, 0, wide * 0.28, tall, mix(colour, (20, 24, 50), 0.14))
    if canvas.dice.random() < 0.3:
        pen.box(0, tall, wide * 0.06, 0.06, colour)
    across, up = 4, max(2, int(tall / 0.034))
    for n in range(across * up):
        if canvas.dice.random() < (0.4 if lights else 0.62):
            glass = (
                mix(LAMP, colour, canvas.dice.uniform(0, 0.4))
                if lights
                else mix(colour, (232, 240, 250), 0.26)
            )
            pen.box(
                wide * (n % across - 1.5) / 4.6,
                tall * (0.06 + 0.9 * (n // across) / up),
                wide * 0.12,
                tall / up * 0.46,
                glass,
            )


def _space(canvas: Canvas) -> None:
    dice = canvas.dice
    for colour in ((92, 60, 160), (190, 70, 140), (50, 110, 190)):
        canvas.glow(dice.random(), dice.random(), dice.uniform(0.4, 0.7), colour, 0.5)
    hue = dice.choice(((226, 138, 92), (120, 180, 200), (206, 170, 120), (160, 120, 200)))
    pen = canvas.pen(
        dice.choice((0.14, 0.86)), dice.uniform(0.14, 0.26), dice.uniform(0.08, 0.14), bright=True
    )
    pen.stroke([(-1.65, -0.28), (0, -0.12), (1.65, 0.28)], 0.06, mix(hue, (255, 240, 220), 0.5))
    pen.dot(0, 0, 1, hue)
    pen.blob(
        [(-0.98, 0.15), (-0.2, 0.22), (0.97, 0.2), (0.99, 0.05), (0, 0.02), (-0.99, 0)],
        mix(hue, (255, 250, 240), 0.3),
    )
    pen.blob(
        [(-0.9, -0.4), (0, -0.36), (0.88, -0.42), (0.8, -0.56), (0, -0.52), (-0.8, -0.56)],
        mix(hue, (60, 30, 80), 0.3),
    )
    pen.stroke(
        [(-1.65, -0.28), (-0.6, -0.26), (0.6, -0.1), (1.65, 0.28)], 0.06, mix(hue, (255, 240, 220), 0.65)
    )


def _underwater(canvas: Canvas) -> None:
    canvas.band(0, 1, lit((86, 196, 206), canvas.light), lit((10, 56, 104), canvas.light))
    for x in (0.2, 0.45, 0.75):
        canvas.glow(x, -0.02, 0.5, (214, 250, 240), 0.32)
    hills(canvas, ridge(canvas, 0.86, 0.04), lit((28, 96, 128), canvas.light))
    for _ in range(round(9 * canvas.detail)):
        pen = canvas.pen(
            canvas.dice.random(), 0.97, canvas.dice.uniform(0.14, 0.32), flip=canvas.dice.random() < 0.5
        )
        colour = canvas.dice.choice(((38, 140, 116), (232, 110, 120), (244, 164, 96), (150, 98, 180)))
        for lean in (-0.22, 0, 0.2):
            pen.stroke(
                [(0, -0.1), (lean * 0.4 + 0.05, 0.35), (lean - 0.03, 0.65), (lean * 1.3, 0.95 - abs(lean))],
                0.08,
                colour,
            )
    hills(canvas, ridge(canvas, 0.95, 0.02), lit((206, 190, 150), mix(canvas.light, (120, 190, 220), 0.5)))
    for _ in range(round(16 * canvas.detail)):
        canvas.pen(
            canvas.dice.random(), canvas.dice.uniform(0.1, 0.9), canvas.dice.uniform(0.006, 0.016)
        ).dot(0, 0, 1, (178, 230, 236))


def _room(canvas: Canvas) -> None:
    wall = canvas.dice.choice(((236, 222, 202), (206, 220, 214), (222, 206, 214), (198, 212, 228)))
    sky = canvas.haze
    canvas.band(
        0,
        0.7,
        lit(wall, mix(canvas.light, (255, 255, 255), 0.3)),
        lit(mix(wall, (150, 120, 110), 0.2), canvas.light),
    )
    pen = canvas.pen(canvas.dice.choice((0.22, 0.78)), 0.6, 0.42, bright=True)
    frame = lit((250, 246, 238), mix(canvas.light, (255, 255, 255), 0.4))
    pen.box(0, 0, 0.72, 1.06, frame, 0.03)
    pen.box(0, 0.05, 0.62, 0.96, sky, 0.02)
    pen.blob(
        [(-0.31, 0.05), (-0.31, 0.3), (-0.1, 0.42), (0.12, 0.28), (0.31, 0.36), (0.31, 0.05), (0, 0.05)],
        canvas.ground((110, 150, 120), 0.3),
    )
    pen.box(0, 0.04, 0.04, 0.98, frame)
    pen.box(0, 0.52, 0.64, 0.04, frame)
    canvas.band(0.7, 0.725, lit((206, 150, 104), canvas.light), lit((196, 140, 96), canvas.light))
    canvas.band(0.725, 1, lit((176, 118, 78), canvas.light), lit((140, 90, 62), canvas.light))


def _plain(canvas: Canvas) -> None:
    tone = canvas.dice.choice(((240, 234, 224), (222, 234, 236), (238, 224, 220), (226, 230, 214)))
    canvas.band(0, 1, lit(mix(tone, (255, 255, 255), 0.4), canvas.light), lit(tone, canvas.light))


PLACES: Final[Mapping[str, Callable[[Canvas], None]]] = {
    "mountains": mountains,
    "sea": _sea,
    "beach": _beach,
    "lake": _lake,
    "forest": forest,
    "desert": desert,
    "city": _city,
    "meadow": meadow,
    "space": _space,
    "underwater": _underwater,
    "room": _room,
    "plain": _plain,
}
"""By the names of `words.PLACES`."""
