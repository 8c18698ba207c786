"""Pictures from pictures: edits that a test can tell from their source, pixel by pixel.

An edit replaces every pixel of its region by its inverse, and tints every other diagonal stripe; outside
the region it leaves the source's pixels exactly. The region is the mask's, or the whole picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageOps

from imagerouter_mcp.sandbox.pictures.drawing import write_caption
from imagerouter_mcp.sandbox.pictures.encoding import resized
from imagerouter_mcp.sandbox.pictures.media import Size

STRIPE: Final = 16
"""The width of a stripe in pixels."""
TINT: Final = (255, 0, 200)
"""What the tinted stripes are mixed with, half and half."""
LARGEST_SIDE: Final = 4096
"""The service's providers go no further, in pixels."""
LAYERS: Final = 3
"""How many pictures a layered model answers."""

_LARGEST_SOURCE: Final = 64_000_000
"""The most pixels of a source image that are decoded."""
_STRIP_SHARE: Final = 5


class UnusableSourceError(Exception):
    """A source image that a provider would refuse; the text says why."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What to make of source images.

    Attributes:
        prompt: Stands on the result, inside the region.
        model_id: As above.
        size: The result's size in pixels; None keeps the first source's.
        where_transparent: Whether the mask marks its region by transparency rather than by white.
    """

    prompt: str
    model_id: str
    size: Size | None
    where_transparent: bool


def open_picture(data: bytes) -> Image.Image:
    """Decode a source image as a viewer shows it.

    Raises:
        UnusableSourceError: It is none, or larger than anything a provider takes.
    """
    try:
        picture = Image.open(BytesIO(data))
        if picture.width * picture.height > _LARGEST_SOURCE:
            raise unreadable()
        picture.load()
    except (OSError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise unreadable() from error
    return ImageOps.exif_transpose(picture)


def unreadable() -> UnusableSourceError:
    """Return the error for a source image that cannot be decoded."""
    return UnusableSourceError("Invalid image: the uploaded file could not be read.")


def edit(wish: Edit, sources: Sequence[bytes], mask: bytes | None) -> Image.Image:
    """Make a picture visibly from its source images.

    Args:
        wish: What to make.
        sources: The first is the picture; further ones appear as a strip when there is no mask.
        mask: Where to edit; stretched to the result's size.

    Returns:
        An RGB picture.

    Raises:
        UnusableSourceError: A file cannot be read.
    """
    first = open_picture(sources[0]).convert("RGB")
    size = wish.size or _within(first.size)
    base = resized(first, size)
    changed = _striped(base)
    if mask is None:
        _strip(changed, sources[1:])
    write_caption(changed, wish.prompt, f"{wish.model_id} · edit · {size[0]}x{size[1]}")
    if mask is None:
        return changed
    return Image.composite(changed, base, _region(mask, size, where_transparent=wish.where_transparent))


def _striped(base: Image.Image) -> Image.Image:

    inverted = ImageChops.invert(base)
    tinted = Image.blend(inverted, Image.new("RGB", base.size, TINT), 0.5)
    return Image.composite(tinted, inverted, _stripes(base.size))


def _stripes(size: Size) -> Image.Image:
    """White where the stripe pattern tints: diagonal bands, `STRIPE` wide along x."""
    period = 2 * STRIPE
    row = (b"\x00" * STRIPE + b"\xff" * STRIPE) * (size[0] // period + 2)
    rows = [row[y : y + size[0]] for y in range(period)]
    return Image.frombytes("L", size, b"".join(rows[y % period] for y in range(size[1])))


def _region(mask: bytes, size: Size, *, where_transparent: bool) -> Image.Image:

    picture = open_picture(mask)
    if where_transparent:
        region = ImageChops.invert(picture.convert("RGBA").getchannel("A"))
    else:
        region = picture.convert("L")
    region = resized(region, size, Image.Resampling.NEAREST)
    return region.convert("1", dither=Image.Dither.NONE).convert("L")  # half grey and above are in


def _strip(picture: Image.Image, others: Sequence[bytes]) -> None:
    side = max(8, min(picture.size) // _STRIP_SHARE)
    for place, data in enumerate(others):
        small = resized(open_picture(data).convert("RGB"), (side, side))
        picture.paste(small, (place * (side + 4), 0))


def _within(size: Size) -> Size:
    factor = min(1.0, LARGEST_SIDE / max(size))
    return max(1, int(size[0] * factor)), max(1, int(size[1] * factor))


def upscale(source: bytes) -> Image.Image:
    """Double a picture's size.

    Raises:
        UnusableSourceError: It cannot be read, or would grow past `LARGEST_SIDE`.
    """
    picture = open_picture(source)
    width, height = picture.size[0] * 2, picture.size[1] * 2
    if max(width, height) > LARGEST_SIDE:
        raise UnusableSourceError(f"The image is too large to upscale to {width}x{height}.")
    return resized(picture.convert("RGB"), (width, height))


def cut_out(source: bytes) -> Image.Image:
    """Keep what lies in the ellipse in the middle, and make the rest transparent.

    Raises:
        UnusableSourceError: It cannot be read.
    """
    picture = open_picture(source).convert("RGBA")
    width, height = picture.size
    alpha = Image.new("L", picture.size, 0)
    ImageDraw.Draw(alpha).ellipse((width * 0.1, height * 0.1, width * 0.9, height * 0.9), fill=255)
    picture.putalpha(alpha)
    return picture


def layers(source: bytes, size: Size | None) -> list[Image.Image]:
    """Take a picture apart into `LAYERS` bands, each transparent elsewhere.

    Raises:
        UnusableSourceError: It cannot be read.
    """
    picture = open_picture(source).convert("RGBA")
    picture = resized(picture, size or _within(picture.size))
    width, height = picture.size
    found: list[Image.Image] = []
    for number in range(LAYERS):
        layer = Image.new("RGBA", picture.size)
        band = (0, height * number // LAYERS, width, height * (number + 1) // LAYERS)
        layer.paste(picture.crop(band), band[:2])
        found.append(layer)
    return found


def vectorise(source: bytes, size: Size | None) -> bytes:
    """Redraw a picture as an SVG of coarse squares.

    Raises:
        UnusableSourceError: It cannot be read.
    """
    picture = open_picture(source).convert("RGB")
    width, height = size or _within(picture.size)
    cells = 24
    small = resized(picture, (cells, cells)).tobytes()
    squares = "".join(
        f'<rect x="{n % cells}" y="{n // cells}" width="1.02" height="1.02" '
        f'fill="#{small[n * 3 : n * 3 + 3].hex()}"/>'
        for n in range(cells * cells)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {cells} {cells}" preserveAspectRatio="none">{squares}</svg>\n'
    ).encode()
