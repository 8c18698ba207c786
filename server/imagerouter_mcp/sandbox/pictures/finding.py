"""What there is in a picture that somebody sends: its sky, and the thing in the middle."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

from imagerouter_mcp.sandbox.pictures.canvas import SOFT
from imagerouter_mcp.sandbox.pictures.colours import levels
from imagerouter_mcp.sandbox.pictures.encoding import resized

Box = tuple[int, int, int, int]

_GRID: Final = 96
"""Columns and rows in which the sky is looked for."""
_SAME_SKY: Final = 8
"""How much the sky changes at most from one cell to the next below, of 255; sideways half as much."""
_LIKE_SKY: Final = 26
"""How far a pixel beside the sky may be from the sky's colour to belong to it."""
_LEAST: Final = 0.06
"""A smaller part of the picture is not taken for sky, nor for its subject."""
_MOST: Final = 0.75
"""A larger part of the picture is not taken for sky."""
_OPEN: Final = 0.7
"""The least share of sky along a line below the upper edge."""
_OVERHANGS: Final = 0.33
"""The most places, for each column of the grid, where sky lies straight below something else."""
_PALE: Final = 24
"""Mean saturation up to which a backdrop is taken for paper or a wall, of 255."""
_HUES: Final = 256
_REACH: Final = 12
"""Hues this far from the one chosen are the same colour, of 256."""
_VIVID: Final = 70
"""Saturation from which a colour counts, of 255."""
_STANDS_OUT: Final = 0.03
_APART: Final = 30
"""How far a subject's colours are from what lies beside it, of 255."""
_PALER: Final = 10
"""How much lighter a subject's pale parts are than what lies beside it, of 255."""
_FLOODED: Final = 192
"""Columns and rows in which a backdrop is followed from the borders."""
_SAME_BACKDROP: Final = 8
"""How far a pixel may be from what its row shows at the borders to belong to the backdrop, of 255."""
_FAINT: Final = 4
"""How much darker a shadow is than its backdrop at least, of 255; in each channel."""
_SHADE: Final = 70
"""How much darker it is at most."""
_FADES: Final = 40
"""How far a plain backdrop's colour may be below from what it is above, of 255."""
_TINGE: Final = 16
"""How much a shadow's channels differ from each other in that, of 255."""
_PLAIN: Final = 0.9
"""The least share of the border that a plain backdrop has."""


def sky_of(picture: Image.Image) -> Image.Image:
    """Find the sky: a mask, white where it is, and black everywhere for a picture without a clear one.

    The sky is what changes only gradually from the upper edge on, and what floats in that.
    """
    small = resized(picture, (_GRID, _GRID), Image.Resampling.BOX)
    cells = list(zip(*[iter(small.tobytes())] * 3, strict=True))
    top, bottom = range(_GRID), range(_GRID * (_GRID - 1), _GRID * _GRID)

    def gradual(one: int, other: int) -> bool:
        most = _SAME_SKY if abs(one - other) == _GRID else _SAME_SKY // 2
        return max(abs(x - y) for x, y in zip(cells[one], cells[other], strict=True)) <= most

    clear = _spread(top, gradual)
    ground = _spread((n for n in bottom if n not in clear), lambda _, b: b not in clear)
    sky, blue = _mask(set(range(len(cells))) - ground), _mask(clear)
    if not _looks_like_sky(small, sky, ground):
        return Image.new("L", picture.size, 0)
    known = Image.composite(small, Image.new("RGB", small.size), blue)
    beyond = Image.composite(small, known.filter(ImageFilter.MaxFilter(7)), blue)
    apart = _distance(picture, resized(beyond, picture.size, SOFT))
    like = levels(apart, lambda v: (_LIKE_SKY - v) * 20)
    near = resized(sky.filter(ImageFilter.MaxFilter(5)), picture.size, SOFT)
    core = resized(sky.filter(ImageFilter.MinFilter(3)), picture.size, SOFT)
    return ImageChops.lighter(ImageChops.darker(like, near), core).filter(ImageFilter.BoxBlur(1))


def _looks_like_sky(small: Image.Image, sky: Image.Image, ground: Collection[int]) -> bool:
    """Say whether a mask is of a plausible size, open at the top, in one piece, and coloured."""
    row = _GRID * (_GRID // 8)
    opened = sum(n not in ground for n in range(row, row + _GRID)) / _GRID
    below = sum(n not in ground and n - _GRID in ground for n in range(_GRID, _GRID * _GRID))
    share = ImageStat.Stat(sky).mean[0] / 255
    return (
        _LEAST < share < _MOST
        and opened > _OPEN
        and below / _GRID < _OVERHANGS
        and ImageStat.Stat(small.convert("HSV"), sky).mean[1] > _PALE
    )


def _mask(cells: Collection[int]) -> Image.Image:
    return Image.frombytes("L", (_GRID, _GRID), bytes(255 if n in cells else 0 for n in range(_GRID * _GRID)))


def _spread(start: Iterable[int], passes: Callable[[int, int], bool]) -> set[int]:
    """The cells of the grid that are reached from some, going from cell to cell where it passes."""
    reached = set(start)
    waiting = list(reached)
    while waiting:
        cell = waiting.pop()
        column = cell % _GRID
        for other, inside in (
            (cell - _GRID, True),
            (cell + _GRID, True),
            (cell - 1, column > 0),
            (cell + 1, column < _GRID - 1),
        ):
            if inside and 0 <= other < _GRID * _GRID and other not in reached and passes(cell, other):
                reached.add(other)
                waiting.append(other)
    return reached


def _distance(one: Image.Image, other: Image.Image) -> Image.Image:
    red, green, blue = ImageChops.difference(one, other).split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


@dataclass(frozen=True, slots=True)
class Thing:
    """The thing in the middle of a picture.

    Attributes:
        box: Where it is.
        shape: A mask of it.
        colour: A mask of its chief colour; None where it has none that stands out.
    """

    box: Box
    shape: Image.Image
    colour: Image.Image | None


def thing_in(picture: Image.Image) -> Thing:
    """Find the thing in the middle of a picture, by a colour that is there and not around it."""
    colour = _standing_out(picture)
    box = _largest(colour) if colour else None
    place = box or (0, 0, *picture.size)
    inside, beside = picture.crop(place), surroundings(picture, place)
    apart = levels(_distance(inside, beside), lambda v: 255 if v > _APART else 0)
    apart = ImageChops.lighter(apart, _pale_parts(inside, beside, apart))
    apart = (
        apart.filter(ImageFilter.MaxFilter(5))
        .filter(ImageFilter.MinFilter(7))
        .filter(ImageFilter.MaxFilter(3))
    )
    shape = Image.new("L", picture.size, 0)
    shape.paste(apart, place)
    if shape.histogram()[255] < picture.width * picture.height * _LEAST / 2:
        width, height = picture.size
        place = round(width * 0.1), round(height * 0.1), round(width * 0.9), round(height * 0.9)
        ImageDraw.Draw(shape).ellipse(place, fill=255)
    whole = ImageChops.lighter(shape, _enclosed(shape))
    return Thing(place, whole.filter(ImageFilter.BoxBlur(0.7)), colour)


def subject_on_backdrop(picture: Image.Image) -> Image.Image | None:
    """A mask of what stands before a plain backdrop, without its shadow; None without such a backdrop.

    The backdrop is what is joined to the border and looks like it, so a white belly before white paper stays.
    """
    small = resized(picture, (_FLOODED, _FLOODED), Image.Resampling.BOX)
    framed = Image.new("L", (_FLOODED + 2, _FLOODED + 2), 255)
    framed.paste(_backdrop(small), (1, 1))
    ImageDraw.floodfill(framed, (0, 0), 128)
    joined = levels(framed.crop((1, 1, _FLOODED + 1, _FLOODED + 1)), lambda v: 255 if v == 128 else 0)
    subject = _without_specks(ImageChops.invert(joined))
    edges = resized(small, (1, _FLOODED), Image.Resampling.BOX)
    above, below = edges.crop((0, 0, 1, 1)), edges.crop((0, _FLOODED - 1, 1, _FLOODED))
    border = joined.copy()
    border.paste(0, (1, 1, _FLOODED - 1, _FLOODED - 1))
    share = border.histogram()[255] / (4 * _FLOODED - 4)
    fades = max(high for _, high in ImageStat.Stat(ImageChops.difference(above, below)).extrema)
    if (
        fades > _FADES
        or share < _PLAIN
        or not _LEAST / 2 < subject.histogram()[255] / _FLOODED**2 < 1 - _LEAST
    ):
        return None
    near = resized(subject.filter(ImageFilter.MaxFilter(3)), picture.size, Image.Resampling.NEAREST)
    inner = resized(subject.filter(ImageFilter.MinFilter(3)), picture.size, Image.Resampling.NEAREST)
    exact = ImageChops.subtract(near, _backdrop(picture))
    return ImageChops.lighter(exact, inner).filter(ImageFilter.BoxBlur(0.7))


def _backdrop(picture: Image.Image) -> Image.Image:
    """A mask of what looks like the borders of its row, or like a shadow on that."""
    beside = surroundings(picture, (0, 0, *picture.size))
    same = levels(_distance(picture, beside), lambda v: 255 if v <= _SAME_BACKDROP else 0)
    darker = ImageChops.subtract(beside, picture).split()
    most = ImageChops.lighter(ImageChops.lighter(*darker[:2]), darker[2])
    least = ImageChops.darker(ImageChops.darker(*darker[:2]), darker[2])
    grey = levels(ImageChops.subtract(most, least), lambda v: 255 if v <= _TINGE else 0)
    shade = ImageChops.darker(
        levels(most, lambda v: 255 if v <= _SHADE else 0), levels(least, lambda v: 255 if v >= _FAINT else 0)
    )
    return ImageChops.lighter(same, ImageChops.darker(shade, grey))


def _without_specks(mask: Image.Image) -> Image.Image:
    """Leave out what is small, such as the sandbox's own mark."""
    kept = mask.filter(ImageFilter.MinFilter(5)).filter(ImageFilter.MaxFilter(9))
    return ImageChops.darker(mask, kept)


def _pale_parts(inside: Image.Image, beside: Image.Image, apart: Image.Image) -> Image.Image:
    """A mask of what is a little lighter than its surroundings and belongs to a subject: a fox's white belly.

    A shadow is darker, and does not belong to it.
    """
    lighter = ImageChops.subtract(inside, beside).split()
    pale = levels(
        ImageChops.lighter(ImageChops.lighter(*lighter[:2]), lighter[2]), lambda v: 255 * (v > _PALER)
    )
    grid = (_GRID, _GRID)
    start, cells = (resized(mask, grid, Image.Resampling.BOX).tobytes() for mask in (apart, pale))
    reached = _spread((n for n, value in enumerate(start) if value > 96), lambda _, b: cells[b] > 64)
    near = _mask(reached).filter(ImageFilter.MaxFilter(3))
    return ImageChops.darker(pale, resized(near, inside.size, Image.Resampling.NEAREST))


def _enclosed(shape: Image.Image) -> Image.Image:
    """A mask of the holes in a shape, and of its inner parts."""
    cells = resized(shape, (_GRID, _GRID), Image.Resampling.BOX).tobytes()
    border = (n for n in range(_GRID * _GRID) if n % _GRID in {0, _GRID - 1} or n // _GRID in {0, _GRID - 1})
    outside = _spread((n for n in border if cells[n] < 128), lambda _, b: cells[b] < 128)
    inner = _mask(set(range(_GRID * _GRID)) - outside).filter(ImageFilter.MinFilter(3))
    return resized(inner, shape.size, Image.Resampling.NEAREST)


def _standing_out(picture: Image.Image) -> Image.Image | None:
    hues, vivid, _ = picture.convert("HSV").split()
    coloured = levels(vivid, lambda v: 255 if v > _VIVID else 0)
    middle = Image.new("L", picture.size, 0)
    width, height = picture.size
    ImageDraw.Draw(middle).ellipse((width * 0.22, height * 0.3, width * 0.78, height * 0.98), fill=255)
    inside = hues.histogram(ImageChops.darker(coloured, middle))
    outside = hues.histogram(ImageChops.darker(coloured, ImageChops.invert(middle)))
    area = max(1, middle.histogram()[255])

    def gain(hue: int) -> float:
        near = [(hue + step) % _HUES for step in range(-_REACH, _REACH + 1)]
        here, there = sum(inside[n] for n in near), sum(outside[n] for n in near)
        return here / area * max(0, here - there) / max(1, here + there)

    best = max(range(_HUES), key=gain)
    if gain(best) < _STANDS_OUT:
        return None
    near = levels(hues, lambda v: 255 if min((v - best) % _HUES, (best - v) % _HUES) <= _REACH else 0)
    return ImageChops.darker(near, coloured)


def _largest(mask: Image.Image) -> Box | None:
    """The box of a mask's large pieces, and a little more."""
    small = resized(mask, (_GRID, _GRID), Image.Resampling.BOX)
    cells = levels(small, lambda v: 255 if v > 96 else 0).filter(ImageFilter.MaxFilter(5)).tobytes()
    left = {n for n, value in enumerate(cells) if value}
    pieces: list[set[int]] = []
    while left:
        pieces.append(_spread([next(iter(left))], lambda _, b, there=frozenset(left): b in there))
        left -= pieces[-1]
    if not pieces:
        return None
    large = max(map(len, pieces)) * 0.4
    piece = [n for one in pieces if len(one) > large for n in one]
    columns, rows = [n % _GRID for n in piece], [n // _GRID for n in piece]
    across, down = mask.width / _GRID, mask.height / _GRID
    return (
        max(0, round(min(columns) * across)),
        max(0, round(min(rows) * down)),
        min(mask.width, round((max(columns) + 1) * across)),
        min(mask.height, round((max(rows) + 1) * down)),
    )


def surroundings(picture: Image.Image, box: Box) -> Image.Image:
    """Guess what lies behind a box, from what lies at its left and right edges."""
    inside = picture.crop(box)
    edges = Image.new("RGB", (2, inside.height))
    for place, x in enumerate((0, max(0, inside.width - 2))):
        edges.paste(
            resized(inside.crop((x, 0, x + 2, inside.height)), (1, inside.height), Image.Resampling.BOX),
            (place, 0),
        )
    return resized(edges, inside.size, SOFT)
