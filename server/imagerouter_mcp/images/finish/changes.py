"""Do the steps that change a single picture: crop, resize, pad, turn, flatten."""

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
from imagerouter_mcp.images.pixels.arithmetic import LEVELS, mapped, most_apart, part_in_size

PLAIN_LEVELS = 16
"""Levels of 255 by which a plain border may vary; JPEG noise stays below."""
_ABOVE_NOISE = [255 if level > PLAIN_LEVELS else 0 for level in LEVELS]
_BLURRED_LONGEST = 96
"""Longer side in pixels of the copy that is blurred and then enlarged as a background."""
_BLUR = 8
_RIGHT_ANGLE = 90
_TURNS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
_MUCH_LARGER = 2
_PLACES: dict[Towards, float] = {"top": 0, "left": 0, "centre": 0.5, "bottom": 1, "right": 1}


def changed(picture: Image.Image, steps: Sequence[Change]) -> tuple[Image.Image, list[str]]:
    """Do steps on a picture in mode L, LA, RGB or RGBA.

    Returns:
        The picture, in one of these modes, and sentences about anything a caller may not expect.

    Raises:
        PlanError: A step cannot be done on this picture.
    """
    notes: list[str] = []
    for step in steps:
        size_after(step, picture.size)  # raises if too large now that trimming changed the size
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
            result = picture.convert("LA" if has_alpha(picture) else "L")
        case Cutout(tolerance):
            result = cut_out(picture, tolerance)
    return result


def has_alpha(picture: Image.Image) -> bool:
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
            round(length.of(side)) for length, side in zip(step.box, 2 * picture.size, strict=True)
        )
        box = left, top, min(left + width, picture.width), min(top + height, picture.height)
        if box[2] <= left or box[3] <= top:
            raise PlanError(
                f"The crop box lies outside the picture, which is {picture.width}×{picture.height} pixels at "
                "that step.",
                "Give left, top, width and height inside it.",
            )
        return picture.crop(box)
    part = picture.crop(_box(picture, step.ratio, step.towards))
    return shaped(part, step.size, "stretch") if step.size else part


def covering(picture: Image.Image, size: Size) -> Image.Image:
    """Scale and crop a picture to an exact size, keeping the most detailed part."""
    return shaped(picture.crop(_box(picture, size[0] / size[1], "detail")), size, "stretch")


def _box(picture: Image.Image, ratio: float, towards: Towards) -> Box:
    """Return the largest box of an aspect ratio; on a plain background, keep the subject if possible."""
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
    """Return where a window must start to show everything from `first` to `last`, if it can."""
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
    """Put a picture in the middle of a larger background.

    Args:
        picture: At most as large as `size`.
        size: Width and height of the result.
        fill: A colour, "blur" for the blurred picture itself, "transparent", or "" to continue the border:
            its transparency, its plain but perhaps shaded background, or else its main colour.
    """
    if picture.size == size:
        return picture
    at = (size[0] - picture.width) // 2, (size[1] - picture.height) // 2
    if fill == "transparent" or (not fill and has_alpha(picture)):
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
    if has_alpha(picture):
        ground.paste(picture.convert("RGBA"), at, picture.getchannel("A"))
    else:
        ground.paste(picture, at)
    return ground


def _extended(picture: Image.Image, size: Size, at: Size) -> Image.Image:
    """Extend a picture's outermost pixels outward, smoothed."""
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
        picture.paste(part_in_size(smooth, (0, 0, *smooth.size), size), over)


def _blurred(picture: Image.Image, size: Size) -> Image.Image:
    """Return a blurred copy of a picture that fills a size."""
    small = inscribed(size, (_BLURRED_LONGEST, _BLURRED_LONGEST))
    ground = shaped(flattened(picture, "white"), small, "cover").filter(ImageFilter.GaussianBlur(_BLUR))
    return shaped(ground, size, "stretch")


def _rotated(picture: Image.Image, degrees: float) -> Image.Image:
    if degrees % _RIGHT_ANGLE == 0:
        return picture.transpose(_TURNS[int(degrees)]) if degrees else picture
    picture = picture.convert("LA" if picture.mode in ("L", "LA") else "RGBA")
    return picture.rotate(-degrees, Image.Resampling.BICUBIC, expand=True)


def flattened(picture: Image.Image, colour: str = "white") -> Image.Image:
    """Put a picture with transparency on a colour; return any other unchanged."""
    if not has_alpha(picture):
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
    """Return the box inside any transparent or plain borders, or None if there is nothing else."""
    if has_alpha(picture):
        box = mapped(picture.getchannel("A"), _ABOVE_NOISE).getbbox()
        if box != (0, 0, *picture.size):
            return box
        picture = flattened(picture)
    return _unlike(picture, border_colour(picture)).getbbox()


def _unlike(picture: Image.Image, colour: Sequence[float]) -> Image.Image:
    """Return 255 where a picture in mode L or RGB differs from a colour, and 0 elsewhere."""
    plain = Image.new(picture.mode, picture.size, tuple(round(level) for level in colour))
    differ = ImageChops.difference if picture.mode == "L" else most_apart
    return mapped(differ(picture, plain), _ABOVE_NOISE)


def has_plain_border(picture: Image.Image) -> bool:
    """Return whether a picture's outermost pixels are all transparent or all of one colour."""
    box = content_box(picture)
    return box is None or (box[0] > 0 and box[1] > 0 and box[2] < picture.width and box[3] < picture.height)


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue, *_ = ImageColor.getrgb(colour)
    return red, green, blue
