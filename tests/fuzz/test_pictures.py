"""Pictures of every format, broken in every way: recognised or refused, never a crash, never without end."""

import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from hypothesis import strategies as st
from PIL import ExifTags, Image

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.images.confined import StoppedError
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.formats import sniff
from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.images.pixels.colour_profiles import colours_only
from imagerouter_mcp.images.pixels.comparison import stretched
from imagerouter_mcp.images.pixels.preview import draw_in_child, make_preview
from imagerouter_mcp.images.prepare import do_in_child, prepare
from support import hostile_pictures as hostile
from support.visible import is_visible

Fuzz = Callable[..., None]


def made(kind: str, mode: str = "RGB", **options: object) -> bytes:
    picture = Image.merge("RGB", [Image.linear_gradient("L").rotate(angle) for angle in (0, 90, 180)])
    file = io.BytesIO()
    picture.crop((0, 0, 24, 16)).convert(mode).save(file, kind, **options)
    return file.getvalue()


def animated(kind: str) -> bytes:
    more = [Image.new("RGB", (24, 16), colour) for colour in ("red", "blue")]
    return made(kind, save_all=True, append_images=more)


def boxes(brand: bytes) -> bytes:
    def box(kind: bytes, *content: bytes) -> bytes:
        data = b"".join(content)
        return (len(data) + 8).to_bytes(4, "big") + kind + data

    track = box(b"tkhd", bytes(76) + (24 << 16).to_bytes(4, "big") + (16 << 16).to_bytes(4, "big"))
    movie = box(b"moov", box(b"mvhd", bytes(12) + b"\0\0\3\xe8\0\0\3\xe8"), box(b"trak", track))
    return box(b"ftyp", brand, bytes(4), b"mif1miaf") + movie + box(b"mdat", bytes(16))


EXIF = Image.Exif()
EXIF[0x0112] = 6
SEEDS = [
    *(made("PNG"), made("PNG", "P"), made("PNG", "1"), made("PNG", "RGBA"), made("PNG", exif=EXIF.tobytes())),
    *(made("JPEG"), made("JPEG", progressive=True, exif=EXIF.tobytes()), made("JPEG", "CMYK")),
    *(made("WEBP"), made("WEBP", lossless=True, exif=EXIF.tobytes()), made("AVIF"), made("GIF")),
    *(made("BMP"), made("TIFF"), made("TIFF", "I;16"), boxes(b"isom"), boxes(b"heic")),
    *map(animated, ("PNG", "WEBP", "GIF", "TIFF")),
    *(hostile.packed_png(640), hostile.jpeg_of_scans(64, 90), hostile.tiff_of_one_strip(64)),
    *(hostile.tiff_of_tiles(64, 512), hostile.tiff_of_strips(99), hostile.gif_beyond_its_screen(99)),
    b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
    b"\x1a\x45\xdf\xa3\x93\x42\x82\x84webm\x18\x53\x80\x67\x80",
]
NUMBERS = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"]


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A picture with bytes changed, taken out, doubled, cut off, or taken over from another."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 12))
        match draw(st.integers(0, 6)):
            case 0:
                data[at : at + length] = draw(st.binary(max_size=12))
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + 8 * length]
            case 3:
                del data[at:]
            case 4:
                other = draw(st.sampled_from(SEEDS))
                data[at:at] = other[at : at + 16 * length]
            case 5:
                data[at : at + 4] = draw(
                    st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"])
                )
            case _ if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case _:
                pass
    return bytes(data)


def prepared(file: BinaryIO, *, here: bool) -> BinaryIO:
    if here:
        return do_in_child(file, work="_prepared", name="picture", turn=False)[0]
    return prepare(file, "picture").file


def test_any_file_is_a_picture_or_refused(fuzz: Fuzz, tmp_path: Path) -> None:
    path = tmp_path / "picture"

    def attempt(data: bytes) -> None:
        sniff(data[:4096])
        path.write_bytes(data)
        with path.open("rb") as file:
            here = False  # what a child process does for some types is done here, which is quicker
            try:
                here = inspect(file).format.kind == "image"
            except NotAPictureError as error:
                assert is_visible(str(error))  # noqa: PT017 - either outcome is right
            try:
                sent = prepared(file, here=here)
            except InvalidSourceError as error:
                assert is_visible(str(error))  # noqa: PT017 - as above
            else:
                with sent, Image.open(sent) as picture:
                    assert picture.format in ("PNG", "JPEG", "WEBP")
                    assert not {"xmp", "comment"} & picture.info.keys()
                    assert picture.getexif().keys() <= {ExifTags.Base.Orientation}
            with suppress(StoppedError, NotAPictureError):
                if here:
                    draw_in_child(file, size="auto")
                    stretched(file)
                else:
                    make_preview(path, "auto")

    fuzz(broken() | st.binary(max_size=200), attempt)


def test_any_profile_becomes_colours_or_nothing(fuzz: Fuzz) -> None:
    def attempt(data: bytes) -> None:
        kept = colours_only(data)
        assert colours_only(kept) == kept

    head = b"\0" * 12 + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(88)
    table = st.lists(
        st.tuples(
            st.sampled_from([b"rXYZ", b"kTRC", b"A2B0", b"desc"]), st.integers(0, 300), st.integers(0, 300)
        ),
        max_size=6,
    ).map(
        lambda tags: (
            len(tags).to_bytes(4, "big")
            + b"".join(
                name + start.to_bytes(4, "big") + size.to_bytes(4, "big") for name, start, size in tags
            )
        )
    )
    kinds = st.sampled_from([b"curv", b"XYZ ", b"para", b"mft1", b"mft2", b"sf32"])
    bodies = st.lists(st.tuples(kinds, st.binary(max_size=80)).map(b"".join), max_size=5).map(b"".join)
    fuzz(st.binary(max_size=400) | st.tuples(st.just(head), table, bodies).map(b"".join), attempt)
