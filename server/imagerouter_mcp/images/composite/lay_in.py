"""Put a model's answer into the source picture, so that nothing outside the mask changes."""

import math
from collections.abc import Sequence
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, ImageChops, ImageFilter, ImageMath, ImageStat
from PIL.PngImagePlugin import PngInfo

from imagerouter_mcp.images.composite.align import Alignment, Answer, align
from imagerouter_mcp.images.composite.colour_space import ColourSpace
from imagerouter_mcp.images.composite.frame import Frame
from imagerouter_mcp.images.composite.match_colours import compared
from imagerouter_mcp.images.composite.original import Original, decoded
from imagerouter_mcp.images.composite.soft_edge import softened
from imagerouter_mcp.images.confined import Fields, in_child
from imagerouter_mcp.images.inspect.cost import is_heavy
from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.images.pixels.arithmetic import (
    LEVELS,
    Box,
    Size,
    averaged,
    fitted,
    mapped,
    most_apart,
    opaque,
    part_in_size,
    shares,
)
from imagerouter_mcp.images.pixels.decode import (
    has_transparency,
    loaded,
    loaded_upright,
    one_at_a_time,
    plain,
)
from imagerouter_mcp.images.pixels.encode import MAX_SIDE, saved
from imagerouter_mcp.images.pixels.preview import preview_of_picture

PNG_LEVEL = 2
"""zlib level; higher ones take several times as long on a photo and save a tenth."""
_COMPARED = 1 << 21
"""Pixels of the frame in which answer and source are compared; more would reveal nothing new."""
_LOSSY_QUALITY = 95
_BAND_ROWS = 256
_COLOURFUL = 12
"""Average difference between an answer's channels, in levels of 255, above which a grey picture gets
colour."""
_SAME, _OTHER = 12, 28
"""Levels of 255: differences up to the first look alike, from the second on they do not."""
_VISIBLE = 16
"""Levels of 255; a pixel that differs by more counts as changed."""
_ECHO_SIDE, _ECHO_AVERAGE, _ECHO_ANYWHERE = 64, 3, 32
"""As in `comparison`: models that return their input unchanged stay within these levels in a small copy."""
_BEYOND = 0.03
"""How far a region may reach beyond an answer, as a share of the answer's sides."""


def lay_in(source: BinaryIO, answer: Path, mask: Path, frame: Frame, kind: str) -> tuple[BinaryIO, Fields]:
    """Put an answer into its source; a child process does this if decoding either is heavy.

    Args:
        source: The original file, open for reading.
        answer: The model's answer.
        mask: The mask, in the source's size: white where to edit.
        frame: What was sent to the model.
        kind: The format to save: "png", "jpeg" or "webp"; CMYK is saved as TIFF instead of PNG.

    Returns:
        The result at its beginning, which the caller closes, and these fields: `aligned` (whether the answer
        matches the source outside the mask), `changed` (per cent of the region's pixels), `echo` (whether it
        also matches inside), `reduced` (whether the source was in colour with 16 bits per channel), `inks`
        (whether it was in CMYK), `mode` (the result's Pillow mode), `enlarged` (by what factor the answer was
        enlarged), `preview` (`Preview.as_fields`; decoding a large result for it takes long).

    Raises:
        NotAPictureError: The source or the answer does not decode.
        StoppedError: It takes too much time or memory.
        InvalidSourceError: The source's pixels cannot be kept.
        OSError: A file cannot be read or written.
    """
    with answer.open("rb") as made:
        heavy = is_heavy(inspect(made)) or is_heavy(inspect(source))
    do = partial(in_child, lay_in_here) if heavy else one_at_a_time(lay_in_here)
    return do(source, answer=str(answer), mask=str(mask), frame=astuple(frame), kind=kind)


def lay_in_here(
    file: BinaryIO, *, answer: str, mask: str, frame: Sequence[Any], kind: str
) -> tuple[BinaryIO, Fields]:
    """Do what `lay_in` does in the process that calls this, as `confined.Work`."""
    with Path(answer).open("rb") as opened:
        made = _made(opened)
    width_before = made.width
    sent = Frame.of(frame)
    original = decoded(file)
    if math.prod(sent.size) > _COMPARED:
        sent = sent.within(_COMPARED)
    made = _within(made, original.room(sent.box) - math.prod(sent.size))
    with Path(mask).open("rb") as opened:
        whole = plain(loaded(opened, "png", max(original.picture.size)))
    region = whole.crop(sent.box)
    inlay, alike, report = _matched(original.shown(sent.box), region, made, sent)
    picture, inks = original.picture, original.picture.mode == "CMYK"
    if report["colourful"] and not original.profile and picture.mode in ("L", "LA"):
        picture = picture.convert("RGB" if picture.mode == "L" else "RGBA")
    soft_region = averaged(region, fitted(region.size, max(inlay.size)))
    soft = softened(soft_region, part_in_size(alike, sent.inner, soft_region.size))
    _lay(picture, inlay, region, soft, at=sent.box, space=original.space)
    report["enlarged"] = round(report["enlarged"] * made.width / width_before, 2)
    report |= {"reduced": original.reduced, "inks": inks, "mode": picture.mode}
    picture, profile = _for_format(picture, original, kind)
    result = _saved(picture, profile, original.chunks, kind)
    return result, {**report, "preview": preview_of_picture(picture, "auto").as_fields()}


def _made(file: BinaryIO) -> Image.Image:
    """Decode an answer to RGB, or to RGBA if it has transparent pixels."""
    picture = loaded_upright(file, inspect(file).format.name, MAX_SIDE)
    return picture.convert("RGBA" if has_transparency(picture) else "RGB")


def _within(made: Image.Image, room: int) -> Image.Image:
    """Scale an answer down to at most a number of pixels."""
    scale = math.sqrt(max(1, room) / math.prod(made.size))
    return made if scale >= 1 else averaged(made, fitted(made.size, scale * max(made.size)))


def _matched(
    part: Image.Image, region: Image.Image, made: Image.Image, frame: Frame
) -> tuple[Image.Image, Image.Image, Fields]:
    """Align an answer with the part of a picture that it replaces, and match its colours.

    Args:
        part: The part as the model got it, before scaling.
        region: The mask for the part.
        made: The answer.
        frame: What was sent to the model.

    Returns:
        A picture in mode RGB or RGBA, at most as large as the part; a mask in the frame's size that shows
        where it looks like the part; and the fields to report.
    """
    sent, inside = frame.holding(part), frame.mask(region)
    seen = Image.new("L", frame.size)
    seen.paste(255, frame.inner)
    if sent.mode == "RGBA":
        seen = ImageChops.darker(seen, mapped(sent.getchannel("A"), [0] * 255 + [255]))
    before, answer = opaque(sent), Answer(made)
    alignment = align(before, opaque(made), _surroundings(inside, seen))
    bounds = alignment.box(shares(inside.getbbox() or (0, 0, *frame.size), frame.size))
    if min(bounds) < -_BEYOND or max(bounds) > 1 + _BEYOND:
        alignment = Alignment(trusted=False)
    after = opaque(answer.part(alignment.box((0, 0, 1, 1)), frame.size))
    correction = compared(before, after, inside, seen)
    place = frame.place((0, 0, *part.size))
    inlay = answer.part(alignment.box(place), fitted(part.size, max(*frame.inner_size, *made.size)))
    inlay = correction.applied(inlay, place)
    after = correction.applied(after, (0, 0, 1, 1))
    return (
        inlay,
        _alike(before, after),
        {
            "aligned": alignment.trusted,
            "changed": _changed(before, after, inside),
            "echo": _is_echo(before, after, inside),
            "colourful": _is_colourful(after, inside),
            "enlarged": round(part.width / frame.inner_size[0] * frame.size[0] / made.width, 2),
        },
    )


def _lay(
    picture: Image.Image,
    inlay: Image.Image,
    region: Image.Image,
    soft: Image.Image,
    *,
    at: Box,
    space: ColourSpace,
) -> None:
    """Put a picture into another one in bands, through a mask with a soft edge.

    Args:
        picture: The picture to change.
        inlay: What to put in, in mode RGB or RGBA and the region's shape.
        region: The mask's part in `at`; its levels limit the change.
        soft: The same mask with a soft edge, in any size.
        at: Where to put it.
        space: The picture's colour space.
    """
    left, upper, right, lower = region.getbbox() or (0, 0, 0, 0)
    for top in range(upper, lower, _BAND_ROWS):
        band = left, top, right, min(lower, top + _BAND_ROWS)
        over = _band(inlay, band, region.size, Image.Resampling.BICUBIC)
        weights = ImageChops.darker(
            _band(soft, band, region.size, Image.Resampling.BILINEAR), region.crop(band)
        )
        place = at[0] + left, at[1] + top, at[0] + right, at[1] + band[3]
        picture.paste(_blended(picture.crop(place), over, weights, space), place)


def _band(picture: Image.Image, band: Box, of: Size, by: Image.Resampling) -> Image.Image:
    """Return a band of a picture as if the picture had another size."""
    if picture.size == of:
        return picture.crop(band)
    across, down = picture.width / of[0], picture.height / of[1]
    box = band[0] * across, band[1] * down, band[2] * across, band[3] * down
    return part_in_size(picture, box, (band[2] - band[0], band[3] - band[1]), by)


def _blended(under: Image.Image, over: Image.Image, weights: Image.Image, space: ColourSpace) -> Image.Image:
    """Blend one band over another; where the weight is 0, the lower one keeps its exact pixels."""
    if under.mode == "I;16":
        return _blended_deep(under, over.convert("L"), weights)
    if under.mode in ("LA", "RGBA"):
        result = under.convert("RGBA")
        clear = result.convert("RGBa")
        clear.paste(over.convert("RGBA").convert("RGBa"), mask=weights)
        touched = mapped(weights, [0] + [255] * 255)
        result.paste(clear.convert("RGBA"), mask=touched)
        return result.convert(under.mode)
    own = over.convert("L") if under.mode == "L" else space.from_screen(over.convert("RGB"))
    under.paste(own, mask=weights)
    return under


def _blended_deep(under: Image.Image, over: Image.Image, weights: Image.Image) -> Image.Image:
    blended = ImageMath.lambda_eval(
        lambda given: (
            (given["under"] * (255 - given["weights"]) + given["over"] * 257 * given["weights"]) / 255
        ),
        under=under.convert("I"),
        over=over.convert("I"),
        weights=weights.convert("I"),
    )
    return blended.convert("I;16")


def _for_format(picture: Image.Image, original: Original, kind: str) -> tuple[Image.Image, bytes]:
    """Return a picture in a mode that can be saved in a format, and its ICC profile."""
    profile = original.profile
    if kind == "png":
        return picture, profile
    if picture.mode == "CMYK":
        picture, profile = original.space.to_screen(picture), b""
    return (opaque(picture) if kind == "jpeg" and picture.mode != "L" else picture), profile


def _saved(picture: Image.Image, profile: bytes, chunks: PngInfo, kind: str) -> BinaryIO:
    if picture.mode == "CMYK":
        return saved(picture, "TIFF", compression="tiff_adobe_deflate", icc_profile=profile or None)
    if kind == "png":
        return saved(picture, "PNG", compress_level=PNG_LEVEL, icc_profile=profile or None, pnginfo=chunks)
    return saved(picture, kind.upper(), quality=_LOSSY_QUALITY, icc_profile=profile or None)


def _surroundings(inside: Image.Image, within: Image.Image) -> Image.Image:
    """Select what should look the same in the answer: visible parts that are not close to the region."""
    near = mapped(inside.filter(ImageFilter.BoxBlur(max(inside.size) / 100)), [0] + [255] * 255)
    return ImageChops.subtract(within, near)


def _alike(before: Image.Image, after: Image.Image) -> Image.Image:
    """Select where two pictures of mode RGB differ only slightly, in tone."""
    apart = most_apart(before, after).filter(ImageFilter.BoxBlur(max(2.0, max(before.size) / 200)))
    table = [round(255 * min(1.0, max(0.0, (_OTHER - level) / (_OTHER - _SAME)))) for level in LEVELS]
    return mapped(apart, table)


def _changed(before: Image.Image, after: Image.Image, inside: Image.Image) -> int:
    visible = mapped(most_apart(before, after), [100 if level > _VISIBLE else 0 for level in LEVELS])
    return round(ImageStat.Stat(visible, inside).mean[0])


def _is_echo(before: Image.Image, after: Image.Image, inside: Image.Image) -> bool:
    size = fitted(before.size, _ECHO_SIDE)
    apart = most_apart(averaged(before, size), averaged(after, size))
    known = ImageStat.Stat(apart, averaged(inside, size))
    return known.mean[0] <= _ECHO_AVERAGE and known.extrema[0][1] <= _ECHO_ANYWHERE


def _is_colourful(picture: Image.Image, inside: Image.Image) -> bool:
    red, green, blue = picture.split()
    apart = ImageChops.lighter(ImageChops.difference(red, green), ImageChops.difference(green, blue))
    return ImageStat.Stat(apart, inside).mean[0] > _COLOURFUL
