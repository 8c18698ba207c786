"""Make sets of files from one picture, for a website, an app store or a post."""

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
    has_alpha,
    has_plain_border,
    on_ground,
)
from imagerouter_mcp.images.finish.cutout import cut_out
from imagerouter_mcp.images.finish.saving import encoded, icon
from imagerouter_mcp.images.finish.shape import border_colour, inscribed, shaped
from imagerouter_mcp.images.finish.steps import Cutout, SetName, Size
from imagerouter_mcp.images.inspect import formats

File = tuple[str, BinaryIO]
"""A path in a set, and the file's content."""

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
"""Android pixels per dp (developer.android.com, "Support different pixel densities")."""
_LAYER, _SEEN, _SAFE, _LEGACY = 108, 72, 66, 48
"""In dp: a layer of an adaptive icon, the part that masks can show, the circle that every mask shows
(developer.android.com, "Adaptive icons"), and an icon before Android 8."""
_MEASURED = 96
"""Longer side in pixels of the copy that `_reach` measures."""
_SEEN_ALPHA = 16
_SOCIAL: dict[str, Size] = {
    "open-graph": (1200, 630),
    "x-card": (1200, 600),
    "story": (1080, 1920),
}
"""Sizes for Open Graph (ogp.me), X's large-image card and Instagram stories."""


def make_set(picture: Image.Image, name: SetName) -> Iterator[File]:
    """Make a set.

    Args:
        picture: In mode L, LA, RGB or RGBA, in sRGB.
        name: Name of the set.
    """
    picture = picture.convert("RGBA" if has_alpha(picture) else "RGB")
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
        # A logo on a plain background is shown whole, a photo cropped to its most detailed part.
        made = on_ground(shaped(picture, inscribed(picture.size, size), "stretch"), size) if plain else None
        yield f"{name}.jpg", encoded(made or covering(picture, size), formats.JPEG)


def _squared(picture: Image.Image) -> Image.Image:
    """Make a picture square: pad it if its border is plain, else crop it towards its detail."""
    side = max(picture.size)
    if has_plain_border(picture):
        return on_ground(picture, (side, side))
    side = min(picture.size)
    return covering(picture, (side, side))


def _scaled(square: Image.Image, side: int) -> Image.Image:
    return shaped(square, (side, side), "stretch")


def _foreground(picture: Image.Image, side: int) -> Image.Image:
    """Return the foreground layer of an adaptive icon, with a transparent background.

    A logo on a plain background fits into the circle that every mask shows. Any other picture fills the part
    that masks can show, on a blurred copy of itself.
    """
    picture = _without_ground(picture)
    if not has_alpha(picture):
        shown = _scaled(_squared(picture), round(side * _SEEN / _LAYER))
        return on_ground(shown, (side, side), "blur").convert("RGBA")
    box = content_box(picture)
    picture = picture.crop(box) if box else picture
    safe = side * _SAFE / _LAYER / 2
    longest = math.floor(safe / _reach(picture))
    size = inscribed(picture.size, (longest, longest))
    return on_ground(shaped(picture, size, "stretch"), (side, side), "transparent")


def _without_ground(picture: Image.Image) -> Image.Image:
    """Remove a picture's plain background, if it has one."""
    if has_alpha(picture) or not has_plain_border(picture):
        return picture
    try:
        return cut_out(picture, Cutout().tolerance)
    except PlanError:  # it has only one colour
        return picture


def _reach(picture: Image.Image) -> float:
    """Return the distance of the farthest visible pixel from the centre, as a share of the longer side."""
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
    """Return a picture's background colour: its border's, or white if it has transparency."""
    if has_alpha(picture):
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
