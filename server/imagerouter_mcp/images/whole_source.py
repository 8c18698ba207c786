"""Keep a source image whole for a masked edit, and make the part of it that is sent."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.inspection import Inspection, inspect
from imagerouter_mcp.images.prepare import DRAWN_LONGEST, SourceImage, check_decodable, drawn, reporting

if TYPE_CHECKING:
    from imagerouter_mcp.images.composite.frame import Frame


_WITH_ORIENTATION = (formats.JPEG, formats.PNG, formats.WEBP, formats.TIFF)


@dataclass(frozen=True, slots=True)
class WholeSource:
    """An unchanged source image.

    Attributes:
        file: The picture, at its beginning; the caller closes it.
        name: What messages call it.
        width: In pixels as displayed.
        height: In pixels as displayed.
        turns: Its EXIF orientation, 1 to 8.
        notes: What was changed, one sentence each.
        fetched: SHA-256 of what was downloaded; "" if it did not come from an address.
    """

    file: BinaryIO
    name: str
    width: int
    height: int
    turns: int
    notes: tuple[str, ...] = ()
    fetched: str = ""


def whole(file: BinaryIO, name: str, fetched: str = "") -> WholeSource:
    """Examine a source image that is kept outside a mask.

    Args:
        file: The picture, open for reading and seekable.
        name: What messages call it.
        fetched: As in `WholeSource`.

    Raises:
        InvalidSourceError: It is not a picture, or cannot be decoded.
    """
    with reporting(name):
        seen = inspect(file)
        check_decodable(name, seen)
        notes: tuple[str, ...] = ()
        if seen.format.kind == "vector":
            file = drawn(file, name, DRAWN_LONGEST)
            seen = inspect(file)
            notes = (f"{name} was drawn from SVG at {seen.width}×{seen.height} pixels.",)
        elif seen.animated:
            notes = (f"{name} is animated or has several pages; only the first one was used.",)
        turns = _turns(file, seen) if seen.format in _WITH_ORIENTATION else 1
    return WholeSource(file, name, *seen.size, turns, notes, fetched)


def _turns(file: BinaryIO, seen: Inspection) -> int:
    from imagerouter_mcp.images.inspect.opening import opened, stored_exif  # noqa: PLC0415 - loads Pillow

    turns = stored_exif(opened(file, seen.format.name), file).orientation
    file.seek(0)
    return turns


def part_to_send(source: WholeSource, frame: "Frame") -> SourceImage:
    """Encode the part of a source that a model gets, in a child process if decoding is heavy.

    Raises:
        InvalidSourceError: It does not decode, or its pixels cannot be kept.
    """
    from imagerouter_mcp.images.composite.original import framed  # noqa: PLC0415 - loads Pillow
    from imagerouter_mcp.images.pixels.encode import saved  # noqa: PLC0415 - loads Pillow

    with reporting(source.name):
        picture = framed(source.file, frame)
        file = saved(picture, "PNG", compress_level=1)
    return SourceImage(file, "image/png", "png", *picture.size, ())
