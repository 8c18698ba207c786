"""Do the steps that make one picture of one: crop, resize, pad, turn, flatten."""

from collections.abc import Iterator, Sequence
from typing import cast

from PIL import Image, ImageChops, ImageColor, ImageFilter, ImageOps

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.images.finish.cutout import cut_out
from imagerouter_mcp.images.finish.shape import Box, border_colour, inscribed, shaped, towards_detail
from imagerouter_mcp.images.finish.steps import (
    Change,
    Crop,
    Cutout,
    Flatten,
    Flip,
    Grey,
    Pad,
    Resize,
    Rotate,
    Size,
    Towards,
    Trim,
    padded,
    scaled,
    size_after,
)

PLAIN_LEVELS = 16
"""Levels of 255 by which a plain border may differ from its own colour; JPEG's noise stays below."""
_BLURRED_LONGEST = 96
"""Pixels to which a picture is reduced before it is blurred, to be enlarged as a background."""
_BLUR = 8
_RIGHT_ANGLE = 90
_TURNS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
_MUCH_LARGER = 2
_PLACES: dict[Towards, float] = {"top": 0, "left": 0, "centre": 0.5, "bottom": 1, "right": 1}


def changed(picture: Image.Image, steps: Sequence[Change]) -> tuple[Image.Image, list[str]]:
    """Do steps on a picture of mode L, LA, RGB or RGBA.

    Returns:
        The picture, of such a mode, and sentences about what a caller may not expect.

    Raises:
        PlanError: A step cannot be done on this picture.
    """
    notes: list[str] = []
    for step in steps:
        size_after(step, picture.size)  # a box may lie outside, and trimming changed what was foreseen
        before = picture.size
        picture = _done(picture, step)
        notes += _enlarged(step, before, picture.size)
    return picture, notes


def _done(picture: Image.Image, step: Change) -> Image.Image:
    match step:
        case Crop():
            result = _cropped(picture, step)
        case Trim():
            box = content_box(picture)
            result = picture.crop(box) if box else picture
        case Resize():
            result = _resized(picture, step)
        case Pad():
            result = _padded(picture, step)
        case Rotate(degrees):
            result = _rotated(picture, degrees)
        case Flip(vertical):
            result = ImageOps.flip(picture) if vertical else ImageOps.mirror(picture)
        case Flatten(colour):
            result = flattened(picture, colour)
        case Grey():
            result = picture.convert("LA" if transparent_mode(picture) else "L")
        case Cutout(tolerance):
            result = cut_out(picture, tolerance)
    return result


def transparent_mode(picture: Image.Image) -> bool:
    """Return whether a picture has an alpha channel."""
    return picture.mode in ("LA", "RGBA")


def _enlarged(step: Change, before: Size, after: Size) -> Iterator[str]:
    if isinstance(step, Resize | Crop):
        factor = max(after[0] / before[0], after[1] / before[1])
        if factor > _MUCH_LARGER:
            yield f"The picture was enlarged {factor:.1f} times, which adds no detail."


def _cropped(picture: Image.Image, step: Crop) -> Image.Image:
    if step.box:
        left, top, width, height = (
            length.of(side) for length, side in zip(step.box, 2 * picture.size, strict=True)
        )
        box = left, top, min(left + width, picture.width), min(top + height, picture.height)
        if box[2] <= left or box[3] <= top:
            raise PlanError(
                f"The box of crop lies outside of the picture, which has {picture.width}×{picture.height} "
                "pixels at that step.",
                "Give left, top, width and height within it.",
            )
        return picture.crop(box)
    part = picture.crop(_box(picture, step.ratio, step.towards))
    return shaped(part, step.size, "stretch") if step.size else part


def covering(picture: Image.Image, size: Size) -> Image.Image:
    """Return a picture in an exact size, cropped towards its detail."""
    return shaped(picture.crop(_box(picture, size[0] / size[1], "detail")), size, "stretch")


def _box(picture: Image.Image, ratio: float, towards: Towards) -> Box:
    """Return the largest box of an aspect ratio; on a plain ground it cuts nothing that need not be cut."""
    left, top, right, bottom = towards_detail(picture, ratio)
    width, height = right - left, bottom - top
    if towards != "detail":
        left = round((picture.width - width) * _PLACES[towards])
        top = round((picture.height - height) * _PLACES[towards])
    elif content := content_box(picture):
        left = _moved(left, width, content[0], content[2])
        top = _moved(top, height, content[1], content[3])
    return left, top, left + width, top + height


def _moved(start: int, length: int, first: int, last: int) -> int:
    """Return where a window begins to show all from `first` to `last`, if it can."""
    return min(max(start, last - length), first) if last - first <= length else start


def _resized(picture: Image.Image, step: Resize) -> Image.Image:
    if step.fit == "within" or not all(step.size):
        return shaped(picture, scaled(step, picture.size), "stretch")
    return covering(picture, step.size) if step.fit == "cover" else shaped(picture, step.size, step.fit)


def _padded(picture: Image.Image, step: Pad) -> Image.Image:
    size = padded(step, picture.size)
    inner = inscribed(picture.size, size)
    if inner < picture.size:
        picture = shaped(picture, inner, "stretch")
    return on_ground(picture, size, step.fill)


def on_ground(picture: Image.Image, size: Size, fill: str = "") -> Image.Image:
    """Put a picture into the middle of a larger one.

    Args:
        picture: No larger than `size`.
        size: Width and height of the result.
        fill: A colour, "blur" for the picture itself, "transparent", or "" for what the border shows: its
            transparency, its ground, which may be shaded, or else its colour.
    """
    if picture.size == size:
        return picture
    at = (size[0] - picture.width) // 2, (size[1] - picture.height) // 2
    if fill == "transparent" or (not fill and transparent_mode(picture)):
        picture = picture.convert("LA" if picture.mode in ("L", "LA") else "RGBA")
        ground = Image.new(picture.mode, size)
        ground.paste(picture, at)
        return ground
    if fill == "blur":
        ground = _blurred(picture, size)
    elif fill:
        ground = Image.new("RGB", size, _rgb(fill))
    elif has_plain_border(picture):
        return _extended(picture, size, at)
    else:
        ground = Image.new(picture.mode, size, cast("tuple[int, ...]", border_colour(picture)))
    if transparent_mode(picture):
        ground.paste(picture.convert("RGBA"), at, picture.getchannel("A"))
    else:
        ground.paste(picture, at)
    return ground


def _extended(picture: Image.Image, size: Size, at: Size) -> Image.Image:
    """Continue the outermost pixels of a picture outward, smoothed."""
    result = Image.new(picture.mode, size)
    result.paste(picture, at)
    left, top = at
    right, bottom = left + picture.width, top + picture.height
    _stretch(result, (left, top, left + 1, bottom), (0, top, left, bottom))
    _stretch(result, (right - 1, top, right, bottom), (right, top, size[0], bottom))
    _stretch(result, (0, top, size[0], top + 1), (0, 0, size[0], top))
    _stretch(result, (0, bottom - 1, size[0], bottom), (0, bottom, size[0], size[1]))
    return result


def _stretch(picture: Image.Image, line: Box, over: Box) -> None:
    size = over[2] - over[0], over[3] - over[1]
    if min(size) > 0:
        smooth = picture.crop(line).filter(ImageFilter.GaussianBlur(_BLUR))
        picture.paste(smooth.resize(size), over)  # pyright: ignore[reportUnknownMemberType] - Pillow's annotation names NumPy


def _blurred(picture: Image.Image, size: Size) -> Image.Image:
    """Return a picture blurred and enlarged over a whole size."""
    small = inscribed(size, (_BLURRED_LONGEST, _BLURRED_LONGEST))
    ground = shaped(flattened(picture, "white"), small, "cover").filter(ImageFilter.GaussianBlur(_BLUR))
    return shaped(ground, size, "stretch")


def _rotated(picture: Image.Image, degrees: float) -> Image.Image:
    if degrees % _RIGHT_ANGLE == 0:
        return picture.transpose(_TURNS[int(degrees)]) if degrees else picture
    picture = picture.convert("LA" if picture.mode in ("L", "LA") else "RGBA")
    return picture.rotate(-degrees, Image.Resampling.BICUBIC, expand=True)


def flattened(picture: Image.Image, colour: str = "white") -> Image.Image:
    """Return a picture without transparency, on a colour."""
    if not transparent_mode(picture):
        return picture
    red, green, blue = _rgb(colour)
    if picture.mode == "LA" and red == green == blue:
        ground = Image.new("L", picture.size, red)
        ground.paste(picture.getchannel("L"), mask=picture.getchannel("A"))
        return ground
    ground = Image.new("RGB", picture.size, (red, green, blue))
    ground.paste(picture.convert("RGB"), mask=picture.getchannel("A"))
    return ground


def content_box(picture: Image.Image) -> Box | None:
    """Return the box without transparent or plain borders; None if there is nothing but border."""
    if transparent_mode(picture):
        box = picture.getchannel("A").point(_above_noise).getbbox()  # pyright: ignore[reportUnknownMemberType] - Pillow's annotation names NumPy
        if box is None or box != (0, 0, *picture.size):
            return box
        picture = flattened(picture)
    return _unlike(picture, border_colour(picture)).getbbox()


def _above_noise(level: float) -> float:
    return 255 if level > PLAIN_LEVELS else 0


def _unlike(picture: Image.Image, colour: Sequence[float]) -> Image.Image:
    """Return 255 where a picture without transparency differs from a colour, and 0 elsewhere."""
    plain = Image.new(picture.mode, picture.size, tuple(round(level) for level in colour))
    unlike = [band.point(_above_noise) for band in ImageChops.difference(picture, plain).split()]  # pyright: ignore[reportUnknownMemberType] - as above
    if len(unlike) == 1:
        return unlike[0]
    return ImageChops.lighter(ImageChops.lighter(unlike[0], unlike[1]), unlike[2])


def has_plain_border(picture: Image.Image) -> bool:
    """Return whether a picture's outermost pixels are all transparent, or all of one colour."""
    box = content_box(picture)
    return box is None or (box[0] > 0 and box[1] > 0 and box[2] < picture.width and box[3] < picture.height)


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue, *_ = ImageColor.getrgb(colour)
    return red, green, blue
