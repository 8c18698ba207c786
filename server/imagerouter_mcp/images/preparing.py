"""From any file to a picture that can be sent.

That is: recognised, checked, without metadata, of a type and a size that ImageRouter takes.

A PNG, JPEG or WebP with nothing against it is copied byte for byte save for its metadata (`stripping`), and
decoded only to know that it can be; the rest is converted (`fitting`), and a note says so. Many may be
prepared at once, in threads: copying needs next to no memory, and pixels are in memory one picture at a time.

Pillow is loaded with the first picture, not before.
"""

import io
import os
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.images import formats, svg_drawing
from imagerouter_mcp.images.findings import Findings
from imagerouter_mcp.images.formats import Format, Inspection, NotAPictureError, inspect
from imagerouter_mcp.images.jpeg_stripping import strip_jpeg
from imagerouter_mcp.images.limits import MAX_BYTES, MAX_SIDE
from imagerouter_mcp.images.stripping import strip_png, strip_webp
from imagerouter_mcp.images.svg import drawable_text

if TYPE_CHECKING:
    from imagerouter_mcp.images.fitting import Converted

__all__ = ["MAX_BYTES", "MAX_SIDE", "Prepared", "prepare"]

_DRAWN_LONGEST = 1024
_MAX_SVG_BYTES = 4 << 20
_STRIPPERS: dict[Format, Callable[[BinaryIO, BinaryIO], Findings]] = {
    formats.PNG: strip_png,
    formats.JPEG: strip_jpeg,
    formats.WEBP: strip_webp,
}
"""The types that every provider behind the service is known to take."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture that can be sent.

    Attributes:
        file: An unnamed temporary file, at its beginning; whoever receives it closes it.
        media_type: Of PNG, JPEG or WebP.
        extension: Without a dot.
        width: In pixels.
        height: In pixels.
        notes: What was changed and matters, a sentence each.
    """

    file: BinaryIO
    media_type: str
    extension: str
    width: int
    height: int
    notes: tuple[str, ...]


def prepare(file: BinaryIO, name: str) -> Prepared:
    """Make a picture fit to be sent.

    Args:
        file: A file with any content, open for reading and seekable; it stays open.
        name: What sentences call it.

    Raises:
        InvalidSourceError: It is no picture, or none that can be sent.
    """
    try:
        return _prepared(file, name, inspect(file))
    except NotAPictureError as error:
        raise InvalidSourceError(
            f"The source image {name} is not a picture that can be sent: {error}.",
            "Give a whole PNG, JPEG or WebP picture.",
        ) from None
    except OSError as error:
        raise InvalidSourceError(
            f"The source image {name} cannot be read or copied: {error.strerror or error}.",
            "Check the file, and that there is room for temporary files.",
        ) from None


def _prepared(file: BinaryIO, name: str, seen: Inspection) -> Prepared:
    if seen.format.kind == "video":
        raise InvalidSourceError(
            f"The source image {name} is a video ({seen.format.name.upper()}), not a picture.",
            "Give a still picture, such as one of its frames saved as PNG or JPEG.",
        )
    if seen.format.kind == "vector":
        with _drawn(file, name, seen) as drawing:
            size = inspect(drawing)
            note = f"{name} was drawn from SVG at {size.width}×{size.height} pixels."
            return _ready(drawing, name, size, [note])
    return _ready(file, name, seen, [])


def _ready(file: BinaryIO, name: str, seen: Inspection, notes: list[str]) -> Prepared:
    """Copy without metadata if the type can be sent, and convert if anything is against the copy."""
    strip = _STRIPPERS.get(seen.format)
    if strip is None:
        return _converted(file, name, seen, Findings(), notes)
    copy = scratch_file()
    try:
        found = strip(file, copy)
        size = copy.seek(0, os.SEEK_END)
        if found.framed:
            with copy:
                return _converted(file, name, seen, found, notes)
        if _must_change(seen, found, size):
            with copy:
                return _converted(copy, name, seen, found, notes, size=size)
        _check(copy, seen, found)
    except BaseException:
        copy.close()
        raise
    copy.seek(0)
    if seen.animated:
        notes.append(_first_frame(name))
    if found.location:
        notes.append(_location_gone(name))
    return Prepared(copy, seen.format.media_type, seen.format.extension, *_size(seen), tuple(notes))


def scratch_file() -> BinaryIO:
    """A file without a name, gone when it is closed or the process ends."""
    return cast("BinaryIO", tempfile.TemporaryFile())  # the stub names a private wrapper


def _must_change(seen: Inspection, found: Findings, size: int) -> bool:
    return (
        found.orientation in range(2, 9)  # 1 is upright, and what EXIF does not define counts as 1
        or found.deep
        or found.cmyk
        or found.surplus
        or size > MAX_BYTES
        or max(_size(seen)) > MAX_SIDE
    )


def _check(copy: BinaryIO, seen: Inspection, found: Findings) -> None:
    if seen.format is formats.PNG:
        return  # its pixels were unpacked while it was copied
    from imagerouter_mcp.images import decoding  # noqa: PLC0415 - loads Pillow, which start-up does without

    width, height = _size(seen)
    decoding.check(copy, seen.format.name, width * height, progressive=found.progressive)


def _converted(
    file: BinaryIO, name: str, seen: Inspection, found: Findings, notes: list[str], *, size: int = 0
) -> Prepared:
    from imagerouter_mcp.images import decoding, fitting  # noqa: PLC0415 - loads Pillow, as above

    came_as = seen.format.name.upper()
    if not decoding.can_decode(seen.format.name):
        raise InvalidSourceError(
            f"The source image {name} is {came_as}, which cannot be converted here.",
            "Save it as PNG, JPEG or WebP and give that, or install pillow-heif beside imagerouter-mcp.",
        )
    keeps_type = seen.format in _STRIPPERS and not seen.animated and not found.framed
    becomes = seen.format if keeps_type else formats.PNG
    try:
        result = fitting.convert(file, seen.format, becomes, _size(seen), found)
    except decoding.TooLargeError:
        raise InvalidSourceError(
            f"The source image {name} has {seen.width}×{seen.height} pixels, too many to be converted here.",
            f"Scale it down to {MAX_SIDE} pixels a side or less and give that as PNG, JPEG or WebP.",
        ) from None
    if seen.animated:
        notes.append(_first_page(name) if seen.format is formats.TIFF else _first_frame(name))
    notes += _changes(name, result, found)
    heavy = seen.format in _STRIPPERS and not found.framed and size > MAX_BYTES
    if result.before != (result.width, result.height) or result.format is not becomes or heavy:
        notes.append(_smaller(name, result, size or seen.bytes))
    elif result.format is not seen.format:
        notes.append(f"{name} was converted from {came_as} to {result.format.name.upper()}.")
    kind = result.format
    return Prepared(result.file, kind.media_type, kind.extension, result.width, result.height, tuple(notes))


def _size(seen: Inspection) -> tuple[int, int]:
    return seen.width or 1, seen.height or 1


def _first_frame(name: str) -> str:
    return f"{name} is animated, and its first frame was taken."


def _first_page(name: str) -> str:
    return f"{name} has several pages, and its first one was taken."


def _changes(name: str, result: "Converted", found: Findings) -> list[str]:
    notes: list[str] = []
    if result.turned:
        gone = ", and its location data was removed" if found.location else ""
        notes.append(f"{name} was rotated as its EXIF data says{gone}.")
    elif found.location:
        notes.append(_location_gone(name))
    if result.cmyk:
        notes.append(f"{name} was converted from CMYK to RGB.")
    if result.deep:
        notes.append(f"{name} was reduced from 16 to 8 bits a channel.")
    return notes


def _location_gone(name: str) -> str:
    return f"The location data of {name} was removed."


def _smaller(name: str, result: "Converted", size: int) -> str:
    """The sentence for a picture that was too large."""
    kind = result.format.name.upper()
    before, after = (f"{width}×{height}" for width, height in (result.before, (result.width, result.height)))
    done = f"scaled down from {before} to {after} pixels, as {kind}"
    if before == after:
        done = f"encoded anew as {kind} at its {after} pixels"
    had = f" ({size / 2**20:.1f} MiB before)" if size > MAX_BYTES else ""
    return f"{name} was {done}{had}, for up to {MAX_BYTES >> 20} MiB and {MAX_SIDE} pixels a side are sent."


@contextmanager
def _drawn(file: BinaryIO, name: str, seen: Inspection) -> Generator[BinaryIO]:
    """An SVG as a PNG, where the optional extra can draw it."""
    drawing = None
    if seen.bytes <= _MAX_SVG_BYTES:
        # Whether a document may be drawn is judged by its path.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "drawing.svg"
            file.seek(0)
            path.write_bytes(file.read())
            text = drawable_text(path)
        drawing = svg_drawing.draw(text, _DRAWN_LONGEST) if text else None
    if drawing is None:
        raise InvalidSourceError(
            f"The source image {name} is an SVG drawing, which cannot be made into pixels here.",
            "Export it as PNG and give that; drawings without references to other files can be drawn here "
            "once imagerouter-mcp is installed with its extra `svg`.",
        )
    with io.BytesIO(drawing) as opened:
        yield opened
