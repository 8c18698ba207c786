"""The pixels of masks; see `masks`, which imports this module, and Pillow with it, for the first mask."""

from typing import BinaryIO, Literal

from PIL import Image, ImageChops, ImageFilter

from imagerouter_mcp.errors import InvalidSourceError, PlanError
from imagerouter_mcp.images.decoding import ONE_AT_A_TIME, TooLargeError, has_transparency, loaded, plain
from imagerouter_mcp.images.formats import HEAD_BYTES, NotAPictureError, sniff
from imagerouter_mcp.images.limits import fitted
from imagerouter_mcp.images.regions import Regions

Size = tuple[int, int]

_KEEP, _LIMIT, _EDIT = 0, 128, 255
_NEARLY = 32
"""As far from black or white as JPEG carries the edges of a mask that was saved with it."""
_SOFT_SHARE = 0.02
"""Of the pixels that may be neither black nor white in a mask that is not soft: the edges of its shapes."""

_SHADE = (0, 0, 0)
_TINT = (255, 0, 90)
_LINE = (255, 255, 255)
_SHADE_STRENGTH, _TINT_STRENGTH = 0.6, 0.45
_BEHIND = (200, 200, 200)
"""Shown where the source image is transparent."""


def from_regions(regions: Regions, source: BinaryIO, size: Size) -> Image.Image:
    """As `masks.region_mask`."""
    mask = Image.new("L", size, _KEEP)
    if regions.alpha:
        mask = _transparency_of(source, size)
    for box in regions.boxes:
        mask.paste(_EDIT, box.on(*size))
    if regions.outside:
        mask = ImageChops.invert(mask)
    _check(mask, "Give another region.")
    return mask


def from_picture(file: BinaryIO, size: Size) -> tuple[Image.Image, str]:
    """As `masks.given_mask`."""
    with ONE_AT_A_TIME:
        picture = _decoded(file, "mask")
        own = picture.size
        if has_transparency(picture):
            mask = ImageChops.invert(_alpha(picture))
            said = "edited where it is transparent"
        else:
            mask = picture if picture.mode == "L" else picture.convert("RGB").convert("L")
            said = "edited where it is white"
        del picture
        mask.info.clear()
        soft = _is_soft(mask)
        mask = _scaled(mask, size)
    if soft:
        said += ", its half-tones kept"
    else:
        mask = mask.point([_EDIT if level >= _LIMIT else _KEEP for level in range(256)])  # pyright: ignore[reportUnknownMemberType] - Pillow's annotation names a type of NumPy
    if own != size:
        stretched = abs(own[0] * size[1] / (own[1] * size[0]) - 1) > 0.02  # noqa: PLR2004 - a fiftieth shows
        said += f", {'stretched' if stretched else 'scaled'} from {own[0]}×{own[1]} to {size[0]}×{size[1]}"
    _check(
        mask,
        "Give a mask that is transparent (or, without any transparency, white) where to edit, or regions "
        "such as box:0,0,100%,50%.",
    )
    return mask, said


def to_convention(mask: Image.Image, convention: Literal["transparent", "white"]) -> Image.Image:
    """As `masks.encode_mask`, before it is encoded."""
    if convention == "white":
        return mask
    painted = Image.new("RGBA", mask.size)
    painted.putalpha(ImageChops.invert(mask))
    return painted


def overlay(source: BinaryIO, mask: Image.Image, longest: int) -> Image.Image:
    """As `masks.overlay`."""
    with ONE_AT_A_TIME:
        picture = _decoded(source, "source image", fitted(mask.size, longest))
        picture = _opaque(_scaled(picture, fitted(picture.size, longest)))
    small = _scaled(mask, picture.size)
    shaded = Image.blend(picture, Image.new("RGB", picture.size, _SHADE), _SHADE_STRENGTH)
    tinted = Image.blend(picture, Image.new("RGB", picture.size, _TINT), _TINT_STRENGTH)
    result = Image.composite(tinted, shaded, small)
    result.paste(_LINE, mask=_outline(small))
    return result


def _outline(mask: Image.Image) -> Image.Image:
    """The pixels within the region that touch what is outside; the picture's own edge does not count."""
    hard = mask.point([_EDIT if level >= _LIMIT else _KEEP for level in range(256)])  # pyright: ignore[reportUnknownMemberType] - as above
    return ImageChops.subtract(hard, hard.filter(ImageFilter.MinFilter(3)))


def _transparency_of(source: BinaryIO, size: Size) -> Image.Image:
    with ONE_AT_A_TIME:
        picture = _decoded(source, "source image")
        if not has_transparency(picture):
            raise PlanError(
                "The mask is to be the picture's own transparency (alpha), and the picture has none.",
                "Give regions such as box:0,0,100%,50%, or a mask picture.",
            )
        return _scaled(ImageChops.invert(_alpha(picture)), size)


def _alpha(picture: Image.Image) -> Image.Image:
    return (picture if picture.mode in ("LA", "RGBA") else picture.convert("RGBA")).getchannel("A")


def _opaque(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    behind = Image.new("RGB", layer.size, _BEHIND)
    behind.paste(layer, mask=layer.getchannel("A"))
    return behind


def _decoded(file: BinaryIO, what: str, enough: Size | None = None) -> Image.Image:
    file.seek(0)
    found = sniff(file.read(HEAD_BYTES))
    try:
        picture = plain(loaded(file, found.name if found else "unknown", enough))
    except (NotAPictureError, TooLargeError) as error:
        reason = str(error) or "it has too many pixels"
        raise InvalidSourceError(
            f"The {what} cannot be decoded: {reason}.", "Give a PNG, JPEG or WebP picture."
        ) from None
    file.seek(0)
    return picture


def _is_soft(mask: Image.Image) -> bool:
    between = sum(mask.histogram()[_NEARLY : 256 - _NEARLY])
    return between > _SOFT_SHARE * mask.width * mask.height


def _check(mask: Image.Image, remedy: str) -> None:
    darkest, lightest = mask.getextrema()
    if isinstance(lightest, int) and lightest < _LIMIT:
        raise PlanError("The mask leaves nothing to edit.", remedy)
    if isinstance(darkest, int) and darkest >= _LIMIT:
        raise PlanError("The mask covers the whole picture, so nothing of it would be kept.", remedy)


def _scaled(picture: Image.Image, size: Size) -> Image.Image:
    if picture.size == size:
        return picture
    if picture.mode in ("1", "P"):
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    # Pillow's annotation names a type of NumPy, which is not installed.
    return picture.resize(size, Image.Resampling.BILINEAR)  # pyright: ignore[reportUnknownMemberType]
