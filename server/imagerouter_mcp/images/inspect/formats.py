"""Recognise a file's format from its first bytes, never from its name or a declared media type."""

import re
from dataclasses import dataclass
from typing import Literal

from imagerouter_mcp.images.inspect import isobmff, svg

HEAD_BYTES = 4096
"""How many bytes of a file `sniff` needs, so that SVG is found after its opening comments."""

Kind = Literal["image", "vector", "video"]


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: In lower case, such as `jpeg`.
        media_type: Such as `image/jpeg`.
        extension: Without a dot, such as `jpg`.
        kind: `image` for pixels, `vector` for shapes, `video` for moving pictures.
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
ICO = Format("ico", "image/x-icon", "ico")
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
    # Words begin with "BM" too, so the reserved field and the header length are checked as well.
    (re.compile(rb"BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL), BMP),
    # An icon directory: type 1, up to 255 entries, each starting with width, height, and a colour count.
    (re.compile(rb"\0\0\x01\0[^\0]\0...\0[\0\x01]\0", re.DOTALL), ICO),
    (re.compile(rb"\x1a\x45\xdf\xa3.{0,64}?\x42\x82.webm", re.DOTALL), WEBM),
)

_BRANDS: tuple[tuple[frozenset[bytes], Format], ...] = (
    (frozenset({b"avif", b"avis"}), AVIF),
    (frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}), HEIC),
    (frozenset({b"mif1", b"msf1"}), HEIF),
    (frozenset({b"qt  "}), MOV),
    (
        frozenset(b"isom iso2 iso3 iso4 iso5 iso6 iso7 iso8 iso9 mp41 mp42".split())
        | frozenset(b"avc1 hvc1 hev1 av01 dash cmfc MSNV".split())
        | {b"M4V ", b"f4v "},
        MP4,
    ),
)
"""Brands of ISO base media files (MP4 registration authority). Specific ones come first, because pictures
also claim the general ones."""
_SOUND = frozenset({b"M4A ", b"M4B ", b"M4P "})
"""Major brands of audio files, which list MP4's brands as compatible."""


def sniff(head: bytes) -> Format | None:
    """Recognise a format.

    Args:
        head: The first `HEAD_BYTES` of a file, or all of it if it is shorter.

    Returns:
        The format, or None for HTML, JSON, other text, nothing at all, and unknown formats.
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
    # A known major brand decides, except the general HEIF ones, which defer to the other brands.
    for candidates in ([claimed[0]], claimed):
        for known, found in _BRANDS:
            if known.intersection(candidates) and not (found is HEIF and candidates is not claimed):
                return found
    return None


_OTHERS = (
    (re.compile(rb"\Z"), "it is empty"),
    (
        re.compile(
            rb"\s*+(?><!--.*?-->\s*+)*+<(?:!doctype html|html|head|body)\b", re.DOTALL | re.IGNORECASE
        ),
        "it is HTML",
    ),
    (re.compile(rb"\s*[{\[]\s*[\"{\[\]}\d]"), "it is JSON"),
    (re.compile(rb"%PDF-"), "it is a PDF document"),
    (re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"), "it is JPEG 2000"),
    (re.compile(rb"\0\0\0\x0cJXL \r\n\x87\n|\xff\x0a"), "it is JPEG XL"),
    (re.compile(rb"8BPS"), "it is a Photoshop document (PSD)"),
    (re.compile(rb"\0\0[\1\2]\0[^\0]\0"), "it is an icon or a cursor"),
    (re.compile(rb"\s*<[?!\w]"), "it is XML, not a picture"),
)
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")


def what_else(head: bytes) -> str:
    """Describe a file that `sniff` does not recognise, as the reason of a `NotAPictureError`."""
    for pattern, reason in _OTHERS:
        if pattern.match(head.removeprefix(b"\xef\xbb\xbf")):
            return reason
    return "its format is not known here" if _CONTROL.search(head) else "it is text"
