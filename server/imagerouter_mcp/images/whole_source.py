"""A source image of which all outside a mask is kept: its own file, and the part of it that is sent."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from imagerouter_mcp.images.confined import scratch_file
from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.exif import read_exif
from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.images.prepare import DRAWN_LONGEST, SourceImage, check_decodable, drawn, reporting

if TYPE_CHECKING:
    from imagerouter_mcp.images.composite.frame import Frame


@dataclass(frozen=True, slots=True)
class WholeSource:
    """A source image as it came.

    Attributes:
        file: At its beginning; the caller closes it.
        name: What sentences call it.
        width: In pixels as displayed.
        height: In pixels as displayed.
        turns: Its EXIF orientation, 1 to 8.
        notes: What was changed, a sentence each.
        fetched: The SHA-256 of what its address gave; "" if it was not fetched.
    """

    file: BinaryIO
    name: str
    width: int
    height: int
    turns: int
    notes: tuple[str, ...] = ()
    fetched: str = ""


def whole(file: BinaryIO, name: str, fetched: str = "") -> WholeSource:
    """Look at a source image that is kept outside a mask.

    Args:
        file: Open for reading and seekable.
        name: What sentences call it.
        fetched: As for `WholeSource`.

    Raises:
        InvalidSourceError: It is no picture, or none that can be decoded.
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
            notes = (f"{name} is animated or has pages, and its first picture was taken.",)
        turns = _turns(file) if seen.format in (formats.JPEG, formats.PNG, formats.WEBP, formats.TIFF) else 1
    return WholeSource(file, name, seen.width or 1, seen.height or 1, turns, notes, fetched)


def _turns(file: BinaryIO) -> int:
    from imagerouter_mcp.images.inspect.opening import block, opened  # noqa: PLC0415 - loads Pillow

    seen = inspect(file)
    if seen.format is formats.TIFF:
        turns = read_exif(file).orientation
    else:
        turns = read_exif(block(opened(file, seen.format.name), "exif")).orientation
    file.seek(0)
    return turns


def part_to_send(source: WholeSource, frame: "Frame") -> SourceImage:
    """Encode the part of a source that a model gets, in a child process where decoding takes much.

    Raises:
        InvalidSourceError: It does not decode, or its pixels cannot be kept.
    """
    from imagerouter_mcp.images.composite.original import framed  # noqa: PLC0415 - loads Pillow

    with reporting(source.name):
        picture = framed(source.file, frame)
        file = scratch_file()
        try:
            picture.save(file, "PNG", compress_level=1)
        except BaseException:
            file.close()
            raise
    file.seek(0)
    return SourceImage(file, "image/png", "png", *picture.size, ())
