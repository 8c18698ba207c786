"""What models do with a source image that need no words: enlarge, cut out, take apart, redraw."""

from io import BytesIO
from typing import Final

from PIL import Image, ImageOps

from imagerouter_mcp.sandbox.pictures.encoding import resized
from imagerouter_mcp.sandbox.pictures.finding import subject_on_backdrop, thing_in
from imagerouter_mcp.sandbox.pictures.media import Size
from imagerouter_mcp.sandbox.pictures.vectors import mosaic

LARGEST_SIDE: Final = 4096
"""The service's providers go no further, in pixels."""
LAYERS: Final = 3
"""How many pictures a layered model answers."""
_LARGEST_SOURCE: Final = 64_000_000
"""The most pixels of a source image that are decoded."""


class UnusableSourceError(Exception):
    """Raised for a source image that a provider would refuse; the text says why."""


def open_picture(data: bytes) -> Image.Image:
    """Decode a source image as a viewer shows it.

    Raises:
        UnusableSourceError: It is no picture, or larger than anything a provider takes.
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


def opaque(picture: Image.Image) -> Image.Image:
    """A picture in RGB, what is transparent in it on white."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def within(size: Size) -> Size:
    """Shrink a size to what providers answer at most, in pixels."""
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
    """Keep the thing in the middle, and make the rest transparent.

    Raises:
        UnusableSourceError: It cannot be read.
    """
    picture = open_picture(source).convert("RGB")
    picture.putalpha(subject_on_backdrop(picture) or thing_in(picture).shape)
    return picture


def layers(source: bytes, size: Size | None) -> list[Image.Image]:
    """Take a picture apart into `LAYERS` bands, each transparent elsewhere.

    Raises:
        UnusableSourceError: It cannot be read.
    """
    picture = open_picture(source).convert("RGBA")
    picture = resized(picture, size or within(picture.size))
    width, height = picture.size
    found: list[Image.Image] = []
    for number in range(LAYERS):
        layer = Image.new("RGBA", picture.size)
        band = (0, height * number // LAYERS, width, height * (number + 1) // LAYERS)
        layer.paste(picture.crop(band), band[:2])
        found.append(layer)
    return found


def vectorise(source: bytes, size: Size | None) -> bytes:
    """Redraw a picture as SVG.

    Raises:
        UnusableSourceError: It cannot be read.
    """
    picture = opaque(open_picture(source))
    return mosaic(picture, size or within(picture.size), "Redrawn from a picture")
