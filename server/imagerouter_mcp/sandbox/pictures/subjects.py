"""What a picture is about: each subject's painter, its own colour, its size, and where it belongs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from imagerouter_mcp.sandbox.pictures import animals, birds_and_fish, buildings, people, things, vehicles
from imagerouter_mcp.sandbox.pictures.canvas import Pen
from imagerouter_mcp.sandbox.pictures.words import Colour


@dataclass(frozen=True, slots=True)
class Figure:
    """One subject.

    Attributes:
        paint: Paints it in a colour, about one unit high, from the pen's foot upwards.
        colour: Its usual colour.
        height: Its usual height, where 1 is a fox's.
        belongs: "ground", "water" or "air".
    """

    paint: Callable[[Pen, Colour], None]
    colour: Colour
    height: float = 1
    belongs: str = "ground"


FIGURES: Final[Mapping[str, Figure]] = {
    "lighthouse": Figure(buildings.lighthouse, (206, 64, 58), 1.6),
    "fox": Figure(animals.fox, (232, 118, 50)),
    "cat": Figure(animals.cat, (122, 124, 140)),
    "dog": Figure(animals.dog, (200, 142, 88)),
    "rabbit": Figure(animals.rabbit, (178, 154, 138), 0.85),
    "owl": Figure(birds_and_fish.owl, (150, 108, 82)),
    "horse": Figure(animals.horse, (150, 92, 62), 1.15),
    "fish": Figure(birds_and_fish.fish, (246, 136, 62), 0.72, "air"),
    "whale": Figure(birds_and_fish.whale, (66, 106, 150), 0.8, "water"),
    "bird": Figure(birds_and_fish.bird, (64, 110, 176), 0.62, "air"),
    "robot": Figure(people.robot, (104, 174, 190), 1.1),
    "astronaut": Figure(people.astronaut, (240, 242, 246), 1, "air"),
    "person": Figure(people.person, (206, 84, 66), 0.95),
    "hot air balloon": Figure(vehicles.hot_air_balloon, (222, 78, 66), 1, "air"),
    "balloon": Figure(things.balloon, (222, 60, 70), 0.9, "air"),
    "rocket": Figure(vehicles.rocket, (222, 72, 64), 1.15, "air"),
    "castle": Figure(buildings.castle, (186, 178, 184), 1.15),
    "house": Figure(buildings.house, (188, 84, 70), 0.9),
    "boat": Figure(vehicles.boat, (214, 76, 62), 0.95, "water"),
    "car": Figure(vehicles.car, (214, 66, 60), 0.52),
    "teapot": Figure(things.teapot, (74, 138, 160), 0.85),
    "mug": Figure(things.mug, (72, 150, 150), 0.85),
    "flower": Figure(things.flower, (232, 96, 124), 1),
    "apple": Figure(things.apple, (212, 60, 56), 0.7),
    "hat": Figure(things.hat, (74, 66, 92), 0.5),
    "umbrella": Figure(things.umbrella, (226, 74, 84), 0.9),
    "logo": Figure(things.logo, (34, 128, 136), 1.3),
    "moon": Figure(things.moon, (250, 240, 206), 0.4, "air"),
    "tree": Figure(things.tree, (82, 146, 84), 1.3),
}
"""By the names of `words.SUBJECTS`."""
