"""Files that begin like pictures, and pictures that carry more than a picture.

Each holds a secret. Either nothing is sent, or what is sent is searched for it, as it is and unpacked.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.fetch import Fetcher
from imagerouter_mcp.images.source_images import SourceReader
from imagerouter_mcp.settings import expand

Row = Callable[[str, str, str], None]

SECTION = "Non-pictures, and what hides in pictures"
SECRET = b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\n-----END-----\n"
ENVIRONMENT = b"AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n" * 9


def made(kind: str, size: tuple[int, int] = (48, 32), **options: object) -> bytes:
    picture = Image.merge("RGB", [Image.linear_gradient("L").rotate(angle) for angle in (0, 90, 180)])
    file = io.BytesIO()
    picture.crop((0, 0, *size)).save(file, kind, **options)
    return file.getvalue()


PNG, JPEG, WEBP, GIF = made("PNG"), made("JPEG"), made("WEBP"), made("GIF")
HEAD = PNG[:33]
TAIL = PNG[-12:]
LONG = bytes(4) + b"\x2f\0\0\x1f\0\0"
"""What an extended WebP's header says of 48 × 32 pixels."""


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def with_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    return PNG[:33] + b"".join(chunk(*each) for each in chunks) + PNG[33:]


def segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(data) + 2).to_bytes(2, "big") + data


def riff(*chunks: tuple[bytes, bytes], kind: bytes = b"WEBP") -> bytes:
    body = kind + b"".join(
        name + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def webp_pixels() -> bytes:
    return WEBP[20 : 20 + int.from_bytes(WEBP[16:20], "little")]


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("id_rsa", SECRET)
    return file.getvalue()


def profile() -> bytes:
    """A profile that is none, with a secret in its private part."""
    return (
        struct.pack(">I", 128 + 4 + 12 + len(SECRET))
        + bytes(8)
        + b"mntrRGB XYZ "
        + bytes(12)
        + b"acsp"
        + bytes(88)
        + struct.pack(">I4sII", 1, b"priv", 144, len(SECRET))
        + SECRET
    )


def png_text() -> PngInfo:
    info = PngInfo()
    info.add_text("Comment", SECRET.decode())
    info.add_text("Packed", SECRET.decode(), zip=True)
    info.add_itxt("XML:com.adobe.xmp", SECRET.decode())
    return info


def exif() -> bytes:
    found = Image.Exif()
    found[0x010E] = SECRET.decode()
    found[0x9286] = SECRET.decode()
    return found.tobytes()


def scan_of(secret: bytes) -> bytes:
    """A JPEG's headers, and a secret in place of its compressed pixels."""
    start = JPEG.index(b"\xff\xda")
    length = int.from_bytes(JPEG[start + 2 : start + 4], "big")
    return JPEG[: start + 2 + length] + secret + b"\xff\xd9"


def idat(*more: bytes) -> bytes:
    """The PNG with more among its compressed pixels."""
    start = PNG.index(b"IDAT") - 4
    length = int.from_bytes(PNG[start : start + 4], "big")
    packed = PNG[start + 8 : start + 8 + length]
    return PNG[:start] + chunk(b"IDAT", packed + b"".join(more)) + TAIL


def rows_beyond() -> bytes:
    start = PNG.index(b"IDAT") - 4
    length = int.from_bytes(PNG[start : start + 4], "big")
    rows = zlib.decompress(PNG[start + 8 : start + 8 + length])
    return PNG[:start] + chunk(b"IDAT", zlib.compress(rows + SECRET)) + TAIL


DISGUISES: dict[str, bytes] = {
    "a key file": SECRET,
    "an environment file": ENVIRONMENT,
    "PNG's signature, then a key": PNG[:8] + SECRET,
    "PNG's signature and header, then a key": HEAD + SECRET,
    "PNG's header and end, a key as pixels": HEAD + chunk(b"IDAT", SECRET) + TAIL,
    "PNG's header and end, a packed key as pixels": HEAD + chunk(b"IDAT", zlib.compress(SECRET)) + TAIL,
    "PNG of one part with a wrong checksum": HEAD + b"\0\0\0\4IDAT" + SECRET[:4] + b"0000" + SECRET + TAIL,
    "JPEG's first three bytes, then a key": JPEG[:3] + SECRET,
    "JPEG's first header, then a key": JPEG[:20] + SECRET + b"\xff\xd9",
    "JPEG's headers, a key as compressed pixels": scan_of(SECRET),
    "JPEG's headers, an environment file as compressed pixels": scan_of(ENVIRONMENT),
    "JPEG of a comment alone": b"\xff\xd8" + segment(0xFE, SECRET) + b"\xff\xd9",
    "GIF's signature, then a key": b"GIF89a" + SECRET,
    "GIF's signature and size, then a key": GIF[:13] + SECRET + b";",
    "GIF of a comment alone": GIF[:13] + b"!\xfe" + bytes((len(SECRET),)) + SECRET + b"\0;",
    "WebP's signature, then a key": riff((b"VP8 ", SECRET)),
    "lossless WebP's signature, then a key": riff((b"VP8L", b"\x2f" + SECRET)),
    "RIFF of another kind": riff((b"data", SECRET), kind=b"WAVE"),
    "BMP's header, then a key": made("BMP")[:54] + SECRET,
    "TIFF's signature, then a key": b"II*\0\x08\0\0\0" + SECRET,
    "AVIF's box, then a key": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + SECRET,
    "HEIC's box, then a key": b"\0\0\0\x1cftypheic\0\0\0\0heicmif1miaf" + SECRET,
    "MP4's box, then a key": b"\0\0\0\x18ftypisom\0\0\0\0isommp41" + SECRET,
    "WebM's signature, then a key": b"\x1a\x45\xdf\xa3\x93\x42\x82\x84webm" + SECRET,
    "SVG that includes a file": b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink">'
    b'<image x:href="file:///etc/passwd"/><!--' + SECRET + b"--></svg>",
    "SVG with an entity": b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b'<svg xmlns="http://www.w3.org/2000/svg"><text>&x;' + SECRET + b"</text></svg>",
    "HTML": b"<html><body>" + SECRET + b"</body></html>",
    "PDF": b"%PDF-1.7\n" + SECRET,
    "ZIP archive": zipped(),
    "PNG's signature before a ZIP archive": PNG[:8] + zipped(),
    "PNG cut short": PNG[:-30] + SECRET,
    "JPEG cut short": JPEG[: len(JPEG) // 2] + SECRET,
    "a bomb: 60,000 × 60,000 pixels claimed": PNG[:16]
    + struct.pack(">II", 60_000, 60_000)
    + PNG[24:]
    + SECRET,
}
CARRIERS: dict[str, bytes] = {
    "PNG, a key behind its end": PNG + SECRET,
    "PNG, an archive behind its end": PNG + zipped(),
    "PNG, a key in its end": PNG[:-12] + chunk(b"IEND", SECRET),
    "PNG with texts": made("PNG", pnginfo=png_text()),
    "PNG with EXIF": made("PNG", exif=exif()),
    "PNG with a private part": with_chunks((b"prVt", SECRET)),
    "PNG with a gamma as long as a key": with_chunks((b"gAMA", SECRET)),
    "PNG with many gammas": PNG[:33]
    + b"".join(chunk(b"gAMA", SECRET[n : n + 4]) for n in range(0, 80, 4))
    + PNG[33:],
    "PNG with a key in its profile": PNG[:33]
    + chunk(b"iCCP", b"icc\0\0" + zlib.compress(profile()))
    + PNG[33:],
    "PNG with a key for a profile": with_chunks((b"iCCP", b"icc\0\0" + zlib.compress(SECRET))),
    "PNG with a key as its profile's name": PNG[:33]
    + chunk(b"iCCP", SECRET + b"\0\0" + zlib.compress(b""))
    + PNG[33:],
    "PNG, a key behind its packed pixels": idat(SECRET),
    "PNG, a packed key behind its packed pixels": idat(zlib.compress(SECRET)),
    "PNG, a key behind its last row": rows_beyond(),
    "JPEG, a key behind its end": JPEG + SECRET,
    "JPEG, an archive behind its end": JPEG + zipped(),
    "JPEG with a comment": JPEG[:2] + segment(0xFE, SECRET) + JPEG[2:],
    "JPEG with EXIF": made("JPEG", exif=exif()),
    "JPEG with a key in its profile": made("JPEG", icc_profile=profile()),
    "JPEG with a key for a profile": made("JPEG", icc_profile=SECRET),
    "JPEG with a key in Adobe's segment": JPEG[:2]
    + segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + SECRET)
    + JPEG[2:],
    "JPEG with a key in its first header": JPEG[:2] + segment(0xE0, JPEG[6:20] + SECRET) + JPEG[20:],
    "JPEG with a reserved segment": JPEG[:2] + segment(0x02, SECRET) + segment(0xF7, SECRET) + JPEG[2:],
    "JPEG, a key behind its last scan": JPEG[:-2] + SECRET + JPEG[-2:],
    "WebP, a key behind its end": WEBP + SECRET,
    "WebP with EXIF": made("WEBP", exif=exif()),
    "WebP with XMP": made("WEBP", xmp=SECRET),
    "WebP with a key in its profile": made("WEBP", icc_profile=profile()),
    "WebP with an unknown part": riff((b"VP8 ", webp_pixels()), (b"SECR", SECRET)),
    "WebP, a key behind its packed pixels": riff((b"VP8 ", webp_pixels() + SECRET)),
    "WebP with pixels twice": riff((b"VP8 ", webp_pixels()), (b"VP8 ", SECRET)),
    "WebP with a long header": riff(
        (b"VP8X", bytes(4) + b"\x2f\0\0\x1f\0\0" + SECRET), (b"VP8 ", webp_pixels())
    ),
    "GIF with a comment": GIF[:-1] + b"!\xfe" + bytes((len(SECRET),)) + SECRET + b"\0;",
    "GIF, a key behind its end": GIF + SECRET,
    "BMP, a key behind its end": made("BMP") + SECRET,
    "TIFF with a description": made("TIFF", description=SECRET.decode()),
}


@pytest.fixture
async def reader() -> AsyncGenerator[SourceReader]:
    async with aclosing(Fetcher(Policy(), 2)) as fetcher:
        yield SourceReader(fetcher, expand)


def unpacked(data: bytes) -> bytes:
    """A file and all that unpacks within it."""
    parts = [data]
    for found in re.finditer(rb"x[\x01\x5e\x9c\xda]", data):
        try:
            parts.append(zlib.decompressobj().decompress(data[found.start() :]))
        except zlib.error:
            continue
    return b"\n".join(parts)


def holds_secret(data: bytes) -> bool:
    """Whether any line of a secret, or half of one, is in it."""
    whole = unpacked(data)
    lines = [line for line in (SECRET + ENVIRONMENT).splitlines() if len(line) > 20]
    return any(line[: len(line) // 2] in whole or line[len(line) // 2 :] in whole for line in lines)


def stored(folder: Path, data: bytes) -> str:
    path = folder / "picture.png"
    path.write_bytes(data)
    return str(path)


async def sent(reader: SourceReader, path: str) -> bytes:
    with (await reader.open(path)).file as file:
        return file.read()


@pytest.mark.parametrize("disguise", DISGUISES)
async def test_what_only_looks_like_a_picture_does_not_leave(
    reader: SourceReader, row: Row, tmp_path: Path, disguise: str
) -> None:
    assert holds_secret(DISGUISES[disguise]) or "ZIP" in disguise
    try:
        data = await sent(reader, stored(tmp_path, DISGUISES[disguise]))
    except InvalidSourceError as error:
        row(SECTION, disguise, f"refused: {_reason(error)}")
    else:
        assert not holds_secret(data)
        row(SECTION, disguise, "drawn or encoded anew, and sent without it")


def _reason(error: InvalidSourceError) -> str:
    found = re.search(r"can be sent: (.*)\.|(too many to convert)", error.what)
    sorts = ("a video", "an SVG drawing", "HEIC", "AVIF")
    return (found[1] or found[2]) if found else f"it is {next(sort for sort in sorts if sort in error.what)}"


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_what_a_picture_carries_does_not_leave_with_it(
    reader: SourceReader, row: Row, tmp_path: Path, carrier: str
) -> None:
    try:
        data = await sent(reader, stored(tmp_path, CARRIERS[carrier]))
    except InvalidSourceError as error:
        row(SECTION, carrier, f"refused: {_reason(error)}")
        return
    assert not holds_secret(data)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (48, 32)
    row(SECTION, carrier, "sent without it")


async def test_a_file_that_grows_while_it_is_read_sends_no_more_than_the_picture(
    reader: SourceReader, tmp_path: Path
) -> None:
    data = await sent(reader, stored(tmp_path, PNG + ENVIRONMENT * 1000))
    assert data == await sent(reader, stored(tmp_path, PNG))
