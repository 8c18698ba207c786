"""What a file is, from its bytes: never from its name, nor from a media type that somebody declared.

Pillow is not needed here, and not loaded.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from imagerouter_mcp.images import isobmff, raster, svg, tiff, webm
from imagerouter_mcp.images.reading import MAX_PIXELS, Measured, NotAPictureError

__all__ = ["HEAD_BYTES", "MAX_PIXELS", "Format", "Inspection", "NotAPictureError", "inspect", "sniff"]

HEAD_BYTES = 4096
"""Bytes from a file's beginning that `sniff` wants; an SVG's comments are why it is not less."""

Kind = Literal["image", "vector", "video"]


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: In lower case, such as `jpeg`.
        media_type: Such as `image/jpeg`.
        extension: Without a dot, such as `jpg`.
        kind: Made of pixels, of shapes, or moving.
    """

    name: str
    media_type: str
    extension: str
    kind: Kind = "image"


PNG = Format("png", "image/png", "png")
JPEG = Format("jpeg", "image/jpeg", "jpg")
WEBP = Format("webp", "image/webp", "webp")
GIF = Format("gif", "image/gif", "gif")
AVIF = Format("avif", "image/avif", "avif")
HEIC = Format("heic", "image/heic", "heic")
HEIF = Format("heif", "image/heif", "heif")
TIFF = Format("tiff", "image/tiff", "tiff")
BMP = Format("bmp", "image/bmp", "bmp")
SVG = Format("svg", "image/svg+xml", "svg", "vector")
MP4 = Format("mp4", "video/mp4", "mp4", "video")
MOV = Format("mov", "video/quicktime", "mov", "video")
WEBM = Format("webm", "video/webm", "webm", "video")

_MAGIC = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), PNG),
    (re.compile(rb"\xff\xd8\xff"), JPEG),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), WEBP),
    (re.compile(rb"GIF8[79]a"), GIF),
    (re.compile(rb"II\*\0|MM\0\*"), TIFF),
    # A BMP's signature is two letters of text; its reserved field and its header's length are not.
    (re.compile(rb"BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL), BMP),
    (re.compile(rb"\x1a\x45\xdf\xa3.{0,64}?\x42\x82.webm", re.DOTALL), WEBM),
)

_BRANDS: tuple[tuple[frozenset[bytes], Format], ...] = (
    (frozenset({b"avif", b"avis"}), AVIF),
    (frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}), HEIC),
    (frozenset({b"mif1", b"msf1"}), HEIF),
    (frozenset({b"qt  "}), MOV),
    (
        frozenset(
            {b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7", b"iso8", b"iso9"}
            | {
                b"mp41",
                b"mp42",
                b"avc1",
                b"hvc1",
                b"hev1",
                b"av01",
                b"dash",
                b"cmfc",
                b"M4V ",
                b"MSNV",
                b"f4v ",
            }
        ),
        MP4,
    ),
)
"""Brands of ISO base media files (MP4 registration authority), the more particular ones first: pictures also
claim the general ones."""
_SOUND = frozenset({b"M4A ", b"M4B ", b"M4P "})
"""Major brands of sound without pictures, whose compatible brands are those of MP4."""


@dataclass(frozen=True)
class Inspection:
    """A file that is one whole picture or video.

    Attributes:
        format: What it is.
        width: In pixels as displayed, after any rotation that the file asks for; None where it cannot be
            told (WebM, an SVG without a size in pixels).
        height: As `width`.
        animated: Whether a picture has more than one frame.
        seconds: The length of an MP4 or MOV, else None.
        bytes: The size of the file.
    """

    format: Format
    width: int | None
    height: int | None
    animated: bool
    seconds: float | None
    bytes: int


def sniff(head: bytes) -> Format | None:
    """Recognise a format.

    Args:
        head: The first `HEAD_BYTES` of a file, or all of it if it is shorter.

    Returns:
        The format, or None: HTML, JSON, other text, nothing at all, and formats not known here.
    """
    for pattern, found in _MAGIC:
        if pattern.match(head):
            return found
    claimed = isobmff.brands(head)
    if claimed:
        return _by_brand(claimed)
    return SVG if svg.is_svg(head) else None


def _by_brand(claimed: list[bytes]) -> Format | None:
    if claimed[0] in _SOUND:
        return None
    # The major brand decides where it is known; HEIF's general brands leave it to the others.
    for candidates in ([claimed[0]], claimed):
        for known, found in _BRANDS:
            if known.intersection(candidates) and not (found is HEIF and candidates is not claimed):
                return found
    return None


_MEASURES: dict[str, Callable[[BinaryIO], Measured]] = {
    PNG.name: raster.measure_png,
    JPEG.name: raster.measure_jpeg,
    WEBP.name: raster.measure_webp,
    GIF.name: raster.measure_gif,
    BMP.name: raster.measure_bmp,
    TIFF.name: tiff.measure_tiff,
    AVIF.name: isobmff.measure_heif,
    HEIC.name: isobmff.measure_heif,
    HEIF.name: isobmff.measure_heif,
    SVG.name: svg.measure_svg,
    MP4.name: isobmff.measure_movie,
    MOV.name: isobmff.measure_movie,
    WEBM.name: webm.measure_webm,
}


def inspect(source: Path | BinaryIO) -> Inspection:
    """Recognise a file and check that it is whole.

    Wholeness is told from the structure that each format has (chunks with checksums, an end marker, boxes
    or chunks that state their length), not by decoding: 64 MiB and a good part of a second for a
    4096×4096 picture, spent on bytes that nobody vouches for. So a file whose compressed pixels are
    nonsense within a sound structure passes, save for PNG.

    Dimensions are the displayed ones: EXIF orientations 5 to 8 exchange width and height.

    Args:
        source: The file's path, or the file itself, open for reading and seekable; it stays open, and is
            left at its beginning. At most a few MiB of it are in memory at once.

    Raises:
        NotAPictureError: It is something else, cut short, damaged, or a decompression bomb (more than
            `MAX_PIXELS`); `str()` is the reason, to be put into a sentence.
        OSError: It cannot be read.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            return _inspect(file)
    try:
        return _inspect(source)
    finally:
        source.seek(0)


def _inspect(file: BinaryIO) -> Inspection:
    file.seek(0)
    head = file.read(HEAD_BYTES)
    found = sniff(head)
    if found is None:
        raise NotAPictureError(_what_else(head))
    measured = _MEASURES[found.name](file)
    size = file.seek(0, os.SEEK_END)
    return Inspection(found, measured.width, measured.height, measured.animated, measured.seconds, bytes=size)


_OTHERS = (
    (re.compile(rb"\Z"), "it is empty"),
    (
        re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)\b", re.DOTALL | re.IGNORECASE),
        "it is HTML",
    ),
    (re.compile(rb"\s*[{\[]\s*[\"{\[\]}\d]"), "it is JSON"),
    (re.compile(rb"%PDF-"), "it is a PDF document"),
    (re.compile(rb"\s*<[?!\w]"), "it is XML, not a picture"),
)
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")


def _what_else(head: bytes) -> str:
    for pattern, reason in _OTHERS:
        if pattern.match(head.removeprefix(b"\xef\xbb\xbf")):
            return reason
    return "its format is not known here" if _CONTROL.search(head) else "it is text"
