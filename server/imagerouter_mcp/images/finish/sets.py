"""Make the sets of files that a website, an app store or a post needs of one picture."""

import io
import json
import math
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.images.finish.changes import (
    content_box,
    covering,
    flattened,
    has_plain_border,
    on_ground,
    transparent_mode,
)
from imagerouter_mcp.images.finish.cutout import cut_out
from imagerouter_mcp.images.finish.saving import encoded, icon
from imagerouter_mcp.images.finish.shape import border_colour, inscribed, shaped
from imagerouter_mcp.images.finish.steps import Cutout, SetName, Size
from imagerouter_mcp.images.inspect import formats

File = tuple[str, BinaryIO]
"""A path within a set, and the file's content."""

_FAVICON_SIDES = (16, 32, 48)
_TOUCH_SIDE = 180
_WEB_SIDES = (192, 512)
_STORE_SIDE, _PLAY_SIDE = 1024, 512
_PAGE_HEAD = (
    '<link rel="icon" href="/favicon.ico" sizes="32x32">'
    '<link rel="apple-touch-icon" href="/apple-touch-icon.png">'
    '<link rel="manifest" href="/site.webmanifest">'
)
NOTES: dict[SetName, str] = {
    "favicon": f"Put the files into the site's root, and this into each page's head: {_PAGE_HEAD}",
    "app-icons": "ios/ is the content of AppIcon.appiconset; android/ goes into res/, except play-store.png.",
    "social": "Open Graph 1200×630 (og:image), X card 1200×600, story 1080×1920.",
}
"""What to do with each set."""
_DENSITIES = {"mdpi": 1.0, "hdpi": 1.5, "xhdpi": 2.0, "xxhdpi": 3.0, "xxxhdpi": 4.0}
"""Android's pixels per dp (developer.android.com, "Support different pixel densities")."""
_LAYER, _SEEN, _SAFE, _LEGACY = 108, 72, 66, 48
"""In dp: a layer of an adaptive icon, the part that a mask may show, the circle that each mask shows
(developer.android.com, "Adaptive icons"), and an icon before Android 8."""
_MEASURED = 96
"""Pixels of the longer side of the copy in which `_reach` measures."""
_SEEN_ALPHA = 16
_SOCIAL: dict[str, Size] = {
    "open-graph": (1200, 630),
    "x-card": (1200, 600),
    "story": (1080, 1920),
}
"""The sizes that ogp.me's users, X's card with a large image and Instagram's stories ask for."""


def make_set(picture: Image.Image, name: SetName) -> Iterator[File]:
    """Make a set.

    Args:
        picture: Of mode L, LA, RGB or RGBA, in sRGB.
        name: Which one.
    """
    picture = picture.convert("RGBA" if transparent_mode(picture) else "RGB")
    match name:
        case "favicon":
            return _favicon(picture)
        case "app-icons":
            return _app_icons(picture)
        case "social":
            return _social(picture)


def _favicon(picture: Image.Image) -> Iterator[File]:
    square = _squared(picture)
    yield "favicon.ico", icon(square, _FAVICON_SIDES)
    yield "apple-touch-icon.png", _png(flattened(_scaled(square, _TOUCH_SIDE)))
    for side in _WEB_SIDES:
        yield f"icon-{side}.png", _png(_scaled(square, side))
    icons = [
        {"src": f"icon-{side}.png", "sizes": f"{side}x{side}", "type": "image/png"} for side in _WEB_SIDES
    ]
    yield "site.webmanifest", _text(json.dumps({"icons": icons}))


def _app_icons(picture: Image.Image) -> Iterator[File]:
    square = _squared(picture)
    background = _background(square)
    whole = flattened(square, background)
    yield "ios/AppIcon.png", _png(_scaled(whole, _STORE_SIDE))
    image = {"filename": "AppIcon.png", "idiom": "universal", "platform": "ios", "size": "1024x1024"}
    info = {"author": "imagerouter-mcp", "version": 1}
    yield "ios/Contents.json", _text(json.dumps({"images": [image], "info": info}))
    for density, pixels in _DENSITIES.items():
        folder = f"android/mipmap-{density}"
        yield f"{folder}/ic_launcher.png", _png(_scaled(square, round(_LEGACY * pixels)))
        yield f"{folder}/ic_launcher_foreground.png", _png(_foreground(picture, round(_LAYER * pixels)))
    yield "android/mipmap-anydpi-v26/ic_launcher.xml", _text(_ADAPTIVE_XML)
    yield "android/values/ic_launcher_background.xml", _text(_COLOUR_XML.format(background))
    yield "android/play-store.png", _png(_scaled(whole, _PLAY_SIDE))


def _social(picture: Image.Image) -> Iterator[File]:
    plain = has_plain_border(picture)
    picture = flattened(picture)
    for name, size in _SOCIAL.items():
        # A logo on a plain ground is shown whole; of a photo, the most detailed part.
        made = on_ground(shaped(picture, inscribed(picture.size, size), "stretch"), size) if plain else None
        yield f"{name}.jpg", encoded(made or covering(picture, size), formats.JPEG)


def _squared(picture: Image.Image) -> Image.Image:
    """Return a picture as a square: padded where its border is plain, else cropped towards its detail."""
    side = max(picture.size)
    if has_plain_border(picture):
        return on_ground(picture, (side, side))
    side = min(picture.size)
    return covering(picture, (side, side))


def _scaled(square: Image.Image, side: int) -> Image.Image:
    return shaped(square, (side, side), "stretch")


def _foreground(picture: Image.Image, side: int) -> Image.Image:
    """Return the foreground layer of an adaptive icon, on a transparent ground.

    A logo with a plain ground lies whole in the circle that every mask shows. Any other picture fills what a
    mask can show, on its own blur.
    """
    picture = _without_ground(picture)
    if not transparent_mode(picture):
        shown = _scaled(_squared(picture), round(side * _SEEN / _LAYER))
        return on_ground(shown, (side, side), "blur").convert("RGBA")
    box = content_box(picture)
    picture = picture.crop(box) if box else picture
    safe = side * _SAFE / _LAYER / 2
    longest = max(1, math.floor(safe / _reach(picture)))
    size = inscribed(picture.size, (longest, longest))
    return on_ground(shaped(picture, size, "stretch"), (side, side), "transparent")


def _without_ground(picture: Image.Image) -> Image.Image:
    """Return a picture without its plain ground, or as it is if it has none."""
    if transparent_mode(picture) or not has_plain_border(picture):
        return picture
    try:
        return cut_out(picture, Cutout().tolerance)
    except PlanError:  # it is all of one colour
        return picture


def _reach(picture: Image.Image) -> float:
    """Return how far visible pixels are from the middle at most, as a share of the longer side."""
    width, height = inscribed(picture.size, (_MEASURED, _MEASURED))
    alpha = shaped(picture.getchannel("A"), (width, height), "stretch").tobytes()
    squares = [
        (abs(place % width + 0.5 - width / 2) + 0.5) ** 2
        + (abs(place // width + 0.5 - height / 2) + 0.5) ** 2
        for place, level in enumerate(alpha)
        if level > _SEEN_ALPHA
    ]
    return math.sqrt(max(squares, default=1)) / max(width, height)


def _background(picture: Image.Image) -> str:
    """Return the colour behind a picture: its border's, or white where that is transparent."""
    if transparent_mode(picture):
        return "#ffffff"
    return "#{:02x}{:02x}{:02x}".format(*(round(level) for level in border_colour(picture)))


def _png(picture: Image.Image) -> BinaryIO:
    return encoded(picture, formats.PNG)


def _text(text: str) -> BinaryIO:
    return io.BytesIO(text.encode())


_ADAPTIVE_XML = """\
<?xml version="1.0" encoding="utf-8"?>
<adaptive-icon xmlns:android="http://schemas.android.com/apk/res/android">
    <background android:drawable="@color/ic_launcher_background"/>
    <foreground android:drawable="@mipmap/ic_launcher_foreground"/>
</adaptive-icon>
"""
_COLOUR_XML = """\
<?xml version="1.0" encoding="utf-8"?>
<resources>
    <color name="ic_launcher_background">{}</color>
</resources>
"""
