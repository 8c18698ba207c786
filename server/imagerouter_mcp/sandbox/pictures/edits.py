"""Pictures from pictures: the source, with what the prompt asks for done to it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from PIL import Image, ImageChops, ImageFilter, ImageOps

from imagerouter_mcp.sandbox.pictures import retouch, sky, words
from imagerouter_mcp.sandbox.pictures.canvas import Pen, dice_for
from imagerouter_mcp.sandbox.pictures.conversions import opaque, open_picture, within
from imagerouter_mcp.sandbox.pictures.encoding import resized
from imagerouter_mcp.sandbox.pictures.finding import Box, sky_of, thing_in
from imagerouter_mcp.sandbox.pictures.media import Size
from imagerouter_mcp.sandbox.pictures.scene import marked
from imagerouter_mcp.sandbox.pictures.styles import STYLES, tinted, toned
from imagerouter_mcp.sandbox.pictures.subjects import FIGURES
from imagerouter_mcp.sandbox.pictures.words import Colour, Wish

_ADDING: Final = re.compile(
    r"\b(add|put|place|insert|include|draw|wearing|with|replace .* (?:with|by)|give)\b(.*)", re.DOTALL
)
_REMOVING: Final = re.compile(r"\b(remove|erase|delete|clean up|get rid)\b")
_AREA: Final = re.compile(
    r"\bfrom (?P<left>\d{1,3})% to (?P<right>\d{1,3})% of the width "
    r"and from (?P<upper>\d{1,3})% to (?P<lower>\d{1,3})% of the height\b"
)
"""What a prompt says after its wish about where to change something."""
_STAYS: Final = re.compile(r"\b(leave|keep)\b", re.IGNORECASE)
_BLURRING: Final = re.compile(r"\b(blur|blurred|blurry|bokeh|out of focus)\b")


@dataclass(frozen=True, slots=True)
class Edit:
    """What to make of source images.

    Attributes:
        prompt: What to change.
        size: The result's size in pixels; None keeps the first source's.
        where_transparent: Whether the mask marks its region by transparency rather than by white.
        take: Another number gives another result of the same edit.
    """

    prompt: str
    size: Size | None
    where_transparent: bool
    take: int = 0


def edit(wish: Edit, sources: Sequence[bytes], mask: bytes | None) -> Image.Image:
    """Change the first source as the prompt asks; the others hang in it as framed prints.

    Args:
        wish: What to do.
        sources: At least one.
        mask: Where to edit; stretched to the result's size. Outside it no pixel changes.

    Returns:
        An RGB picture.

    Raises:
        UnusableSourceError: A file cannot be read.
    """
    first = opaque(open_picture(sources[0]))
    base = resized(first, wish.size or within(first.size))
    prompt, region = _named_area(wish.prompt, base.size)
    dice = dice_for(prompt, wish.take)
    graded = _graded(base, dice)
    kept = graded if mask is None else base
    if mask is not None:
        region = _region(mask, base.size, where_transparent=wish.where_transparent)
    box = (region.getbbox() if region else None) or (0, 0, *base.size)
    changed = _changed(
        graded.copy(), prompt, dice, _Spot(box, masked=region is not None, crowded=len(sources) > 1)
    )
    for place, data in zip(print_boxes(box, len(sources) - 1), sources[1:], strict=True):
        _hang(changed, opaque(open_picture(data)), place)
    if region is None:
        return marked(changed)
    result = Image.composite(changed, kept, region)
    return result if mask is not None else marked(result)


def _named_area(prompt: str, size: Size) -> tuple[str, Image.Image | None]:
    """Return a prompt without the words that name an area, and a mask of the area; None if it names none."""
    found = _AREA.search(prompt)
    if found is None:
        return prompt, None
    left, upper, right, lower = (int(found[name]) for name in ("left", "upper", "right", "lower"))
    width, height = size
    box = left * width // 100, upper * height // 100, right * width // 100, lower * height // 100
    region = Image.new("L", size)
    region.paste(255, box)
    begins = 1 + max(prompt.rfind(end, 0, found.start()) for end in ".\n")
    if _STAYS.search(prompt, begins, found.end()):
        region = ImageChops.invert(region)
    return prompt[:begins].strip(), region


def _graded(base: Image.Image, dice: Random) -> Image.Image:
    """Shift a picture's tones a little, as every model does, and differently for every take."""
    dark = sum(resized(base, (1, 1), Image.Resampling.BOX).tobytes()) < 3 * 128
    towards = [dice.randint(200, 255) if dark else dice.randint(0, 70) for _ in range(3)]
    return Image.blend(base, Image.new("RGB", base.size, (towards[0], towards[1], towards[2])), 0.07)


def _changed(picture: Image.Image, prompt: str, dice: Random, spot: "_Spot") -> Image.Image:
    wish, text = words.read(prompt), prompt.lower()
    if _REMOVING.search(text) and "background" not in text:
        return retouch.erase(picture, spot.box if spot.masked else None)
    season = next(
        (name for name in retouch.SEASONS if set(retouch.SEASONS[name].split(", ")) & set(wish.words)), None
    )
    colours = wish.colours or tuple(wish.own.values())
    blurring = _BLURRING.search(text)
    added = _added(
        text, wish, spot, known=bool(wish.time or wish.weather or season or wish.style or colours or blurring)
    )
    above = sky_of(picture)
    picture = _weathered(picture, above, wish, season, dice)
    if blurring:
        picture = _out_of_focus(picture)
    if colours and not added:
        picture = _coloured(picture, above, wish, colours)
    if added:
        picture = _with_subject(picture, added, spot)
    if wish.weather:
        sky.fall(picture, dice, wish.weather)
    if wish.style:
        picture = STYLES[wish.style](picture)
    if wish.time or wish.weather or season or blurring or colours or added or wish.style or spot.crowded:
        return picture
    return tinted(picture, [dice.choice(list(words.COLOURS.values())[:14])])


def _weathered(
    picture: Image.Image, above: Image.Image, wish: Wish, season: str | None, dice: Random
) -> Image.Image:
    if season:
        picture = retouch.season(picture, season, dice)
    if wish.time:
        return retouch.relight(picture, above, wish.time, wish.weather, dice)
    return retouch.weather(picture, above, wish.weather, dice) if wish.weather else picture


def _added(text: str, wish: Wish, spot: "_Spot", *, known: bool) -> Wish | None:
    """What to paint into the picture, such as the hat in "give the dog a red hat"; None for nothing."""
    found = _ADDING.search(text)
    if found and not spot.crowded:
        tail = words.read(found[2])
        if tail.subjects:
            return replace(tail, subjects=tail.subjects[-1:] if found[1] == "give" else tail.subjects[:1])
    if wish.subjects and (spot.masked or not (known or spot.crowded)):
        return wish
    return None


def _coloured(picture: Image.Image, above: Image.Image, wish: Wish, colours: Sequence[Colour]) -> Image.Image:
    if wish.subjects:
        return retouch.recolour(picture, colours[-1])
    if "sky" in wish.words:
        return retouch.coloured_sky(picture, above, colours[-1])
    return toned(picture, colours[:2])


def _out_of_focus(picture: Image.Image) -> Image.Image:
    blurred = picture.filter(ImageFilter.GaussianBlur(min(picture.size) / 45))
    return Image.composite(picture, blurred, thing_in(picture).shape)


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where to edit.

    Attributes:
        box: The part of the picture, in pixels.
        masked: Whether a mask says so.
        crowded: Whether further sources come into the picture, so that nothing else need be added.
    """

    box: Box
    masked: bool
    crowded: bool


def _with_subject(picture: Image.Image, wish: Wish, spot: _Spot) -> Image.Image:
    """Paint a subject into a box, or where such a thing belongs in the picture."""
    name = wish.subjects[0]
    figure = FIGURES[name]
    left, top, right, bottom = spot.box
    unit = min(right - left, bottom - top)
    if spot.masked:
        foot, height = (
            ((left + right) / 2, (top + bottom) / 2 + unit * 0.46 * min(1, figure.height)),
            unit * 0.92,
        )
    elif name == "hat":
        foot, height = retouch.head(picture)
    elif figure.belongs == "air":
        foot, height = (
            (left + (right - left) * 0.26, top + (bottom - top) * 0.38),
            unit * 0.26 * figure.height,
        )
    else:
        foot, height = (
            (left + (right - left) * 0.74, top + (bottom - top) * 0.93),
            unit * 0.34 * figure.height,
        )
    large = resized(picture, (picture.width * 2, picture.height * 2), Image.Resampling.NEAREST)
    figure.paint(Pen(large, (foot[0] * 2, foot[1] * 2), height * 2), wish.own.get(name, figure.colour))
    return large.reduce(2)


def print_boxes(box: Box, count: int) -> list[Box]:
    """Where further sources hang in a picture: a row along the lower edge of a box, without their frames."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    pitch = min(width // max(count, 1), min(width, height) // 3)
    gap = max(1, pitch // 8) if pitch > 8 else 0
    side = max(1, pitch - 2 * gap)
    return [
        (left + n * pitch + gap, bottom - gap * 2 - side, left + n * pitch + gap + side, bottom - gap * 2)
        for n in range(count)
    ]


def _hang(picture: Image.Image, source: Image.Image, box: Box) -> None:
    """Hang a source into a box, in a white frame with a shadow."""
    side = box[2] - box[0]
    frame = side // 16
    around = box[0] - frame, box[1] - frame, box[2] + frame, box[3] + frame
    if frame:
        shadow = Image.new("L", picture.size, 0)
        shadow.paste(130, (around[0] + frame, around[1] + frame, around[2] + frame, around[3] + frame))
        picture.paste((16, 16, 30), mask=shadow.filter(ImageFilter.BoxBlur(frame)))
        picture.paste((252, 250, 246), around)
    picture.paste(ImageOps.fit(source, (side, side)), box)


def _region(mask: bytes, size: Size, *, where_transparent: bool) -> Image.Image:
    picture = open_picture(mask)
    if where_transparent:
        region = ImageChops.invert(picture.convert("RGBA").getchannel("A"))
    else:
        region = picture.convert("L")
    region = resized(region, size, Image.Resampling.NEAREST)
    return region.convert("1", dither=Image.Dither.NONE).convert("L")  # half grey and above are in
