"""Pictures to send, made in memory, and what comes of sending them."""

import functools
import importlib.util
import io
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import cast

import pytest
from PIL import Image, ImageCms, ImageOps
from PIL.JpegImagePlugin import JpegImageFile, get_sampling
from PIL.PngImagePlugin import PngInfo

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.images.pixels.encode import MAX_BYTES, MAX_SIDE
from imagerouter_mcp.images.prepare import SourceImage, prepare

SECRET = b"51.4779N-secret"
"""Is in each piece of metadata that the tests put into a picture."""
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a exif:GPSLatitude="' + SECRET + b'"/></x:xmpmeta>'
CORNERS = ((2, 2), (-3, 2), (2, -3), (-3, -3))
COLOURS = ((255, 0, 0), (0, 160, 0), (0, 0, 255), (255, 255, 0))

with_heif = pytest.mark.skipif(
    importlib.util.find_spec("pillow_heif") is None, reason="the extra `heic` is not installed"
)
with_resvg = pytest.mark.skipif(
    importlib.util.find_spec("resvg_py") is None, reason="the extra svg is not installed"
)


def quarters(size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Red and green above, blue and yellow below: no two orientations look the same."""
    width, height = size
    image = Image.new("RGB", size, COLOURS[0])
    image.paste(COLOURS[1], (width // 2, 0, width, height))
    image.paste(COLOURS[2], (0, height // 2, width // 2, height))
    image.paste(COLOURS[3], (width // 2, height // 2, width, height))
    return image


def logo() -> Image.Image:
    """A disc on nothing, with a soft edge."""
    image = quarters().convert("RGBA")
    distance = Image.radial_gradient("L").tobytes()  # 256 × 256
    levels = (distance[y * 4 * 256 + x * 4] for y in range(8, 56) for x in range(64))
    image.putalpha(Image.frombytes("L", image.size, bytes(255 - min(255, level * 2) for level in levels)))
    return image


def greys() -> Image.Image:
    return quarters().convert("L")


def clouds() -> Image.Image:
    """Soft shapes in all colours, as in a photo."""
    return noise("RGB", (6, 4)).resize((192, 128), Image.Resampling.BICUBIC)  # pyright: ignore[reportUnknownMemberType] - Pillow's


def noise(mode: str, size: tuple[int, int]) -> Image.Image:
    bands = len(Image.new(mode, (1, 1)).getbands())
    # Seeded, so that each run sees the same picture; nothing here is a secret.
    return Image.frombytes(mode, size, random.Random(7).randbytes(size[0] * size[1] * bands))  # noqa: S311


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation: int | None = None, *, location: bool = False) -> Image.Exif:
    block = Image.Exif()
    block[0x010E] = SECRET.decode()
    if orientation is not None:
        block[0x0112] = orientation
    if location:
        gps = block.get_ifd(0x8825)
        gps[1], gps[2], gps[3], gps[4] = "N", (51.0, 28.0, 40.0), "W", (0.0, 0.0, 5.0)
    return block


def text() -> PngInfo:
    info = PngInfo()
    info.add_text("Author", SECRET.decode())
    info.add_text("Comment", SECRET.decode(), zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return info


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", header), *extra, pixels, chunk(b"IEND")])


def deep_png(colour: int, channels: int) -> bytes:
    """16 bits a channel: 0x80FF in the left half, 0x40FF in the right, which is not 0x41."""
    row = b"\0" + struct.pack(">H", 0x80FF) * (channels * 4) + struct.pack(">H", 0x40FF) * (channels * 4)
    return png(8, 2, 16, colour, row * 2)


def animation(kind: str, **options: object) -> bytes:
    others = [Image.new("RGB", (64, 48), colour) for colour in ("white", "black")]
    return encoded(quarters(), kind, save_all=True, append_images=others, duration=100, **options)


@functools.cache  # two made in different seconds differ
def profile() -> bytes:
    profile_of_srgb: object = ImageCms.createProfile("sRGB")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - Pillow does not say
    return ImageCms.ImageCmsProfile(cast("ImageCms.ImageCmsProfile", profile_of_srgb)).tobytes()


def heic() -> bytes:
    def box(kind: bytes, *content: bytes) -> bytes:
        data = b"".join(content)
        return (len(data) + 8).to_bytes(4, "big") + kind + data

    size = box(b"ispe", bytes(4), (64).to_bytes(4, "big"), (48).to_bytes(4, "big"))
    meta = box(b"meta", bytes(4), box(b"iprp", box(b"ipco", size)))
    return box(b"ftyp", b"heic", bytes(4), b"mif1heic") + meta + box(b"mdat", b"coded picture")


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("secret.txt", SECRET)
    return buffer.getvalue()


def ready(
    data: bytes, name: str = "picture", *, turn: bool = False
) -> tuple[SourceImage, Image.Image, bytes]:
    """What is sent, decoded and upright, and its bytes, after checking what each of them must hold."""
    source = io.BytesIO(data)
    result = prepare(source, name, turn=turn)
    assert not source.closed
    with result.file:
        assert result.file.tell() == 0
        sent = result.file.read()
    image: Image.Image = Image.open(io.BytesIO(sent))
    image.load()
    types = {"image/png": ("PNG", "png"), "image/jpeg": ("JPEG", "jpg"), "image/webp": ("WEBP", "webp")}
    assert (image.format, result.extension) == types[result.media_type]
    assert image.format == "JPEG" or not image.getexif()
    if image.getexif():
        assert image.getexif().keys() == {0x0112}
        image = ImageOps.exif_transpose(image)
    assert image.size == (result.width, result.height)
    assert max(image.size) <= MAX_SIDE
    assert len(sent) <= MAX_BYTES
    assert image.mode in ("1", "L", "LA", "P", "RGB", "RGBA")
    assert not getattr(image, "is_animated", False)
    assert SECRET not in sent
    assert not {"xmp", "comment", "XML:com.adobe.xmp", "photoshop"} & set(image.info)
    assert all(re.fullmatch(r"[^\n]+\.", note) and name in note for note in result.notes)
    return result, image, sent


def refusal(data: bytes, name: str = "picture") -> InvalidSourceError:
    with pytest.raises(InvalidSourceError) as caught:
        prepare(io.BytesIO(data), name)
    assert name in caught.value.what
    assert caught.value.what.endswith(".")
    assert caught.value.remedy.endswith(".")
    return caught.value


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    rgb = image.convert("RGB")
    pixels = [rgb.getpixel((x % image.width, y % image.height)) for x, y in CORNERS]
    return [pixel for pixel in pixels if isinstance(pixel, tuple)]


def looks_right(image: Image.Image, colours: Sequence[tuple[int, ...]] = COLOURS, *, near: int = 12) -> bool:
    return all(
        abs(a - b) <= near
        for pixel, colour in zip(corners(image), colours, strict=True)
        for a, b in zip(pixel, colour, strict=True)
    )


def idat(data: bytes) -> bytes:
    """All that the IDAT chunks hold."""
    position, found = 8, b""
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] == b"IDAT":
            found += data[position + 8 : position + 8 + length]
        position += 12 + length
    return found


def quantisation(data: bytes) -> object:
    """A JPEG's tables of quantisation and how its colours are sampled."""
    image = Image.open(io.BytesIO(data))
    assert isinstance(image, JpegImageFile)
    return image.quantization, get_sampling(image)


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        kind + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + len(body).to_bytes(4, "little") + body
