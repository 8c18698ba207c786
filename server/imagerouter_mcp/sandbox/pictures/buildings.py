"""Buildings, each about one unit high and standing on the pen's foot."""

from imagerouter_mcp.sandbox.pictures.canvas import Pen
from imagerouter_mcp.sandbox.pictures.colours import CREAM, INK, LAMP, WHITE, WOOD, darker
from imagerouter_mcp.sandbox.pictures.words import Colour


def lighthouse(pen: Pen, colour: Colour) -> None:
    """Paint a striped lighthouse on its rock, with the lamp lit."""
    lamp = pen.shining()
    pen.blob(
        [(-0.62, -0.3), (-0.5, -0.06), (-0.3, 0.05), (0, 0.09), (0.3, 0.04), (0.46, -0.1), (0.6, -0.3)],
        (92, 88, 104),
    )
    pen.blob([(-0.4, -0.3), (-0.36, -0.05), (-0.1, 0.06), (0, -0.1), (-0.1, -0.3)], (112, 108, 122))
    for step in range(5):
        low, top = 0.06 + step * 0.14, 0.2 + step * 0.14
        wide, thin = 0.15 - 0.055 * step / 5, 0.15 - 0.055 * (step + 1) / 5
        tone = colour if step % 2 == 0 else CREAM
        pen.shape([(-wide, low), (-thin, top), (thin, top), (wide, low)], tone)
        pen.shape([(wide * 0.35, low), (thin * 0.35, top), (thin, top), (wide, low)], darker(tone, 0.14))
    pen.box(0, 0.06, 0.07, 0.1, INK, 0.03)
    for y in (0.38, 0.6):
        pen.box(-0.01, y, 0.035, 0.05, INK, 0.015)
    pen.box(0, 0.75, 0.25, 0.025, INK, 0.01)
    pen.box(0, 0.77, 0.13, 0.11, (62, 60, 76))
    lamp.box(0, 0.78, 0.1, 0.09, LAMP)
    lamp.dot(0, 0.825, 0.035, WHITE)
    pen.blob([(-0.09, 0.88), (-0.05, 0.95), (0, 1.0), (0.05, 0.95), (0.09, 0.88)], colour)


def house(pen: Pen, colour: Colour) -> None:
    """Paint a house with lit windows."""
    lamp = pen.shining()
    pen.box(0.3, 0.62, 0.12, 0.36, (150, 96, 84))
    pen.box(0.3, 0.96, 0.15, 0.04, (120, 76, 70))
    pen.box(0, 0, 0.9, 0.55, CREAM)
    pen.box(0.3, 0, 0.3, 0.55, darker(CREAM, 0.1))
    pen.shape([(-0.56, 0.5), (-0.02, 0.94), (0.56, 0.5)], colour)
    pen.shape([(-0.02, 0.94), (0.56, 0.5), (0.14, 0.5)], darker(colour, 0.16))
    pen.box(0, 0, 0.17, 0.31, WOOD, 0.02)
    pen.dot(0.05, 0.15, 0.014, LAMP)
    for x in (-0.27, 0.27):
        pen.box(x, 0.16, 0.2, 0.2, WHITE, 0.01)
        lamp.box(x, 0.18, 0.16, 0.16, LAMP)
        pen.box(x, 0.17, 0.02, 0.18, WHITE)
        pen.box(x, 0.25, 0.18, 0.02, WHITE)
    lamp.dot(-0.02, 0.66, 0.06, LAMP)


def castle(pen: Pen, colour: Colour) -> None:
    """Paint a castle with three towers."""
    roof = (176, 74, 78)
    for x, wide, tall in ((-0.36, 0.2, 0.6), (0.38, 0.2, 0.54), (0, 0.26, 0.78)):
        pen.box(x, 0, wide, tall - 0.18, darker(colour, 0.04))
        pen.box(x + wide * 0.3, 0, wide * 0.4, tall - 0.18, darker(colour, 0.16))
        pen.shape([(x - wide * 0.62, tall - 0.18), (x, tall + 0.12), (x + wide * 0.62, tall - 0.18)], roof)
        pen.shape(
            [(x + wide * 0.1, tall - 0.18), (x, tall + 0.12), (x + wide * 0.62, tall - 0.18)], darker(roof)
        )
        pen.shining().box(x, tall - 0.36, 0.05, 0.1, LAMP, 0.025)
        pen.stroke([(x, tall + 0.1), (x, tall + 0.2)], 0.012, INK)
        pen.shape([(x, tall + 0.2), (x + 0.1, tall + 0.17), (x, tall + 0.14)], (240, 190, 80))
    pen.box(0, 0, 0.92, 0.3, colour)
    for n in range(7):
        pen.box(-0.42 + n * 0.14, 0.28, 0.07, 0.07, colour)
    pen.box(0, 0, 0.18, 0.2, darker(WOOD), 0.08)
    pen.box(0, 0, 0.18, 0.1, darker(WOOD))
