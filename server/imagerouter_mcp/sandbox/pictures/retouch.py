"""Changes to a picture that is already there: another time of day, weather, season or colour."""

from collections.abc import Mapping
from random import Random
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from imagerouter_mcp.sandbox.pictures import sky
from imagerouter_mcp.sandbox.pictures.canvas import Canvas, Pen, Point, gradient
from imagerouter_mcp.sandbox.pictures.colours import WHITE, levels, mix
from imagerouter_mcp.sandbox.pictures.encoding import resized
from imagerouter_mcp.sandbox.pictures.finding import Box, surroundings, thing_in
from imagerouter_mcp.sandbox.pictures.words import Colour

_LEAVES: Final = ((226, 120, 48), (206, 72, 46), (240, 178, 70))
_PETALS: Final = ((250, 190, 206), (255, 226, 232), (240, 150, 180))


def relight(
    picture: Image.Image, above: Image.Image, time: str, weather: str | None, dice: Random
) -> Image.Image:
    """Show a picture at another time of day: another sky, another light, and lamps by night.

    Args:
        picture: Is left as it is.
        above: A mask of its sky.
        time: A key of `sky.LIGHTS`.
        weather: What the sky is like besides.
        dice: Decides where sun, moon and stars stand.
    """
    light = sky.under(weather, sky.LIGHTS[time])
    shine = mix(light.shine, WHITE, 0.36 if weather == "snow" else 0.22)
    box = above.getbbox()
    tones = [shine, shine]
    ground = snow(picture, above) if weather == "snow" else picture
    if box is None:
        ground = ImageEnhance.Color(ground).enhance(0.5)
        tones = [*(mix(colour, shine, 0.4) for colour in light.sky), shine]
    if time == "day":
        ground = Image.blend(ground, ImageOps.autocontrast(ground, cutoff=1, preserve_tone=True), 0.6)
    ground = ImageChops.multiply(ground, gradient(picture.size, tones))
    if time == "night":
        ground = _lamps(picture, ground, above)
    if box is None:
        return ground
    bottom = box[3] / picture.height
    backdrop = Image.new("RGB", picture.size, light.sky[-1])
    backdrop.paste(gradient((picture.width, box[3]), light.sky))
    sky.heavens(
        Canvas(backdrop, dice, light.shine, light.sky[-1], 1, snow=False), time, light, weather, bottom * 0.8
    )
    return Image.composite(backdrop, ground, above)


def _lamps(before: Image.Image, dark: Image.Image, above: Image.Image) -> Image.Image:
    """Let small, warm, bright spots of the ground shine in a picture that has become dark."""
    unit = min(before.size)
    before = before.filter(ImageFilter.GaussianBlur(unit / 400))
    red, _, blue = before.split()
    warmth, grey = ImageChops.subtract(red, blue), before.convert("L")
    sunny = ImageChops.multiply(
        levels(warmth, lambda v: 255 if v > 50 else 0), levels(grey, lambda v: 255 if v > 150 else 0)
    )
    sunny = levels(sunny.filter(ImageFilter.BoxBlur(unit / 16)), lambda v: (v - 128) * 9)
    sunny = levels(sunny.filter(ImageFilter.BoxBlur(unit / 12)), lambda v: v * 16)
    bright = levels(grey, lambda v: 255 if v > 196 else 0)
    bright = ImageChops.subtract(bright, ImageChops.lighter(sunny, above.filter(ImageFilter.MaxFilter(9))))
    spots = ImageChops.multiply(levels(warmth, lambda v: 255 if 70 < v < 150 else 0), bright)
    spots = spots.filter(ImageFilter.MinFilter(3))
    near = levels(spots.filter(ImageFilter.BoxBlur(unit / 40)), lambda v: v * 7)
    spots = ImageChops.lighter(spots, ImageChops.multiply(bright, near))
    glowing = dark.copy()
    halo = levels(spots.filter(ImageFilter.BoxBlur(unit / 60)), lambda v: min(170, v * 2))
    glowing.paste((255, 196, 96), mask=halo)
    glowing.paste((255, 232, 170), mask=spots.filter(ImageFilter.BoxBlur(unit / 400)))
    return glowing


def snow(picture: Image.Image, above: Image.Image) -> Image.Image:
    """Cover the ground and the upper edges of things with snow; `above` is a mask of the sky."""
    below, unit = ImageOps.invert(above), min(picture.size)
    slope = gradient(picture.size, [(0, 0, 0), (150, 150, 150), (205, 205, 205)]).getchannel(0)
    hues, vivid, _ = picture.convert("HSV").split()
    warm = levels(hues, lambda v: 150 if v < 38 or v > 200 else 0)
    grey, step = picture.convert("L"), max(2, unit // 90)
    keeps = ImageChops.multiply(warm, levels(vivid, lambda v: (v - 80) * 3))
    keeps = ImageChops.lighter(keeps, levels(grey, lambda v: max((v - 170) * 4, (80 - v) * 6)))
    white = picture.copy()
    white.paste((240, 245, 252), mask=ImageChops.multiply(ImageChops.subtract(slope, keeps), below))
    edges = levels(ImageChops.difference(grey, ImageChops.offset(grey, 0, step)), lambda v: (v - 18) * 6)
    edges = ImageChops.subtract(ImageChops.multiply(edges, below), keeps).filter(
        ImageFilter.BoxBlur(unit / 700)
    )
    white.paste((252, 253, 255), mask=edges)
    return white


def weather(picture: Image.Image, above: Image.Image, kind: str, dice: Random) -> Image.Image:
    """Bring rain, storm, fog, snow or clouds into a picture; `above` is a mask of its sky."""
    veil, share = sky.DULL[kind]
    picture = snow(picture, above) if kind == "snow" else picture
    dull = ImageEnhance.Color(picture).enhance(1 - share * 0.5)
    if kind != "snow":
        dull = ImageChops.multiply(dull, Image.new("RGB", picture.size, mix(veil, (255, 255, 255), 0.4)))
    tone = mix(veil, _mean(picture), 0.3)
    dull.paste(tone, mask=levels(above, lambda v: v * share))
    if kind in {"storm", "clouds", "rain"}:
        lower = mix(tone, (255, 255, 255) if kind == "clouds" else (20, 24, 40), 0.25)
        cloudy = dull.copy()
        for _ in range(6):
            foot = dice.random() * dull.width, dice.uniform(0.03, 0.26) * dull.height
            pen = Pen(cloudy, foot, min(dull.size) * dice.uniform(0.11, 0.19))
            sky.cloud(pen, lower, mix(lower, (255, 255, 255), 0.18))
        dull = Image.composite(cloudy, dull, above)
    return dull


def _mean(picture: Image.Image) -> Colour:
    found = resized(picture, (1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(found, tuple)  # noqa: S101
    return found[0], found[1], found[2]


def season(picture: Image.Image, name: str, dice: Random) -> Image.Image:
    """Turn what is green to the colours of autumn or spring, and let leaves or petals fall."""
    hues, vivid, value = picture.convert("HSV").split()
    green = levels(hues, lambda v: 255 if 34 < v < 125 else 0)
    green = ImageChops.multiply(green, levels(vivid, lambda v: v * 4))
    leaves = _LEAVES if name == "autumn" else _PETALS
    turned = levels(hues, lambda v: 8 + (v - 34) * 22 // 91 if name == "autumn" else 64)
    other = Image.merge(
        "HSV",
        (
            turned,
            levels(vivid, lambda v: v * 4 // 3),
            levels(value, lambda v: v * 8 // 7),
        ),
    ).convert("RGB")
    changed = Image.composite(
        other, Image.blend(picture, Image.new("RGB", picture.size, leaves[2]), 0.1), green
    )
    unit = min(picture.size)
    brush = ImageDraw.Draw(changed)
    for _ in range(46):
        x, y, long = (
            dice.random() * picture.width,
            dice.random() * picture.height,
            unit * dice.uniform(0.007, 0.016),
        )
        lean = dice.uniform(-1, 1)
        brush.polygon(
            [
                (x - long, y - long * lean),
                (x, y - long * 0.5),
                (x + long, y + long * lean),
                (x, y + long * 0.5),
            ],
            fill=dice.choice(leaves),
        )
    return changed


def recolour(picture: Image.Image, colour: Colour) -> Image.Image:
    """Give the thing in the middle another colour."""
    found = thing_in(picture)
    return Image.composite(_dyed(picture, colour), picture, found.colour or found.shape)


def _dyed(picture: Image.Image, colour: Colour) -> Image.Image:
    grey = picture.convert("L")
    return ImageOps.colorize(
        grey, mix(colour, (10, 8, 20), 0.75), mix(colour, (255, 255, 255), 0.75), mid=colour, midpoint=120
    )


def coloured_sky(picture: Image.Image, above: Image.Image, colour: Colour) -> Image.Image:
    """Give the sky another colour; `above` is a mask of it."""
    return Image.composite(Image.blend(picture, _dyed(picture, colour), 0.85), picture, above)


def erase(picture: Image.Image, box: Box | None = None) -> Image.Image:
    """Paint over a box, or over the thing in the middle, with what lies beside it."""
    place = box or thing_in(picture).box
    erased = picture.copy()
    erased.paste(surroundings(picture, place), place)
    return erased


def head(picture: Image.Image) -> tuple[Point, float]:
    """Find where a hat goes on the thing in the middle: its foot and its height, in pixels."""
    thing = thing_in(picture)
    left, top, right, bottom = thing.box
    crown = thing.shape.crop((left, top, right, top + max(1, (bottom - top) // 4))).getbbox()
    middle = left + (crown[0] + crown[2]) / 2 if crown else (left + right) / 2
    tall = (bottom - top) * 0.3
    return (middle, top + tall * 0.3), tall


SEASONS: Final[Mapping[str, str]] = {"autumn": "autumn, fall, october", "spring": "spring, blossom, bloom"}
"""Words for seasons; winter is snow, and summer a day."""
