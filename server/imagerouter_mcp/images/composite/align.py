"""Find a picture in another one that shows the same, a little shifted, scaled and recoloured.

Both are compared outside the region that was meant to change, first in small copies, then in larger ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageStat

from imagerouter_mcp.images.pixels.arithmetic import LEVELS, Shares, Size, averaged, mapped, part_in_size

_LEVELS = (48, 96, 192, 384, 640)
"""Pixels of the longer side of the copies that are compared, one after the other."""
_JUDGED_UP_TO = 192
"""The level up to which the match is judged; in larger copies, redrawn grain looks like a difference."""
_FIRST_STEP, _FINEST_STEP = 1.0, 0.25
"""Pixels of a copy; smaller steps do not show. A larger copy doubles what was found in the one before."""
_MOST_TRIES = 60
"""Steps at one level; a search that takes more has wandered off."""
_MOST_SHIFT, _MOST_SCALING = 0.06, 0.09
"""Shares of the sides; a model that moves more than this has drawn another picture."""
_MARGIN = 0.2
"""Share of the sides by which an answer is continued beyond its edges, so that any box lies within it."""
_OTHER_SHAPE = 1.02
"""Ratio of two shapes that a person sees as different."""
_CLOSE, _CLOSE_SHARE = 6.0, 0.5
"""A match differs on average by no more levels than this, or than this share of the contrast."""
_WORTH = 0.97
"""Moving must lower the difference to this share; otherwise the answer is taken as it came."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where an answer shows the picture that it was made from.

    Attributes:
        centre: Of that part of the answer, as shares of the answer's width and height.
        extent: Its width and height, as shares of the answer's.
        trusted: Whether the answer shows the same there.
    """

    centre: tuple[float, float] = (0.5, 0.5)
    extent: tuple[float, float] = (1.0, 1.0)
    trusted: bool = True

    def box(self, part: Shares) -> Shares:
        """Return where the answer shows a part of the picture; both are boxes in shares of the sides."""
        left, upper, right, lower = (
            self.centre[axis % 2] + (part[axis] - 0.5) * self.extent[axis % 2] for axis in range(4)
        )
        return left, upper, right, lower

    def moved(self, axis: int, shift: float, growth: float) -> "Alignment":
        """Return one that is shifted and larger along one axis."""
        centre, extent = list(self.centre), list(self.extent)
        centre[axis] += shift
        extent[axis] += growth
        return Alignment((centre[0], centre[1]), (extent[0], extent[1]))


class Answer:
    """A picture of which any part can be taken, in any size, even a little beyond its edges.

    Args:
        picture: Of mode L, RGB or RGBA.
    """

    def __init__(self, picture: Image.Image) -> None:
        self.size = picture.size
        self._margin = tuple(max(2, round(_MARGIN * side)) for side in picture.size)
        self._picture = _continued(picture, (self._margin[0], self._margin[1]))

    def part(self, box: Shares, size: Size, by: Image.Resampling = Image.Resampling.BICUBIC) -> Image.Image:
        """Return a part in a size; pixels beyond an edge repeat those at the edge.

        Args:
            box: Left, upper, right and lower edge, as shares of the sides.
            size: Width and height of the result.
            by: How to scale.
        """
        edges = [
            min(max(box[at] * self.size[at % 2] + self._margin[at % 2], 0), self._picture.size[at % 2])
            for at in range(4)
        ]
        return part_in_size(self._picture, (edges[0], edges[1], edges[2], edges[3]), size, by)


def align(picture: Image.Image, answer: Image.Image, compared: Image.Image) -> Alignment:
    """Find a picture in an answer.

    Args:
        picture: Of mode RGB.
        answer: In any size, of mode RGB.
        compared: Of mode L in the size of `picture`: white where both should show the same.

    Returns:
        The alignment; the answer as it came, untrusted, if it does not show the picture.
    """
    grey, made = picture.convert("L"), answer.convert("L")
    usual = Alignment()
    found: Alignment | None = None
    matches = True
    for longest in _LEVELS:
        level = _Level(grey, made, compared, longest)
        if not level.seen:
            return usual
        starts = [found] if found else list(_starts(picture.size, answer.size))
        step = _FIRST_STEP if found is None else _FIRST_STEP / 2
        best = min((level.search(start, step) for start in starts), key=level.difference)
        found = best if level.difference(best) < _WORTH * level.difference(usual) else found or usual
        if longest <= _JUDGED_UP_TO:
            matches = level.difference(found) <= max(_CLOSE, _CLOSE_SHARE * level.contrast)
        if longest >= max(picture.size):
            break
    if found and matches and not _far(found, picture.size, answer.size):
        return found
    return Alignment(trusted=False)


def _far(found: Alignment, picture: Size, answer: Size) -> bool:
    return not any(
        all(
            abs(found.centre[axis] - start.centre[axis]) <= _MOST_SHIFT
            and abs(found.extent[axis] / start.extent[axis] - 1) <= _MOST_SCALING
            for axis in (0, 1)
        )
        for start in _starts(picture, answer)
    )


def _starts(picture: Size, answer: Size) -> Iterator[Alignment]:
    """Yield how an answer of another shape may show the picture: stretched, cropped, or with bars."""
    yield Alignment()
    ratio = (picture[0] / picture[1]) / (answer[0] / answer[1])
    if max(ratio, 1 / ratio) > _OTHER_SHAPE:
        yield Alignment(extent=(max(1.0, ratio), max(1.0, 1 / ratio)))
        yield Alignment(extent=(min(1.0, ratio), min(1.0, 1 / ratio)))


class _Level:
    """Copies of picture and answer in one size, in grey, with the answer's tones made like the picture's."""

    def __init__(
        self, picture: Image.Image, answer: Image.Image, compared: Image.Image, longest: int
    ) -> None:
        scale = min(1.0, longest / max(picture.size))
        size = max(8, round(picture.width * scale)), max(8, round(picture.height * scale))
        self._size = size
        self._picture, self._compared = averaged(picture, size), averaged(compared, size)
        self.seen = self._compared.getextrema() != (0, 0)
        if not self.seen:
            return
        made = averaged(answer, (min(answer.width, 2 * size[0]), min(answer.height, 2 * size[1])))
        own = ImageStat.Stat(self._picture, self._compared)
        others = ImageStat.Stat(averaged(answer, size), self._compared)
        self.contrast = own.stddev[0]
        gain = min(2.0, max(0.5, own.stddev[0] / (others.stddev[0] or 1)))
        self._answer = Answer(
            mapped(made, [round((level - others.mean[0]) * gain + own.mean[0]) for level in LEVELS])
        )
        self._tried: dict[Alignment, float] = {}

    def difference(self, alignment: Alignment) -> float:
        """Return by how many levels both differ on average where they are compared."""
        if alignment not in self._tried:
            shown = self._answer.part(alignment.box((0, 0, 1, 1)), self._size, Image.Resampling.BILINEAR)
            apart = ImageChops.difference(self._picture, shown)
            self._tried[alignment] = ImageStat.Stat(apart, self._compared).mean[0]
        return self._tried[alignment]

    def search(self, start: Alignment, step: float) -> Alignment:
        """Walk to the best alignment near one, in smaller and smaller steps, of pixels."""
        best = start
        for _ in range(_MOST_TRIES):
            if step < _FINEST_STEP:
                break
            nearest = min(self._neighbours(best, step), key=self.difference)
            if self.difference(nearest) < self.difference(best):
                best = nearest
            else:
                step /= 2
        return best

    def _neighbours(self, alignment: Alignment, pixels: float) -> Iterator[Alignment]:
        for axis in (0, 1):
            share = pixels / self._size[axis]
            for sign in (1, -1):
                yield alignment.moved(axis, sign * share, 0)
                yield alignment.moved(axis, 0, sign * 2 * share)


def _continued(picture: Image.Image, margin: Size) -> Image.Image:
    """Return a picture with margins that repeat the pixels at its edges."""
    width, height = picture.size
    across, down = margin
    wide = Image.new(picture.mode, (width + 2 * across, height + 2 * down))
    wide.paste(picture, margin)
    for left in (0, width - 1):
        edge = averaged(picture.crop((left, 0, left + 1, height)), (across, height))
        wide.paste(edge, (0 if left == 0 else across + width, down))
    for upper in (down, down + height - 1):
        edge = averaged(wide.crop((0, upper, wide.width, upper + 1)), (wide.width, down))
        wide.paste(edge, (0, 0 if upper == down else down + height))
    return wide
