"""Plants and things, each about one unit high and standing on the pen's foot."""

import math

from imagerouter_mcp.sandbox.pictures.canvas import Pen
from imagerouter_mcp.sandbox.pictures.colours import (
    CREAM,
    INK,
    LAMP,
    WHITE,
    WOOD,
    darker,
    lighter,
    mix,
)
from imagerouter_mcp.sandbox.pictures.words import Colour


def balloon(pen: Pen, colour: Colour) -> None:
    """Paint a toy balloon on a string."""
    pen.stroke([(0, 0.4), (0.05, 0.26), (-0.04, 0.14), (0.02, 0)], 0.012, darker(colour, 0.5))
    pen.blob(
        [
            (0, 0.4),
            (-0.2, 0.55),
            (-0.27, 0.75),
            (-0.17, 0.94),
            (0, 1.0),
            (0.17, 0.94),
            (0.27, 0.75),
            (0.2, 0.55),
        ],
        colour,
    )
    pen.shape([(-0.04, 0.375), (0.04, 0.375), (0, 0.43)], darker(colour))
    pen.blob(
        [(-0.16, 0.76), (-0.13, 0.87), (-0.05, 0.92), (-0.09, 0.82), (-0.11, 0.74)], lighter(colour, 0.7)
    )


def flower(pen: Pen, colour: Colour) -> None:
    """Paint one large flower."""
    green = (70, 142, 86)
    pen.stroke([(0.03, -0.02), (-0.03, 0.3), (0, 0.66)], 0.04, green)
    for side, y in ((-1, 0.16), (1, 0.26)):
        pen.blob(
            [(0, y), (side * 0.16, y + 0.16), (side * 0.32, y + 0.16), (side * 0.18, y + 0.02)],
            green if side < 0 else darker(green, 0.1),
        )
    for ring, (reach, size) in enumerate(((0.19, 0.115), (0.125, 0.095))):
        for n in range(8):
            angle = math.tau * (n + ring / 2) / 8
            pen.dot(
                reach * math.cos(angle),
                0.72 + reach * math.sin(angle),
                size,
                mix(darker(colour, 0.14), colour, ring),
            )
    pen.dot(0, 0.72, 0.1, (246, 196, 76))
    pen.dot(0, 0.72, 0.065, (214, 150, 60))


def mug(pen: Pen, colour: Colour) -> None:
    """Paint a steaming mug."""
    for x in (-0.14, 0.02, 0.18):
        pen.stroke(
            [(x, 0.84), (x + 0.05, 0.93), (x - 0.04, 1.03), (x + 0.03, 1.14)],
            0.028,
            lighter(mix(colour, WHITE, 0.6), 0.5),
        )
    pen.oval(0.04, 0.02, 0.52, 0.05, (96, 66, 52))
    pen.dot(0.42, 0.42, 0.2, darker(colour, 0.14))
    pen.dot(0.42, 0.42, 0.115, (190, 150, 124))
    pen.blob(
        [(-0.4, 0.76), (-0.39, 0.3), (-0.32, 0.05), (0, 0.0), (0.32, 0.05), (0.39, 0.3), (0.4, 0.76)], colour
    )
    pen.blob(
        [(0.18, 0.76), (0.2, 0.3), (0.12, 0.02), (0.32, 0.05), (0.39, 0.3), (0.4, 0.76)], darker(colour, 0.1)
    )
    pen.oval(0, 0.76, 0.4, 0.085, lighter(colour, 0.4))
    pen.oval(0, 0.75, 0.35, 0.065, (96, 58, 42))
    pen.blob([(-0.3, 0.6), (-0.29, 0.3), (-0.24, 0.2), (-0.23, 0.34), (-0.25, 0.6)], lighter(colour, 0.45))


def teapot(pen: Pen, colour: Colour) -> None:
    """Paint a teapot."""
    pen.oval(0, 0.02, 0.62, 0.05, (96, 66, 52))
    pen.stroke([(-0.4, 0.62), (-0.72, 0.6), (-0.7, 0.3), (-0.42, 0.24)], 0.075, darker(colour, 0.16))
    pen.blob(
        [
            (0.34, 0.24),
            (0.6, 0.36),
            (0.64, 0.62),
            (0.8, 0.76),
            (0.9, 0.7),
            (0.76, 0.56),
            (0.72, 0.28),
            (0.4, 0.12),
        ],
        darker(colour, 0.1),
    )
    pen.blob(
        [
            (-0.3, 0.0),
            (-0.5, 0.2),
            (-0.48, 0.52),
            (-0.26, 0.74),
            (0.26, 0.74),
            (0.48, 0.52),
            (0.5, 0.2),
            (0.3, 0.0),
        ],
        colour,
    )
    pen.oval(0, 0.74, 0.27, 0.07, darker(colour, 0.16))
    pen.blob(
        [(-0.23, 0.76), (-0.14, 0.86), (0, 0.88), (0.14, 0.86), (0.23, 0.76), (0, 0.73)],
        lighter(colour, 0.16),
    )
    pen.dot(0, 0.93, 0.065, darker(colour, 0.2))
    pen.blob([(-0.38, 0.3), (-0.36, 0.5), (-0.24, 0.64), (-0.26, 0.46), (-0.3, 0.28)], lighter(colour, 0.45))


def apple(pen: Pen, colour: Colour) -> None:
    """Paint an apple."""
    pen.oval(0.03, 0.03, 0.44, 0.06, (96, 66, 52))
    pen.blob(
        [
            (0, 0.78),
            (-0.24, 0.86),
            (-0.46, 0.66),
            (-0.44, 0.34),
            (-0.24, 0.04),
            (0, 0.07),
            (0.24, 0.04),
            (0.44, 0.34),
            (0.46, 0.66),
            (0.24, 0.86),
        ],
        colour,
    )
    pen.blob(
        [(0.2, 0.84), (0.46, 0.66), (0.44, 0.34), (0.24, 0.04), (0.06, 0.06), (0.28, 0.3), (0.32, 0.6)],
        darker(colour, 0.12),
    )
    pen.stroke([(0, 0.76), (0.01, 0.88), (0.06, 1.0)], 0.04, WOOD)
    pen.blob([(0.03, 0.86), (0.2, 0.98), (0.36, 0.94), (0.2, 0.84)], (96, 162, 84))
    pen.blob([(-0.34, 0.52), (-0.31, 0.68), (-0.18, 0.76), (-0.22, 0.64), (-0.27, 0.5)], lighter(colour, 0.6))


def hat(pen: Pen, colour: Colour) -> None:
    """Paint a hat with a ribbon."""
    pen.blob(
        [(-0.7, 0.14), (-0.4, 0.26), (0.4, 0.26), (0.7, 0.14), (0.4, 0.02), (-0.4, 0.02)],
        darker(colour, 0.12),
    )
    pen.blob(
        [
            (-0.4, 0.16),
            (-0.38, 0.6),
            (-0.3, 0.92),
            (-0.08, 0.88),
            (0.1, 0.94),
            (0.3, 0.9),
            (0.38, 0.6),
            (0.4, 0.16),
            (0, 0.08),
        ],
        colour,
    )
    pen.blob(
        [(-0.41, 0.18), (-0.4, 0.36), (0, 0.29), (0.4, 0.36), (0.41, 0.18), (0, 0.1)], mix(colour, INK, 0.72)
    )


def umbrella(pen: Pen, colour: Colour) -> None:
    """Paint an open umbrella."""
    pen.stroke([(0, 0.95), (0, 0.1), (-0.06, 0.02), (-0.13, 0.08)], 0.028, WOOD)
    for share, tone in ((1, colour), (0.62, lighter(colour, 0.35)), (0.24, colour)):
        pen.blob(
            [
                (-0.52 * share, 0.54),
                (-0.42 * share, 0.78),
                (0, 0.96),
                (0.42 * share, 0.78),
                (0.52 * share, 0.54),
                (0.26 * share, 0.58),
                (0, 0.55),
                (-0.26 * share, 0.58),
            ],
            tone,
        )
    pen.stroke([(0, 0.94), (0, 1.0)], 0.02, INK)


def ring(pen: Pen, colour: Colour) -> None:
    """Paint a round badge, empty."""
    pen.dot(0, 0.5, 0.5, colour)
    pen.dot(0, 0.5, 0.44, CREAM)


def logo(pen: Pen, colour: Colour) -> None:
    """Paint an emblem: a peak and a sun in a ring."""
    ring(pen, colour)
    pen.dot(0, 0.5, 0.41, mix(colour, INK, 0.45))
    pen.dot(0.12, 0.62, 0.11, LAMP)
    pen.blob(
        [(-0.385, 0.36), (-0.16, 0.4), (0.1, 0.36), (0.385, 0.36), (0.26, 0.2), (0, 0.105), (-0.26, 0.2)],
        lighter(colour, 0.1),
    )
    pen.shape([(-0.32, 0.37), (-0.1, 0.72), (0.12, 0.37)], CREAM)
    pen.shape([(-0.1, 0.72), (0.12, 0.37), (-0.06, 0.37)], lighter(colour, 0.55))
    pen.shape([(0.02, 0.37), (0.16, 0.54), (0.3, 0.37)], lighter(colour, 0.75))


def moon(pen: Pen, colour: Colour) -> None:
    """Paint a shining crescent, above its foot."""
    bright = pen.shining()
    points = [(0.5 * math.cos(a / 10), 0.5 + 0.5 * math.sin(a / 10)) for a in range(9, 55)]
    inner = [(0.16 + 0.4 * math.cos(a / 10), 0.56 + 0.4 * math.sin(a / 10)) for a in range(54, 8, -1)]
    bright.shape([*points, *inner], colour)


def tree(pen: Pen, colour: Colour) -> None:
    """Paint a broad tree."""
    pen.shape(
        [(-0.09, -0.02), (-0.04, 0.4), (-0.16, 0.56), (0, 0.48), (0.16, 0.58), (0.05, 0.38), (0.1, -0.02)],
        (104, 76, 60),
    )
    for x, y, r, share in (
        (-0.26, 0.56, 0.2, 0.14),
        (0.26, 0.56, 0.2, 0.2),
        (0, 0.6, 0.24, 0.1),
        (-0.14, 0.74, 0.21, 0.02),
        (0.14, 0.76, 0.22, 0.06),
        (0, 0.86, 0.16, 0),
    ):
        pen.dot(x, y, r, darker(colour, share))
    for x, y in ((-0.2, 0.78), (0.05, 0.9), (-0.06, 0.7)):
        pen.oval(x, y, 0.075, 0.045, lighter(colour, 0.2))
