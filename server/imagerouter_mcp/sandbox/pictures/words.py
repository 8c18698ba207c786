"""What a prompt asks for, read from its words: one table, no grammar."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

Colour = tuple[int, int, int]

TIMES: Final = {
    "dawn": "dawn, sunrise, morning, daybreak",
    "day": "day, noon, midday, daylight, sunny, afternoon, summer, blue sky",
    "dusk": "dusk, sunset, evening, twilight, golden hour",
    "night": "night, midnight, starry, moonlit, moonlight, nighttime",
}
WEATHERS: Final = {
    "storm": "storm, stormy, thunder, thunderstorm, lightning",
    "rain": "rain, rainy, raining, drizzle, wet",
    "snow": "snow, snowy, snowing, snowfall, winter, blizzard, christmas",
    "fog": "fog, foggy, mist, misty, haze, hazy",
    "clouds": "cloud, cloudy, overcast",
}
PLACES: Final = {
    "space": "space, planet, galaxy, cosmos, orbit, nebula",
    "underwater": "underwater, reef, coral, aquarium, seabed",
    "city": "city, skyline, street, town, downtown, skyscraper, tokyo, paris, london, york, cyberpunk",
    "desert": "desert, dune, sahara, cactus, canyon",
    "beach": "beach, shore, palm, tropical, island",
    "lake": "lake, pond, river, fjord, reflection",
    "sea": "sea, ocean, wave, harbour, harbor, coast, cliff, bay",
    "forest": "forest, wood, jungle, woodland, pine",
    "mountains": "mountain, peak, alps, valley, volcano, hiking",
    "meadow": "meadow, field, hill, garden, park, grass, farm, countryside, spring, landscape",
    "room": "room, table, kitchen, desk, window, interior, cafe, café, shelf, still life, studio, product",
    "plain": "logo, icon, emblem, sticker, badge, mascot, white background, plain background",
}
SUBJECTS: Final = {
    "lighthouse": "lighthouse",
    "fox": "fox, wolf",
    "cat": "cat, kitten",
    "dog": "dog, puppy",
    "rabbit": "rabbit, bunny, hare",
    "owl": "owl",
    "horse": "horse, pony, unicorn, deer",
    "fish": "fish, goldfish, koi",
    "whale": "whale, dolphin",
    "bird": "bird, seagull, eagle, swallow, raven",
    "robot": "robot, android",
    "astronaut": "astronaut, spaceman",
    "person": "person, man, woman, girl, boy, child, hiker, people, wizard, knight, portrait",
    "hot air balloon": "hot air balloon, air balloon",
    "balloon": "balloon",
    "rocket": "rocket, spaceship, spacecraft",
    "castle": "castle, palace, fortress",
    "house": "house, cabin, cottage, hut, home, barn",
    "boat": "boat, ship, sailboat, yacht, sail",
    "car": "car, van, taxi, truck, bus",
    "teapot": "teapot, kettle",
    "mug": "mug, cup, coffee, tea",
    "flower": "flower, tulip, rose, daisy, sunflower, blossom",
    "apple": "apple, fruit, pear, orange fruit",
    "hat": "hat, cap",
    "umbrella": "umbrella, parasol",
    "logo": "logo, emblem, icon, badge",
    "moon": "moon",
    "tree": "tree, oak",
}
STYLES: Final = {
    "watercolour": "watercolour, watercolor, aquarelle, painting, painterly",
    "lines": "line drawing, line art, sketch, pencil, drawing, ink, outline",
    "pixels": "pixel art, pixelated, pixel, 8 bit, retro game",
    "poster": "poster, screen print, linocut, woodcut, flat, cartoon, comic, anime",
    "monochrome": "black and white, monochrome, grayscale, greyscale, noir",
    "pastel": "pastel, soft colours, soft colors",
    "sepia": "sepia, vintage, old photo",
}
COLOURS: Final[Mapping[str, Colour]] = {
    "red": (206, 52, 46),
    "crimson": (176, 28, 58),
    "orange": (240, 134, 48),
    "gold": (230, 178, 62),
    "golden": (230, 178, 62),
    "yellow": (246, 208, 72),
    "lime": (160, 206, 70),
    "green": (74, 152, 84),
    "mint": (150, 214, 186),
    "teal": (28, 138, 142),
    "turquoise": (58, 190, 186),
    "cyan": (70, 196, 222),
    "blue": (48, 104, 196),
    "navy": (32, 48, 104),
    "indigo": (72, 62, 156),
    "purple": (126, 70, 168),
    "violet": (140, 92, 196),
    "magenta": (206, 56, 146),
    "pink": (240, 138, 172),
    "brown": (134, 88, 58),
    "beige": (222, 204, 172),
    "white": (246, 244, 240),
    "silver": (186, 192, 200),
    "grey": (132, 138, 146),
    "gray": (132, 138, 146),
    "black": (38, 38, 46),
}
HOMES: Final = {
    "lighthouse": "sea",
    "boat": "sea",
    "whale": "sea",
    "fish": "underwater",
    "rocket": "space",
    "astronaut": "space",
    "fox": "forest",
    "owl": "forest",
    "castle": "mountains",
    "hot air balloon": "mountains",
    "mug": "room",
    "teapot": "room",
    "apple": "room",
    "hat": "room",
    "logo": "plain",
    "robot": "plain",
    "car": "city",
    "cat": "room",
}
"""Where a subject is shown when the prompt does not say; everything else stands in a meadow."""

_READ: Final = 2_000
"""Characters of a prompt that are read."""
_DENIED: Final = re.compile(r"\b(?:no|without)(?: \w+){1,2}")
_NUMBERS: Final = {
    "two": 2,
    "2": 2,
    "pair": 2,
    "couple": 2,
    "three": 3,
    "3": 3,
    "several": 3,
    "flock": 3,
    "group": 3,
}
_SPOKEN_FOR: Final = 2
"""A colour up to this many words before a subject is the subject's."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a prompt asks for; None or empty where it does not say.

    Attributes:
        time: A key of `TIMES`; the others likewise.
        subjects: In the order of the prompt.
        own: The colours that belong to a subject, by subject.
        colours: The colours of the whole picture.
        words: All words read, in lower case.
    """

    time: str | None
    weather: str | None
    place: str | None
    subjects: tuple[str, ...]
    style: str | None
    own: Mapping[str, Colour]
    colours: tuple[Colour, ...]
    words: tuple[str, ...]

    @property
    def says_something(self) -> bool:
        """Whether anything to paint was recognised."""
        return bool(self.time or self.weather or self.place or self.subjects)


def read(prompt: str) -> Wish:
    """Read what a prompt asks for."""
    words = tuple(re.findall(r"\w+", _DENIED.sub(" ", prompt[:_READ].lower())))
    styles = [style for _, style in _found(words, STYLES)]
    subjects = _longest(_found(words, SUBJECTS))
    counts: dict[str, int] = {}
    for at, name in subjects:
        counts.setdefault(
            name, max((_NUMBERS.get(word, 1) for word in words[max(0, at - 3) : at]), default=1)
        )
    own: dict[str, Colour] = {}
    loose: list[Colour] = []
    for place, word in enumerate(words):
        if word in COLOURS and "monochrome" not in styles:
            owner = next((name for at, name in subjects if 0 < at - place <= _SPOKEN_FOR), None)
            if owner:
                own.setdefault(owner, COLOURS[word])
            elif "background" not in words[place : place + 2]:
                loose.append(COLOURS[word])
    return Wish(
        time=_first(words, TIMES),
        weather=_first(words, WEATHERS),
        place=_first(words, PLACES),
        subjects=tuple(name for name, count in counts.items() for _ in range(count)),
        style=styles[0] if styles else None,
        own=own,
        colours=tuple(dict.fromkeys(loose)),
        words=words,
    )


def place_of(wish: Wish) -> str | None:
    """Where a wish takes place: where it says, or where its first subject is at home."""
    return wish.place or next((HOMES[name] for name in wish.subjects if name in HOMES), None)


def _first(words: tuple[str, ...], table: Mapping[str, str]) -> str | None:
    """The entry of a table that a prompt names; the table's own order decides between several."""
    found = {name for _, name in _found(words, table)}
    return next((name for name in table if name in found), None)


def _found(words: tuple[str, ...], table: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """The places in a prompt where a table's words stand, with the entry each means."""
    meant = {word: name for name, row in table.items() for word in row.split(", ")}
    for place in range(len(words)):
        for length in (3, 2, 1):
            phrase = " ".join(words[place : place + length])
            name = (
                meant.get(phrase)
                or meant.get(phrase.removesuffix("s"))
                or meant.get(phrase.removesuffix("es"))
            )
            if name:
                yield place, name
                break


def _longest(found: Iterator[tuple[int, str]]) -> list[tuple[int, str]]:
    """Drop the shorter reading of "hot air balloon"."""
    kept = list(found)
    names = {name for _, name in kept}
    return [one for one in kept if one[1] != "balloon" or "hot air balloon" not in names]
