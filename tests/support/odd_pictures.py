"""Results that a careful client must survive; `faulty_sandbox` says what each is called.

Every function takes the prompt and the size (width, height in pixels) and returns a complete file, which may
not be what it claims.
"""

import os
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from PIL import Image, features

from imagerouter_mcp.sandbox.pictures.clips import clip
from imagerouter_mcp.sandbox.pictures.encoding import encode, saved
from imagerouter_mcp.sandbox.pictures.media import JPEG, PNG, SVG, WEBP, MadeFile, Size
from imagerouter_mcp.sandbox.pictures.scene import draw
from imagerouter_mcp.sandbox.pictures.vectors import draw_svg
from imagerouter_mcp.sandbox.service.providers import status_error

BOMB_SIDE: Final = 60_000
"""Width and height that the bomb's header claims, in pixels."""
_ORIENTATION: Final = 0x0112
_ROTATED_RIGHT: Final = 6
_RGB_8_BITS: Final = (8, 2, 0, 0, 0)
_LOOPBACK_DISCARD: Final = "http://127.0.0.1:9"
"""An address where nothing listens: following a reference there fails without leaving the machine."""


def _picture(prompt: str, size: Size) -> Image.Image:
    return draw(prompt, size)


def _wrong_type(prompt: str, size: Size) -> MadeFile:
    return encode(_picture(prompt, size), JPEG)


def _truncated(prompt: str, size: Size) -> MadeFile:
    whole = encode(_picture(prompt, size), PNG)
    return MadeFile(whole.data[: len(whole.data) // 2], PNG)


def _png(size: Size, rows: bytes) -> MadeFile:
    chunks = (
        (b"IHDR", struct.pack(">II5B", *size, *_RGB_8_BITS)),
        (b"IDAT", rows),
        (b"IEND", b""),
    )
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return MadeFile(b"\x89PNG\r\n\x1a\n" + body, PNG)


def _bomb(_prompt: str, _size: Size) -> MadeFile:
    return _png((BOMB_SIDE, BOMB_SIDE), zlib.compress(bytes(1_000_000)))


def _noise(_prompt: str, size: Size) -> MadeFile:
    # Written by hand: Pillow takes seconds to search noise for what cannot be compressed.
    width, height = size
    stride = 3 * width + 1
    rows = bytearray(os.urandom(stride * height))
    rows[::stride] = bytes(height)  # each row begins with its filter: none
    return _png(size, zlib.compress(rows, 0))


def _svg(prompt: str, size: Size) -> MadeFile:
    return MadeFile(draw_svg(prompt, size), SVG)


def _svg_external(_prompt: str, size: Size) -> MadeFile:
    width, height = size
    text = f"""<?xml version="1.0"?>
<!DOCTYPE svg [
  <!ENTITY file SYSTEM "file:///sandbox-does-not-exist">
  <!ENTITY page SYSTEM "{_LOOPBACK_DISCARD}/entity">
  <!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">
]>
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">
  <script>fetch("{_LOOPBACK_DISCARD}/script")</script>
  <image href="{_LOOPBACK_DISCARD}/image.png" width="10" height="10" onload="alert(1)"/>
  <text x="10" y="40">&file;&page;&c;</text>
</svg>
"""
    return MadeFile(text.encode(), SVG)


def _avif(prompt: str, size: Size) -> MadeFile:
    if not features.check("avif"):
        raise status_error(501, "Not Implemented", "This sandbox's Pillow cannot write AVIF.")
    return saved(_picture(prompt, size), "AVIF", "image/avif", quality=60, speed=10)


def _frames(prompt: str, size: Size) -> tuple[Image.Image, list[Image.Image]]:
    first, *others = (draw(prompt, size, "low", take) for take in range(3))
    return first, others


def _gif(prompt: str, size: Size) -> MadeFile:
    first, others = _frames(prompt, size)
    return saved(first, "GIF", "image/gif", save_all=True, append_images=others, duration=300, loop=0)


def _animated_webp(prompt: str, size: Size) -> MadeFile:
    first, others = _frames(prompt, size)
    return saved(first, "WEBP", WEBP, save_all=True, append_images=others, duration=300, loop=0, method=0)


def _png16(_prompt: str, size: Size) -> MadeFile:
    levels = b"".join(struct.pack("<H", x * 65_535 // max(1, size[0] - 1)) for x in range(size[0]))
    return saved(Image.frombytes("I;16", size, levels * size[1]), "PNG", PNG, compress_level=1)


def _png_palette(prompt: str, size: Size) -> MadeFile:
    return saved(_picture(prompt, size).quantize(64), "PNG", PNG, transparency=0)


def _jpeg_cmyk(prompt: str, size: Size) -> MadeFile:
    return saved(_picture(prompt, size).convert("CMYK"), "JPEG", JPEG)


def _jpeg_rotated(prompt: str, size: Size) -> MadeFile:
    exif = Image.Exif()
    exif[_ORIENTATION] = _ROTATED_RIGHT
    lying = _picture(prompt, size).transpose(Image.Transpose.ROTATE_90)
    return saved(lying, "JPEG", JPEG, quality=90, exif=exif)


def _mp4(prompt: str, _size: Size) -> MadeFile:
    return clip(prompt)


ODD_PICTURES: Final[Mapping[str, Callable[[str, Size], MadeFile]]] = {
    "wrong-type": _wrong_type,
    "truncated-image": _truncated,
    "bomb": _bomb,
    "svg": _svg,
    "svg-external": _svg_external,
    "avif": _avif,
    "gif": _gif,
    "animated-webp": _animated_webp,
    "png16": _png16,
    "png-palette": _png_palette,
    "jpeg-cmyk": _jpeg_cmyk,
    "jpeg-rotated": _jpeg_rotated,
    "mp4": _mp4,
    "noise": _noise,
}
"""By fault name."""
