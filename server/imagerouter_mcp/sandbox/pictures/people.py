"""People and their like, each about one unit high and standing on the pen's foot."""

from imagerouter_mcp.sandbox.pictures.canvas import Pen
from imagerouter_mcp.sandbox.pictures.colours import CREAM, INK, WHITE, darker, lighter
from imagerouter_mcp.sandbox.pictures.words import Colour


def eyes(pen: Pen, x: float, y: float, apart: float, r: float) -> None:
    """Paint two shining eyes around a point."""
    for side in (-1, 1):
        pen.dot(x + side * apart, y, r, INK)
        pen.dot(x + side * apart + r * 0.3, y + r * 0.35, r * 0.3, WHITE)


def person(pen: Pen, colour: Colour) -> None:
    """Paint a person seen from behind, with a scarf and a rucksack."""
    for x in (-0.06, 0.06):
        pen.box(x, 0, 0.085, 0.36, (58, 66, 96), 0.02)
        pen.oval(x, 0.02, 0.06, 0.03, INK)
    for side in (-1, 1):
        pen.stroke([(side * 0.12, 0.7), (side * 0.19, 0.52), (side * 0.17, 0.36)], 0.07, darker(colour, 0.12))
        pen.dot(side * 0.17, 0.345, 0.035, (232, 184, 150))
    pen.blob(
        [
            (-0.15, 0.32),
            (-0.17, 0.55),
            (-0.13, 0.74),
            (0, 0.78),
            (0.13, 0.74),
            (0.17, 0.55),
            (0.15, 0.32),
            (0, 0.3),
        ],
        colour,
    )
    pen.box(0, 0.42, 0.2, 0.28, (222, 170, 92), 0.05)
    pen.box(0, 0.44, 0.14, 0.1, (196, 140, 70), 0.03)
    pen.box(0, 0.76, 0.075, 0.06, (232, 184, 150))
    pen.dot(0, 0.88, 0.105, (232, 184, 150))
    pen.blob(
        [(-0.12, 0.84), (-0.12, 0.94), (0, 1.01), (0.12, 0.94), (0.12, 0.84), (0.06, 0.79), (-0.06, 0.79)],
        (92, 60, 48),
    )
    pen.box(0, 0.735, 0.2, 0.055, CREAM, 0.027)


def astronaut(pen: Pen, colour: Colour) -> None:
    """Paint a floating astronaut."""
    pen.box(0, 0.34, 0.46, 0.38, darker(colour, 0.3), 0.08)
    for side in (-1, 1):
        pen.stroke(
            [(side * 0.15, 0.64), (side * 0.34, 0.56), (side * 0.38, 0.74 if side > 0 else 0.4)],
            0.13,
            darker(colour, 0.1),
        )
        pen.stroke([(side * 0.09, 0.34), (side * 0.13, 0.2), (side * 0.12, 0.06)], 0.15, darker(colour, 0.1))
        pen.box(side * 0.12, 0, 0.17, 0.1, (206, 92, 66), 0.04)
    pen.box(0, 0.3, 0.34, 0.4, colour, 0.1)
    pen.box(0, 0.44, 0.18, 0.12, (96, 110, 140), 0.02)
    pen.dot(-0.04, 0.5, 0.022, (236, 90, 80))
    pen.dot(0.04, 0.5, 0.022, (110, 210, 150))
    pen.dot(0, 0.82, 0.21, colour)
    pen.oval(0, 0.81, 0.16, 0.14, (34, 42, 74))
    pen.blob([(-0.12, 0.82), (-0.08, 0.9), (0.02, 0.925), (-0.04, 0.88)], (150, 190, 236))


def robot(pen: Pen, colour: Colour) -> None:
    """Paint a friendly robot."""
    steel = (128, 140, 156)
    pen.stroke([(0, 0.86), (0, 0.96)], 0.025, steel)
    pen.dot(0, 0.97, 0.035, (240, 96, 80))
    for side in (-1, 1):
        pen.stroke([(side * 0.2, 0.46), (side * 0.34, 0.38), (side * 0.34, 0.22)], 0.055, steel)
        pen.dot(side * 0.34, 0.2, 0.055, darker(colour, 0.15))
        pen.box(side * 0.1, 0.02, 0.08, 0.16, steel)
        pen.box(side * 0.11, 0, 0.17, 0.07, darker(colour, 0.3), 0.03)
        pen.box(side * 0.27, 0.62, 0.08, 0.13, steel, 0.03)
    pen.box(0, 0.14, 0.42, 0.38, colour, 0.07)
    pen.box(0, 0.26, 0.24, 0.17, lighter(colour, 0.6), 0.03)
    for n, tone in enumerate(((240, 96, 80), (250, 200, 90), (110, 200, 150))):
        pen.dot((n - 1) * 0.07, 0.345, 0.024, tone)
    pen.box(0, 0.5, 0.14, 0.06, steel)
    pen.box(0, 0.54, 0.5, 0.33, colour, 0.1)
    pen.box(0, 0.59, 0.4, 0.22, (38, 46, 72), 0.08)
    for side in (-1, 1):
        pen.dot(side * 0.1, 0.72, 0.048, (120, 232, 226))
        pen.dot(side * 0.1 + 0.015, 0.735, 0.016, WHITE)
    pen.stroke([(-0.06, 0.645), (0, 0.625), (0.06, 0.645)], 0.018, (120, 232, 226))
