"""Animals in air and water, each about one unit high, above the pen's foot."""

from imagerouter_mcp.sandbox.pictures.canvas import Pen
from imagerouter_mcp.sandbox.pictures.colours import CREAM, INK, WHITE, darker, lighter
from imagerouter_mcp.sandbox.pictures.words import Colour


def owl(pen: Pen, colour: Colour) -> None:
    """Paint an owl on a branch."""
    pen.stroke([(-0.7, 0.02), (0, 0.05), (0.7, 0.0)], 0.08, (104, 76, 62))
    pen.blob(
        [
            (-0.26, 0.14),
            (-0.3, 0.5),
            (-0.28, 0.95),
            (-0.1, 0.88),
            (0.1, 0.88),
            (0.28, 0.95),
            (0.3, 0.5),
            (0.26, 0.14),
            (0, 0.04),
        ],
        colour,
    )
    pen.oval(0, 0.35, 0.18, 0.26, lighter(colour, 0.5))
    for n in range(9):
        pen.oval((n % 3 - 1) * 0.1, 0.24 + n // 3 * 0.1, 0.032, 0.02, darker(colour, 0.1))
    for side in (-1, 1):
        pen.blob(
            [(side * 0.3, 0.62), (side * 0.37, 0.35), (side * 0.22, 0.08), (side * 0.2, 0.35)], darker(colour)
        )
        pen.dot(side * 0.125, 0.7, 0.135, lighter(colour, 0.75))
        pen.dot(side * 0.115, 0.7, 0.085, (248, 190, 70))
        pen.dot(side * 0.11, 0.7, 0.05, INK)
        pen.dot(side * 0.11 + 0.02, 0.72, 0.016, WHITE)
        pen.oval(side * 0.09, 0.07, 0.06, 0.03, (240, 170, 70))
    pen.shape([(-0.045, 0.64), (0.045, 0.64), (0, 0.54)], (240, 170, 70))


def fish(pen: Pen, colour: Colour) -> None:
    """Paint a fish that swims to the right, above its foot."""
    pen.blob(
        [(-0.5, 0.5), (-0.82, 0.84), (-0.86, 0.6), (-0.74, 0.5), (-0.86, 0.4), (-0.82, 0.16)],
        darker(colour, 0.14),
    )
    pen.blob([(-0.2, 0.8), (0.02, 1.0), (0.26, 0.9), (0.2, 0.75)], darker(colour, 0.14))
    pen.blob([(-0.1, 0.24), (-0.06, 0.06), (0.12, 0.1), (0.12, 0.25)], darker(colour, 0.14))
    pen.blob(
        [
            (-0.6, 0.5),
            (-0.25, 0.74),
            (0.2, 0.82),
            (0.56, 0.66),
            (0.68, 0.5),
            (0.56, 0.34),
            (0.2, 0.2),
            (-0.25, 0.27),
        ],
        colour,
    )
    for x in (-0.2, 0.14):
        pen.blob(
            [(x, 0.77), (x + 0.1, 0.78), (x + 0.14, 0.5), (x + 0.1, 0.23), (x, 0.23), (x + 0.04, 0.5)], CREAM
        )
    pen.blob([(0.08, 0.46), (-0.14, 0.42), (-0.2, 0.3), (0.0, 0.32)], darker(colour, 0.2))
    pen.dot(0.48, 0.57, 0.055, WHITE)
    pen.dot(0.49, 0.57, 0.034, INK)


def whale(pen: Pen, colour: Colour) -> None:
    """Paint a whale that breathes out at the surface."""
    for side in (-1, 1):
        pen.stroke(
            [(0.3, 0.62), (0.3 + side * 0.06, 0.86), (0.3 + side * 0.2, 0.95), (0.3 + side * 0.28, 0.84)],
            0.05,
            (226, 240, 248),
        )
    pen.blob(
        [(-0.72, 0.2), (-0.8, 0.52), (-1.02, 0.74), (-0.8, 0.68), (-0.68, 0.78), (-0.66, 0.56), (-0.56, 0.3)],
        colour,
    )
    pen.blob(
        [
            (-0.76, 0.1),
            (-0.6, 0.36),
            (-0.1, 0.6),
            (0.4, 0.6),
            (0.72, 0.36),
            (0.74, 0.08),
            (0.3, -0.04),
            (-0.4, -0.02),
        ],
        colour,
    )
    pen.blob(
        [(0.73, 0.22), (0.3, 0.2), (-0.1, 0.1), (-0.5, 0.06), (-0.4, -0.02), (0.3, -0.04), (0.72, 0.06)],
        lighter(colour, 0.7),
    )
    pen.dot(0.44, 0.3, 0.035, INK)
    for x, wide in ((-0.5, 0.5), (0.3, 0.7)):
        pen.oval(x, -0.03, wide, 0.035, (206, 230, 240))


def bird(pen: Pen, colour: Colour) -> None:
    """Paint a flying bird that looks to the right, above its foot."""
    pen.blob([(-0.36, 0.46), (-0.74, 0.52), (-0.8, 0.4), (-0.56, 0.36)], darker(colour, 0.25))
    pen.blob([(0.04, 0.5), (-0.1, 0.86), (-0.42, 1.0), (-0.36, 0.7), (-0.2, 0.5)], darker(colour, 0.25))
    pen.blob(
        [(-0.48, 0.42), (-0.1, 0.58), (0.3, 0.62), (0.48, 0.6), (0.5, 0.46), (0.3, 0.32), (-0.1, 0.27)],
        colour,
    )
    pen.blob([(0.42, 0.42), (0.2, 0.3), (-0.12, 0.28), (-0.3, 0.34), (0.1, 0.4)], lighter(colour, 0.75))
    pen.blob([(0.16, 0.5), (0.2, 0.86), (0.0, 1.08), (-0.16, 0.9), (-0.14, 0.5)], darker(colour, 0.12))
    pen.shape([(0.51, 0.57), (0.68, 0.5), (0.51, 0.48)], (246, 178, 70))
    pen.dot(0.4, 0.54, 0.03, INK)
