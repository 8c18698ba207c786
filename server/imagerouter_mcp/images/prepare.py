"""Make pictures ready to send: checked, without metadata, in a type and size that ImageRouter accepts.

PNG and JPEG are re-encoded in their own format, WebP is copied byte for byte, and everything else is
converted, as a note says. Only one picture's pixels are in memory at a time, however many threads prepare
pictures.
"""

import math
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Final

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.images.confined import (
    Fields,
    StoppedError,
    TooLargeError,
    file_size,
    in_child,
    scratch_file,
)
from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.cost import decoding_bytes, is_heavy
from imagerouter_mcp.images.inspect.formats import Format
from imagerouter_mcp.images.inspect.inspection import Inspection, inspect

if TYPE_CHECKING:
    from imagerouter_mcp.images.pixels.encode import Encoded

DRAWN_LONGEST = 1024
_SENT = frozenset({formats.PNG, formats.JPEG, formats.WEBP})
"""Types that every provider behind the service is known to accept."""
_MAX_CHECKING_BYTES = 80 << 20
"""Memory to spend on decoding a WebP just to check it; a larger one is judged by its structure alone."""


@dataclass(frozen=True, slots=True)
class SourceImage:
    """A picture to send.

    Attributes:
        file: An unnamed temporary file, at its beginning; the caller closes it.
        media_type: That of PNG, JPEG or WebP.
        extension: File extension without a dot.
        width: In pixels as displayed.
        height: In pixels as displayed.
        notes: What was changed before sending, one sentence each.
        fetched: SHA-256 of what was downloaded; "" if it did not come from an address.
    """

    file: BinaryIO
    media_type: str
    extension: str
    width: int
    height: int
    notes: tuple[str, ...]
    fetched: str = ""

    @property
    def filename(self) -> str:
        """File name for an upload, by type."""
        return f"image.{self.extension}"

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return file_size(self.file)


def prepare(file: BinaryIO, name: str, *, turn: bool = False) -> SourceImage:
    """Make a picture ready to send.

    Args:
        file: A file with any content, open for reading and seekable; it stays open.
        name: What messages call it.
        turn: Whether to turn the pixels of a JPEG upright too, as masks need. Otherwise a rotated JPEG keeps
            its full quality, with its orientation as its only metadata.

    Raises:
        InvalidSourceError: It is not a picture, or not one that can be sent.
    """
    return _done(_prepared, file, name, turn=turn)


def shrink(image: SourceImage, name: str, max_bytes: int) -> SourceImage:
    """Re-encode a prepared picture within a limit, with fewer pixels if need be; its own file stays open.

    Args:
        image: From `prepare`.
        name: What messages call it.
        max_bytes: The limit.

    Raises:
        InvalidSourceError: It cannot be decoded.
    """
    return replace(
        _done(_shrunk, image.file, name, max_bytes=max_bytes), notes=image.notes, fetched=image.fetched
    )


def _done(work: Callable[..., SourceImage], file: BinaryIO, name: str, **arguments: object) -> SourceImage:
    """Call one of `_WORKS`, in a child process if the picture is heavy."""
    with reporting(name):
        seen = inspect(file)
        check_decodable(name, seen)
        if not is_heavy(seen):
            return work(file, name, seen, **arguments)
        made, fields = in_child(do_in_child, file, work=work.__name__, name=name, **arguments)
    notes = tuple(fields.pop("notes"))
    return SourceImage(made, **fields, notes=notes)


def do_in_child(file: BinaryIO, *, work: str, name: str, **arguments: object) -> tuple[BinaryIO, Fields]:
    """Call one of `_WORKS` by its name, as `confined.Work`."""
    with reporting(name):
        image = _WORKS[work](file, name, inspect(file), **arguments)
    fields = ("media_type", "extension", "width", "height", "notes")
    return image.file, {field: getattr(image, field) for field in fields}


@contextmanager
def reporting(name: str) -> Generator[None]:
    """Turn errors about a picture into ones that name it."""
    try:
        yield
    except NotAPictureError as error:
        raise InvalidSourceError(
            f"The source image {name} is not a picture that can be sent: {error}.",
            "Give a whole PNG, JPEG or WebP picture.",
        ) from None
    except StoppedError as error:
        raise InvalidSourceError(
            f"The source image {name} could not be decoded here: {error}.",
            "Scale it down, save it again as PNG or JPEG, and give that.",
        ) from None
    except OSError as error:
        raise InvalidSourceError(
            f"The source image {name} cannot be read or copied: {error.strerror or error}.",
            "Check the file, and that there is room for temporary files.",
        ) from None


def _shrunk(file: BinaryIO, name: str, seen: Inspection, *, max_bytes: int) -> SourceImage:
    return replace(_encoded(file, name, seen, seen.format, max_bytes=max_bytes), notes=())


def _prepared(file: BinaryIO, name: str, seen: Inspection, *, turn: bool) -> SourceImage:
    if seen.format.kind == "vector":
        drawing = drawn(file, name, DRAWN_LONGEST)
        pixels = inspect(drawing)
        note = f"{name} was drawn from SVG at {pixels.width}×{pixels.height} pixels."
        return _encoded(drawing, name, pixels, formats.PNG, turn=turn, notes=[note])
    if seen.format is formats.WEBP:
        return _prepared_webp(file, name, seen)
    becomes = seen.format if seen.format in _SENT else formats.PNG
    return _encoded(file, name, seen, becomes, turn=turn)


def _prepared_webp(file: BinaryIO, name: str, seen: Inspection) -> SourceImage:
    from imagerouter_mcp.images.pixels import decode, encode, webp_copy  # noqa: PLC0415 - loads Pillow

    copy = scratch_file()
    try:
        copied = webp_copy.copy_webp(file, copy)
        size = copy.seek(0, os.SEEK_END)
        fits = size <= encode.MAX_BYTES and max(seen.size) <= encode.MAX_SIDE
        if copied.framed or copied.text or copied.orientation > 1 or not fits:
            copy.close()
            becomes = formats.PNG if seen.animated or copied.framed else formats.WEBP
            return _encoded(file, name, seen, becomes, lossless=copied.lossless)
        if decoding_bytes(seen.format.name, math.prod(seen.size)) <= _MAX_CHECKING_BYTES:
            decode.one_at_a_time(decode.loaded)(copy, seen.format.name, 1)
    except BaseException:
        copy.close()
        raise
    copy.seek(0)
    notes = (_location_gone(name),) if copied.location else ()
    return SourceImage(copy, seen.format.media_type, seen.format.extension, *seen.size, notes)


def _encoded(
    file: BinaryIO,
    name: str,
    seen: Inspection,
    becomes: Format,
    *,
    turn: bool = False,
    lossless: bool = False,
    max_bytes: int | None = None,
    notes: Sequence[str] = (),
) -> SourceImage:
    from imagerouter_mcp.images.pixels import encode  # noqa: PLC0415 - loads Pillow

    try:
        made = encode.encode(
            file, seen, becomes, turn=turn, lossless=lossless, max_bytes=max_bytes or encode.MAX_BYTES
        )
    except TooLargeError:
        raise InvalidSourceError(
            f"The source image {name} has {seen.width}×{seen.height} pixels, too many to convert here.",
            f"Scale it down to {encode.MAX_SIDE} pixels a side or less and give that as PNG, JPEG or WebP.",
        ) from None
    kind = made.format
    all_notes = (*notes, *_changes(name, seen, made))
    return SourceImage(made.file, kind.media_type, kind.extension, made.width, made.height, all_notes)


def check_decodable(name: str, seen: Inspection) -> None:
    """Refuse what cannot be decoded here.

    Raises:
        InvalidSourceError: It is a video, or its format needs an optional package that is missing.
    """
    from imagerouter_mcp.images.inspect.opening import can_decode  # noqa: PLC0415 - loads Pillow
    from imagerouter_mcp.images.pixels.draw_svg import can_draw  # noqa: PLC0415 - not before the first drawing

    if seen.format.kind == "video":
        raise InvalidSourceError(
            f"The source image {name} is a video ({seen.format.name.upper()}), not a picture.",
            "Give a still picture, such as one of its frames saved as PNG or JPEG.",
        )
    if seen.format.kind == "vector":
        if not can_draw():
            raise _undrawable(name)
    elif not can_decode(seen.format.name):
        raise InvalidSourceError(
            f"The source image {name} is {seen.format.name.upper()}, which cannot be converted here.",
            "Save it as PNG, JPEG or WebP and give that; HEIC can be converted once imagerouter-mcp is "
            "installed with its extra `heic`.",
        )


def _undrawable(name: str) -> InvalidSourceError:
    return InvalidSourceError(
        f"The source image {name} is an SVG drawing, which cannot be converted to pixels here.",
        "Export it as PNG and give that; drawings without references to other files can be converted once "
        "imagerouter-mcp is installed with its extra `svg`.",
    )


def drawn(file: BinaryIO, name: str, longest: int) -> BinaryIO:
    """Draw an SVG as PNG, if the optional extra is installed.

    Args:
        file: The drawing, open for reading.
        name: What messages call it.
        longest: Pixels of the longer side.

    Raises:
        InvalidSourceError: It cannot be drawn.
    """
    from imagerouter_mcp.images.pixels.draw_svg import draw_svg  # noqa: PLC0415 - not before the first drawing

    drawing = draw_svg(file, longest)
    if drawing is None:
        raise _undrawable(name)
    return BytesIO(drawing)


def _changes(name: str, seen: Inspection, made: "Encoded") -> list[str]:
    """Return what was changed, one sentence each."""
    notes: list[str] = []
    if seen.animated:
        pages = seen.format is formats.TIFF
        what = "has several pages; only the first one" if pages else "is animated; only its first frame"
        notes.append(f"{name} {what} was used.")
    if made.turned:
        gone = ", and its location data was removed" if made.exif.location else ""
        notes.append(f"{name} was rotated upright, following its EXIF data{gone}.")
    elif made.exif.location:
        notes.append(_location_gone(name))
    if made.cmyk:
        notes.append(f"{name} was converted from CMYK to RGB.")
    if made.deep:
        notes.append(f"{name} was reduced from 16 to 8 bits per channel.")
    if made.reduced:
        notes.append(_smaller(name, seen, made))
    elif made.format is not seen.format:
        notes.append(f"{name} was converted from {seen.format.name.upper()} to {made.format.name.upper()}.")
    return notes


def _location_gone(name: str) -> str:
    return f"The location data of {name} was removed."


def _smaller(name: str, seen: Inspection, made: "Encoded") -> str:
    from imagerouter_mcp.images.pixels.encode import MAX_BYTES, MAX_SIDE  # noqa: PLC0415 - as above

    kind = made.format.name.upper()
    before, after = (f"{width}×{height}" for width, height in (made.before, (made.width, made.height)))
    done = f"scaled down from {before} to {after} pixels, as {kind}"
    if before == after:
        done = f"re-encoded as {kind} at its {after} pixels"
    had = f" ({seen.bytes / 2**20:.1f} MiB before)" if seen.bytes > MAX_BYTES else ""
    why = f"the limit is {MAX_BYTES >> 20} MiB and {MAX_SIDE} pixels a side"
    if seen.format is formats.JPEG and max(made.before) <= MAX_SIDE and not had:
        why = "decoding it whole takes too much memory"
    return f"{name} was {done}{had}, because {why}."


_WORKS: Final[Mapping[str, Callable[..., SourceImage]]] = {
    work.__name__: work for work in (_prepared, _shrunk)
}
