"""Animals on land, each about one unit high and standing on the pen's foot."""

from imagerouter_mcp.sandbox.pictures.canvas import Pen
from imagerouter_mcp.sandbox.pictures.colours import CREAM, INK, darker, lighter
from imagerouter_mcp.sandbox.pictures.people import eyes
from imagerouter_mcp.sandbox.pictures.words import Colour


def fox(pen: Pen, colour: Colour) -> None:
    """Paint a sitting fox with its tail around it."""
    pen.blob(
        [(0.12, 0.02), (0.42, 0.0), (0.6, 0.16), (0.58, 0.4), (0.44, 0.5), (0.42, 0.3), (0.26, 0.16)], colour
    )
    pen.blob([(0.44, 0.5), (0.585, 0.4), (0.6, 0.28), (0.5, 0.31), (0.43, 0.38)], CREAM)
    pen.blob([(-0.2, 0.0), (-0.25, 0.3), (-0.17, 0.56), (0.12, 0.56), (0.27, 0.28), (0.24, 0.0)], colour)
    pen.blob([(-0.11, 0.1), (-0.14, 0.4), (0.0, 0.54), (0.1, 0.4), (0.06, 0.1)], CREAM)
    for x in (-0.11, 0.06):
        pen.box(x, 0, 0.1, 0.26, darker(colour, 0.12), 0.05)
        pen.oval(x - 0.005, 0.03, 0.07, 0.035, INK)
    for side in (-1, 1):
        pen.shape([(side * 0.08, 0.78), (side * 0.25, 1.02), (side * 0.27, 0.68)], darker(colour, 0.1))
        pen.shape([(side * 0.14, 0.78), (side * 0.225, 0.93), (side * 0.235, 0.73)], INK)
    pen.blob(
        [
            (-0.31, 0.64),
            (-0.2, 0.79),
            (0, 0.83),
            (0.2, 0.79),
            (0.31, 0.64),
            (0.1, 0.5),
            (0, 0.44),
            (-0.1, 0.5),
        ],
        colour,
    )
    for side in (-1, 1):
        pen.blob(
            [
                (side * 0.31, 0.64),
                (side * 0.16, 0.65),
                (side * 0.01, 0.52),
                (side * 0.02, 0.455),
                (side * 0.13, 0.51),
            ],
            CREAM,
        )
    eyes(pen, 0, 0.655, 0.115, 0.028)
    pen.oval(0, 0.48, 0.035, 0.026, INK)


def cat(pen: Pen, colour: Colour) -> None:
    """Paint a sitting cat."""
    pen.stroke(
        [(0.15, 0.05), (0.4, 0.06), (0.5, 0.22), (0.42, 0.42), (0.5, 0.55)], 0.075, darker(colour, 0.12)
    )
    pen.blob([(-0.22, 0.0), (-0.26, 0.2), (-0.15, 0.55), (0.13, 0.55), (0.27, 0.22), (0.23, 0.0)], colour)
    pen.blob([(-0.09, 0.06), (-0.1, 0.36), (0.0, 0.5), (0.1, 0.36), (0.09, 0.06)], lighter(colour))
    for x in (-0.09, 0.09):
        pen.oval(x, 0.035, 0.09, 0.04, lighter(colour, 0.45))
    for side in (-1, 1):
        pen.shape([(side * 0.05, 0.83), (side * 0.235, 1.0), (side * 0.26, 0.7)], colour)
        pen.shape([(side * 0.12, 0.83), (side * 0.21, 0.93), (side * 0.225, 0.76)], (236, 160, 160))
    pen.oval(0, 0.68, 0.28, 0.21, colour)
    for x in (-0.07, 0, 0.07):
        pen.stroke([(x, 0.88), (x * 0.7, 0.8)], 0.022, darker(colour, 0.3))
    pen.oval(0, 0.59, 0.115, 0.08, lighter(colour, 0.5))
    eyes(pen, 0, 0.7, 0.125, 0.04)
    pen.shape([(-0.03, 0.635), (0.03, 0.635), (0, 0.605)], (214, 110, 120))
    for side in (-1, 1):
        for lift in (0, 0.045):
            pen.stroke(
                [(side * 0.12, 0.6 + lift * 0.4), (side * 0.36, 0.58 + lift)], 0.008, darker(colour, 0.5)
            )


def dog(pen: Pen, colour: Colour) -> None:
    """Paint a sitting dog."""
    pen.stroke([(0.18, 0.08), (0.38, 0.16), (0.44, 0.34)], 0.08, colour)
    pen.blob([(-0.21, 0.0), (-0.25, 0.25), (-0.15, 0.56), (0.14, 0.56), (0.27, 0.25), (0.24, 0.0)], colour)
    pen.blob([(-0.1, 0.1), (-0.12, 0.36), (0.0, 0.52), (0.1, 0.36), (0.08, 0.1)], lighter(colour, 0.6))
    for x in (-0.1, 0.1):
        pen.box(x, 0, 0.11, 0.28, lighter(colour, 0.15), 0.05)
        pen.oval(x, 0.035, 0.085, 0.04, lighter(colour, 0.6))
    pen.oval(0, 0.74, 0.24, 0.23, colour)
    pen.blob(
        [(-0.045, 0.96), (0.045, 0.96), (0.06, 0.74), (0.14, 0.6), (0, 0.52), (-0.14, 0.6), (-0.06, 0.74)],
        lighter(colour, 0.7),
    )
    for side in (-1, 1):
        pen.blob(
            [
                (side * 0.15, 0.92),
                (side * 0.3, 0.86),
                (side * 0.36, 0.62),
                (side * 0.27, 0.55),
                (side * 0.2, 0.72),
            ],
            darker(colour, 0.4),
        )
    eyes(pen, 0, 0.76, 0.1, 0.032)
    pen.oval(0, 0.665, 0.05, 0.035, INK)
    pen.blob([(-0.035, 0.6), (0.035, 0.6), (0.03, 0.52), (0, 0.5), (-0.03, 0.52)], (236, 112, 120))
    pen.box(0, 0.5, 0.26, 0.045, (206, 60, 60), 0.02)
    pen.dot(0, 0.485, 0.03, (246, 206, 90))


def rabbit(pen: Pen, colour: Colour) -> None:
    """Paint a sitting rabbit."""
    for side in (-1, 1):
        pen.blob(
            [
                (side * 0.04, 0.6),
                (side * 0.05, 0.9),
                (side * 0.13, 1.02),
                (side * 0.18, 0.86),
                (side * 0.13, 0.6),
            ],
            colour,
        )
        pen.blob(
            [
                (side * 0.08, 0.66),
                (side * 0.085, 0.86),
                (side * 0.12, 0.94),
                (side * 0.14, 0.84),
                (side * 0.12, 0.66),
            ],
            (240, 178, 178),
        )
    pen.dot(0.27, 0.14, 0.09, lighter(colour, 0.7))
    pen.blob([(-0.22, 0.0), (-0.27, 0.18), (-0.14, 0.46), (0.14, 0.46), (0.28, 0.18), (0.22, 0.0)], colour)
    pen.oval(0, 0.2, 0.13, 0.17, lighter(colour, 0.6))
    pen.oval(0, 0.55, 0.2, 0.165, colour)
    pen.oval(0, 0.5, 0.1, 0.075, lighter(colour, 0.6))
    for side in (-1, 1):
        pen.oval(side * 0.13, 0.035, 0.11, 0.045, lighter(colour, 0.4))
    eyes(pen, 0, 0.58, 0.1, 0.028)
    pen.oval(0, 0.53, 0.026, 0.018, (220, 110, 120))


def horse(pen: Pen, colour: Colour) -> None:
    """Paint a standing horse that looks to the right."""
    dark = darker(colour, 0.5)
    pen.blob([(-0.42, 0.62), (-0.56, 0.52), (-0.6, 0.2), (-0.52, 0.16), (-0.46, 0.4)], dark)
    for x, tone in ((-0.22, 0.25), (0.3, 0.25), (-0.34, 0), (0.2, 0)):
        leg = darker(colour, tone)
        pen.shape([(x - 0.07, 0.45), (x + 0.07, 0.45), (x + 0.035, 0), (x - 0.035, 0)], leg)
        pen.box(x, 0, 0.085, 0.055, INK)
    pen.blob(
        [
            (-0.44, 0.5),
            (-0.4, 0.66),
            (-0.1, 0.64),
            (0.2, 0.68),
            (0.36, 0.6),
            (0.32, 0.4),
            (0, 0.37),
            (-0.36, 0.38),
        ],
        colour,
    )
    pen.blob(
        [
            (0.12, 0.62),
            (0.28, 0.86),
            (0.36, 0.99),
            (0.46, 0.97),
            (0.7, 0.78),
            (0.68, 0.7),
            (0.58, 0.7),
            (0.46, 0.78),
            (0.38, 0.52),
        ],
        colour,
    )
    pen.blob([(0.4, 1.0), (0.3, 0.98), (0.1, 0.76), (0.02, 0.62), (0.14, 0.64), (0.28, 0.84)], dark)
    pen.shape([(0.36, 0.97), (0.39, 1.06), (0.44, 0.97)], colour)
    pen.oval(0.67, 0.74, 0.05, 0.045, lighter(colour, 0.35))
    pen.dot(0.47, 0.9, 0.02, INK)
