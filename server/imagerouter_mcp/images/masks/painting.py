"""Paint, read and preview masks. Importing this module loads Pillow."""

from functools import partial
from typing import BinaryIO

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from imagerouter_mcp.errors import InvalidSourceError, PlanError
from imagerouter_mcp.images.confined import Fields, StoppedError
from imagerouter_mcp.images.inspect.binary import SIDEWAYS, NotAPictureError
from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.images.masks.regions import Box, Polygon, Regions
from imagerouter_mcp.images.pixels.arithmetic import LEVELS, fitted, mapped, opaque
from imagerouter_mcp.images.pixels.decode import (
    alpha,
    has_transparency,
    loaded_upright,
    one_at_a_time,
    upright,
)
from imagerouter_mcp.images.pixels.derive import Derivation, derived
from imagerouter_mcp.images.pixels.encode import MAX_SIDE, saved
from imagerouter_mcp.images.pixels.preview import BUDGETS, Preview, encoded
from imagerouter_mcp.images.pixels.scale import in_bands

Size = tuple[int, int]

_KEEP, _LIMIT, _EDIT = 0, 128, 255
_NEARLY = 32
"""How far JPEG compression moves a mask's pixels away from black and white, in levels of 255."""
_SOFT_SHARE = 0.02
"""A mask with a larger share of grey pixels is soft; fewer are just blurred edges."""

_SAME_SHAPE = 0.02
"""How far two aspect ratios may differ; more would be visible."""

_SHADE = (0, 0, 0)
_TINT = (255, 0, 90)
_LINE = (255, 255, 255)
_FRAME = (255, 214, 64)
"""Colour of the frame around what is sent."""
_SHADE_STRENGTH, _TINT_STRENGTH = 0.6, 0.45
_BACKDROP = (200, 200, 200)
"""Backdrop where the source image is transparent."""


def region_mask(regions: Regions, source: BinaryIO, width: int, height: int) -> Image.Image:
    """Paint a mask from regions.

    Args:
        regions: From `parse_mask`.
        source: The source image; read only for `alpha`.
        width: Width of the source image.
        height: Height of the source image.

    Raises:
        PlanError: A shape lies outside the picture, the picture has no transparency, or the mask selects
            nothing or everything.
        InvalidSourceError: The source image does not decode.
    """
    size = width, height
    if regions.alpha:
        mask = scaled(_derived(transparency, source, "source image")[0], size)
    else:
        mask = Image.new("L", size, _KEEP)
    for shape in regions.shapes:
        _paint(mask, shape)
    if regions.outside:
        mask = ImageChops.invert(mask)
    _check(mask, "Give another region.")
    return mask


def _paint(mask: Image.Image, shape: Box | Polygon) -> None:
    if isinstance(shape, Box):
        mask.paste(_EDIT, shape.on(*mask.size))
        return
    drawn = Image.new("L", mask.size, _KEEP)
    ImageDraw.Draw(drawn).polygon([(round(x), round(y)) for x, y in shape.on(*mask.size)], fill=_EDIT)
    if not drawn.getbbox():
        raise shape.outside(*mask.size)
    mask.paste(_EDIT, mask=drawn)


def given_mask(file: BinaryIO, width: int, height: int, *, turns: int = 1) -> tuple[Image.Image, str]:
    """Read a mask picture in either convention.

    If it has transparent pixels, they mark where to edit; otherwise white does. Soft masks stay soft. A
    black-and-white mask with blurred edges becomes pure black and white again, split at 128.

    Args:
        file: The mask, as `prepare` returns it.
        width: Width of the source image.
        height: Height of the source image.
        turns: The source's EXIF orientation; a mask in the source's stored shape is turned like it.

    Returns:
        The mask, and what was recognised and done as part of a sentence, such as "edited where it is white,
        scaled from 64×64 to 512×512".

    Raises:
        PlanError: The mask selects nothing or everything, or its shape differs from the source's.
        InvalidSourceError: The mask does not decode.
    """
    mask, fields = _derived(picture_as_mask, file, "mask", width=width, height=height, turns=turns)
    _check(
        mask,
        "Give a mask that is transparent (or, without any transparency, white) where to edit, or regions "
        "such as box:0,0,100%,50%.",
    )
    return mask, fields["said"]


@one_at_a_time
def picture_as_mask(file: BinaryIO, *, width: int, height: int, turns: int) -> tuple[Image.Image, Fields]:
    """Do the work of `given_mask`, as `derive.Derivation`."""
    picture, size = _decoded(file), (width, height)
    turned = turns in SIDEWAYS and not _alike(picture.size, size) and _alike(picture.size, (height, width))
    if turned:
        picture = upright(picture, turns)
    own = picture.size
    if not _alike(own, size):
        raise PlanError(
            f"The mask is {own[0]}×{own[1]}, but the picture is {width}×{height}: their shapes differ.",
            f"Make the mask {width}×{height}, or give a region such as box:0,0,100%,50%.",
        )
    if has_transparency(picture):
        mask = in_bands(picture, own, _transparent)
        said = "edited where it is transparent"
    else:
        mask = in_bands(picture, own, lambda band: band.convert("RGB").convert("L"))
        said = "edited where it is white"
    del picture
    mask.info.clear()
    soft = _is_soft(mask)
    mask = scaled(mask, size)
    if soft:
        said += ", its half-tones kept"
    else:
        mask = _hard(mask)
    if own != size:
        said += f", scaled from {own[0]}×{own[1]} to {width}×{height}"
    if turned:
        said += ", turned as the picture is"
    return mask, {"said": said}


def _alike(one: Size, other: Size) -> bool:
    """Return whether two sizes have the same shape, apart from rounding."""
    rounding = 1 / min(*one, *other)
    return abs(one[0] * other[1] / (one[1] * other[0]) - 1) <= max(_SAME_SHAPE, rounding)


def encode_mask(mask: Image.Image, *, transparent: bool = False) -> BinaryIO:
    """Encode a mask as PNG.

    Args:
        mask: 255 where to edit.
        transparent: Whether to mark where to edit with transparency instead of white.

    Returns:
        An unnamed temporary file, at its beginning; the caller closes it.
    """
    sent = in_bands(mask, mask.size, _transparent_where) if transparent else mask
    return saved(sent, "PNG", compress_level=1)  # enough for large plain areas


def _transparent_where(mask: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", mask.size)
    layer.putalpha(ImageChops.invert(mask))
    return layer


def covered_share(mask: Image.Image) -> float:
    """Return the share of the picture that would change, from 0 to 1."""
    covered = sum(level * count for level, count in enumerate(mask.histogram()))
    return covered / (_EDIT * mask.width * mask.height)


def mask_preview(source: BinaryIO, mask: Image.Image, sent: tuple[int, int, int, int]) -> Preview:
    """Make a preview of a mask over its source image, with a frame around what is sent."""
    picture = overlay(source, mask)
    across, down = picture.width / mask.width, picture.height / mask.height
    frame = sent[0] * across, sent[1] * down, sent[2] * across - 1, sent[3] * down - 1
    ImageDraw.Draw(picture).rectangle(frame, outline=_FRAME, width=2)
    return encoded(picture, BUDGETS["auto"])


def overlay(source: BinaryIO, mask: Image.Image, longest: int = 768) -> Image.Image:
    """Tint and outline what would change, and darken the rest.

    Args:
        source: The source image, open for reading, as `prepare` returns it.
        mask: From `region_mask` or `given_mask`.
        longest: Longer side of the result in pixels; nothing is enlarged.

    Returns:
        A picture in mode RGB.

    Raises:
        InvalidSourceError: The source image does not decode.
    """
    picture, _ = _derived(small_and_opaque, source, "source image", longest=longest)
    small = scaled(mask, picture.size)
    shaded = Image.blend(picture, Image.new("RGB", picture.size, _SHADE), _SHADE_STRENGTH)
    tinted = Image.blend(picture, Image.new("RGB", picture.size, _TINT), _TINT_STRENGTH)
    result = Image.composite(tinted, shaded, small)
    result.paste(_LINE, mask=_outline(small))
    return result


@one_at_a_time
def small_and_opaque(file: BinaryIO, *, longest: int) -> tuple[Image.Image, Fields]:
    """Scale a picture down and fill transparent parts, as `derive.Derivation`."""
    picture = _decoded(file, longest)
    return in_bands(picture, fitted(picture.size, longest), partial(opaque, backdrop=_BACKDROP)), {}


def _outline(mask: Image.Image) -> Image.Image:
    """Select the region's border pixels, except along the edge of the picture."""
    hard = _hard(mask)
    return ImageChops.subtract(hard, hard.filter(ImageFilter.MinFilter(3)))


def _hard(mask: Image.Image) -> Image.Image:
    return mapped(mask, [_EDIT if level >= _LIMIT else _KEEP for level in LEVELS])


def kept_part(mask: Image.Image) -> tuple[int, int, int, int]:
    """Return the bounding box of what a mask keeps."""
    return ImageChops.invert(mask).getbbox() or (0, 0, *mask.size)


@one_at_a_time
def transparency(file: BinaryIO) -> tuple[Image.Image, Fields]:
    """Return a mask of a picture's transparent parts, as `derive.Derivation`."""
    picture = _decoded(file)
    if not has_transparency(picture):
        raise PlanError(
            "The mask should be the picture's own transparency (alpha), but the picture has none.",
            "Give regions such as box:0,0,100%,50%, or a mask picture.",
        )
    return in_bands(picture, picture.size, _transparent), {}


def _transparent(picture: Image.Image) -> Image.Image:
    return ImageChops.invert(alpha(picture))


def _derived(
    derivation: Derivation, file: BinaryIO, what: str, **arguments: object
) -> tuple[Image.Image, Fields]:
    try:
        return derived(derivation, file, **arguments)
    except (NotAPictureError, StoppedError) as error:
        raise InvalidSourceError(
            f"The {what} cannot be decoded: {error}.", "Give a PNG, JPEG or WebP picture."
        ) from None


def _decoded(file: BinaryIO, longest: int = MAX_SIDE) -> Image.Image:
    return loaded_upright(file, inspect(file).format.name, longest)


def _is_soft(mask: Image.Image) -> bool:
    grey = sum(mask.histogram()[_NEARLY : 256 - _NEARLY])
    return grey > _SOFT_SHARE * mask.width * mask.height


def _check(mask: Image.Image, remedy: str) -> None:
    darkest, lightest = mask.getextrema()
    if isinstance(lightest, int) and lightest < _LIMIT:
        raise PlanError("The mask selects nothing to edit.", remedy)
    if isinstance(darkest, int) and darkest >= _LIMIT:
        raise PlanError("The mask covers the whole picture, so none of it would be kept.", remedy)


def scaled(picture: Image.Image, size: Size) -> Image.Image:
    """Return a picture in another size, or itself if it has that size; masks need no better filter."""
    if picture.size == size:
        return picture
    if picture.mode in ("1", "P"):
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    # Pillow's annotation names a NumPy type, and NumPy is not installed.
    return picture.resize(size, Image.Resampling.BILINEAR)  # pyright: ignore[reportUnknownMemberType]
