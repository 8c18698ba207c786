"""Videos of any length and shape, from a few short ones of scenes; see `assets/README.md`.

A clip's frames are repeated until the requested time is over and shown at the requested size. Only the index
(ISO/IEC 14496-12) is rewritten; the frames stay as they are, and the player scales them.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Final

from imagerouter_mcp.sandbox.pictures import words
from imagerouter_mcp.sandbox.pictures.media import MP4, MadeFile, Size

OWN_SIZE: Final[Size] = (320, 180)
OWN_SECONDS: Final = 4
_FRAMES_A_SECOND: Final = 12
_OWN_FRAMES: Final = OWN_SECONDS * _FRAMES_A_SECOND
_TICKS_A_SECOND: Final = 1000
"""Of the movie's own clock, which counts the durations of movie, track and edit."""
_TICKS_A_FRAME: Final = 1024
"""Of the track's clock."""
_CONTAINERS: Final = frozenset({b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl"})
_NO_FLAGS: Final = bytes(4)

_SHOWN_IN: Final[Mapping[str, str]] = {
    "sea": "sea",
    "beach": "sea",
    "underwater": "sea",
    "city": "city",
    "mountains": "mountains",
    "lake": "mountains",
    "desert": "mountains",
    "forest": "forest",
    "space": "space",
}
"""The clip for each place of `words.PLACES`; all others are shown a meadow."""

_Rewrite = Callable[[bytes], bytes]


def clip(prompt: str, size: Size | None = None, seconds: int | None = None) -> MadeFile:
    """Make a video of the place that a prompt names.

    Args:
        prompt: What to show.
        size: Width and height in pixels at which it is shown; None is the clip's own.
        seconds: How long it plays; None is the clip's own.
    """
    size, seconds = size or OWN_SIZE, seconds or OWN_SECONDS
    original = _original(_SHOWN_IN.get(words.place_of(words.read(prompt)) or "", "meadow"))
    offset = len(_written(original, size, seconds, 0)) - len(original)
    return MadeFile(_written(original, size, seconds, offset), MP4)


@cache
def _original(name: str) -> bytes:
    return files("imagerouter_mcp.sandbox.pictures").joinpath(f"assets/{name}.mp4").read_bytes()


def _written(original: bytes, size: Size, seconds: int, offset: int) -> bytes:
    """Return the clip with a new index; `offset` is how far that moves the frames, in bytes."""
    sizes, places = _frames(original)
    order = [frame % _OWN_FRAMES for frame in range(seconds * _FRAMES_A_SECOND)]
    delays = _delays(_leaf(original, b"ctts"))
    duration, ticks = seconds * _TICKS_A_SECOND, len(order) * _TICKS_A_FRAME
    key_frames = range(1, len(order) + 1, _OWN_FRAMES)
    return _rewritten(
        original,
        {
            b"mvhd": lambda old: _put(old, 16, duration),
            b"tkhd": lambda old: _put(_put(_put(old, 20, duration), 76, size[0] << 16), 80, size[1] << 16),
            b"elst": lambda old: _put(old, 8, duration),
            b"mdhd": lambda old: _put(old, 16, ticks),
            b"stts": lambda _: _table([(len(order), _TICKS_A_FRAME)]),
            b"stss": lambda _: _table([(number,) for number in key_frames]),
            b"ctts": lambda _: _table([(1, delays[frame]) for frame in order]),
            b"stsc": lambda _: _table([(1, 1, 1)]),
            b"stsz": lambda _: (
                bytes(8) + struct.pack(f">{len(order) + 1}I", len(order), *map(sizes.__getitem__, order))
            ),
            b"stco": lambda _: _table([(places[frame] + offset,) for frame in order]),
        },
    )


def _frames(original: bytes) -> tuple[list[int], list[int]]:
    """Return each frame's length and position in bytes; they follow one another."""
    sizes = list(struct.unpack_from(f">{_OWN_FRAMES}I", _leaf(original, b"stsz"), 12))
    (start,) = struct.unpack_from(">I", _leaf(original, b"stco"), 8)
    return sizes, [start + sum(sizes[:frame]) for frame in range(_OWN_FRAMES)]


def _delays(ctts: bytes) -> list[int]:
    """Return how much later each frame is shown than decoded, in the track's ticks."""
    (rows,) = struct.unpack_from(">I", ctts, 4)
    pairs = list(struct.iter_unpack(">2I", ctts[8 : 8 + 8 * rows]))
    return [delay for count, delay in pairs for _ in range(count)]


def _leaf(data: bytes, wanted: bytes) -> bytes:
    found: list[bytes] = []

    def keep(old: bytes) -> bytes:
        found.append(old)
        return old

    _rewritten(data, {wanted: keep})
    return found[0]


def _rewritten(data: bytes, changes: Mapping[bytes, _Rewrite]) -> bytes:
    """Return the boxes of `data`, some with new content."""
    out, at = bytearray(), 0
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + length]
        if kind in _CONTAINERS:
            content = _rewritten(content, changes)
        elif kind in changes:
            content = changes[kind](content)
        out += struct.pack(">I4s", len(content) + 8, kind) + content
        at += length
    return bytes(out)


def _put(content: bytes, at: int, value: int) -> bytes:
    return content[:at] + struct.pack(">I", value) + content[at + 4 :]


def _table(rows: Sequence[tuple[int, ...]]) -> bytes:
    numbers = [number for row in rows for number in row]
    return _NO_FLAGS + struct.pack(f">{len(numbers) + 1}I", len(rows), *numbers)
