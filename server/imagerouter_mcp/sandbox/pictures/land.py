"""Hills, mountains and what grows on them: the parts of places on land."""

import math
from typing import Final

from imagerouter_mcp.sandbox.pictures.canvas import Canvas, Pen, Point
from imagerouter_mcp.sandbox.pictures.colours import lit, mix
from imagerouter_mcp.sandbox.pictures.words import Colour

_GREEN: Final = (96, 158, 86)
PINE: Final = (38, 92, 76)
_ROCK: Final = (92, 104, 132)
SAND: Final = (236, 208, 156)


def ridge(canvas: Canvas, level: float, swing: float, *, rough: float = 0.5, waves: float = 1) -> list[Point]:
    """Draw the outline of hills: points in pixels from left to right.

    Args:
        canvas: Its dice decide the form.
        level: The middle height, as a share of the picture's.
        swing: How far it goes up and down, likewise.
        rough: How much of the smaller waves there is.
        waves: How many hills a square picture shows.
    """
    wide = waves * canvas.width / canvas.unit
    parts = [
        (wide * 2**n * canvas.dice.uniform(0.7, 1.3), canvas.dice.uniform(0, math.tau), rough**n)
        for n in range(4)
    ]
    total = sum(share for *_, share in parts)
    return [
        (
            x / 128 * canvas.width,
            canvas.height
            * (level - swing * sum(a * math.sin(math.tau * f * x / 128 + p) for f, p, a in parts) / total),
        )
        for x in range(129)
    ]


def hills(canvas: Canvas, line: list[Point], colour: Colour) -> None:
    """Fill everything below an outline."""
    canvas.fill([(0, canvas.height), *line, (canvas.width, canvas.height)], colour)


def mountains(canvas: Canvas) -> None:
    """Paint two chains of mountains behind pines."""
    for distance, level, tall in ((0.66, 0.52, 0.24), (0.36, 0.62, 0.2)):
        peaks(canvas, level, tall, distance)
    hills(canvas, ridge(canvas, 0.7, 0.045), canvas.ground((70, 124, 96), 0.22))
    row_of_pines(canvas, 0.765, 0.07, 0.12)
    hills(canvas, ridge(canvas, 0.8, 0.03), canvas.ground((82, 140, 84), 0.05))


def peaks(canvas: Canvas, level: float, tall: float, distance: float) -> None:
    """Paint a chain of snowy peaks; `level` and `tall` are shares of the picture's height."""
    dice, base = canvas.dice, canvas.height * (level + 0.2)
    step = 0.34 * canvas.unit / canvas.width
    x = dice.uniform(-step, 0)
    while x < 1 + step:
        top = canvas.height * (level - tall * dice.uniform(0.35, 1))
        half, middle = (base - top) * dice.uniform(0.8, 1.05), x * canvas.width
        ledge = dice.uniform(-0.12, 0.12) * half
        canvas.fill(
            [(middle - half, base), (middle, top), (middle + half, base)], canvas.ground(_ROCK, distance)
        )
        canvas.fill(
            [
                (middle, top),
                (middle + ledge, (top + base) / 2),
                (middle + half * 0.12, base),
                (middle + half, base),
            ],
            canvas.ground((68, 78, 108), distance),
        )
        cap, side = (base - top) * 0.26, half * 0.26
        jag = [(0.55, 0.78), (0.15, 1.0), (-0.15, 0.72), (-0.5, 0.98)]
        snow = [
            (middle, top),
            (middle + side, top + cap),
            *((middle + side * jx, top + cap * jy) for jx, jy in jag),
        ]
        canvas.fill(
            [*snow, (middle - side, top + cap)],
            mix(lit((250, 252, 255), canvas.light), canvas.haze, distance * 0.7),
        )
        x += step * dice.uniform(0.6, 1.2)
    hills(canvas, ridge(canvas, level + 0.17, 0.015), canvas.ground((74, 104, 112), distance + 0.1))


def forest(canvas: Canvas) -> None:
    """Paint rows of pines, and one at each edge."""
    for level, tall, distance in ((0.62, 0.2, 0.62), (0.68, 0.27, 0.4), (0.76, 0.36, 0.2)):
        row_of_pines(canvas, level, tall, distance)
        hills(canvas, ridge(canvas, level - 0.01, 0.012), canvas.ground(PINE, distance))
    hills(canvas, ridge(canvas, 0.78, 0.02), canvas.ground((74, 128, 74), 0.05))
    for side in (-0.02, 1.02):
        pine(
            canvas.pen(side, 0.97, canvas.dice.uniform(0.72, 0.9), bright=True),
            lit((30, 76, 62), canvas.light),
            snow=canvas.snow,
        )


def row_of_pines(canvas: Canvas, level: float, tall: float, distance: float) -> None:
    """Plant a row of pines from edge to edge; `tall` is a share of the shorter side."""
    gap = tall * 0.34 * canvas.unit / canvas.width
    x = -gap
    while x < 1 + gap:
        pen = canvas.pen(
            x, level + canvas.dice.uniform(0, 0.02), tall * canvas.dice.uniform(0.6, 1.1), bright=True
        )
        pine(pen, canvas.ground(PINE, distance), snow=False)
        x += max(gap, 0.004) * canvas.dice.uniform(0.6, 1.5)


def pine(pen: Pen, colour: Colour, *, snow: bool) -> None:
    """Paint a pine."""
    pen.box(0, -0.02, 0.06, 0.2, mix(colour, (70, 48, 40), 0.6))
    for low, wide, top in ((0.1, 0.25, 0.55), (0.34, 0.2, 0.78), (0.58, 0.14, 1)):
        pen.shape([(-wide, low), (0, top), (wide, low)], colour)
        pen.shape([(wide * 0.1, low), (0, top), (wide, low)], mix(colour, (10, 20, 40), 0.16))
    if snow:
        cap = [(-0.05, 0.85), (0, 1), (0.05, 0.85), (0.02, 0.87), (0, 0.84), (-0.02, 0.87)]
        pen.shape(cap, (246, 249, 254))


def palm(pen: Pen) -> None:
    """Paint a palm that leans to the right."""
    pen.stroke([(0, -0.02), (0.03, 0.35), (0.12, 0.75)], 0.045, (128, 92, 64))
    for x, y, drop in (
        (0.42, 0.86, 0.16),
        (0.34, 0.99, 0.08),
        (-0.2, 0.86, 0.16),
        (-0.1, 1.0, 0.08),
        (0.36, 0.68, 0.1),
    ):
        tip = (0.12 + (x - 0.12) * 0.55, y)
        pen.blob([(0.12, 0.76), tip, (x, y - drop), (tip[0], tip[1] - 0.07)], (52, 128, 86))
    pen.dot(0.12, 0.74, 0.025, (110, 70, 44))
    pen.dot(0.16, 0.73, 0.025, (120, 78, 48))


def desert(canvas: Canvas) -> None:
    """Paint dunes with cactuses."""
    for level, swing, distance in ((0.56, 0.03, 0.6), (0.64, 0.05, 0.35)):
        hills(canvas, ridge(canvas, level, swing, rough=0.3), canvas.ground((224, 160, 104), distance))
    line = ridge(canvas, 0.76, 0.05, rough=0.25)
    hills(canvas, line, canvas.ground((232, 172, 108), 0.1))
    hills(
        canvas,
        [(x, y + (0.05 + 0.08 * x / canvas.width) * canvas.height) for x, y in line],
        canvas.ground((212, 146, 92)),
    )
    for x in (canvas.dice.uniform(0.06, 0.2), canvas.dice.uniform(0.8, 0.94)):
        _cactus(canvas.pen(x, canvas.dice.uniform(0.78, 0.86), canvas.dice.uniform(0.16, 0.26), flip=x > 0.5))


def _cactus(pen: Pen) -> None:
    green = (70, 130, 92)
    pen.box(0, -0.02, 0.2, 1, green, 0.1)
    for side, low, top in ((-1, 0.35, 0.75), (1, 0.5, 0.88)):
        pen.box(side * 0.2, low, 0.32, 0.13, green, 0.06)
        pen.box(side * 0.3, low, 0.13, top - low, green, 0.065)
    pen.box(0.04, 0.05, 0.03, 0.88, (58, 110, 80), 0.015)


def meadow(canvas: Canvas) -> None:
    """Paint hills with trees, and flowers in front."""
    hills(canvas, ridge(canvas, 0.57, 0.05), canvas.ground((110, 158, 130), 0.55))
    line = ridge(canvas, 0.64, 0.05)
    for n in range(round(5 * canvas.detail)):
        x, y = line[(canvas.dice.randrange(1, 128) + n) % 128]
        round_tree(
            canvas.pen(x / canvas.width, y / canvas.height + 0.01, 0.1), canvas.ground((70, 130, 88), 0.3)
        )
    hills(canvas, line, canvas.ground(_GREEN, 0.3))
    hills(canvas, ridge(canvas, 0.74, 0.04), canvas.ground((116, 172, 84), 0.1))
    hills(canvas, ridge(canvas, 0.88, 0.03), canvas.ground((84, 150, 76)))
    for _ in range(0 if canvas.snow else round(46 * canvas.detail)):
        y = canvas.dice.uniform(0.8, 0.99)
        pen = canvas.pen(canvas.dice.random(), y, 0.012 + 0.03 * (y - 0.78) / 0.22)
        pen.stroke([(0, -0.6), (0, 0)], 0.14, (60, 120, 66))
        pen.dot(
            0,
            0.1,
            0.34,
            canvas.dice.choice(((255, 236, 130), (250, 250, 246), (240, 140, 150), (170, 140, 220))),
        )


def round_tree(pen: Pen, colour: Colour) -> None:
    """Paint a leafy tree, in exactly this colour."""
    pen.box(0, -0.05, 0.09, 0.5, (96, 70, 58))
    plain = pen.shining()
    for x, y, r, share in (
        (-0.17, 0.55, 0.21, 0.1),
        (0.17, 0.52, 0.22, 0.16),
        (0, 0.74, 0.25, 0),
        (0.06, 0.55, 0.22, 0.08),
    ):
        plain.dot(x, y, r, mix(colour, (16, 30, 50), share))
