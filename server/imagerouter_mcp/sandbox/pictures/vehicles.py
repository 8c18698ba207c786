"""What people travel in, about one unit high, on or above the pen's foot."""

from imagerouter_mcp.sandbox.pictures.canvas import Pen
from imagerouter_mcp.sandbox.pictures.colours import CREAM, GLASS, INK, LAMP, WHITE, WOOD, darker, lighter
from imagerouter_mcp.sandbox.pictures.words import Colour


def boat(pen: Pen, colour: Colour) -> None:
    """Paint a sailing boat, with its reflection."""
    pen.stroke([(0, 0.12), (0.02, 1.0)], 0.025, WOOD)
    pen.shape([(0.05, 0.98), (0.05, 0.24), (0.46, 0.26)], CREAM)
    pen.shape([(0.05, 0.98), (0.05, 0.24), (0.2, 0.25)], WHITE)
    pen.shape([(-0.03, 0.86), (-0.03, 0.24), (-0.36, 0.26)], colour)
    pen.shape([(0.02, 1.0), (0.02, 0.94), (-0.12, 0.97)], (206, 52, 46))
    pen.blob(
        [(-0.5, 0.19), (0, 0.165), (0.54, 0.21), (0.4, 0.02), (0.3, -0.01), (-0.34, -0.01), (-0.42, 0.04)],
        darker(colour, 0.45),
    )
    pen.stroke([(-0.47, 0.165), (0, 0.14), (0.49, 0.18)], 0.025, CREAM)
    for y, wide in ((-0.03, 0.5), (-0.075, 0.36), (-0.115, 0.22)):
        pen.oval(0, y, wide, 0.014, (214, 232, 238))


def car(pen: Pen, colour: Colour) -> None:
    """Paint a small car that drives to the right."""
    pen.oval(0, 0.02, 0.95, 0.05, (44, 46, 60))
    pen.blob(
        [(-0.56, 0.46), (-0.46, 0.88), (-0.1, 0.98), (0.22, 0.92), (0.48, 0.56), (0.2, 0.4), (-0.4, 0.4)],
        darker(colour, 0.1),
    )
    pen.shape([(-0.44, 0.54), (-0.37, 0.82), (-0.06, 0.88), (-0.06, 0.54)], GLASS)
    pen.shape([(0.0, 0.54), (0.0, 0.88), (0.18, 0.83), (0.36, 0.54)], GLASS)
    pen.blob(
        [
            (-0.9, 0.2),
            (-0.9, 0.44),
            (-0.6, 0.54),
            (0.4, 0.55),
            (0.84, 0.46),
            (0.94, 0.26),
            (0.86, 0.16),
            (-0.84, 0.14),
        ],
        colour,
    )
    pen.stroke([(-0.86, 0.3), (0.0, 0.33), (0.9, 0.3)], 0.025, lighter(colour, 0.5))
    pen.shining().oval(0.86, 0.37, 0.05, 0.05, LAMP)
    pen.oval(-0.9, 0.37, 0.03, 0.05, (220, 60, 60))
    for x in (-0.5, 0.5):
        pen.dot(x, 0.18, 0.2, INK)
        pen.dot(x, 0.18, 0.1, (196, 202, 210))


def hot_air_balloon(pen: Pen, colour: Colour) -> None:
    """Paint a striped hot air balloon, above its foot."""
    second = lighter(colour, 0.75)
    for x in (-0.07, 0.07):
        pen.stroke([(x, 0.14), (x * 2, 0.36)], 0.008, INK)
    outline = [
        (-0.09, 0.32),
        (-0.3, 0.52),
        (-0.37, 0.72),
        (-0.26, 0.92),
        (0, 1.0),
        (0.26, 0.92),
        (0.37, 0.72),
        (0.3, 0.52),
        (0.09, 0.32),
    ]
    for share, tone in ((1, colour), (0.74, second), (0.44, colour), (0.15, second)):
        pen.blob([(x * share, y) for x, y in outline], tone)
    pen.blob(
        [(0.09, 0.32), (0.3, 0.52), (0.37, 0.72), (0.26, 0.92), (0.32, 0.7), (0.24, 0.5)],
        darker(colour, 0.25),
    )
    pen.box(0, 0.3, 0.2, 0.03, darker(colour, 0.3), 0.01)
    pen.box(0, 0.02, 0.18, 0.13, WOOD, 0.03)
    pen.box(0, 0.13, 0.2, 0.025, darker(WOOD), 0.01)


def rocket(pen: Pen, colour: Colour) -> None:
    """Paint a rising rocket."""
    flame = pen.shining()
    for wide, low, tone in (
        (0.13, -0.3, (250, 120, 60)),
        (0.09, -0.16, (255, 190, 80)),
        (0.045, -0.04, (255, 244, 200)),
    ):
        flame.blob(
            [(-wide, 0.14), (-wide * 0.8, low / 3), (0, low), (wide * 0.8, low / 3), (wide, 0.14)], tone
        )
    for side in (-1, 1):
        pen.blob(
            [(side * 0.13, 0.4), (side * 0.32, 0.18), (side * 0.32, 0.0), (side * 0.13, 0.13)],
            darker(colour, 0.1),
        )
    pen.blob(
        [
            (-0.15, 0.12),
            (-0.2, 0.45),
            (-0.13, 0.8),
            (0, 1.0),
            (0.13, 0.8),
            (0.2, 0.45),
            (0.15, 0.12),
            (0, 0.1),
        ],
        CREAM,
    )
    pen.blob(
        [(0.06, 0.12), (0.1, 0.45), (0.05, 0.8), (0, 1.0), (0.13, 0.8), (0.2, 0.45), (0.15, 0.12)],
        darker(CREAM, 0.14),
    )
    pen.shape([(-0.128, 0.8), (-0.07, 0.91), (0, 1.0), (0.07, 0.91), (0.128, 0.8)], colour)
    pen.box(0, 0.09, 0.26, 0.05, colour, 0.02)
    pen.dot(0, 0.6, 0.095, colour)
    pen.dot(0, 0.6, 0.07, GLASS)
    pen.box(0, 0.02, 0.05, 0.3, darker(colour, 0.2), 0.02)
